"""Jobs that are paused, go on or are cancelled, and what becomes of the messages that they have queued.

Only some thousands of a job's rows are in the outbox at a time, so that stopping it is cheap: those are
``held``, which no claim sees, and queued again when it goes on.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select, update

from records.database import Database
from records.jobs import CANCELLED, PAUSED, RUNNING, VALIDATING, Tally
from records.statuses import changed
from records.tables import job_batches, job_messages, jobs, outbox
from records.unit import Unit

HELD = "held"
AT_ONCE = 500  # Messages of one statement.

# How a message's status counts.
COUNTED: Mapping[str, str] = {
    "queued": "waiting",
    "claimed": "waiting",
    "held": "held",
    "sent": "sent",
    "delivered": "delivered",
    "cancelled": "cancelled",
}

_FREE = and_(
    outbox.c.status == "queued",
    outbox.c.lease_owner.is_(None),
    outbox.c.finished_at.is_(None),
    outbox.c.sent_at.is_(None),
)
_QUEUED = or_(job_batches.c.waiting > 0, job_batches.c.held > 0)


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch whose time to be looked at has come, and the state that its job is in."""

    job: bytes
    number: int
    fed_at: datetime
    look_at: datetime
    state: str


async def pause(database: Database, id: bytes, now: datetime) -> bool:
    """Stops a job at which somebody works: what it queued is held, but for what is being sent at this moment.
    Whether it is paused now."""

    def write(connection: Connection) -> bool:
        if not _turn(connection, id, jobs.c.state.in_((VALIDATING, RUNNING)), state=PAUSED, moved_at=now):
            return _is(connection, id, PAUSED)
        _hold(connection, _messages(connection, id, _QUEUED), now)
        _look(connection, id, now)
        return True

    return await database.transaction(write)


async def resume(database: Database, id: bytes, now: datetime, lifetime: timedelta, paced_from: int) -> bool:
    """Goes on with a paused job; what was held is due now, for ``lifetime``. ``paced_from``: how far the job
    is. Whether it goes on."""

    def write(connection: Connection) -> bool:
        pace = {"paced_at": now, "paced_from": paced_from, "moved_at": now}
        paused, looked = jobs.c.state == PAUSED, jobs.c.validated_at.is_not(None)
        if not (
            _turn(connection, id, paused & looked, state=RUNNING, **pace)
            or _turn(connection, id, paused & ~looked, state=VALIDATING, **pace)
        ):
            return _is(connection, id, VALIDATING, RUNNING)
        for some in _messages(connection, id, _QUEUED):
            connection.execute(
                update(outbox)
                .where(outbox.c.id.in_(some), outbox.c.status == HELD)
                .values(status="queued", finished_at=None, due_at=now, expires_at=now + lifetime)
            )
        _look(connection, id, now)
        return True

    return await database.transaction(write)


async def cancel(database: Database, id: bytes, now: datetime) -> bool:
    """Ends a job: of what it queued all that no provider was handed. What was handed over and is to be sent
    again may have gone, and goes on. Whether the job is cancelled now."""

    def write(connection: Connection) -> bool:
        stoppable = jobs.c.state.in_((VALIDATING, RUNNING, PAUSED))
        if not _turn(connection, id, stoppable, state=CANCELLED, moved_at=now, ended_at=now):
            return _is(connection, id, CANCELLED)
        held = outbox.c.status == HELD
        for some in _messages(connection, id, _QUEUED):
            mine = outbox.c.id.in_(some)
            gone = connection.execute(
                update(outbox)
                .where(mine, outbox.c.attempts == 0, or_(held, _FREE))
                .values(status="cancelled", finished_at=now)
                .returning(outbox.c.id)
            )
            changed(connection, database, gone.scalars().all(), now)
            connection.execute(
                update(outbox).where(mine, held).values(status="queued", finished_at=None, due_at=now)
            )
        _look(connection, id, now)
        return True

    return await database.transaction(write)


async def to_look(database: Database, now: datetime, most: int) -> Sequence[Batch]:
    """Batches whose time has come, those first that have waited longest."""
    made = job_batches.c
    rows = await database.read(
        select(made.job, made.number, made.fed_at, made.look_at, jobs.c.state)
        .join(jobs, jobs.c.id == made.job)
        .where(made.look_at <= now)
        .order_by(made.look_at)
        .limit(most)
    )
    return [Batch(*row) for row in rows]


async def count(database: Database, batch: Batch) -> Tally:
    """What became of the messages of a batch."""
    rows = await database.read(
        select(outbox.c.status, func.count())
        .select_from(job_messages)
        .join(outbox, outbox.c.id == job_messages.c.message)
        .where(job_messages.c.job == batch.job, job_messages.c.batch == batch.number)
        .group_by(outbox.c.status)
    )
    counted = dict.fromkeys(Tally.__slots__, 0)
    for status, number in rows:
        counted[COUNTED.get(status, "failed")] += number
    return Tally(**counted)


def looked(unit: Unit, batch: Batch, tally: Tally, look_at: datetime | None) -> None:
    """Keeps what became of a batch, and when it is looked at again; not where somebody has meanwhile changed
    its messages, or looked."""
    where = {"job": batch.job, "number": batch.number, "look_at": batch.look_at}
    unit.update(job_batches, where, {**asdict(tally), "look_at": look_at})


async def hold(database: Database, batch: Batch, now: datetime) -> None:
    """Holds what came back to the queue while its job is paused."""

    def write(connection: Connection) -> None:
        paused = select(jobs.c.id).where(jobs.c.id == batch.job, jobs.c.state == PAUSED).with_for_update()
        if connection.execute(paused).first() is not None:
            number = job_batches.c.number == batch.number
            _hold(connection, _messages(connection, batch.job, number), now)

    await database.transaction(write)


def _turn(connection: Connection, id: bytes, condition: ColumnElement[bool], **values: object) -> bool:
    turned = connection.execute(update(jobs).where(jobs.c.id == id, condition).values(values))
    return bool(turned.rowcount)


def _is(connection: Connection, id: bytes, *states: str) -> bool:
    found = connection.execute(select(jobs.c.state).where(jobs.c.id == id)).first()
    return found is not None and found[0] in states


def _messages(connection: Connection, id: bytes, which: ColumnElement[bool]) -> Sequence[Collection[bytes]]:
    """The messages of those batches of the job, some at a time."""
    numbers = connection.execute(select(job_batches.c.number).where(job_batches.c.job == id, which))
    mine = (job_messages.c.job == id, job_messages.c.batch.in_([row[0] for row in numbers]))
    found = [row[0] for row in connection.execute(select(job_messages.c.message).where(*mine))]
    return [found[first : first + AT_ONCE] for first in range(0, len(found), AT_ONCE)]


def _hold(connection: Connection, messages: Sequence[Collection[bytes]], now: datetime) -> None:
    for some in messages:
        held = update(outbox).where(outbox.c.id.in_(some), _FREE).values(status=HELD, finished_at=now)
        connection.execute(held)


def _look(connection: Connection, id: bytes, now: datetime) -> None:
    connection.execute(update(job_batches).where(job_batches.c.job == id, _QUEUED).values(look_at=now))
