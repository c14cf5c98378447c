"""Where businesses want to be told what happens (webhooks), and what they are owed.

Whatever makes an event true adds a delivery for each place that is told of it, in the same unit or
transaction, so that nothing is told that did not happen, and nothing that happened is forgotten.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Select, insert, select, update

from records import driver
from records.database import Database
from records.ids import new_id
from records.tables import account_messages, accounts, outbox, webhook_deliveries, webhooks
from records.unit import Unit
from records.vault import Vault

# What a message's status is called as an event; a message that waits again is none.
OF_MESSAGES = {
    status: f"message.{status}"
    for status in ("sent", "delivered", "failed", "blocked", "expired", "cancelled")
}
INBOUND = "inbound.received"
TEST = "webhook.test"
EVENTS = (*OF_MESSAGES.values(), INBOUND)

TOGETHER = 500  # Messages whose owners are looked up in one statement.

Change = tuple[bytes, str]
"""A message, and the status that it has now."""


class Place(msgspec.Struct, array_like=True, frozen=True):
    """What is sealed: where to, and the secrets that are signed with, the newest first, each with until when
    it is (None: until another one comes)."""

    url: str
    secrets: list[tuple[str, datetime | None]]


@dataclass(frozen=True, slots=True)
class Webhook:
    id: bytes
    account: bytes
    sandbox: bool
    events: tuple[str, ...]
    description: str
    sealed: bytes
    created_at: datetime
    failing_since: datetime | None
    paused_at: datetime | None
    paused_why: str | None


@dataclass(frozen=True, slots=True)
class Brief:
    """What is told of a message that says nothing of its person."""

    id: bytes
    tracking: str
    channel: str
    klass: str
    parts: int | None
    reference: str | None


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Place)

_OWNERS = """
SELECT a.message, o.status, w.id, w.events FROM account_messages AS a
JOIN webhooks AS w ON w.account = a.account AND w.sandbox = a.sandbox AND w.deleted_at IS NULL
JOIN outbox AS o ON o.id = a.message
WHERE a.message """


def seal(vault: Vault, id: bytes, place: Place) -> bytes:
    return vault.seal(_encoder.encode(place), b"webhook" + id)


def place(vault: Vault, id: bytes, sealed: bytes) -> Place:
    """Raises ``Unreadable``."""
    return _decoder.decode(vault.open(sealed, b"webhook" + id))


def add(
    unit: Unit,
    vault: Vault,
    *,
    account: bytes,
    sandbox: bool,
    url: str,
    secret: str,
    events: Sequence[str],
    description: str,
    now: datetime,
) -> Webhook:
    """Adds a place to the unit."""
    id = new_id(now)
    made = Webhook(
        id, account, sandbox, tuple(events), description, seal(vault, id, Place(url, [(secret, None)])), now,
        None, None, None,
    )  # fmt: skip
    unit.insert(
        webhooks,
        {
            "id": id,
            "account": account,
            "sandbox": sandbox,
            "events": " ".join(events),
            "description": description,
            "sealed": made.sealed,
            "created_at": now,
        },
    )
    return made


async def every(database: Database, account: bytes, sandbox: bool) -> Sequence[Webhook]:
    """The account's places, the oldest first."""
    return [_webhook(row) for row in await database.read(_mine(account, sandbox).order_by(webhooks.c.id))]


async def find(database: Database, account: bytes, sandbox: bool, id: bytes) -> Webhook | None:
    rows = await database.read(_mine(account, sandbox).where(webhooks.c.id == id))
    return _webhook(rows[0]) if rows else None


def change(unit: Unit, webhook: Webhook, values: dict[str, Any], *conditions: ColumnElement[bool]) -> None:
    """Changes a place; the unit is a ``Conflict`` where it is gone, or its secrets are not as they were."""
    unit.guard(
        update(webhooks)
        .where(
            webhooks.c.id == webhook.id,
            webhooks.c.sealed == webhook.sealed,
            webhooks.c.deleted_at.is_(None),
            *conditions,
        )
        .values(values)
    )


