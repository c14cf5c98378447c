"""Channel orders: a message that goes by one way after another until one of them reaches its person.

It is one row of the outbox all the time, so that it has one status, one story and one end; taking the next
way gives the row another channel, address and words (``order_tables.order_steps``). That is decided in the
transaction in which the row is settled, or in which its time is found to be over, and only while the row is
as it was found: so once, however many processes look, and never after a receipt has come. Nothing goes by
any way after the message's ``expires_at``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Connection, and_, bindparam, insert, or_, select, update

from records.database import Database
from records.former import keep_names
from records.ids import new_id
from records.outbox import Content, sealed
from records.tables import attempts, order_steps, outbox
from records.unit import Unit
from records.vault import Vault

ENDED = ("failed", "blocked")  # What the next way is taken after at once.
UNRECEIPTED = "unreceipted"
LOOKED_AT = 200  # Messages whose time is over, at once.


@dataclass(frozen=True, slots=True)
class Way:
    """``kind`` is that of the address that ``content`` has; ``content.within``: seconds without a receipt
    after which the next way is taken, 0 of the last; ``parts`` of an SMS."""

    channel: str
    kind: str
    content: Content
    parts: int | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """A way as it stands. ``started_at`` None: it was not taken; ``ended``: how it ended, where another one
    was taken after it."""

    channel: str
    started_at: datetime | None
    ended: str | None


class Settled(Protocol):
    """What of a settled message is looked at here (``records.settlement``)."""

    @property
    def id(self) -> bytes: ...

    @property
    def status(self) -> str: ...

    @property
    def provider(self) -> str: ...

    @property
    def within(self) -> int: ...


def add(unit: Unit, vault: Vault, ways: Sequence[Way], start: datetime) -> None:
    """Gives the message that the unit has added last these ways behind its own, which begins at ``start``."""
    row = unit.rows[outbox][-1]
    rows: list[dict[str, Any]] = [
        {
            "channel": row["channel"],
            "route": row["route"],
            "party": row["party"],
            "started_at": start,
        },
        *(
            {
                "channel": way.channel,
                "route": way.content.route,
                "party": vault.index(way.kind, way.content.to),
                "sealed": sealed(vault, row["id"], way.content),
                "parts": way.parts,
            }
            for way in ways
        ),
    ]
    for place, each in enumerate(rows):
        unit.insert(order_steps, {"message": row["id"], "place": place, **each})


async def steps(database: Database, message: bytes) -> Sequence[Step]:
    """The ways of a message, in their order; none of one that has a single channel."""
    rows = await database.read(
        select(order_steps.c.channel, order_steps.c.started_at, order_steps.c.ended)
        .where(order_steps.c.message == message)
        .order_by(order_steps.c.place)
    )
    return [Step(*row) for row in rows]


def follow(connection: Connection, database: Database, settled: Sequence[Settled], now: datetime) -> None:
    """After messages were settled, in the same transaction: those that went or were tried have their time
    from now on, and those that failed take their next way."""
    tried = [each for each in settled if each.within and each.status in ("queued", "sent") and each.provider]
    for status in ("queued", "sent"):
        begun = [
            {"tried": each.id, "until": now + timedelta(seconds=each.within)}
            for each in tried
            if each.status == status
        ]
        if begun:
            # One that is tried again keeps its time, so that a provider that is away does not hold it up.
            fresh = order_steps.c.due_at.is_(None) if status == "queued" else order_steps.c.ended.is_(None)
            statement = update(order_steps).where(order_steps.c.message == bindparam("tried"), _on, fresh)
            connection.execute(statement.values(due_at=bindparam("until")), begun)
    if ended := [each.id for each in settled if each.status in ENDED]:
        take_next(connection, database, ended, now, outbox.c.status.in_(ENDED))


async def take_due(database: Database, now: datetime) -> int:
    """Has messages take their next way whose receipt did not come in time; how many. Raises
    ``Unavailable``."""
    late = (
        select(order_steps.c.message)
        .where(order_steps.c.due_at <= now)
        .order_by(order_steps.c.due_at, order_steps.c.message)
        .limit(LOOKED_AT)
    )
    if not await database.read(late.limit(1)):
        return 0

    def write(connection: Connection) -> int:
        ids = [row[0] for row in connection.execute(late)]
        free = or_(outbox.c.lease_until.is_(None), outbox.c.lease_until < now)
        waits = and_(outbox.c.finished_at.is_(None), outbox.c.status.in_(("queued", "sent")), free)
        taken = take_next(connection, database, ids, now, waits, due=True)
        # What has ended meanwhile, or has no time for another way, is not looked at again.
        over = select(outbox.c.id).where(
            outbox.c.id.in_(ids), or_(outbox.c.finished_at.is_not(None), outbox.c.expires_at <= now)
        )
        connection.execute(update(order_steps).where(order_steps.c.message.in_(over)).values(due_at=None))
        return taken

    return await database.transaction(write)


def take_next(
    connection: Connection,
    database: Database,
    ids: Sequence[bytes],
    now: datetime,
    so: ColumnElement[bool],
    *,
    due: bool = False,
) -> int:
    """Has those of these messages take their next way that have one and time for it, and that are ``so``;
    how many. ``due``: only those whose time on their way is over."""
    ordered = select(order_steps.c.message).where(order_steps.c.message.in_(ids), _ahead).distinct()
    some = sorted(connection.execute(ordered).scalars())
    if not some:
        return 0  # The usual answer.
    held = connection.execute(
        select(outbox.c.id, outbox.c.status, outbox.c.provider, outbox.c.external_id)
        .where(outbox.c.id.in_(some), outbox.c.expires_at > now, so)
        .order_by(outbox.c.id)
        .with_for_update(skip_locked=True)
    ).all()
    # Read once the rows are ours: another process may have taken the next way of one just now.
    ways: dict[bytes, list[Any]] = {}
    for step in connection.execute(
        select(order_steps)
        .where(order_steps.c.message.in_([row.id for row in held]), order_steps.c.ended.is_(None))
        .order_by(order_steps.c.message, order_steps.c.place)
    ):
        ways.setdefault(step.message, []).append(step)
    taken = 0
    for row in held:
        left = ways.get(row.id, [])
        if len(left) < 2 or (due and (left[0].due_at is None or left[0].due_at > now)):
            continue
        _take(connection, row, left[0], left[1], now)
        keep_names(connection, database, [(row.provider, row.external_id, row.id)], now)
        taken += 1
    return taken


def _take(connection: Connection, row: Any, way: Any, ahead: Any, now: datetime) -> None:
    """The message of this row goes on from one way to the one ahead of it."""
    ended = row.status if row.status in ENDED else UNRECEIPTED
    if ended == UNRECEIPTED:
        connection.execute(insert(attempts).values(**_note(row.id, row.provider, ahead.channel, now)))
    connection.execute(update(outbox).where(outbox.c.id == row.id).values(**_onto(ahead, now)))
    for step, values in ((way, {"ended": ended, "due_at": None}), (ahead, {"started_at": now})):
        mine = (order_steps.c.message == row.id, order_steps.c.place == step.place)
        connection.execute(update(order_steps).where(*mine).values(**values))


_on = and_(order_steps.c.started_at.is_not(None), order_steps.c.ended.is_(None))
_ahead = order_steps.c.started_at.is_(None)


def _onto(way: Any, now: datetime) -> dict[str, Any]:
    """The message's row as it begins on this way."""
    return {
        "channel": way.channel,
        "route": way.route,
        "party": way.party,
        "sealed": way.sealed,
        "parts": way.parts,
        "status": "queued",
        "due_at": now,
        "attempts": 0,
        "provider": None,
        "external_id": None,
        "sent_at": None,
        "finished_at": None,
        "lease_owner": None,
        "lease_until": None,
    }


def _note(message: bytes, provider: str | None, channel: str, now: datetime) -> dict[str, Any]:
    return {
        "id": new_id(now),
        "message": message,
        "at": now,
        "provider": provider or "none",
        "kind": "attempt",
        "status": UNRECEIPTED,
        "detail": f"no receipt in time; {channel} is next",
    }
