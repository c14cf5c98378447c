"""Writes what became of messages: all of a batch in a few statements, whatever their number
(``records.many``)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from records import driver, orders, part_names
from records.database import Database
from records.ids import new_id
from records.many import Many, Row
from records.statuses import changed
from records.tables import microseconds, outbox


@dataclass(frozen=True, slots=True)
class Note:
    """One row of ``attempts``. ``kind``: attempt or receipt; ``detail``: the provider's words; ``provider``:
    who said it, "" for the one that the message is settled with."""

    kind: str
    status: str
    detail: str = ""
    provider: str = ""


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of one claimed message. ``due_at``: when it is worked again, if it is not finished;
    ``cost``: rial; ``parts``: the names of its parts, where each has one; ``within``: seconds that it has on
    its way where it has another one (``records.orders``)."""

    id: bytes
    status: str
    attempts: int
    due_at: datetime
    provider: str = ""
    external_id: str | None = None
    sent_at: datetime | None = None
    finished_at: datetime | None = None
    notes: tuple[Note, ...] = ()
    cost: int | None = None
    parts: tuple[str, ...] = ()
    within: int = 0


Done = tuple[bytes, Settled]
"""What became of a message, with the lease that it was claimed under."""

_SETTLED = {
    "status": "text",
    "attempts": "int",
    "due_at": "bigint",
    "provider": "text",
    "external_id": "text",
    "sent_at": "bigint",
    "finished_at": "bigint",
    "cost": "bigint",
    "id": "bytea",
    "lease": "bytea",
}
_SETTLE = """
UPDATE outbox SET status = s.status, attempts = s.attempts, due_at = s.due_at,
 provider = coalesce(s.provider, outbox.provider), external_id = coalesce(s.external_id, outbox.external_id),
 sent_at = coalesce(s.sent_at, outbox.sent_at), finished_at = s.finished_at,
 cost = coalesce(s.cost + coalesce(outbox.cost, 0), outbox.cost), lease_owner = NULL, lease_until = NULL
FROM {rows} WHERE outbox.id = s.id AND """
# A message that is known to have arrived stays so, whatever comes after.
_LEASED = _SETTLE + "outbox.lease_owner = s.lease AND outbox.status <> 'delivered'"
_MINE = Many(_LEASED, _SETTLED)
_MINE_NAMED = Many(_LEASED + " RETURNING outbox.id", _SETTLED)
# (It may be another channel's by then.)
_FREE = """outbox.lease_owner IS NULL AND outbox.status = 'queued'
 AND NOT EXISTS (SELECT 1 FROM order_steps WHERE order_steps.message = outbox.id)"""
_LATE = Many(_SETTLE + _FREE, _SETTLED)

_NOTE = Many(
    """
INSERT INTO attempts (id, message, at, provider, kind, status, detail)
SELECT s.id, s.message, s.at, s.provider, s.kind, s.status, s.detail FROM {rows} WHERE s.id IS NOT NULL""",
    {
        "id": "bytea",
        "message": "bytea",
        "at": "bigint",
        "provider": "text",
        "kind": "text",
        "status": "text",
        "detail": "text",
    },
)

# A message that ended without having gone is listed, so that somebody may look why, and send it again.
_DEAD = Many(
    """
INSERT INTO dead_letters (message, at, channel, class, provider, reason, detail)
SELECT o.id, s.at, o.channel, o.class, s.provider, s.reason, s.detail FROM {rows}, outbox AS o
WHERE o.id = s.id AND o.status = 'failed'
ON CONFLICT (message) DO UPDATE SET at = excluded.at, provider = excluded.provider,
 reason = excluded.reason, detail = excluded.detail, replayed_at = NULL""",
    {"at": "bigint", "provider": "text", "reason": "text", "detail": "text", "id": "bytea"},
)


def write(connection: Connection, database: Database, done: Sequence[Done], now: datetime) -> Sequence[bytes]:
    """Writes what is done, in the transaction of the connection. The ids of those that were no longer leased:
    of them only the attempts are kept, but for one that nobody works now and that went."""
    mine = _settle(connection, database, [_values(*each) for each in done])
    lost = [] if mine is None else [settled.id for _lease, settled in done if settled.id not in mine]
    late = _late(connection, database, done) if lost else []
    if named := [(each.provider, (each.id, each.parts)) for _lease, each in done if each.parts]:
        part_names.keep(connection, database, named)
    note(connection, database, [settled for _lease, settled in done], now)
    followed = [each for _lease, each in done if each.within or each.status in orders.ENDED]
    if followed:
        orders.follow(connection, database, [each for each in followed if each.id not in lost], now)
    dead(
        connection,
        database,
        [_letter(settled) for _lease, settled in done if settled.status == "failed"],
        now,
    )
    ours = [each for _lease, each in done if each.id not in lost]
    told = [*late, *(each.id for each in ours if _news(each))]
    over = [each.id for each in ours if each.finished_at is not None and not _news(each)]
    changed(connection, database, told, now, over)
    return lost