def owe(unit: Unit, webhook: bytes, event: str, subject: bytes | None, now: datetime) -> bytes:
    """Adds a delivery to the unit; its id. Without a ``subject`` it is about itself."""
    row = _delivery(webhook, event, subject, now)
    unit.insert(webhook_deliveries, row)
    return bytes(row["id"])


async def owe_for(
    database: Database, unit: Unit, account: bytes, sandbox: bool, changes: Sequence[Change], now: datetime
) -> None:
    """Adds what is to be told of the account's messages to the unit that changes them."""
    for webhook in await every(database, account, sandbox):
        for message, status in changes:
            if OF_MESSAGES[status] in webhook.events:
                owe(unit, webhook.id, OF_MESSAGES[status], message, now)


async def brief(database: Database, ids: Collection[bytes]) -> Sequence[Brief]:
    """Messages of businesses, in no order."""
    rows = await database.read(
        select(
            outbox.c.id,
            outbox.c.tracking,
            outbox.c.channel,
            outbox.c["class"],
            outbox.c.parts,
            account_messages.c.reference,
        )
        .join(account_messages, account_messages.c.message == outbox.c.id)
        .where(outbox.c.id.in_(ids))
    )
    return [Brief(*row) for row in rows]


async def listening(database: Database, event: str) -> Sequence[tuple[bytes, Sequence[str]]]:
    """The places that are told of ``event``, but for those of the sandbox, with their accounts' lines."""
    rows = await database.read(
        select(webhooks.c.id, webhooks.c.events, accounts.c.lines)
        .join(accounts, accounts.c.id == webhooks.c.account)
        .where(webhooks.c.deleted_at.is_(None), webhooks.c.sandbox.is_(False))
    )
    return [(id, lines.split()) for id, events, lines in rows if event in events.split()]


def changed(connection: Connection, database: Database, messages: Sequence[bytes], now: datetime) -> None:
    """Writes what is to be told of messages whose status the transaction has changed. Of most systems nobody
    wants to be told anything: that costs one look, whatever the number of messages."""
    anybody = "SELECT 1 FROM webhooks WHERE deleted_at IS NULL LIMIT 1"
    if not messages or driver.execute(connection, anybody).fetchone() is None:
        return
    owed: list[dict[str, Any]] = []
    for start in range(0, len(messages), TOGETHER):
        part = list(messages[start : start + TOGETHER])
        if database.dialect == "postgresql":
            rows = connection.exec_driver_sql(_OWNERS + "= ANY($1::bytea[])", (part,))
        else:
            rows = connection.exec_driver_sql(f"{_OWNERS}IN ({', '.join('?' * len(part))})", tuple(part))
        for message, status, webhook, events in rows:
            event = OF_MESSAGES.get(status)
            if event is not None and event in events.split():
                owed.append(_delivery(webhook, event, message, now))
    if owed:
        connection.execute(insert(webhook_deliveries), owed)


def _delivery(webhook: bytes, event: str, subject: bytes | None, now: datetime) -> dict[str, Any]:
    id = new_id(now)
    return {
        "id": id,
        "webhook": webhook,
        "event": event,
        "subject": id if subject is None else subject,
        "at": now,
        "due_at": now,
    }


def _mine(account: bytes, sandbox: bool) -> Select[Any]:
    return select(
        webhooks.c.id,
        webhooks.c.account,
        webhooks.c.sandbox,
        webhooks.c.events,
        webhooks.c.description,
        webhooks.c.sealed,
        webhooks.c.created_at,
        webhooks.c.failing_since,
        webhooks.c.paused_at,
        webhooks.c.paused_why,
    ).where(webhooks.c.account == account, webhooks.c.sandbox == sandbox, webhooks.c.deleted_at.is_(None))


def _webhook(row: Sequence[Any]) -> Webhook:
    id, account, sandbox, events, *rest = row
    return Webhook(id, account, sandbox, tuple(events.split()), *rest)
