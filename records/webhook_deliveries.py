"""What businesses are owed by their webhooks, as it is worked: claimed under a lease, settled, told again.

The lease is in the row's ``due_at``: a claim puts it off until then, so that nobody else finds it due before,
and a process that is killed leaves it to whoever looks after that. Each place is worked for itself; finding
those with something due is a single step in one index for each (``ix_webhook_deliveries_waiting``), whatever
the number of deliveries that wait there.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, select, update

from records.database import Database
from records.ids import least_id
from records.tables import microseconds, moment, webhook_deliveries, webhooks
from records.unit import Unit

WAITING, DELIVERED, FAILED = "waiting", "delivered", "failed"

# The places that something waits for: each is the first behind the one before it.
_DUE = """
WITH RECURSIVE waiting (webhook, due_at) AS (
 SELECT f.webhook, f.due_at FROM
  (SELECT webhook, due_at FROM webhook_deliveries WHERE finished_at IS NULL
   ORDER BY webhook, due_at LIMIT 1) AS f
 UNION ALL
 SELECT d.webhook, d.due_at FROM waiting JOIN webhook_deliveries AS d ON d.id =
  (SELECT n.id FROM webhook_deliveries AS n WHERE n.finished_at IS NULL AND n.webhook > waiting.webhook
   ORDER BY n.webhook, n.due_at LIMIT 1))
