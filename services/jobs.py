"""Large jobs as a business sees them: it uploads rows, sees how far they are, stops them and goes on.

What comes is sealed and kept part by part; nothing is ever held whole. ``services.job_feeder`` works at what
is there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from records import job_states, jobs
from records.account_messages import Answer
from records.committer import Committer
from records.database import Database
from records.ids import new_id
from records.jobs import PART, RUNNING, VALIDATING, Job, Options, Tally, Wrong
from records.unit import Conflict, Unit
from records.vault import Vault
from services.accounts import Holder
from services.submissions import Once, Submissions

MOST_UNFINISHED = 20  # Jobs of one account that have not ended.


class TooMany(Exception):
    """The account has as many unfinished jobs as it may."""


class TooLarge(Exception):
    """More came than an upload may have."""


class Abandoned(Exception):
    """The upload took so long that it was given up."""


@dataclass(frozen=True, slots=True)
class Progress:
    """A job, what is to be done with it, and what became of its rows."""

    job: Job
    options: Options
    tally: Tally

    @property
    def gone(self) -> int:
        """Rows that do not wait any more."""
        return self.job.fed - self.tally.waiting - self.tally.held

    @property
    def pace(self) -> int:
        """How far the job is: bytes that were looked at, or rows that are gone."""
        return self.job.position if self.job.validated_at is None else self.gone

    def left(self, now: datetime) -> int | None:
        """Seconds that it will take, at the pace that it has; None where nobody can say."""
        if self.job.state not in (VALIDATING, RUNNING):
            return None
        whole = self.job.bytes if self.job.state == VALIDATING else self.job.accepted
        went, seconds = self.pace - self.job.paced_from, (now - self.job.paced_at).total_seconds()
        if went <= 0 or seconds <= 0:
            return None
        return int((whole - self.pace) * seconds / went)


class Upload:
    """One that comes in. ``most_held``: bytes that waited to be kept, at most."""

    def __init__(
        self, committer: Committer, vault: Vault, job: bytes, most: int, clock: Callable[[], datetime]
    ) -> None:
        self.job = job
        self.bytes = 0
        self.most_held = 0
        self._committer = committer
        self._vault = vault
        self._most = most
        self._clock = clock
        self._parts = 0
        self._waiting = bytearray()
        self._digest = hashlib.sha256()

    @property
    def digest(self) -> bytes:
        """SHA-256 of what came so far."""
        return self._digest.digest()

    async def write(self, piece: bytes) -> None:
        """Takes what comes next; durable once a part is full. Raises ``TooLarge``, ``Abandoned``,
        ``Unavailable``."""
        self.bytes += len(piece)
        if self.bytes > self._most:
            raise TooLarge
        self._digest.update(piece)
        self._waiting += piece
        self.most_held = max(self.most_held, len(self._waiting))
        while len(self._waiting) >= PART:
            unit = Unit()
            self._add(unit, bytes(self._waiting[:PART]), self._parts)
            try:
                await self._committer.commit(unit)
            except Conflict:
                raise Abandoned from None
            self._parts += 1
            del self._waiting[:PART]

    def end(self, unit: Unit, now: datetime) -> None:
        """Adds what is left, and that it was all."""
        parts = self._parts
        if self._waiting:
            self._add(unit, bytes(self._waiting), parts)
            parts += 1
        jobs.received(unit, self.job, self.bytes, parts, now)

    def _add(self, unit: Unit, piece: bytes, place: int) -> None:
        jobs.add_part(unit, self._vault, self.job, place, piece, self._clock())


class Jobs:
    """``most``: bytes of an upload."""

    def __init__(
        self,
        *,
        database: Database,
        committer: Committer,
        vault: Vault,
        most: int,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._committer = committer
        self._vault = vault
        self._clock = clock
        self.most = most

    async def begin(self, holder: Holder, chosen: Options, starts_at: datetime | None) -> Upload:
        """A job whose content is about to come. Raises ``TooMany``, ``Unavailable``."""
        if await jobs.unfinished(self._database, holder.account) >= MOST_UNFINISHED:
            raise TooMany
        now = self._clock()
        unit, id = Unit(), new_id(now)
        jobs.receive(unit, self._vault, id, holder.account, holder.sandbox, chosen, starts_at or now, now)
        await self._committer.commit(unit)
        return Upload(self._committer, self._vault, id, self.most, self._clock)

    async def finish(
        self,
        holder: Holder,
        upload: Upload,
        submissions: Submissions,
        respond: Callable[[Progress], str],
        asked: bytes,
        key: str | None,
    ) -> tuple[Answer, bool]:
        """The job whose content has come whole is taken over, with the answer that ``respond`` makes of it;
        and whether it is that of an earlier call of the same ``key`` and the same request, which is what is
        ``asked`` and the content. Raises ``OtherRequest``, ``Unavailable``."""
        found = await self.find(holder, upload.job)
        assert found is not None
        now = self._clock()
        taken = replace(found, job=replace(found.job, state=VALIDATING, bytes=upload.bytes))

        async def build(unit: Unit) -> str:
            upload.end(unit, now)
            return respond(taken)

        once = None if key is None else Once(key, b"job " + asked + upload.digest)
        answer, again = await submissions.answered(holder, now, build, once)
        if again:
            await self.give_up(upload)
        return answer, again

    async def give_up(self, upload: Upload) -> None:
        """Forgets an upload that does not come whole, or came before. Raises ``Unavailable``."""
        while not await jobs.drop_content(self._database, upload.job, 20):
            pass

    async def find(self, holder: Holder, id: bytes) -> Progress | None:
        """The account's job. Raises ``Unavailable``, ``Unreadable``."""
        found = await jobs.find(self._database, holder.account, holder.sandbox, id)
        return None if found is None else self._progress(*found)

    async def of_anybody(self, id: bytes) -> Progress | None:
        """The job of this id, for those who look after all. Raises ``Unavailable``, ``Unreadable``."""
        found = await jobs.by_id(self._database, id)
        return None if found is None else self._progress(*found)

    async def recent(self, most: int) -> Sequence[tuple[str, Progress]]:
        """The newest jobs of all accounts, each with the account's name. Raises ``Unavailable``."""
        found = await jobs.recent(self._database, most)
        return [(name, self._progress(job, tally)) for name, job, tally in found]

    async def page(self, holder: Holder, before: bytes | None, most: int) -> Sequence[Progress]:
        """The account's jobs, the newest first. Raises ``Unavailable``."""
        found = await jobs.page(self._database, holder.account, holder.sandbox, before, most)
        return [self._progress(job, tally) for job, tally in found]

    async def wrongs(self, id: bytes, after: tuple[int, int], most: int) -> Sequence[Wrong]:
        """What is wrong with rows of a job, by line. Raises ``Unavailable``."""
        return await jobs.wrongs(self._database, id, after, most)

    async def pause(self, found: Progress) -> bool:
        """Stops a job; whether it is paused now. Raises ``Unavailable``."""
        return await job_states.pause(self._database, found.job.id, self._clock())

    async def resume(self, found: Progress) -> bool:
        """Goes on with a paused job; whether it goes on. Raises ``Unavailable``."""
        lifetime = timedelta(seconds=found.options.expires_in)
        return await job_states.resume(self._database, found.job.id, self._clock(), lifetime, found.pace)

    async def cancel(self, found: Progress) -> bool:
        """Ends a job; whether it is cancelled. Raises ``Unavailable``."""
        return await job_states.cancel(self._database, found.job.id, self._clock())

    def _progress(self, job: Job, tally: Tally) -> Progress:
        return Progress(job, jobs.options(self._vault, job), tally)
