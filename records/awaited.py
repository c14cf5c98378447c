"""Messages that went and whose receipt is awaited: worked under a lease, as those that are to go
(``records.claims``)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, or_, select, update

from records import settlement
from records.database import Database
from records.former import keep_names
from records.settlement import Note, Settled
from records.tables import outbox

AGAIN = "unreceipted"  # What is kept of an attempt whose receipt did not come in time.


@dataclass(frozen=True, slots=True)
class Awaited:
    """A message that went, and whose receipt is due to be asked for."""

    id: bytes
    external_id: str
    sent_at: datetime
    attempts: int
    tracking: str = ""
    channel: str = ""
    klass: str = ""
    sealed: bytes = b""
    expires_at: datetime | None = None


async def claim_receipts(
    database: Database, provider: str, *, now: datetime, lease: bytes, until: datetime, most: int
) -> Sequence[Awaited]:
    """Messages that ``provider`` took and whose receipt is due to be asked for, leased to ``lease``."""
    due = (
        select(
            outbox.c.id,
            outbox.c.external_id,
            outbox.c.sent_at,
            outbox.c.attempts,
            outbox.c.tracking,
            outbox.c.channel,
            outbox.c["class"],
            outbox.c.sealed,
            outbox.c.expires_at,
        )
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
        return [Awaited(row[0], row[1] or "", *row[2:]) for row in rows]

    return await database.transaction(take)


async def send_again(
    database: Database, lease: bytes, messages: Sequence[Awaited], provider: str, now: datetime
) -> None:
    """Queues messages whose receipt did not come in time once more. What they are called by the provider
    that has them stays known: a receipt that comes late still counts."""
    ids = [each.id for each in messages]

    def write(connection: Connection) -> None:
        mine = (outbox.c.id.in_(ids), outbox.c.lease_owner == lease, outbox.c.status == "sent")
        held = connection.execute(
            select(outbox.c.id, outbox.c.provider, outbox.c.external_id).where(*mine).with_for_update()
        ).all()
        if not held:
            return
        keep_names(connection, database, [(row[1], row[2], row[0]) for row in held], now)
        connection.execute(
            update(outbox)
            .where(outbox.c.id.in_([row[0] for row in held]))
            .values(status="queued", due_at=now, sent_at=None, lease_owner=None, lease_until=None)
        )
        note = Note("attempt", AGAIN, "no receipt in time", provider)
        said = [Settled(row[0], "queued", 0, now, provider, notes=(note,)) for row in held]
        settlement.note(connection, database, said, now)

    await database.transaction(write)
