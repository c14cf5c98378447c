"""The outbox as the dispatcher works it: claim under a lease, settle, ask for receipts.

A row is worked while ``finished_at`` is NULL and ``due_at`` has come: ``queued`` and ``claimed`` rows are to
be sent, ``sent`` ones are to be asked about. Who works it holds a lease: ``lease_owner`` is new for each
claim, so that one who comes late finds that the row is no longer his, and ``lease_until`` is when others may
take it. Nothing is locked, and no connection held, between a claim and its settlement.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, func, insert, or_, select, update

from records.database import Database
from records.ids import new_id
from records.tables import attempts, outbox

CLASSES = ("otp", "service", "bulk")  # In the order in which they are served.
Lane = tuple[str, str]  # (channel, class)

_COLUMNS = (
    outbox.c.id,
    outbox.c.tracking,
    outbox.c.channel,
    outbox.c["class"],
    outbox.c.sealed,
    outbox.c.status,
    outbox.c.attempts,
    outbox.c.due_at,
    outbox.c.expires_at,
    outbox.c.parts,
)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message to send now. ``attempts`` counts this one. ``lapsed``: somebody claimed it before and did
    not settle it, so that it may have gone. ``parts``: the short messages that an SMS is."""

    id: bytes
    tracking: str
    channel: str
    klass: str
    sealed: bytes
    attempts: int
    due_at: datetime
    expires_at: datetime
    lapsed: bool
    parts: int | None = None


@dataclass(frozen=True, slots=True)
class Awaited:
    """A message that went, and whose receipt is due to be asked for."""

    id: bytes
    external_id: str
    sent_at: datetime
    attempts: int