def _settle(connection: Connection, database: Database, rows: Sequence[Row]) -> set[bytes] | None:
    """Settles those that are still leased. Which they are, None for all of them."""
    if database.dialect == "postgresql":
        mine = set(_MINE_NAMED.find(connection, database, rows))
        return mine if len(mine) < len(rows) else None
    # Each row that a statement returns is a call more, so they are asked for only where some are missing.
    driver.execute(connection, "SAVEPOINT settling")
    some: set[bytes] | None = None
    if _MINE.run(connection, database, rows) != len(rows):
        driver.execute(connection, "ROLLBACK TO settling")
        some = set(_MINE_NAMED.find(connection, database, rows))
    driver.execute(connection, "RELEASE settling")
    return some


def _news(settled: Settled) -> bool:
    """Whether its status is another one than before: not of one that goes on waiting, for its turn or for its
    receipt, or whose receipt never came."""
    return settled.sent_at is not None or (settled.finished_at is not None and settled.status != "sent")


def _late(connection: Connection, database: Database, done: Sequence[Done]) -> list[bytes]:
    """Settles what outlived its lease, went all the same, and is found again in the queue: not twice. Which
    that was."""
    went = [(lease, settled) for lease, settled in done if settled.sent_at is not None]
    at = {settled.id: settled.sent_at for _lease, settled in went}
    free = (outbox.c.id.in_(at), outbox.c.lease_owner.is_(None), outbox.c.status == "queued")
    queued = connection.execute(select(outbox.c.id).where(*free).with_for_update()).scalars().all()
    _LATE.run(connection, database, [_values(*each) for each in went])
    rows = connection.execute(select(outbox.c.id, outbox.c.sent_at).where(outbox.c.id.in_(queued)))
    return [id for id, sent_at in rows if sent_at == at[id]]


def dead(
    connection: Connection,
    database: Database,
    letters: Sequence[tuple[bytes, str, str, str]],
    now: datetime,
) -> None:
    """Lists messages that failed, if they did: (id, provider, reason, detail)."""
    at = microseconds(now)
    rows = [(at, provider, reason, detail, id) for id, provider, reason, detail in letters]
    _DEAD.run(connection, database, rows)


def note(connection: Connection, database: Database, settled: Sequence[Settled], now: datetime) -> None:
    """Keeps what was said of messages."""
    at = microseconds(now)
    rows = [
        (new_id(now), each.id, at, said.provider or each.provider, said.kind, said.status, said.detail)
        for each in settled
        for said in each.notes
    ]
    _NOTE.run(connection, database, rows)


def _letter(settled: Settled) -> tuple[bytes, str, str, str]:
    last = settled.notes[-1] if settled.notes else Note("attempt", settled.status)
    return (settled.id, last.provider or settled.provider, last.status, last.detail)


def _values(lease: bytes, settled: Settled) -> tuple[Any, ...]:
    return (
        settled.status,
        settled.attempts,
        microseconds(settled.due_at),
        settled.provider or None,
        settled.external_id,
        None if settled.sent_at is None else microseconds(settled.sent_at),
        None if settled.finished_at is None else microseconds(settled.finished_at),
        settled.cost,
        settled.id,
        lease,
    )


def unwritten(connection: Connection, done: Sequence[Done]) -> list[Done]:
    """Those that do not stand in the records yet as they were settled: an earlier try may have been committed
    though nobody heard of it."""
    wanted = outbox.c.id.in_([settled.id for _lease, settled in done])
    rows = connection.execute(
        select(outbox.c.id, outbox.c.attempts, outbox.c.due_at, outbox.c.sent_at).where(
            wanted, outbox.c.lease_owner.is_(None)
        )
    )
    there = {row.id: row for row in rows}

    def written(settled: Settled) -> bool:
        row = there.get(settled.id)
        if row is None:
            return False
        if settled.sent_at is not None:
            return bool(row.sent_at == settled.sent_at)
        return (row.attempts, row.due_at) == (settled.attempts, settled.due_at)

    return [(lease, settled) for lease, settled in done if not written(settled)]
