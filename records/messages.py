"""Outgoing messages as their recipients may see them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select

from records.database import Database
from records.subscribers import members
from records.tables import addresses, outbox


@dataclass(frozen=True, slots=True)
class Message:
    status: str
    channel: str
    created_at: datetime
    sent_at: datetime | None
    finished_at: datetime | None


async def received(database: Database, tracking: str, subscriber: bytes, party: bytes) -> Message | None:
    """The message with a tracking number, if it went to ``party`` or to an address of ``subscriber``."""
    own = select(addresses.c.index).where(addresses.c.subscriber.in_(members(subscriber)))
    rows = await database.read(
        select(
            outbox.c.status, outbox.c.channel, outbox.c.created_at, outbox.c.sent_at, outbox.c.finished_at
        ).where(outbox.c.tracking == tracking, or_(outbox.c.party == party, outbox.c.party.in_(own)))
    )
    return Message(*tuple(rows[0])) if rows else None
