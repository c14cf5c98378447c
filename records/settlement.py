"""Writes what became of messages: all of a batch in a few statements, whatever their number.

In SQLite's dialect a statement takes a row of values for each message, in PostgreSQL's a column of all of
them at once (as in ``records.bulk``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from records import orders, part_names
from records.database import Database
from records.ids import new_id
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

_SETTLE = """
UPDATE outbox SET status = {status}, attempts = {attempts}, due_at = {due_at},
 provider = coalesce({provider}, outbox.provider), external_id = coalesce({external_id}, outbox.external_id),
 sent_at = coalesce({sent_at}, outbox.sent_at), finished_at = {finished_at},
 cost = coalesce({cost} + coalesce(outbox.cost, 0), outbox.cost), lease_owner = NULL, lease_until = NULL"""

_SETTLE_SQLITE = _SETTLE.format(
    status="?",
    attempts="?",
    due_at="?",
    provider="?",
    external_id="?",
    sent_at="?",
    finished_at="?",
    cost="?",
)
# A message that is known to have arrived stays so, whatever comes after.
_MINE_SQLITE = _SETTLE_SQLITE + " WHERE id = ? AND lease_owner = ? AND status <> 'delivered'"
# (It may be another channel's by then.)
_LATE = """outbox.lease_owner IS NULL AND outbox.status = 'queued'
 AND NOT EXISTS (SELECT 1 FROM order_steps WHERE order_steps.message = outbox.id)"""
_LATE_SQLITE = _SETTLE_SQLITE + " WHERE id = ? AND ? <> '' AND " + _LATE
_SETTLE_POSTGRESQL = (
    _SETTLE.format(
        status="s.status",
        attempts="s.attempts",
        due_at="s.due_at",
        provider="s.provider",
        external_id="s.external_id",
        sent_at="s.sent_at",
        finished_at="s.finished_at",
        cost="s.cost",
    )
    + """
FROM unnest($1::text[], $2::int[], $3::bigint[], $4::text[], $5::text[], $6::bigint[], $7::bigint[],
 $8::bigint[], $9::bytea[], $10::bytea[])
 AS s(status, attempts, due_at, provider, external_id, sent_at, finished_at, cost, id, lease)
WHERE outbox.id = s.id AND """
)
_MINE_POSTGRESQL = (
    _SETTLE_POSTGRESQL + "outbox.lease_owner = s.lease AND outbox.status <> 'delivered' RETURNING outbox.id"
)
_LATE_POSTGRESQL = _SETTLE_POSTGRESQL + _LATE

_NOTE_SQLITE = (
    "INSERT INTO attempts (id, message, at, provider, kind, status, detail) VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_NOTE_POSTGRESQL = """
INSERT INTO attempts (id, message, at, provider, kind, status, detail) SELECT * FROM unnest($1::bytea[],
 $2::bytea[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[])"""

# A message that ended without having gone is listed, so that somebody may look why, and send it again.
_DEAD = """
INSERT INTO dead_letters (message, at, channel, class, provider, reason, detail)
SELECT o.id, {at}, o.channel, o.class, {provider}, {reason}, {detail} FROM {source}
WHERE o.id = {id} AND o.status = 'failed'
ON CONFLICT (message) DO UPDATE SET at = excluded.at, provider = excluded.provider,
 reason = excluded.reason, detail = excluded.detail, replayed_at = NULL"""
_DEAD_SQLITE = _DEAD.format(at="?", provider="?", reason="?", detail="?", id="?", source="outbox AS o")
_DEAD_POSTGRESQL = _DEAD.format(
    at="s.at",
    provider="s.provider",
    reason="s.reason",
    detail="s.detail",
    id="s.id",
    source="unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::bytea[])"
    " AS s(at, provider, reason, detail, id), outbox AS o",
)


def write(connection: Connection, database: Database, done: Sequence[Done], now: datetime) -> Sequence[bytes]:
    """Writes what is done, in the transaction of the connection. The ids of those that were no longer leased:
    of them only the attempts are kept, but for one that nobody works now and that went."""
    rows = [_values(lease, settled) for lease, settled in done]
    if database.dialect == "postgresql":
        found = connection.exec_driver_sql(_MINE_POSTGRESQL, _columns(rows))
        mine = {row[0] for row in found} if found.rowcount != len(rows) else None
    else:
        mine = _settle_sqlite(connection, done, rows)
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
    ours = [each for _lease, each in done if mine is None or each.id in mine]
    told = [*late, *(each.id for each in ours if _news(each))]
    over = [each.id for each in ours if each.finished_at is not None and not _news(each)]
    changed(connection, database, told, now, over)
    return lost


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
    _run(connection, database, [_values(*each) for each in went], _LATE_SQLITE, _LATE_POSTGRESQL)
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
    _run(connection, database, rows, _DEAD_SQLITE, _DEAD_POSTGRESQL)


def note(connection: Connection, database: Database, settled: Sequence[Settled], now: datetime) -> None:
    """Keeps what was said of messages."""
    at = microseconds(now)
    rows = [
        (new_id(now), each.id, at, said.provider or each.provider, said.kind, said.status, said.detail)
        for each in settled
        for said in each.notes
    ]
    _run(connection, database, rows, _NOTE_SQLITE, _NOTE_POSTGRESQL)


def _run(
    connection: Connection,
    database: Database,
    rows: Sequence[tuple[Any, ...]],
    sqlite: str,
    postgresql: str,
) -> None:
    if not rows:
        return
    if database.dialect == "postgresql":
        connection.exec_driver_sql(postgresql, _columns(rows))
    else:
        connection.exec_driver_sql(sqlite, list(rows))


def _columns(rows: Sequence[tuple[Any, ...]]) -> tuple[list[Any], ...]:
    return tuple(list(column) for column in zip(*rows, strict=True))


def _settle_sqlite(
    connection: Connection, done: Sequence[Done], rows: Sequence[tuple[Any, ...]]
) -> set[bytes] | None:
    """Settles those that are still leased. Which they are, None for all: the database tells only how many, so
    where some are missing it is taken back, and done row by row."""
    point = connection.begin_nested()
    if connection.exec_driver_sql(_MINE_SQLITE, list(rows)).rowcount == len(rows):
        point.commit()
        return None
    point.rollback()
    mine: set[bytes] = set()
    for (_lease, settled), row in zip(done, rows, strict=True):
        if connection.exec_driver_sql(_MINE_SQLITE, row).rowcount:
            mine.add(settled.id)
    return mine


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