SELECT w.id, w.sealed, w.failing_since FROM waiting JOIN webhooks AS w ON w.id = waiting.webhook
WHERE waiting.due_at <= {now} AND w.paused_at IS NULL AND w.deleted_at IS NULL"""


@dataclass(frozen=True, slots=True)
class Due:
    """A place that something is due for. ``failing_since``: nothing went there that was tried since then."""

    id: bytes
    sealed: bytes
    failing_since: datetime | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """A claimed row; ``attempts`` counts this one."""

    id: bytes
    event: str
    subject: bytes
    at: datetime
    attempts: int


@dataclass(frozen=True, slots=True)
class Told:
    """A delivery as its owner sees it."""

    id: bytes
    event: str
    subject: bytes
    at: datetime
    status: str
    attempts: int
    due_at: datetime
    tried_at: datetime | None
    answered: int | None
    problem: str | None
    finished_at: datetime | None


async def due(database: Database, now: datetime) -> Sequence[Due]:
    """The places that something is due for; it costs no transaction. Raises ``Unavailable``."""
    mark = "$1" if database.dialect == "postgresql" else "?"

    def look(connection: Connection) -> list[Due]:
        rows = connection.exec_driver_sql(_DUE.format(now=mark), (microseconds(now),))
        return [Due(id, sealed, None if since is None else moment(since)) for id, sealed, since in rows]

    return await database.look(look)


async def claim(
    database: Database, rooms: Mapping[bytes, int], *, now: datetime, lease: bytes, until: datetime
) -> Mapping[bytes, list[Delivery]]:
    """At most so many deliveries of each place, those that are due longest first, leased to ``lease``. Raises
    ``Unavailable``."""
    each = webhook_deliveries.c

    def take(connection: Connection) -> dict[bytes, list[Delivery]]:
        taken: dict[bytes, list[Delivery]] = {}
        for webhook, room in rooms.items():
            rows = connection.execute(
                select(each.id, each.event, each.subject, each.at, each.attempts)
                .where(each.webhook == webhook, each.finished_at.is_(None), each.due_at <= now)
                .order_by(each.due_at, each.id)
                .limit(room)
                .with_for_update(skip_locked=True)  # On SQLite the transaction is the only writer.
            ).all()
            if rows:
                taken[webhook] = [Delivery(*row[:4], row[4] + 1) for row in rows]
                connection.execute(
                    update(webhook_deliveries)
                    .where(each.id.in_([row[0] for row in rows]))
                    .values(lease_owner=lease, due_at=until, attempts=each.attempts + 1)
                )
        return taken

    return await database.transaction(take)


async def renew(database: Database, lease: bytes, ids: Collection[bytes], until: datetime) -> None:
    """Holds what is leased to ``lease``, and not settled, for longer."""
    each = webhook_deliveries.c
    statement = (
        update(webhook_deliveries)
        .where(each.id.in_(ids), each.lease_owner == lease, each.finished_at.is_(None))
        .values(due_at=until)
    )
    await database.transaction(lambda connection: connection.execute(statement))


async def forsake(database: Database, now: datetime) -> None:
    """Ends every lease: for a process that begins and knows that no other one tells."""
    each = webhook_deliveries.c
    statement = (
        update(webhook_deliveries)
        .where(each.finished_at.is_(None), each.lease_owner.is_not(None))
        .values(lease_owner=None, due_at=now)
    )
    await database.transaction(lambda connection: connection.execute(statement))


async def release(database: Database, lease: bytes, ids: Collection[bytes], now: datetime) -> None:
    """Gives back what was not tried, as if never claimed."""
    each = webhook_deliveries.c
    statement = (
        update(webhook_deliveries)
        .where(each.id.in_(ids), each.lease_owner == lease, each.finished_at.is_(None))
        .values(lease_owner=None, due_at=now, attempts=each.attempts - 1)
    )
    await database.transaction(lambda connection: connection.execute(statement))


def settle(
    unit: Unit,
    lease: bytes,
    id: bytes,
    *,
    status: str,
    due_at: datetime,
    answered: int | None,
    problem: str | None,
    now: datetime,
) -> None:
    """Says what became of a try; the unit is a ``Conflict`` when it is leased to somebody else by now."""
    each = webhook_deliveries.c
    unit.guard(
        update(webhook_deliveries)
        .where(each.id == id, each.lease_owner == lease, each.finished_at.is_(None))
        .values(
            status=status,
            due_at=due_at,
            lease_owner=None,
            tried_at=now,
            answered=answered,
            problem=problem,
            finished_at=None if status == WAITING else now,
        )
    )


def healthy(unit: Unit, webhook: bytes) -> None:
    """Something went there."""
    unit.update(webhooks, {"id": webhook}, {"failing_since": None})


def failing(unit: Unit, webhook: bytes, now: datetime) -> None:
    """The first thing that did not go since one went."""
    unit.update(webhooks, {"id": webhook}, {"failing_since": now})


def pause(unit: Unit, webhook: bytes, why: str, now: datetime) -> None:
    """Nothing more is tried there."""
    unit.update(webhooks, {"id": webhook}, {"paused_at": now, "paused_why": why})


async def page(
    database: Database, webhook: bytes, *, before: bytes | None, status: str | None, most: int
) -> Sequence[Told]:
    """At most ``most`` deliveries of a place, the newest first, from those older than ``before``."""
    each = webhook_deliveries.c
    statement = _told().where(each.webhook == webhook)
    if before is not None:
        statement = statement.where(each.id < before)
    if status is not None:
        statement = statement.where(each.status == status)
    return [Told(*row) for row in await database.read(statement.order_by(each.id.desc()).limit(most))]


async def find(database: Database, webhook: bytes, id: bytes) -> Told | None:
    each = webhook_deliveries.c
    rows = await database.read(_told().where(each.id == id, each.webhook == webhook))
    return Told(*rows[0]) if rows else None


async def replay(database: Database, webhook: bytes, id: bytes, now: datetime) -> bool:
    """Has a delivery told again, whatever became of it, as if it were new; whether there is one."""
    return bool(await database.transaction(lambda connection: _again(connection, webhook, [id], now)))


async def replay_failed(
    database: Database, webhook: bytes, since: datetime, now: datetime, most: int
) -> Sequence[bytes]:
    """Has at most ``most`` of those told again that nobody is told of any more, of events from ``since`` on;
    which."""
    each = webhook_deliveries.c

    def write(connection: Connection) -> Sequence[bytes]:
        found = connection.execute(
            select(each.id)
            .where(each.webhook == webhook, each.status == FAILED, each.at >= since)
            .order_by(each.id)
            .limit(most)
            .with_for_update(skip_locked=True)
        ).all()
        ids = [row[0] for row in found]
        if ids:
            _again(connection, webhook, ids, now)
        return ids

    return await database.transaction(write)


async def forget(database: Database, before: datetime, most: int) -> int:
    """Deletes at most ``most`` deliveries of events from before then, whatever became of them; how many."""
    each = webhook_deliveries.c
    old = select(each.id).where(each.id < least_id(before)).order_by(each.id).limit(most)
    statement = delete(webhook_deliveries).where(each.id.in_(old))
    return await database.transaction(lambda connection: int(connection.execute(statement).rowcount))


def _again(connection: Connection, webhook: bytes, ids: Sequence[bytes], now: datetime) -> int:
    each = webhook_deliveries.c
    done = connection.execute(
        update(webhook_deliveries)
        .where(each.id.in_(ids), each.webhook == webhook)
        .values(status=WAITING, due_at=now, attempts=0, lease_owner=None, finished_at=None)
    )
    return int(done.rowcount)


def _told() -> Any:
    each = webhook_deliveries.c
    return select(
        each.id,
        each.event,
        each.subject,
        each.at,
        each.status,
        each.attempts,
        each.due_at,
        each.tried_at,
        each.answered,
        each.problem,
        each.finished_at,
    )
