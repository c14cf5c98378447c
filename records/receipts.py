"""Messages that went and whose receipt is awaited, as those work them who ask for receipts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, or_, select, update

from records.database import Database
from records.tables import outbox


@dataclass(frozen=True, slots=True)
class Awaited:
    """A message that went, and whose receipt is due to be asked for."""

    id: bytes
    external_id: str
    sent_at: datetime
    attempts: int


async def claim_receipts(
    database: Database, provider: str, *, now: datetime, lease: bytes, until: datetime, most: int
) -> Sequence[Awaited]:
    """Messages that ``provider`` took and whose receipt is due to be asked for, leased to ``lease``."""
    due = (
        select(outbox.c.id, outbox.c.external_id, outbox.c.sent_at, outbox.c.attempts)
        .where(
            outbox.c.finished_at.is_(None),
            outbox.c.sent_at.is_not(None),
            outbox.c.provider == provider,
            outbox.c.due_at <= now,
            or_(outbox.c.lease_until.is_(None), outbox.c.lease_until < now),
        )
        .order_by(outbox.c.due_at, outbox.c.id)
        .limit(most)
    )
    if not await database.read(due.limit(1)):
        return ()

    def take(connection: Connection) -> list[Awaited]:
        rows = connection.execute(due.with_for_update(skip_locked=True)).all()
        if ids := [row.id for row in rows]:
            connection.execute(
                update(outbox).where(outbox.c.id.in_(ids)).values(lease_owner=lease, lease_until=until)
            )
        return [Awaited(*row) for row in rows]

    return await database.transaction(take)
