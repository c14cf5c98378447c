"""Works at large jobs: looks at every row of an upload, and then hands the good ones to the outbox.

A step is one unit: what became of some rows, and how far the job is. So a process that is killed has done a
step or not, and of two that work at one job the second one's step is a ``Conflict``. A lease for each job
keeps them from doing the work twice. No more than ``AHEAD`` rows of a job wait in the outbox: others have
their turns, and a job that is paused has little to call back.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import msgspec
import structlog

from engine import alphabet
from records import jobs, leases
from records.committer import Committer
from records.database import Database
from records.jobs import DONE, FAILED, RUNNING, VALIDATING, Job, Options, Wrong
from records.unit import Conflict, Unavailable, Unit
from records.vault import Unreadable, Vault
from services.credit import NotEnough
from services.job_looks import Looks
from services.job_reading import Lost, Reading
from services.job_rows import BadUpload, Fault
from services.submissions import Draft, Submissions
from services.tariffs import Tariffs

AHEAD = 5_000  # Rows of a job that wait in the outbox, at most.
BATCH = 500  # Rows that are handed over together.
LOOKED_AT = 1_000  # Rows that are looked at together.
TOGETHER = 100  # Rows before anybody else has the processor.
MOST_WRONG = 100_000  # Reasons that are kept of one job; those beyond are only counted.
MOST_JOBS = 8  # Jobs that one process has at a time.
LEASE = timedelta(seconds=15)
CREDIT = "credit"  # Why a job waits whose account has not enough of it.
POLL = 0.5  # Seconds between looks, while there is nothing to do.

log = structlog.get_logger(__name__)

Check = Callable[[Mapping[str, str], datetime], Draft | Sequence[Fault]]
"""What a row becomes, or what is wrong with it."""

CheckOf = Callable[[Options], tuple[Check, Sequence[str]]]
"""How the rows of a job are looked at, and the columns that it needs."""


class Feeder:
    def __init__(
        self,
        *,
        database: Database,
        committer: Committer,
        vault: Vault,
        submissions: Submissions,
        tariffs: Tariffs,
        check_of: CheckOf,
        clock: Callable[[], datetime],
        lease: timedelta = LEASE,
        poll: float = POLL,
        ahead: int = AHEAD,
        batch: int = BATCH,
    ) -> None:
        self._database = database
        self._committer = committer
        self._vault = vault
        self._submissions = submissions
        self._tariffs = tariffs
        self._check_of = check_of
        self._clock = clock
        self._lease = lease
        self._poll = poll
        self._ahead = ahead
        self._batch = batch
        self._owner = os.urandom(16)
        self._held: dict[str, datetime] = {}  # Leases, and until when.
        self._readings: dict[bytes, tuple[Reading, Check]] = {}
        self._looks = Looks(database, committer, clock, lambda: self._ours(_name(b""), MOST_JOBS + 1))

    async def run(self) -> None:
        """Works until it is cancelled; then gives its leases back."""
        try:
            while True:
                busy = False
                try:
                    busy = await self.round()
                except Unavailable as error:
                    log.warning("jobs wait for the database", error=str(error))
                await asyncio.sleep(0 if busy else self._poll)
        finally:
            for name in self._held:
                try:
                    await leases.drop(self._database, name, self._owner)
                except Unavailable:
                    break  # They run out.

    async def round(self) -> bool:
        """One step of each job that is ours; whether there may be more to do at once."""
        found = await jobs.worked(self._database)
        ids = {job.id for job in found}
        self._readings = {id: kept for id, kept in self._readings.items() if id in ids}
        await self._forget({_name(id) for id in ids} | {_name(b"")})
        busy = False
        for job in found:
            if await self._ours(_name(job.id), MOST_JOBS):
                busy |= await self._step(job)
        await self._looks.look()
        await self._looks.tidy()
        return busy

    async def _step(self, job: Job) -> bool:
        """Whether something was done."""
        try:
            if job.state == VALIDATING:
                return await self._validate(job)
            return await self._feed(job)
        except Conflict:
            # It was paused or somebody else was faster; or a tracking number was taken.
            self._readings.pop(job.id, None)
            return True
        except Unavailable:
            raise
        except BadUpload as error:
            return await self._end(job, FAILED, error.fault)
        except (Lost, Unreadable):
            log.exception("a job's content cannot be read", job=job.id.hex())
            return await self._end(job, FAILED, Fault("", "lost"))
        except Exception:
            log.exception("a job failed", job=job.id.hex())
            return await self._end(job, FAILED, Fault("", "defect"))

    async def _reading(self, job: Job, chosen: Options) -> tuple[Reading, Check]:
        kept = self._readings.get(job.id)
        if kept is not None and kept[0].position == job.position:
            return kept

        async def part_of(place: int) -> bytes | None:
            return await jobs.part(self._database, self._vault, job.id, place)

        check, needs = self._check_of(chosen)
        reading = await Reading.begin(part_of, job.parts, chosen.form, needs, job.position, job.line)
        self._readings[job.id] = reading, check
        return reading, check

    async def _validate(self, job: Job) -> bool:
        """Looks at some rows more."""
        chosen, now, unit = jobs.options(self._vault, job), self._clock(), Unit()
        reading, check = await self._reading(job, chosen)
        rows, last = await reading.take(LOOKED_AT)
        accepted = refused = messages = cost = unpriced = 0
        kept = job.refused < MOST_WRONG
        for number, row in enumerate(rows, 1):
            found = [row.fault] if row.fault is not None else check(row.values, now)
            if isinstance(found, Draft):
                accepted += 1
                parts = alphabet.parts(found.text) if found.channel == "sms" else 1
                messages += parts
                price = self._tariffs.expected(
                    found.channel, found.klass, found.to, found.text, parts, job.starts_at
                )
                cost += price or 0
                unpriced += price is None
            else:
                refused += 1
                for place, fault in enumerate(found if kept else ()):
                    jobs.add_wrong(unit, job.id, _wrong(row.line, place, fault))
            if number % TOGETHER == 0:
                await asyncio.sleep(0)
        after: dict[str, Any] = {
            "rows": job.rows + len(rows),
            "accepted": job.accepted + accepted,
            "refused": job.refused + refused,
            "messages": job.messages + messages,
            "cost": job.cost + cost,
            "unpriced": job.unpriced + unpriced,
            "position": reading.position,
            "line": reading.line,
            "bytes_read": job.bytes if last else reading.position,
        }
        if last:
            after |= {"position": 0, "line": 1, "validated_at": now, "moved_at": now}
            after |= {"state": RUNNING, "paced_at": max(now, job.starts_at), "paced_from": 0}
            if why := _in_vain(chosen, after["rows"], after["refused"]):
                after |= _ended(FAILED, Fault("", why), now)
            elif chosen.dry_run or not after["accepted"]:
                after |= _ended(DONE, None, now)
            self._readings.pop(job.id, None)
        jobs.move(unit, job, **after)
        await self._committer.commit(unit)
        if "ended_at" in after:
            self._looks.untidy()
        return True

    async def _feed(self, job: Job) -> bool:
        """Hands some rows more to the outbox."""
        now = self._clock()
        if now < job.starts_at:
            return False
        waiting = await jobs.waiting(self._database, job.id)
        if job.fed_at is not None:
            return not waiting and await self._end(job, DONE, None)
        if self._ahead - waiting < self._batch:
            return False
        chosen, unit = jobs.options(self._vault, job), Unit()
        reading, check = await self._reading(job, chosen)
        rows, last = await reading.take(self._batch)
        drafts: list[Draft] = []
        for row in rows:
            found = check(row.values, now) if row.fault is None else ()
            if isinstance(found, Draft):
                drafts.append(replace(found, key=f"{job.id.hex()}:{row.line}"))
        try:
            taken = await self._submissions.put(unit, job, drafts, now)
        except NotEnough as error:
            self._readings.pop(job.id, None)
            if job.fault != CREDIT:
                log.info("a job waits for credit", job=job.id.hex(), left=error.left, wanted=error.wanted)
                unit = Unit()
                jobs.move(unit, job, **_why(Fault("", CREDIT)))
                await self._committer.commit(unit)
            return False
        if taken:
            ids = [each.id for each in taken]
            jobs.add_batch(unit, job.id, job.batches, ids, not job.sandbox, now)
        after: dict[str, Any] = {
            "position": reading.position,
            "line": reading.line,
            "fed": job.fed + len(taken),
            "batches": job.batches + bool(taken),
            "fault": None,
        }
        if last:
            after |= {"fed_at": now}
        jobs.move(unit, job, **after)
        await self._committer.commit(unit)
        return True

    async def _end(self, job: Job, state: str, fault: Fault | None) -> bool:
        unit = Unit()
        jobs.move(unit, job, **_ended(state, fault, self._clock()))
        try:
            await self._committer.commit(unit)
        except Conflict:
            return True
        self._looks.untidy()
        log.info("job ended", job=job.id.hex(), state=state, reason=fault.kind if fault else "")
        return True

    async def _ours(self, name: str, most: int) -> bool:
        """Whether the lease of this name is ours, for long enough to take a step."""
        now = self._clock()
        if self._held.get(name, now) - now > self._lease / 2:
            return True
        if name not in self._held and len(self._held) >= most:
            return False
        if not await leases.take(self._database, name, self._owner, now, now + self._lease):
            self._held.pop(name, None)
            return False
        self._held[name] = now + self._lease
        return True

    async def _forget(self, wanted: set[str]) -> None:
        for name in self._held.keys() - wanted:
            await leases.drop(self._database, name, self._owner)
            del self._held[name]


def _in_vain(chosen: Options, rows: int, refused: int) -> str:
    """Why none of the rows is sent, "" where the good ones are."""
    if not rows:
        return "empty"
    return "rows" if chosen.stop and refused else ""


def _ended(state: str, fault: Fault | None, now: datetime) -> dict[str, Any]:
    values: dict[str, Any] = {"state": state, "ended_at": now, "moved_at": now}
    return values | (_why(fault) if fault is not None else {"fault": None})


def _why(fault: Fault) -> dict[str, Any]:
    detail = msgspec.json.encode(fault.values).decode()
    return {"fault": fault.kind, "fault_column": fault.column[:64], "fault_values": detail}


def _wrong(line: int, number: int, fault: Fault) -> Wrong:
    return Wrong(line, number, fault.column, fault.kind, msgspec.json.encode(fault.values).decode())


def _name(job: bytes) -> str:
    """What its lease is called; that of looking after all of them without a job."""
    return f"job-{job.hex()}" if job else "jobs"
