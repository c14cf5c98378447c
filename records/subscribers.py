"""Subscribers and their addresses."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update

from records.changes import change
from records.database import Database
from records.tables import addresses, subscribers
from records.unit import Unit


@dataclass(frozen=True, slots=True)
class Address:
    """A row of ``addresses``; ``sealed`` opens with ``context(index)``."""

    kind: str
    index: bytes
    sealed: bytes
    subscriber: bytes
    verified_at: datetime | None
    verified_by: str | None
    created_at: datetime
    blocked_at: datetime | None = None


def context(index: bytes) -> bytes:
    """What an address is sealed with, so that it opens in its own row only."""
    return b"address:" + index


async def address(database: Database, kind: str, index: bytes) -> Address | None:
    rows = await database.read(select(addresses).where(addresses.c.kind == kind, addresses.c.index == index))
    return Address(*tuple(rows[0])) if rows else None


async def addresses_of(database: Database, subscriber: bytes, kind: str) -> list[Address]:
    """The subscriber's addresses of one kind: verified ones first, then by age."""
    rows = await database.read(select(addresses).where(addresses.c.subscriber == subscriber))
    found = [address for address in (Address(*tuple(row)) for row in rows) if address.kind == kind]
    return sorted(found, key=lambda address: (address.verified_at is None, address.created_at))


async def language(database: Database, subscriber: bytes) -> str | None:
    """The language that the subscriber reads, None when there is no such subscriber."""
    rows = await database.read(select(subscribers.c.language).where(subscribers.c.id == subscriber))
    return str(rows[0][0]) if rows else None


def set_language(unit: Unit, subscriber: bytes, code: str) -> None:
    change(unit, subscribers, subscriber, {"language": code})


def set_owner(unit: Unit, found: Address, subscriber: bytes, now: datetime, by: str) -> None:
    """Gives a verified address to ``subscriber``; a ``Conflict`` when it has another owner by then."""
    unit.guard(
        update(addresses)
        .where(
            addresses.c.kind == found.kind,
            addresses.c.index == found.index,
            addresses.c.subscriber == found.subscriber,
        )
        .values(subscriber=subscriber, verified_at=now, verified_by=by)
    )
