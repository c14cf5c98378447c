"""Large jobs: uploads whose rows become messages. What is kept of one, and how far it is.

An upload is kept sealed, in parts of one size, so that any place of it is found by its byte. Whoever works
at a job moves its ``position`` in the unit of what the rows before it became, and only from where he found
it: of two who work at one, the second one's unit is a ``Conflict``, and one that is killed has done a batch
or has not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, func, select, tuple_, update

from records.database import Database
from records.tables import accounts, job_batches, job_errors, job_messages, job_parts, jobs
from records.unit import Unit
from records.vault import Vault

PART = 2**18  # Bytes of each part but the last: a row that no database minds.

RECEIVING, VALIDATING, RUNNING, PAUSED = "receiving", "validating", "running", "paused"
DONE, CANCELLED, FAILED = "done", "cancelled", "failed"
WORKED = (VALIDATING, RUNNING)
UNFINISHED = (RECEIVING, *WORKED, PAUSED)
ENDED = (DONE, CANCELLED, FAILED)


class Options(msgspec.Struct, frozen=True):
    """What is to be done with the rows. ``form``: csv or ndjson. ``text`` and ``subject`` have placeholders
    that columns fill; None where the columns of these names have them. ``line``: which one the messages go
    from. ``stop``: not one row is sent unless all are good; ``dry_run``: none is."""

    form: str
    channel: str
    klass: str
    expires_in: int
    text: str | None = None
    subject: str | None = None
    line: str | None = None
    dry_run: bool = False
    stop: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """A row of ``jobs``."""

    id: bytes
    account: bytes
    sandbox: bool
    state: str
    sealed: bytes
    content: bool
    bytes: int
    parts: int
    created_at: datetime
    moved_at: datetime
    starts_at: datetime
    validated_at: datetime | None
    fed_at: datetime | None
    ended_at: datetime | None
    position: int
    line: int
    bytes_read: int
    rows: int
    accepted: int
    refused: int
    messages: int
    cost: int
    unpriced: int
    fed: int
    batches: int
    paced_at: datetime
    paced_from: int
    fault: str | None
    fault_column: str | None
    fault_values: str | None


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong with a row, in the order in which it was found; ``detail`` is JSON."""

    line: int
    number: int
    column: str
    kind: str
    detail: str


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of rows that were handed to the outbox. ``held``: their job is paused."""

    waiting: int = 0
    held: int = 0
    sent: int = 0
    delivered: int = 0
    failed: int = 0
    cancelled: int = 0


def options(vault: Vault, job: Job) -> Options:
    """What is to be done with the rows of a job; ``Unreadable`` when its key is gone."""
    return msgspec.json.decode(vault.open(job.sealed, b"job" + job.id), type=Options)


def receive(
    unit: Unit, vault: Vault, id: bytes, account: bytes, sandbox: bool, chosen: Options, starts_at: datetime,
    now: datetime,
) -> None:  # fmt: skip
    """Adds a job whose content is about to come."""
    row = {
        "id": id,
        "account": account,
        "sandbox": sandbox,
        "state": RECEIVING,
        "sealed": vault.seal(msgspec.json.encode(chosen), b"job" + id),
        "created_at": now,
        "moved_at": now,
        "starts_at": starts_at,
        "paced_at": now,
    }
    unit.insert(jobs, row)


def add_part(unit: Unit, vault: Vault, id: bytes, place: int, piece: bytes, now: datetime) -> None:
    """Adds the next part of what comes; a ``Conflict`` where the job is not waiting for it."""
    mine = (jobs.c.id == id, jobs.c.state == RECEIVING, jobs.c.parts == place)
    unit.guard(update(jobs).where(*mine).values(parts=place + 1, moved_at=now))
    unit.insert(job_parts, {"job": id, "place": place, "sealed": vault.seal(piece, _context(id, place), id)})


def received(unit: Unit, id: bytes, bytes: int, parts: int, now: datetime) -> None:
    """All of its content is there."""
    mine = (jobs.c.id == id, jobs.c.state == RECEIVING, jobs.c.parts == parts)
    values = {"state": VALIDATING, "bytes": bytes, "moved_at": now, "paced_at": now}
    unit.guard(update(jobs).where(*mine).values(values))


async def part(database: Database, vault: Vault, id: bytes, place: int) -> bytes | None:
    """A part of the content; None where there is none. ``Unreadable`` when its key is gone."""
    rows = await database.read(
        select(job_parts.c.sealed).where(job_parts.c.job == id, job_parts.c.place == place)
    )
    return vault.open(rows[0][0], _context(id, place), id) if rows else None


def move(unit: Unit, job: Job, **values: Any) -> None:
    """Sets values of a job that is as it was read; otherwise the unit is a ``Conflict``."""
    mine = (
        jobs.c.id == job.id,
        jobs.c.state == job.state,
        jobs.c.position == job.position,
        jobs.c.rows == job.rows,
        jobs.c.batches == job.batches,
    )
    unit.guard(update(jobs).where(*mine).values(values))


def add_wrong(unit: Unit, id: bytes, wrong: Wrong) -> None:
    unit.insert(
        job_errors,
        {
            "job": id,
            "line": wrong.line,
            "number": wrong.number,
            "name": wrong.column[:64],
            "kind": wrong.kind,
            "detail": wrong.detail,
        },
    )


def add_batch(
    unit: Unit, id: bytes, number: int, messages: Sequence[bytes], waiting: bool, now: datetime
) -> None:
    """Says which messages, that the unit adds, are the job's; ``waiting``: whether they still have to go."""
    tally = {"waiting": len(messages)} if waiting else {"waiting": 0, "delivered": len(messages)}
    look_at = now if waiting else None
    unit.insert(job_batches, {"job": id, "number": number, "fed_at": now, "look_at": look_at} | tally)
    for message in messages:
        unit.insert(job_messages, {"job": id, "batch": number, "message": message})


