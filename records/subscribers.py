"""Subscribers and their addresses: who has which, who turned out to be whom, and how that came.

A merge is one column. What the merged one said, was told and agreed to stays where it was written, and is
found through ``members``; so nothing is lost, nothing that is append-only is changed, and what another
process writes for the merged one at the same moment is found as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BindParameter,
    CompoundSelect,
    bindparam,
    delete,
    exists,
    func,
    or_,
    select,
    union_all,
    update,
)

from records.changes import as_left_by, change, waiting
from records.database import Database
from records.ids import new_id
from records.lists import asking
from records.schema import moment
from records.tables import address_events, addresses, callbacks, complaints, consents, subscribers, threads
from records.unit import Guard, Unit


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
    seen_at: datetime | None = None
    route: str | None = None
    owner: bytes | None = None
    number: bytes | None = None
    proved_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose an address is: the subscriber whom others may be merged into; when the address last proved to be
    theirs, on a chat."""

    subscriber: bytes
    proved_at: datetime | None


@dataclass(frozen=True, slots=True)
class Merging:
    """A subscriber and whom they were merged into."""

    id: bytes
    merged_into: bytes | None


@dataclass(frozen=True, slots=True)
class Event:
    """A row of ``address_events``."""

    id: bytes
    at: datetime
    kind: str
    index: bytes
    act: str
    reason: str
    previous: bytes | None
    subscriber: bytes | None
    operator: str | None


@dataclass(frozen=True, slots=True)
class AddressChange(Guard):
    """A guard that changes the address of this ``kind`` and ``index``, or with ``values`` None takes it from
    whoever has it."""

    kind: str = ""
    index: bytes = b""
    values: Mapping[str, Any] | None = field(default_factory=dict)


def context(index: bytes) -> bytes:
    """What an address is sealed with, so that it opens in its own row only."""
    return b"address:" + index


# Whose an address is.


async def address(database: Database, kind: str, index: bytes) -> Address | None:
    rows = await database.read(select(addresses).where(addresses.c.kind == kind, addresses.c.index == index))
    return Address(*tuple(rows[0])) if rows else None


async def owners(database: Database, asked: Sequence[tuple[str, bytes]]) -> Sequence[Owner | None]:
    """Whose each of these (kind, index) is."""
    kinds = sorted({kind for kind, _index in asked})
    indexes = [index for _kind, index in asked]
    rows = await database.fetch(*asking(database.dialect, _OWNERS, kinds=kinds, indexes=indexes))
    found = {
        (kind, index): Owner(person, None if proved is None else moment(proved))
        for kind, index, person, proved in rows
    }
    return [found.get(each) for each in asked]


async def addresses_of(database: Database, person: bytes) -> list[Address]:
    """All addresses of a person, the oldest first."""
    rows = await database.read(_ADDRESSES_OF, {"person": person})
    return sorted((Address(*tuple(row)) for row in rows), key=lambda each: (each.created_at, each.index))


async def language(database: Database, subscriber: bytes) -> str | None:
    """The language that the subscriber reads, None when there is no such subscriber."""
    rows = await database.read(_LANGUAGE, {"person": subscriber})
    return str(rows[0][0]) if rows else None


# Who is whom.


def members(person: bytes | BindParameter[bytes]) -> CompoundSelect[tuple[bytes]]:
    """The ids of a person, given by any of them: that of who was merged into nobody, and of all who were
    merged into that one."""
    own = select(func.coalesce(subscribers.c.merged_into, subscribers.c.id)).where(subscribers.c.id == person)
    root = own.scalar_subquery()
    return union_all(select(root), select(subscribers.c.id).where(subscribers.c.merged_into == root))


_OWNERS = """
SELECT a.kind, a."index", coalesce(s.merged_into, s.id), a.proved_at
FROM addresses AS a JOIN subscribers AS s ON s.id = a.subscriber
WHERE a.kind {kinds} AND a."index" {indexes}"""

# What each complaint asks, built once: building them takes longer than running them.
_PERSON = bindparam("person", type_=subscribers.c.id.type)
_ADDRESSES_OF = select(addresses).where(addresses.c.subscriber.in_(members(_PERSON)))
_LANGUAGE = select(subscribers.c.language).where(subscribers.c.id == _PERSON)
_MERGING = select(subscribers.c.id, subscribers.c.merged_into).where(subscribers.c.id == _PERSON)


async def merging(database: Database, subscriber: bytes) -> Merging | None:
    rows = await database.read(_MERGING, {"person": subscriber})
    return Merging(*tuple(rows[0])) if rows else None


async def silent_before(database: Database, person: bytes) -> list[bytes]:
    """Who had an address of this person until nothing had been heard from it for too long."""
    rows = await database.read(
        select(address_events.c.previous).where(
            address_events.c.subscriber.in_(members(person)), address_events.c.reason == "silence"
        )
    )
    return [row[0] for row in rows]


