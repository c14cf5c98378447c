"""What becomes known of messages by others than the providers that carried them: by the app that shows a
push, by a mail that came back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, exists, or_, select, update

from records import suppressions
from records.database import Database
from records.receipts import Known, Told, apply
from records.tables import account_messages, order_steps, outbox

APP = "app"  # Whoever shows a push, and says so.


async def arrived(
    database: Database, account: bytes, sandbox: bool, numbers: Sequence[str], now: datetime
) -> int:
    """The app of this account has its pushes of these tracking numbers; how many it has. It is the receipt
    of a channel whose services have none."""
    pushed = exists().where(
        order_steps.c.message == outbox.c.id,
        order_steps.c.channel == "push",
        order_steps.c.started_at.is_not(None),
    )
    mine = (
        select(outbox.c.id, outbox.c.tracking, outbox.c.status)
        .join(account_messages, account_messages.c.message == outbox.c.id)
        .where(
            outbox.c.tracking.in_(numbers),
            account_messages.c.account == account,
            account_messages.c.sandbox == sandbox,
            or_(outbox.c.channel == "push", pushed),
            outbox.c.status != "cancelled",
        )
        .order_by(outbox.c.id)
    )

    def write(connection: Connection) -> int:
        rows = connection.execute(mine).all()
        told = [(Known(row.id, row.status, True), Told(row.tracking, "delivered")) for row in rows]
        apply(connection, database, APP, told, now)
        by_push = (order_steps.c.message.in_([row.id for row in rows]), order_steps.c.channel == "push")
        ended = order_steps.c.ended.is_not(None)
        connection.execute(update(order_steps).where(*by_push, ended).values(ended="delivered"))
        return len(rows)

    return await database.transaction(write)


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail of ours that somebody tells of."""

    id: bytes
    status: str
    provider: str
    party: bytes
    sealed: bytes


async def mailed(database: Database, id: bytes, tracking: str) -> Mail | None:
    """The mail that went with this id and this tracking number."""
    rows = await database.read(
        select(outbox.c.id, outbox.c.status, outbox.c.provider, outbox.c.party, outbox.c.sealed).where(
            outbox.c.id == id,
            outbox.c.tracking == tracking,
            outbox.c.channel == "email",
            outbox.c.sent_at.is_not(None),
        )
    )
    return Mail(*rows[0]) if rows else None


async def bounced(
    database: Database, mail: Mail, detail: str, suppression: suppressions.Suppression | None, now: datetime
) -> None:
    """Somebody on the way gave up on a mail, in these words; its address is suppressed as said."""

    def write(connection: Connection) -> None:
        said = Told("", "failed", detail)
        told = [(Known(mail.id, mail.status, False), said)]
        apply(connection, database, mail.provider or "none", told, now)
        if suppression is not None:
            suppressions.write(connection, database, [suppression])

    await database.transaction(write)
