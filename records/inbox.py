"""The inbox: what people sent us, stored before anything else is done with it, and worked row by row.

Of each sender one row is worked at a time, and none before those that came earlier, whichever process has
it: only a row without an earlier one that waits can be claimed. As in the outbox, who works a row holds a
lease whose owner is new for each claim, so one who comes late finds that the row is no longer theirs; and
nothing is locked, and no connection held, while it is worked.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, exists, func, or_, select, update

from records.database import Database
from records.ids import least_id, new_id
from records.tables import inbox
from records.unit import Unit
from records.vault import Unreadable, Vault


@dataclass(frozen=True, slots=True)
class Kept:
    """A claimed row. ``content`` is what was sealed, None where its key is gone. ``tries`` counts how often
    it was put off."""

    id: bytes
    party: bytes
    said: bytes | None
    content: bytes | None
    received_at: datetime
    tries: int


@dataclass(frozen=True, slots=True)
class Past:
    """What else came from a sender, and what was done with it: ``outcome`` None while it waits."""

    said: bytes | None
    received_at: datetime
    done_at: datetime | None
    outcome: str | None


def add(
    unit: Unit,
    vault: Vault,
    *,
    now: datetime,
    key: bytes,
    party: bytes,
    said: bytes | None,
    content: bytes,
) -> bytes:
    """Adds a row to the unit, which is a ``Conflict`` when there is one with this ``key`` already; its id."""
    id = new_id(now)
    unit.insert(
        inbox,
        {
            "id": id,
            "key": key,
            "party": party,
            "said": said,
            "sealed": vault.seal(content, _context(id)),
            "received_at": now,
            "due_at": now,
        },
    )
    return id


async def known(database: Database, keys: Collection[bytes], since: datetime) -> bool:
    """Whether a row with one of these keys came after ``since``."""
    statement = select(inbox.c.id).where(inbox.c.key.in_(keys), inbox.c.received_at >= since).limit(1)
    return bool(await database.read(statement))


async def claim(
    database: Database, vault: Vault, *, now: datetime, lease: bytes, until: datetime, most: int
) -> Sequence[Kept]:
    """The first row of each of at most ``most`` senders, those that wait longest first, leased to ``lease``.
    Raises ``Unavailable``."""
    if not await database.read(_due(now, 1)):  # The usual answer; it costs no transaction.
        return ()

    def take(connection: Connection) -> Sequence[Any]:
        # On SQLite the transaction is the only writer; ``FOR UPDATE`` is PostgreSQL's.
        rows = connection.execute(_due(now, most).with_for_update(skip_locked=True)).all()
        if rows:
            connection.execute(
                update(inbox)
                .where(inbox.c.id.in_([row.id for row in rows]))
                .values(lease_owner=lease, lease_until=until)
            )
        return rows

    return [_kept(vault, row) for row in await database.transaction(take)]


async def renew(database: Database, lease: bytes, until: datetime, ids: Collection[bytes]) -> None:
    """Holds rows that are leased to ``lease`` for longer."""
    statement = (
        update(inbox).where(inbox.c.id.in_(ids), inbox.c.lease_owner == lease).values(lease_until=until)
    )
    await database.transaction(lambda connection: connection.execute(statement))


async def release(
    database: Database, lease: bytes, ids: Collection[bytes], due: datetime, tried: int
) -> None:
    """Gives rows that are leased to ``lease`` back, to be worked again from ``due`` on; ``tried`` is 1 where
    that was an attempt."""
    statement = (
        update(inbox)
        .where(inbox.c.id.in_(ids), inbox.c.lease_owner == lease, inbox.c.done_at.is_(None))
        .values(due_at=due, tries=inbox.c.tries + tried, lease_owner=None, lease_until=None)
    )
    await database.transaction(lambda connection: connection.execute(statement))


async def release_all(database: Database) -> None:
    """Gives back what is leased to anybody, for a process that knows that there is no other."""
    statement = (
        update(inbox)
        .where(inbox.c.done_at.is_(None), inbox.c.lease_until.is_not(None))
        .values(lease_owner=None, lease_until=None)
    )
    await database.transaction(lambda connection: connection.execute(statement))


def finish(unit: Unit, id: bytes, lease: bytes, outcome: str, now: datetime) -> None:
    """Marks a row as done, with the unit: a ``Conflict`` when it is leased to somebody else by now."""
    unit.guard(
        update(inbox)
        .where(inbox.c.id == id, inbox.c.lease_owner == lease, inbox.c.done_at.is_(None))
        .values(outcome=outcome, done_at=now, lease_owner=None, lease_until=None)
    )


async def past(database: Database, party: bytes, before: bytes, since: datetime, most: int) -> Sequence[Past]:
    """At most ``most`` rows of a sender that came after ``since`` and before the one with the id ``before``,
    the newest first."""
    rows = await database.read(
        select(inbox.c.said, inbox.c.received_at, inbox.c.done_at, inbox.c.outcome)
        .where(
            inbox.c.party == party,
            inbox.c.id < before,
            inbox.c.id > least_id(since),
            inbox.c.received_at > since,  # Ids go on growing when a clock is set back.
        )
        .order_by(inbox.c.id.desc())
        .limit(most)
    )
    return [Past(*row) for row in rows]


async def newest(database: Database, vault: Vault, before: bytes | None, most: int) -> Sequence[Kept]:
    """At most ``most`` rows, worked or not, the newest first, from those older than the one with the id
    ``before``."""
    statement = select(
        inbox.c.id, inbox.c.party, inbox.c.said, inbox.c.sealed, inbox.c.received_at, inbox.c.tries
    )
    if before is not None:
        statement = statement.where(inbox.c.id < before)
    rows = await database.read(statement.order_by(inbox.c.id.desc()).limit(most))
    return [_kept(vault, row) for row in rows]


async def by_ids(database: Database, vault: Vault, ids: Collection[bytes]) -> Sequence[Kept]:
    """The rows of these ids, worked or not, in no order."""
    statement = select(
        inbox.c.id, inbox.c.party, inbox.c.said, inbox.c.sealed, inbox.c.received_at, inbox.c.tries
    )
    return [_kept(vault, row) for row in await database.read(statement.where(inbox.c.id.in_(ids)))]


async def depth(database: Database) -> int:
    """How many rows wait."""
    [[count]] = await database.read(select(func.count()).where(inbox.c.done_at.is_(None)))
    return int(count)


def _due(now: datetime, most: int) -> Any:
    """Rows that are due and leased to nobody, and that nothing of the same sender stands before."""
    other = inbox.alias()
    before = exists().where(
        other.c.done_at.is_(None),
        other.c.party == inbox.c.party,
        or_(other.c.id < inbox.c.id, other.c.lease_until >= now),
    )
    return (
        select(inbox.c.id, inbox.c.party, inbox.c.said, inbox.c.sealed, inbox.c.received_at, inbox.c.tries)
        .where(
            inbox.c.done_at.is_(None),
            inbox.c.due_at <= now,
            or_(inbox.c.lease_until.is_(None), inbox.c.lease_until < now),
            ~before,
        )
        .order_by(inbox.c.due_at, inbox.c.id)
        .limit(most)
    )


def _kept(vault: Vault, row: Sequence[Any]) -> Kept:
    id, party, said, sealed, received_at, tries = row
    content: bytes | None
    try:
        content = vault.open(sealed, _context(id))
    except Unreadable:
        content = None
    return Kept(id, party, said, content, received_at, tries)


def _context(id: bytes) -> bytes:
    return b"inbox" + id
