"""The outbox of channels where people talk: each person's messages go in order, and nobody waits for another.

What is settled and what is claimed next share a transaction. A message is claimed only when no earlier one of
its class to the same person, by the same bot, was put off beyond it (which its provider's name tells from one
that is for later anyway) or is leased to somebody; among the claimed ones whoever sends keeps the order. On
PostgreSQL one process claims at a time, or two of them could take neighbouring messages at once.

The channels (``tables.TALKING``) stand in the statements as they stand in the partial indexes, or a planner
would not see that an index serves.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection

from records import settlement
from records.claims import CLASSES, LEASE, Claimed
from records.database import Database, Dialect
from records.settlement import Done
from records.tables import microseconds, moment

_ONE_CLAIMS = 0x63686170  # The advisory lock of whoever claims.

_NAME = re.compile(r"\{(\w+)\}")  # A value's place in a statement.

_ANY_DUE = """
SELECT 1 FROM outbox AS o
WHERE o.channel IN ('telegram', 'bale') AND o.finished_at IS NULL AND o.class = {klass} AND o.due_at <= {now}
 AND (o.lease_until IS NULL OR o.lease_until < {over}) AND o.status IN ('queued', 'claimed') LIMIT 1"""

# What is earlier is asked for one message at a time, by its party. NOT EXISTS would leave PostgreSQL free to
# read all that wait: of 100,000 it did, and by statistics from before they came it compared each with each.
_DUE = """
SELECT o.id, o.tracking, o.channel, o.class, o.sealed, o.status, o.attempts, o.due_at, o.expires_at
FROM outbox AS o
WHERE o.channel IN ('telegram', 'bale') AND o.finished_at IS NULL AND o.class = {klass} AND o.due_at <= {now}
 AND (o.lease_until IS NULL OR o.lease_until < {over}) AND o.status IN ('queued', 'claimed')
 AND (SELECT 1 FROM outbox AS e
  WHERE e.channel IN ('telegram', 'bale') AND e.finished_at IS NULL AND e.party = o.party AND e.id < o.id
  AND e.channel = o.channel AND e.route = o.route AND e.class = o.class
  AND (e.due_at > o.due_at AND e.provider IS NOT NULL OR e.lease_until >= {over}) LIMIT 1) IS NULL
ORDER BY o.due_at, o.id LIMIT {most}"""


async def waits(database: Database, now: datetime, lapsed_by: datetime | None = None) -> bool:
    """Whether a message may be due: a look that costs no transaction. ``lapsed_by``: when the leases of
    others must have ended, else ``now``."""
    at, over = microseconds(now), microseconds(lapsed_by or now)

    def look(connection: Connection) -> bool:
        return any(
            connection.exec_driver_sql(*_written(_ANY_DUE, database, klass=klass, now=at, over=over)).first()
            for klass in CLASSES
        )

    return await database.look(look)


async def forsake(database: Database) -> None:
    """Ends every lease: for a process that begins and knows that no other one sends."""
    statement = """
UPDATE outbox SET lease_until = 0
WHERE channel IN ('telegram', 'bale') AND finished_at IS NULL AND status = 'claimed'"""
    await database.transaction(lambda connection: connection.exec_driver_sql(statement))


async def exchange(
    database: Database,
    done: Sequence[Done],
    *,
    now: datetime,
    lease: bytes,
    until: datetime,
    most: int,
    lapsed_by: datetime | None = None,
    again: bool = False,
) -> tuple[Sequence[Claimed], int]:
    """Settles what is done, and claims at most ``most`` messages, the oldest of the first class first, under
    ``lease``. The claimed messages, and how many of the settled ones were no longer leased to us. ``again``:
    after an ``Unavailable``, which leaves open whether something was settled. Raises ``Unavailable``."""
    at, over = microseconds(now), microseconds(lapsed_by or now)

    def write(connection: Connection) -> tuple[list[Claimed], int]:
        left = settlement.unwritten(connection, done) if again else done
        lost = settlement.write(connection, database, left, now) if left else ()
        return _claim(connection, database, (at, over), lease, until, most) if most > 0 else [], len(lost)

    return await database.transaction(write)


def _claim(
    connection: Connection,
    database: Database,
    times: tuple[int, int],
    lease: bytes,
    until: datetime,
    most: int,
) -> list[Claimed]:
    if database.dialect == "postgresql":
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock($1)", (_ONE_CLAIMS,))
    claimed: list[Claimed] = []
    now, over = times
    for klass in CLASSES:
        if len(claimed) < most:
            statement = _written(_DUE, database, klass=klass, now=now, over=over, most=most - len(claimed))
            claimed += [_claimed(row) for row in connection.exec_driver_sql(*statement)]
    LEASE.run(connection, database, [(each.id, lease, microseconds(until)) for each in claimed])
    return claimed


def _written(statement: str, database: Database, **values: Any) -> tuple[str, tuple[Any, ...]]:
    """The statement with this database's marks in the places of its values, and the values in their order."""
    text, names = _marked(statement, database.dialect)
    return text, tuple([values[name] for name in names])


@cache
def _marked(statement: str, dialect: Dialect) -> tuple[str, tuple[str, ...]]:
    """The statement with marks, and the name of the value for each of them."""
    names = _NAME.findall(statement)
    if dialect == "sqlite":
        return _NAME.sub("?", statement), tuple(names)
    once = list(dict.fromkeys(names))
    return _NAME.sub(lambda found: f"${once.index(found[1]) + 1}", statement), tuple(once)


def _claimed(row: Sequence[Any]) -> Claimed:
    id, tracking, channel, klass, sealed, status, tried, due_at, expires_at = row
    lapsed = status == "claimed"
    return Claimed(
        id, tracking, channel, klass, sealed, tried + 1, moment(due_at), moment(expires_at), lapsed
    )
