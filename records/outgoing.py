"""The newest messages of the outbox, opened, for the page that shows what the sandbox took."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select

from records.database import Database
from records.outbox import Content, content
from records.tables import outbox
from records.vault import Unreadable, Vault


@dataclass(frozen=True, slots=True)
class Opened:
    """A message with its words; ``content`` is None where its key is gone."""

    id: bytes
    tracking: str
    channel: str
    klass: str
    status: str
    created_at: datetime
    sent_at: datetime | None
    content: Content | None


async def newest(
    database: Database,
    vault: Vault,
    *,
    channels: Collection[str],
    provider: str,
    most: int,
    parties: Collection[bytes] | None = None,
    after: bytes | None = None,
) -> Sequence[Opened]:
    """At most ``most`` messages on ``channels``, the newest first, that ``provider`` took or that nobody took
    yet; only those to ``parties`` (blind indexes), and only those newer than the id ``after``."""
    statement = select(
        outbox.c.id,
        outbox.c.tracking,
        outbox.c.channel,
        outbox.c["class"],
        outbox.c.status,
        outbox.c.created_at,
        outbox.c.sent_at,
        outbox.c.sealed,
    ).where(
        outbox.c.channel.in_(sorted(channels)),
        or_(outbox.c.provider.is_(None), outbox.c.provider == provider),
    )
    if parties is not None:
        statement = statement.where(outbox.c.party.in_(sorted(parties)))
    if after is not None:
        statement = statement.where(outbox.c.id > after)
    rows = await database.read(statement.order_by(outbox.c.id.desc()).limit(most))
    return [_opened(vault, row) for row in rows]


def _opened(vault: Vault, row: Sequence[Any]) -> Opened:
    id, tracking, channel, klass, status, created_at, sent_at, sealed = row
    try:
        said = content(vault, id, sealed)
    except Unreadable:
        said = None
    return Opened(id, tracking, channel, klass, status, created_at, sent_at, said)
