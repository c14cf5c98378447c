"""What businesses have paid for in advance: kept for each message that is taken over, corrected at its end.

The transaction in which a message ends only marks what is kept for it: who locks many messages, and then
accounts, could wait for somebody who does it the other way round. Whoever corrects (``correct``) locks the
account first, as who sends does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from records import driver
from records.database import Database
from records.ids import new_id
from records.tables import credit_entries, credit_holds, credits, outbox
from records.unit import Unit

ADDED, RESERVED, CORRECTED = "added", "reserved", "corrected"
TOGETHER = 500

Price = tuple[bytes, int]
"""A message and what it is expected to cost, in rial."""


@dataclass(frozen=True, slots=True)
class Entry:
    id: bytes
    at: datetime
    kind: str
    rial: int
    messages: int
    note: str


async def left(database: Database, account: bytes) -> int | None:
    """What the account can still spend; None where it pays afterwards. Raises ``Unavailable``."""
    rows = await database.read(select(credits.c.rial).where(credits.c.account == account))
    return int(rows[0][0]) if rows else None


async def add(database: Database, account: bytes, rial: int, note: str, now: datetime) -> int:
    """Adds to the credit, or takes from it where ``rial`` is below zero; what is left then. From the first
    time on the account pays in advance."""

    def write(connection: Connection) -> int:
        made = postgresql.insert if database.dialect == "postgresql" else sqlite.insert
        connection.execute(made(credits).values(account=account, rial=0).on_conflict_do_nothing())
        _move(connection, account, ADDED, rial, 0, note, now)
        return int(
            connection.execute(select(credits.c.rial).where(credits.c.account == account)).scalar_one()
        )

    return await database.transaction(write)


def reserve(unit: Unit, account: bytes, prices: Sequence[Price], now: datetime) -> None:
    """Keeps for these messages of the unit what they are expected to cost; the unit is a ``Conflict`` where
    that is not left."""
    rial = sum(price for _message, price in prices)
    if rial:
        unit.guard(
            update(credits)
            .where(credits.c.account == account, credits.c.rial >= rial)
            .values(rial=credits.c.rial - rial)
        )
        unit.insert(credit_entries, _entry(account, RESERVED, -rial, len(prices), "", now))
    for message, price in prices:
        unit.insert(credit_holds, {"message": message, "account": account, "rial": price})


def over(unit: Unit, message: bytes, now: datetime) -> None:
    """The unit ends this message: what is kept for it is to be corrected."""
    unit.update(credit_holds, {"message": message}, {"ended_at": now})


def ended(connection: Connection, messages: Sequence[bytes], now: datetime) -> None:
    """The transaction may have ended these messages: what is kept for those that are over is to be corrected.
    Where nobody pays in advance that costs one look."""
    anybody = "SELECT 1 FROM credits LIMIT 1"
    if not messages or driver.execute(connection, anybody).fetchone() is None:
        return
    for start in range(0, len(messages), TOGETHER):
        part = messages[start : start + TOGETHER]
        finished = select(outbox.c.id).where(outbox.c.id.in_(part), outbox.c.finished_at.is_not(None))
        connection.execute(
            update(credit_holds)
            .where(credit_holds.c.message.in_(part), credit_holds.c.message.in_(finished))
            .values(ended_at=now)
        )


async def correct(database: Database, now: datetime) -> int:
    """Makes what messages that are over have taken what they cost; how many that were. Several processes may
    do it. Raises ``Unavailable``."""
    waiting = (
        select(credit_holds.c.account)
        .where(credit_holds.c.ended_at.is_not(None))
        .order_by(credit_holds.c.ended_at, credit_holds.c.message)
        .limit(1)
    )
    rows = await database.read(waiting)
    if not rows:  # The usual answer; it costs no transaction.
        return 0
    account = rows[0][0]

    def write(connection: Connection) -> int:
        connection.execute(
            select(credits.c.rial).where(credits.c.account == account).with_for_update()
        ).first()
        each = credit_holds.c
        found = connection.execute(
            select(each.message, each.rial, outbox.c.cost)
            .join(outbox, outbox.c.id == each.message)
            .where(each.ended_at.is_not(None), each.account == account)
            .order_by(each.ended_at, each.message)
            .limit(TOGETHER)
            .with_for_update(of=credit_holds, skip_locked=True)
        ).all()
        back = messages = 0
        for message, kept, cost in found:
            spent = cost or 0
            back += kept - spent
            messages += kept != spent
            connection.execute(
                update(credit_holds).where(each.message == message).values(rial=spent, ended_at=None)
            )
        if messages:
            _move(connection, account, CORRECTED, back, messages, "", now)
        return len(found)

    return await database.transaction(write)


async def page(database: Database, account: bytes, *, before: bytes | None, most: int) -> Sequence[Entry]:
    """At most ``most`` entries of the account, the newest first, from those older than ``before``."""
    each = credit_entries.c
    statement = select(each.id, each.at, each.kind, each.rial, each.messages, each.note).where(
        each.account == account
    )
    if before is not None:
        statement = statement.where(each.id < before)
    return [Entry(*row) for row in await database.read(statement.order_by(each.id.desc()).limit(most))]


def _move(
    connection: Connection, account: bytes, kind: str, rial: int, messages: int, note: str, now: datetime
) -> None:
    connection.execute(update(credits).where(credits.c.account == account).values(rial=credits.c.rial + rial))
    connection.execute(insert(credit_entries).values(_entry(account, kind, rial, messages, note, now)))


def _entry(
    account: bytes, kind: str, rial: int, messages: int, note: str, now: datetime
) -> dict[str, object]:
    return {
        "id": new_id(now),
        "account": account,
        "at": now,
        "kind": kind,
        "rial": rial,
        "messages": messages,
        "note": note,
    }
