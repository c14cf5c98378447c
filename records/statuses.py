"""What follows when messages have another status, in the transaction that gives it to them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from records import credit, webhooks
from records.database import Database
from records.unit import Unit


def changed(
    connection: Connection,
    database: Database,
    messages: Sequence[bytes],
    now: datetime,
    over: Sequence[bytes] = (),
) -> None:
    """The transaction has given these messages another status, and those that are ``over`` only their end."""
    webhooks.changed(connection, database, messages, now)
    credit.ended(connection, [*messages, *over], now)


async def cancelled(
    database: Database, unit: Unit, account: bytes, sandbox: bool, message: bytes, now: datetime
) -> None:
    """The unit cancels this message of the account's."""
    await webhooks.owe_for(database, unit, account, sandbox, [(message, "cancelled")], now)
    credit.over(unit, message, now)
