"""Messages that ended without having gone: listed with their reason, and sent on their way again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, update

from records import settlement
from records.database import Database
from records.settlement import Note, Settled
from records.tables import dead_letters, outbox

MOST = 500  # Replayed in one transaction.


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """``reason`` is the outcome in one word, ``detail`` the provider's words."""

    id: bytes
    tracking: str
    at: datetime
    channel: str
    klass: str
    provider: str
    reason: str
    detail: str


async def listed(
    database: Database,
    *,
    channel: str | None = None,
    since: datetime | None = None,
    most: int = 100,
) -> Sequence[DeadLetter]:
    """Those that nobody sent again yet, the newest first."""
    statement = (
        select(
            dead_letters.c.message,
            outbox.c.tracking,
            dead_letters.c.at,
            dead_letters.c.channel,
            dead_letters.c["class"],
            dead_letters.c.provider,
            dead_letters.c.reason,
            dead_letters.c.detail,
        )
        .join(outbox, outbox.c.id == dead_letters.c.message)
        .where(dead_letters.c.replayed_at.is_(None))
        .order_by(dead_letters.c.at.desc(), dead_letters.c.message)
        .limit(most)
    )
    if channel is not None:
        statement = statement.where(dead_letters.c.channel == channel)
    if since is not None:
        statement = statement.where(dead_letters.c.at >= since)
    return [DeadLetter(*row) for row in await database.read(statement)]


async def replay(database: Database, messages: Sequence[bytes], now: datetime) -> int:
    """Queues failed messages again, each with as long to live as it had at first; how many that were. A
    one-time code is not among them: it is stale. Whoever replays one twice at once sends it once."""
    done = 0
    for start in range(0, len(messages), MOST):
        some = messages[start : start + MOST]

        def write(connection: Connection, some: Sequence[bytes] = some) -> int:
            found = connection.execute(
                select(outbox.c.id, outbox.c.created_at, outbox.c.expires_at)
                .where(outbox.c.id.in_(some), outbox.c.status == "failed", outbox.c["class"] != "otp")
                .with_for_update()
            ).all()
            for id, created_at, expires_at in found:
                connection.execute(
                    update(outbox)
                    .where(outbox.c.id == id)
                    .values(
                        status="queued",
                        attempts=0,
                        due_at=now,
                        expires_at=now + (expires_at - created_at),
                        sent_at=None,
                        finished_at=None,
                        lease_owner=None,
                        lease_until=None,
                    )
                )
            ids = [row[0] for row in found]
            if ids:
                connection.execute(
                    update(dead_letters).where(dead_letters.c.message.in_(ids)).values(replayed_at=now)
                )
                note = Note("replay", "queued", "sent on its way again", "none")
                said = [Settled(id, "queued", 0, now, notes=(note,)) for id in ids]
                settlement.note(connection, database, said, now)
            return len(ids)

        done += await database.transaction(write)
    return done


async def by_tracking(database: Database, tracking: str) -> bytes | None:
    """The id of a message; None where there is none."""
    rows = await database.read(select(outbox.c.id).where(outbox.c.tracking == tracking))
    return rows[0][0] if rows else None


async def outcome(database: Database, tracking: str) -> tuple[str, str, str | None, bool]:
    """(status, provider, its name there, whether nothing more comes) of a message."""
    rows = await database.read(
        select(outbox.c.status, outbox.c.provider, outbox.c.external_id, outbox.c.finished_at).where(
            outbox.c.tracking == tracking
        )
    )
    status, provider, external_id, finished_at = rows[0]
    return status, provider or "", external_id, finished_at is not None
