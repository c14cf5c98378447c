"""Call-backs that people asked for."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from records.database import Database
from records.subscribers import members
from records.tables import callbacks


@dataclass(frozen=True, slots=True)
class Callback:
    id: bytes
    state: str


async def last(database: Database, subscriber: bytes, topic: str) -> Callback | None:
    """The person's newest call-back about a topic."""
    rows = await database.read(
        select(callbacks.c.id, callbacks.c.state)
        .where(callbacks.c.subscriber.in_(members(subscriber)), callbacks.c.topic == topic)
        .order_by(callbacks.c.asked_at.desc())
        .limit(1)
    )
    return Callback(*tuple(rows[0])) if rows else None
