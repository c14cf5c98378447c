"""Consents: append-only, the last row of (subscriber, purpose) is in force."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from records.database import Database
from records.subscribers import members
from records.tables import consents


async def last(database: Database, subscriber: bytes, purpose: str) -> tuple[bool, datetime] | None:
    """What the subscriber said last, and when; None when never asked."""
    rows = await database.read(
        select(consents.c.given, consents.c.at)
        .where(consents.c.subscriber.in_(members(subscriber)), consents.c.purpose == purpose)
        .order_by(consents.c.id.desc())
        .limit(1)
    )
    return (bool(rows[0][0]), rows[0][1]) if rows else None