async def has_history(database: Database, person: bytes) -> bool:
    """Whether this person has said or agreed to anything that is kept."""
    ids = members(person)
    rows = await database.read(
        select(
            or_(*(exists().where(each.c.subscriber.in_(ids)) for each in (complaints, consents)),
                *(exists().where(each.c.subscriber.in_(ids)) for each in (callbacks, threads)))
        )
    )  # fmt: skip
    return bool(rows[0][0])


async def history(database: Database, kind: str, index: bytes) -> list[Event]:
    """All that happened to an address, the oldest first."""
    rows = await database.read(
        select(address_events)
        .where(address_events.c.kind == kind, address_events.c.index == index)
        .order_by(address_events.c.id)
    )
    return [Event(*tuple(row)) for row in rows]


# What a unit changes, and how it leaves things.


def set_language(unit: Unit, subscriber: bytes, code: str) -> None:
    change(unit, subscribers, subscriber, {"language": code})


def touch(unit: Unit, kind: str, index: bytes, now: datetime, route: str) -> None:
    """Notes a contact from an address."""
    unit.update(addresses, {"kind": kind, "index": index}, {"seen_at": now, "route": route})


def set_values(unit: Unit, found: Address, values: Mapping[str, Any]) -> None:
    """Changes an address as it was found; a ``Conflict`` when it has another owner by then."""
    rows = unit.rows.get(addresses, [])
    for place, row in enumerate(rows):
        if row["kind"] == found.kind and row["index"] == found.index:
            rows[place] = {**row, **values}
            return
    statement = update(addresses).where(*_as_found(found)).values(dict(values))
    unit.guards.append(AddressChange(statement, 1, found.kind, found.index, values))


def take_away(unit: Unit, found: Address) -> None:
    """Takes an address from who had it; a ``Conflict`` when it has another owner by then."""
    statement = delete(addresses).where(*_as_found(found))
    unit.guards.append(AddressChange(statement, 1, found.kind, found.index, None))


def stays_apart(unit: Unit, subscriber: bytes) -> None:
    """The unit is a ``Conflict`` should this subscriber have been merged into another one by then."""
    change(unit, subscribers, subscriber, {"merged_into": None}, subscribers.c.merged_into.is_(None))


def stays_reachable(unit: Unit, person: bytes) -> None:
    """The unit is a ``Conflict`` should it, or another one at the same time, take this person's last address.
    To be called after ``take_away``."""
    left_over = exists().where(addresses.c.subscriber.in_(members(person)))
    unit.guard(update(subscribers).where(subscribers.c.id == person, left_over).values(merged_into=None))


def merge(unit: Unit, gone: bytes, kept: bytes) -> None:
    """Makes ``gone``, and all who were merged into it, a part of ``kept``. A ``Conflict`` when either is a
    part of somebody by then."""
    values = {gone: kept, kept: None}
    for each in sorted(values):  # In one order, or two crossing merges would wait for each other.
        change(unit, subscribers, each, {"merged_into": values[each]}, subscribers.c.merged_into.is_(None))
    unit.update(subscribers, {"merged_into": gone}, {"merged_into": kept})
    unit.update(addresses, {"subscriber": gone}, {"subscriber": kept})
    rows = unit.rows.get(addresses, [])
    rows[:] = [{**row, "subscriber": kept} if row["subscriber"] == gone else row for row in rows]


def note(
    unit: Unit,
    now: datetime,
    kind: str,
    index: bytes,
    act: str,
    reason: str,
    *,
    previous: bytes | None = None,
    subscriber: bytes | None = None,
    operator: str | None = None,
) -> None:
    """Adds what happened to an address to its story."""
    event = Event(new_id(now), now, kind, index, act, reason, previous, subscriber, operator)
    unit.insert(address_events, {name: getattr(event, name) for name in Event.__slots__})


def waits(unit: Unit, kind: str, index: bytes) -> Address | None:
    """The address that this unit will insert."""
    for row in waiting(unit, addresses):
        if row["kind"] == kind and row["index"] == index:
            return Address(**row)
    return None


def left(unit: Unit, found: Address) -> Address | None:
    """An address as the unit leaves it; None where it takes it away."""
    for guard in unit.guards:
        if isinstance(guard, AddressChange) and (guard.kind, guard.index) == (found.kind, found.index):
            if guard.values is None:
                return waits(unit, found.kind, found.index)
            found = replace(found, **guard.values)
    return found


def merged_in(unit: Unit, subscriber: bytes) -> bytes:
    """Whom a subscriber that nobody has merged yet is merged into by this unit, else the same one."""
    return as_left_by(unit, subscribers, Merging(subscriber, None)).merged_into or subscriber


def _as_found(found: Address) -> tuple[Any, Any, Any]:
    return (
        addresses.c.kind == found.kind,
        addresses.c.index == found.index,
        addresses.c.subscriber == found.subscriber,
    )
