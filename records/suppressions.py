"""Addresses that nothing, or no advertising, is sent to; and who agreed to advertising, for many at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from records.database import Database
from records.lists import asking
from records.tables import addresses, consents, moment, outbox, subscribers, suppressions

SCOPES = ("all", "advertising")

# (Each batch that is sent asks, and hardly anybody is ever found.)
_FOUND = """
SELECT channel, party, scope, reason, at, until FROM suppressions
WHERE channel {channels} AND party {parties}"""


@dataclass(frozen=True, slots=True)
class Suppression:
    """``scope``: all, or advertising alone. ``until`` None: for good."""

    channel: str
    party: bytes
    scope: str
    reason: str
    at: datetime
    until: datetime | None = None


async def found(
    database: Database, channel: str, parties: Collection[bytes], now: datetime
) -> Mapping[bytes, Suppression]:
    """What is suppressed of these addresses now."""
    if not parties:
        return {}
    asked = asking(database.dialect, _FOUND, channels=[channel], parties=sorted(set(parties)))
    rows = await database.fetch(*asked)
    some = [
        Suppression(channel, party, scope, reason, moment(at), None if until is None else moment(until))
        for channel, party, scope, reason, at, until in rows
    ]
    return {each.party: each for each in some if each.until is None or each.until > now}


async def add(database: Database, some: Sequence[Suppression]) -> None:
    """Suppresses addresses. What is for everything is not narrowed by what is for advertising."""
    if some:
        await database.transaction(lambda connection: write(connection, database, some))


def write(connection: Connection, database: Database, some: Sequence[Suppression]) -> None:
    """The same in a transaction that is under way."""
    insert = postgresql.insert if database.dialect == "postgresql" else sqlite.insert
    statement = insert(suppressions)
    keys = [suppressions.c.channel, suppressions.c.party]
    new = {name: statement.excluded[name] for name in ("scope", "reason", "at", "until")}
    wider = or_(suppressions.c.scope != "all", statement.excluded.scope == "all")
    rows = {(each.channel, each.party): _row(each) for each in some}
    connection.execute(
        statement.on_conflict_do_update(index_elements=keys, set_=new, where=wider),
        [rows[key] for key in sorted(rows)],
    )


def block(connection: Connection, database: Database, messages: Sequence[bytes], now: datetime) -> None:
    """No more advertising to whom these messages went."""
    rows = connection.execute(select(outbox.c.channel, outbox.c.party).where(outbox.c.id.in_(messages))).all()
    if rows:
        some = [Suppression(row[0], row[1], "advertising", "unsubscribed", now) for row in rows]
        write(connection, database, some)


async def remove(database: Database, channel: str, party: bytes) -> bool:
    """Whether there was one."""
    statement = delete(suppressions).where(suppressions.c.channel == channel, suppressions.c.party == party)
    return bool(await database.transaction(lambda connection: connection.execute(statement).rowcount))


async def agreed(
    database: Database, kind: str, parties: Collection[bytes], purpose: str
) -> Mapping[bytes, bool]:
    """By address: what its person, also one that others turned out to be, said last. Who never said anything
    is not named."""
    root = func.coalesce(subscribers.c.merged_into, subscribers.c.id)
    rows = await database.read(
        select(addresses.c.index, root)
        .join(subscribers, subscribers.c.id == addresses.c.subscriber)
        .where(addresses.c.kind == kind, addresses.c.index.in_(sorted(set(parties))))
    )
    person_of = {row[0]: row[1] for row in rows}
    people = sorted(set(person_of.values()))
    if not people:
        return {}
    merged = await database.read(
        select(subscribers.c.id, subscribers.c.merged_into).where(subscribers.c.merged_into.in_(people))
    )
    root_of = {person: person for person in people} | {row[0]: row[1] for row in merged}
    answers = await database.read(
        select(consents.c.subscriber, consents.c.given)
        .where(consents.c.subscriber.in_(sorted(root_of)), consents.c.purpose == purpose)
        .order_by(consents.c.id)
    )
    last = {root_of[row[0]]: bool(row[1]) for row in answers}
    return {party: last[person] for party, person in person_of.items() if person in last}


def _row(each: Suppression) -> dict[str, Any]:
    return {
        "channel": each.channel,
        "party": each.party,
        "scope": each.scope,
        "reason": each.reason,
        "at": each.at,
        "until": each.until,
    }
