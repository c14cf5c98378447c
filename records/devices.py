"""Devices and browsers that are pushed to: whose they are, and which of them are gone."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, delete, exists, or_, select, update

from records.database import Database
from records.ids import least_id
from records.tables import OURSELVES, devices, posts, threads
from records.threads import SHOWN, Thread
from records.unit import Unit


@dataclass(frozen=True, slots=True)
class Device:
    """A row of ``devices``; ``sealed`` opens with ``context(id)``."""

    id: bytes
    account: bytes
    party: bytes
    service: str
    sealed: bytes
    at: datetime
    pushed_at: datetime | None = None


Owner = tuple[bytes, bytes]
"""Whose app, and who uses it: (account, party)."""


def context(id: bytes) -> bytes:
    """What a device is sealed with, so that it opens in its own row only."""
    return b"device:" + id


async def find(database: Database, id: bytes) -> Device | None:
    rows = await database.read(select(devices).where(devices.c.id == id))
    return Device(*tuple(rows[0])) if rows else None


async def of(database: Database, owners: Collection[Owner]) -> Mapping[Owner, Sequence[Device]]:
    """The devices of each of these, the newest first; who has none is not named."""
    rows = await database.read(
        select(devices)
        .where(
            devices.c.account.in_(sorted({account for account, _party in owners})),
            devices.c.party.in_(sorted({party for _account, party in owners})),
        )
        .order_by(devices.c.at.desc(), devices.c.id)
    )
    found: dict[Owner, list[Device]] = {}
    for row in rows:
        device = Device(*tuple(row))
        found.setdefault((device.account, device.party), []).append(device)
    return {owner: some for owner, some in found.items() if owner in owners}


def add(unit: Unit, device: Device) -> None:
    """A ``Conflict`` where it is known already."""
    unit.insert(devices, {name: getattr(device, name) for name in Device.__slots__})


def change(unit: Unit, device: Device) -> None:
    """It is this person's from now on, and what is sealed of it is this."""
    values = {"party": device.party, "sealed": device.sealed, "at": device.at}
    unit.guard(update(devices).where(devices.c.id == device.id).values(**values))


def remove(unit: Unit, ids: Sequence[bytes]) -> None:
    for id in ids:
        unit.guard(delete(devices).where(devices.c.id == id))


def note_push(unit: Unit, some: Sequence[Device], now: datetime) -> None:
    """The person is told now that something waits; a ``Conflict`` where somebody else has told them since
    these were read."""
    for each in some:
        unit.guard(
            update(devices)
            .where(devices.c.id == each.id, devices.c.pushed_at.is_not_distinct_from(each.pushed_at))
            .values(pushed_at=now)
        )


async def waiting(
    database: Database, *, since: datetime, until: datetime, told_before: datetime, most: int
) -> Sequence[Thread]:
    """Threads with something new for a person of ours who has a browser that is pushed to: written in this
    time, with nothing behind it that they read or wrote, and they were not told since, nor of anything else
    later than ``told_before``."""
    told = devices.c.pushed_at
    away = exists().where(
        devices.c.account == OURSELVES,
        devices.c.party == posts.c.party,
        or_(told.is_(None), and_(told < posts.c.at, told <= told_before)),
    )
    later = posts.alias()
    seen = exists().where(
        later.c.party == posts.c.party,
        later.c.id >= posts.c.id,
        or_(later.c.read_at.is_not(None), later.c.author == "person"),
    )
    news = select(posts.c.thread).where(
        posts.c.id > least_id(since),
        posts.c.at > since,
        posts.c.at <= until,
        posts.c.author != "person",
        posts.c.kind.in_(SHOWN),
        away,
        ~seen,
    )
    rows = await database.read(select(threads).where(threads.c.id.in_(news)).limit(most))
    return [Thread(*tuple(row)) for row in rows]


async def drop_of(database: Database, account: bytes, party: bytes) -> None:
    """Forgets every device of this person."""
    statement = delete(devices).where(devices.c.account == account, devices.c.party == party)
    await database.transaction(lambda connection: connection.execute(statement))


async def drop(database: Database, ids: Collection[bytes]) -> int:
    """Forgets devices of which their services say that they are gone; how many there were."""
    statement = delete(devices).where(devices.c.id.in_(sorted(ids)))
    return await database.transaction(lambda connection: int(connection.execute(statement).rowcount))