# A job and what became of its rows, read at one moment: one after the other, the rows could be some that the
# job as it was read had not handed over yet.
_batch = job_batches.c
_sums = (_batch.waiting, _batch.held, _batch.sent, _batch.delivered, _batch.failed, _batch.cancelled)
_counted = (
    select(jobs, *(func.coalesce(func.sum(each), 0) for each in _sums))
    .join_from(jobs, job_batches, _batch.job == jobs.c.id, isouter=True)
    .group_by(jobs.c.id)
)


async def find(database: Database, account: bytes, sandbox: bool, id: bytes) -> tuple[Job, Tally] | None:
    """The account's job of this id."""
    mine = (jobs.c.id == id, jobs.c.account == account, jobs.c.sandbox == sandbox)
    rows = await database.read(_counted.where(*mine))
    return _job_and_tally(rows[0]) if rows else None


async def by_id(database: Database, id: bytes) -> tuple[Job, Tally] | None:
    """The job of this id, whosever it is."""
    rows = await database.read(_counted.where(jobs.c.id == id))
    return _job_and_tally(rows[0]) if rows else None


async def recent(database: Database, most: int) -> Sequence[tuple[str, Job, Tally]]:
    """The newest jobs of all accounts, each behind the account's name."""
    whose = select(accounts.c.name).where(accounts.c.id == jobs.c.account).scalar_subquery()
    rows = await database.read(_counted.add_columns(whose).order_by(jobs.c.id.desc()).limit(most))
    return [(row[-1], *_job_and_tally(row[:-1])) for row in rows]


async def page(
    database: Database, account: bytes, sandbox: bool, before: bytes | None, most: int
) -> Sequence[tuple[Job, Tally]]:
    """At most ``most`` jobs of the account, the newest first, from those older than ``before``."""
    statement = _counted.where(jobs.c.account == account, jobs.c.sandbox == sandbox)
    if before is not None:
        statement = statement.where(jobs.c.id < before)
    rows = await database.read(statement.order_by(jobs.c.id.desc()).limit(most))
    return [_job_and_tally(row) for row in rows]


def _job_and_tally(row: Sequence[Any]) -> tuple[Job, Tally]:
    columns = len(jobs.columns)
    return Job(*row[:columns]), Tally(*map(int, row[columns:]))


async def unfinished(database: Database, account: bytes) -> int:
    """How many jobs of the account have not ended."""
    mine = (jobs.c.content, jobs.c.state.in_(UNFINISHED), jobs.c.account == account)
    return int((await database.read(select(func.count()).select_from(jobs).where(*mine)))[0][0])


async def worked(database: Database) -> Sequence[Job]:
    """The jobs at which somebody has to work, the oldest first."""
    statement = select(jobs).where(jobs.c.content, jobs.c.state.in_(WORKED)).order_by(jobs.c.id)
    return [Job(*row) for row in await database.read(statement)]


async def wrongs(database: Database, id: bytes, after: tuple[int, int], most: int) -> Sequence[Wrong]:
    """What is wrong with rows of a job, in the order of its lines, behind (line, number)."""
    kept = job_errors.c
    rows = await database.read(
        select(kept.line, kept.number, kept.name, kept.kind, kept.detail)
        .where(kept.job == id, tuple_(kept.line, kept.number) > after)
        .order_by(kept.line, kept.number)
        .limit(most)
    )
    return [Wrong(*row) for row in rows]


async def waiting(database: Database, id: bytes) -> int:
    """How many rows of a job wait in the outbox, as it was last looked at."""
    counted = select(func.coalesce(func.sum(_batch.waiting), 0)).where(_batch.job == id)
    return int((await database.read(counted))[0][0])


async def left_over(database: Database, before: datetime) -> bytes | None:
    """A job that has ended and whose content is still kept, or whose content stopped coming before then."""
    ended = jobs.c.state.in_(ENDED)
    stopped = (jobs.c.state == RECEIVING) & (jobs.c.moved_at < before)
    rows = await database.read(
        select(jobs.c.id)
        .where(jobs.c.content, jobs.c.state.in_((*ENDED, RECEIVING)), ended | stopped)
        .limit(1)
    )
    return rows[0][0] if rows else None


async def drop_content(database: Database, id: bytes, most: int) -> bool:
    """Takes away at most ``most`` parts of a job that nobody works at; whether none is left. Of a job that
    never came whole nothing is left then."""

    def write(connection: Connection) -> bool:
        # From now on nothing more of it is taken; if it has come whole meanwhile, it stays.
        gone = update(jobs).where(jobs.c.id == id, jobs.c.state == RECEIVING).values(parts=-1)
        ended = select(jobs.c.id).where(jobs.c.id == id, jobs.c.state.in_(ENDED))
        if not connection.execute(gone).rowcount and connection.execute(ended).first() is None:
            return True
        some = select(job_parts.c.place).where(job_parts.c.job == id).limit(most)
        places = [row[0] for row in connection.execute(some)]
        if places:
            mine = (job_parts.c.job == id, job_parts.c.place.in_(places))
            connection.execute(delete(job_parts).where(*mine))
        if len(places) == most:
            return False
        connection.execute(delete(jobs).where(jobs.c.id == id, jobs.c.state == RECEIVING))
        connection.execute(update(jobs).where(jobs.c.id == id).values(content=False))
        return True

    return await database.transaction(write)


def _context(job: bytes, place: int) -> bytes:
    return b"job part" + job + place.to_bytes(4)