@dataclass(frozen=True, slots=True)
class Note:
    """One row of ``attempts``. ``kind``: attempt or receipt; ``detail``: the provider's words."""

    kind: str
    status: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of one claimed message. ``due_at``: when it is worked again, if it is not finished;
    ``cost``: rial."""

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


async def claim(
    database: Database,
    *,
    now: datetime,
    lease: bytes,
    until: datetime,
    most: int,
    busy: Collection[Lane] = (),
) -> Sequence[Claimed]:
    """At most ``most`` due messages of each class, outside the ``busy`` lanes, leased to ``lease``. The
    oldest first. Raises ``Unavailable``."""

    def due(connection: Connection) -> list[str]:
        return [klass for klass in CLASSES if connection.execute(_due(klass, now, busy, 1)).first()]

    classes = await database.look(due)
    if not classes:  # The usual answer; it costs no transaction.
        return ()

    def take(connection: Connection) -> list[Claimed]:
        claimed: list[Claimed] = []
        for klass in classes:
            # On SQLite the transaction is the only writer; ``FOR UPDATE`` is PostgreSQL's.
            rows = connection.execute(_due(klass, now, busy, most).with_for_update(skip_locked=True)).all()
            claimed += [_claimed(row) for row in rows]
        _lease(connection, [each.id for each in claimed], lease, until, status="claimed", spent=1)
        return claimed

    return await database.transaction(take)


async def settle(
    database: Database, lease: bytes, settled: Sequence[Settled], now: datetime
) -> Sequence[bytes]:
    """Writes what became of messages claimed under ``lease``, and their attempts. Returns the ids that were
    no longer leased: of them only the attempts are kept, but for one that nobody works now and that went."""

    def write(connection: Connection) -> list[bytes]:
        mine = _held(connection, lease, [each.id for each in settled])
        values = [_values(each) for each in settled if each.id in mine]
        if values:
            connection.execute(_SETTLE, values)
        lost = [each for each in settled if each.id not in mine]
        if late := [_values(each) for each in lost if each.sent_at is not None]:
            connection.execute(_SETTLE_LATE, late)
        _note(connection, settled, now)
        return [each.id for each in lost]

    return await database.transaction(write)


async def renew(database: Database, lease: bytes, ids: Sequence[bytes], until: datetime) -> None:
    """Holds messages that are leased to ``lease`` for longer."""
    statement = update(outbox).where(*_leased(lease, ids)).values(lease_until=until)
    await database.transaction(lambda connection: connection.execute(statement))


async def release(database: Database, lease: bytes) -> None:
    """Gives back what was claimed under ``lease`` and not handed to a provider, as if never claimed."""
    statement = (
        update(outbox)
        .where(outbox.c.finished_at.is_(None), outbox.c.lease_owner == lease, outbox.c.status == "claimed")
        .values(status="queued", attempts=outbox.c.attempts - 1, lease_owner=None, lease_until=None)
    )
    await database.transaction(lambda connection: connection.execute(statement))


async def claim_receipts(
    database: Database, provider: str, *, now: datetime, lease: bytes, until: datetime, most: int
) -> Sequence[Awaited]:
    """Messages that ``provider`` took and whose receipt is due to be asked for, leased to ``lease``."""
    due = (
        select(outbox.c.id, outbox.c.external_id, outbox.c.sent_at, outbox.c.attempts)
        .where(*_waiting(now), outbox.c.status == "sent", outbox.c.provider == provider)
        .order_by(outbox.c.due_at, outbox.c.id)
        .limit(most)
    )
    if not await database.read(due.limit(1)):
        return ()

    def take(connection: Connection) -> list[Awaited]:
        rows = connection.execute(due.with_for_update(skip_locked=True)).all()
        _lease(connection, [row.id for row in rows], lease, until, status="sent", spent=0)
        return [Awaited(*row) for row in rows]

    return await database.transaction(take)


async def depth(database: Database) -> Mapping[str, int]:
    """How many messages of each class wait to be sent."""
    klass = outbox.c["class"]
    rows = await database.read(
        select(klass, func.count())
        .where(outbox.c.finished_at.is_(None), outbox.c.status.in_(("queued", "claimed")))
        .group_by(klass)
    )
    counted = {row[0]: row[1] for row in rows}
    return {name: counted.get(name, 0) for name in CLASSES}


def _claimed(row: Sequence[Any]) -> Claimed:
    id, tracking, channel, klass, sealed, status, tried, due_at, expires_at, parts = row
    lapsed = status == "claimed"
    return Claimed(id, tracking, channel, klass, sealed, tried + 1, due_at, expires_at, lapsed, parts)


def _waiting(now: datetime) -> tuple[ColumnElement[bool], ...]:
    """Rows that are due and leased to nobody; the partial index on ``finished_at`` serves it."""
    return (
        outbox.c.finished_at.is_(None),
        outbox.c.due_at <= now,
        or_(outbox.c.lease_until.is_(None), outbox.c.lease_until < now),
    )


def _due(klass: str, now: datetime, busy: Collection[Lane], most: int) -> Any:
    channels = sorted({channel for channel, of in busy if of == klass})
    return (
        select(*_COLUMNS)
        .where(
            *_waiting(now),
            outbox.c.status.in_(("queued", "claimed")),
            outbox.c["class"] == klass,
            outbox.c.channel.not_in(channels),
        )
        .order_by(outbox.c.due_at, outbox.c.id)
        .limit(most)
    )


def _lease(
    connection: Connection, ids: Sequence[bytes], lease: bytes, until: datetime, *, status: str, spent: int
) -> None:
    if ids:
        connection.execute(
            update(outbox)
            .where(outbox.c.id.in_(ids))
            .values(status=status, attempts=outbox.c.attempts + spent, lease_owner=lease, lease_until=until)
        )


def _leased(lease: bytes, ids: Sequence[bytes]) -> tuple[ColumnElement[bool], ...]:
    return (outbox.c.id.in_(ids), outbox.c.lease_owner == lease)


def _held(connection: Connection, lease: bytes, ids: Sequence[bytes]) -> set[bytes]:
    held = select(outbox.c.id).where(*_leased(lease, ids)).with_for_update()
    return set(connection.execute(held).scalars())


def _note(connection: Connection, settled: Sequence[Settled], now: datetime) -> None:
    rows = [
        {
            "id": new_id(now),
            "message": each.id,
            "at": now,
            "provider": each.provider,
            "kind": note.kind,
            "status": note.status,
            "detail": note.detail,
        }
        for each in settled
        for note in each.notes
    ]
    if rows:
        connection.execute(insert(attempts), rows)


def _values(settled: Settled) -> dict[str, Any]:
    return {
        "row": settled.id,
        "new_status": settled.status,
        "new_attempts": settled.attempts,
        "new_due_at": settled.due_at,
        "new_provider": settled.provider or None,
        "new_external_id": settled.external_id,
        "new_sent_at": settled.sent_at,
        "new_finished_at": settled.finished_at,
        "new_cost": settled.cost,
    }


_SETTLE = (
    update(outbox)
    # A message that is known to have arrived stays so, whatever comes after.
    .where(outbox.c.id == bindparam("row"), outbox.c.status != "delivered")
    .values(
        status=bindparam("new_status"),
        attempts=bindparam("new_attempts"),
        due_at=bindparam("new_due_at"),
        provider=func.coalesce(bindparam("new_provider", type_=outbox.c.provider.type), outbox.c.provider),
        external_id=func.coalesce(
            bindparam("new_external_id", type_=outbox.c.external_id.type), outbox.c.external_id
        ),
        sent_at=func.coalesce(bindparam("new_sent_at", type_=outbox.c.sent_at.type), outbox.c.sent_at),
        finished_at=bindparam("new_finished_at"),
        cost=func.coalesce(bindparam("new_cost", type_=outbox.c.cost.type), outbox.c.cost),
        lease_owner=None,
        lease_until=None,
    )
)
# A batch that outlived its lease and went all the same, found again in the queue: it must not go twice.
_SETTLE_LATE = _SETTLE.where(outbox.c.status == "queued", outbox.c.lease_owner.is_(None))
