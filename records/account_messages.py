"""What businesses sent by the API: which messages of the outbox are whose, and the answers that are kept for
requests that come again."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    delete,
    exists,
    func,
    literal_column,
    select,
    type_coerce,
    update,
)

from records.database import Database
from records.ids import least_id
from records.tables import account_answers, account_messages, attempts, order_steps, outbox
from records.unit import Unit


@dataclass(frozen=True, slots=True)
class Sent:
    """One message: columns of ``outbox``, and the sender's own ``reference`` to it."""

    id: bytes
    tracking: str
    channel: str
    klass: str
    status: str
    sealed: bytes
    parts: int | None
    cost: int | None
    created_at: datetime
    due_at: datetime
    expires_at: datetime
    sent_at: datetime | None
    finished_at: datetime | None
    reference: str | None


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that became known of a message."""

    at: datetime
    kind: str
    status: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request was answered, sealed in the records; ``digest`` is the HMAC of the request."""

    digest: bytes
    status: int
    body: str


@dataclass(frozen=True, slots=True)
class Used:
    """Messages of a day, a channel and a status together; ``cost`` in rial."""

    day: date
    channel: str
    status: str
    messages: int
    parts: int
    cost: int


_DAY: ColumnElement[int] = literal_column(
    "86400000000"
)  # Microseconds; not a parameter, so that a group is what is selected.
_EPOCH = date(1970, 1, 1)


def add(unit: Unit, message: bytes, account: bytes, sandbox: bool, reference: str | None) -> None:
    """Says whose a message is that the unit adds."""
    unit.insert(
        account_messages,
        {"message": message, "account": account, "sandbox": sandbox, "reference": reference},
    )


async def find(database: Database, account: bytes, sandbox: bool, id: bytes) -> Sent | None:
    """The account's message of this id."""
    rows = await database.read(_mine(account, sandbox).where(account_messages.c.message == id))
    return Sent(*rows[0]) if rows else None


async def tracked(
    database: Database, account: bytes, sandbox: bool, numbers: Collection[str]
) -> Sequence[Sent]:
    """The account's messages of these tracking numbers, in no order."""
    return [
        Sent(*row)
        for row in await database.read(_mine(account, sandbox).where(outbox.c.tracking.in_(numbers)))
    ]


async def page(
    database: Database,
    account: bytes,
    sandbox: bool,
    *,
    before: bytes | None,
    most: int,
    reference: str | None = None,
) -> Sequence[Sent]:
    """At most ``most`` messages of the account, the newest first, from those older than ``before``."""
    statement = _mine(account, sandbox)
    if before is not None:
        statement = statement.where(account_messages.c.message < before)
    if reference is not None:
        statement = statement.where(account_messages.c.reference == reference)
    ordered = statement.order_by(account_messages.c.message.desc()).limit(most)
    return [Sent(*row) for row in await database.read(ordered)]


async def history(database: Database, id: bytes) -> Sequence[Step]:
    """What became known of a message, in its order."""
    rows = await database.read(
        select(attempts.c.at, attempts.c.kind, attempts.c.status)
        .where(attempts.c.message == id)
        .order_by(attempts.c.id)
    )
    return [Step(*row) for row in rows]


async def usage(
    database: Database, account: bytes, sandbox: bool, since: datetime, until: datetime
) -> Sequence[Used]:
    """What the account sent from then until before then, by day (in UTC), channel and status."""
    day = type_coerce(outbox.c.created_at, BigInteger).op("/")(_DAY)
    mine = account_messages.c
    statement = (
        select(
            day,
            outbox.c.channel,
            outbox.c.status,
            func.count(),
            func.coalesce(func.sum(outbox.c.parts), 0),
            func.coalesce(func.sum(outbox.c.cost), 0),
        )
        .join(outbox, outbox.c.id == mine.message)
        .where(mine.account == account, mine.sandbox == sandbox)
        .where(mine.message >= least_id(since), mine.message < least_id(until))
        .group_by(day, outbox.c.channel, outbox.c.status)
        .order_by(day, outbox.c.channel, outbox.c.status)
    )
    return [
        Used(_EPOCH + timedelta(days=int(number)), channel, status, *map(int, sums))
        for number, channel, status, *sums in await database.read(statement)
    ]


def cancel(unit: Unit, id: bytes, now: datetime) -> None:
    """Ends a message that no provider has been handed: otherwise the unit is a ``Conflict``. One that was
    handed over and is to be sent again may have gone, so nobody can say that it was cancelled."""
    unit.guard(
        update(outbox)
        .where(
            outbox.c.id == id,
            outbox.c.status == "queued",
            outbox.c.attempts == 0,
            outbox.c.finished_at.is_(None),
            outbox.c.sent_at.is_(None),
            ~exists().where(order_steps.c.message == id, order_steps.c.ended.is_not(None)),
        )
        .values(status="cancelled", finished_at=now)
    )


def keep_answer(unit: Unit, id: bytes, digest: bytes, status: int, body: str, now: datetime) -> None:
    """Keeps what a request is answered; a ``Conflict`` where there is an answer already."""
    unit.insert(
        account_answers, {"id": id, "digest": digest, "status": status, "body": body, "created_at": now}
    )


async def answer(database: Database, id: bytes) -> Answer | None:
    """What the request was answered."""
    kept = account_answers.c
    rows = await database.read(select(kept.digest, kept.status, kept.body).where(kept.id == id))
    return Answer(*rows[0]) if rows else None


async def forget_answers(database: Database, before: datetime, most: int) -> int:
    """Deletes at most ``most`` answers from before then; how many."""
    old = (
        select(account_answers.c.id)
        .where(account_answers.c.created_at < before)
        .order_by(account_answers.c.created_at)
        .limit(most)
    )
    statement = delete(account_answers).where(account_answers.c.id.in_(old))
    return await database.transaction(lambda connection: int(connection.execute(statement).rowcount))


def _mine(account: bytes, sandbox: bool) -> Select[Any]:
    return (
        select(
            outbox.c.id,
            outbox.c.tracking,
            outbox.c.channel,
            outbox.c["class"],
            outbox.c.status,
            outbox.c.sealed,
            outbox.c.parts,
            outbox.c.cost,
            outbox.c.created_at,
            outbox.c.due_at,
            outbox.c.expires_at,
            outbox.c.sent_at,
            outbox.c.finished_at,
            account_messages.c.reference,
        )
        .join(outbox, outbox.c.id == account_messages.c.message)
        .where(account_messages.c.account == account, account_messages.c.sandbox == sandbox)
    )
