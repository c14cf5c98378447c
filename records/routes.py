"""What is known of providers beyond one process: what an operator said of each, how healthy each was minute
by minute, and who tried a message before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from records.database import Database
from records.tables import attempts, provider_minutes, provider_states

STATES = ("on", "paused", "drained")
COUNTED = ("taken", "faults", "refused", "throttled")


@dataclass(frozen=True, slots=True)
class Minute:
    """What became in one minute of what a provider was handed."""

    provider: str
    minute: datetime
    taken: int
    faults: int
    refused: int
    throttled: int


async def states(database: Database) -> Mapping[str, str]:
    """What operators said of providers; who is not named is on."""
    rows = await database.read(select(provider_states.c.provider, provider_states.c.state))
    return {row[0]: row[1] for row in rows}


async def set_state(database: Database, provider: str, state: str, now: datetime) -> None:
    """Says of a provider that it is ``on``, ``paused`` or ``drained``; every dispatcher sees it soon."""
    if state not in STATES:
        raise ValueError(f"a state is {', '.join(STATES)}, not {state!r}")

    def write(connection: Connection) -> None:
        connection.execute(delete(provider_states).where(provider_states.c.provider == provider))
        if state != "on":
            connection.execute(provider_states.insert().values(provider=provider, state=state, at=now))

    await database.transaction(write)


async def count(database: Database, minutes: Sequence[Minute]) -> None:
    """Adds what was counted to what others counted in the same minutes."""
    insert = postgresql.insert if database.dialect == "postgresql" else sqlite.insert
    statement = insert(provider_minutes)
    added = {name: provider_minutes.c[name] + statement.excluded[name] for name in COUNTED}
    keys = [provider_minutes.c.minute, provider_minutes.c.provider]
    upsert = statement.on_conflict_do_update(index_elements=keys, set_=added)
    # In one order, or two processes could wait for one another.
    rows = [
        {name: getattr(each, name) for name in ("minute", "provider", *COUNTED)}
        for each in sorted(minutes, key=lambda each: (each.minute, each.provider))
    ]
    await database.transaction(lambda connection: connection.execute(upsert, rows))


async def counted(database: Database, since: datetime) -> Sequence[Minute]:
    """What all processes counted from ``since`` on, the oldest first."""
    rows = await database.read(
        select(
            provider_minutes.c.provider,
            provider_minutes.c.minute,
            *(provider_minutes.c[name] for name in COUNTED),
        )
        .where(provider_minutes.c.minute >= since)
        .order_by(provider_minutes.c.minute, provider_minutes.c.provider)
    )
    return [Minute(*row) for row in rows]


async def tried(database: Database, messages: Sequence[bytes]) -> Mapping[bytes, Sequence[tuple[str, str]]]:
    """Who was handed each message before and what came of it, (provider, status), in order."""
    rows = await database.read(
        select(attempts.c.message, attempts.c.provider, attempts.c.status)
        .where(attempts.c.message.in_(messages), attempts.c.kind == "attempt")
        .order_by(attempts.c.message, attempts.c.id)
    )
    found: dict[bytes, list[tuple[str, str]]] = {}
    for message, provider, status in rows:
        found.setdefault(message, []).append((provider, status))
    return found
