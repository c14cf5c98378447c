"""The outbox as the dispatcher works it: claim under a lease, settle.

A row is worked while ``finished_at`` is NULL and ``due_at`` has come: ``queued`` and ``claimed`` rows are to
be sent, ``sent`` ones are to be asked about (``records.awaited``). Who works it holds a lease:
``lease_owner`` is new for each claim, so that one who comes late finds that the row is no longer his, and
``lease_until`` is when others may take it. Nothing is locked, and no connection held, between a claim and its
settlement.

A lane is a channel and a class. In it senders take turns: a claim goes from sender to sender, from the one
after the last that was served, and takes as many of each one's messages as of any other's. Where something
waits is found by single steps in one index (``records.lanes``), and so are the first messages of each sender.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select, update

from records import driver, settlement
from records.database import Database
from records.lanes import CLASSES as CLASSES
from records.lanes import Lane as Lane
from records.lanes import senders_behind, senders_due, urgency, waiting
from records.many import Many
from records.settlement import Note as Note
from records.settlement import Settled as Settled
from records.tables import OURSELVES, microseconds, moment, outbox

FEW = 4_096  # A lease is among the first so many messages that a sender has waiting.

_FREE = "o.due_at <= {now} AND (o.lease_until IS NULL OR o.lease_until < {over})"

_TAKE_SQLITE = f"""
SELECT o.id, o.status, o.tracking, o.channel, o.class, o.sealed, o.attempts, o.due_at, o.expires_at, o.parts,
 o.sender, o.party
FROM outbox AS o
WHERE o.finished_at IS NULL AND o.sent_at IS NULL AND o.channel = ?1 AND o.class = ?2 AND o.sender = ?3
 AND {_FREE.format(now="?4", over="?6")} ORDER BY o.due_at, o.id LIMIT ?5"""  # noqa: S608
LEASE = Many(
    """
UPDATE outbox SET status = 'claimed', attempts = outbox.attempts + 1, lease_owner = s.lease,
 lease_until = s.until FROM {rows} WHERE outbox.id = s.id""",
    {"id": "bytea", "lease": "bytea", "until": "bigint"},
)
"""Claims messages that are found to be free."""

# On PostgreSQL rows that another dispatcher takes at this moment are passed over.
_TAKE_POSTGRESQL = f"""
WITH due AS MATERIALIZED (
 SELECT d.id, d.status FROM unnest($1::bytea[]) AS s (sender), LATERAL (
  SELECT o.id, o.status FROM outbox AS o
  WHERE o.finished_at IS NULL AND o.sent_at IS NULL AND o.channel = $2 AND o.class = $3
   AND o.sender = s.sender AND {_FREE.format(now="$4", over="$8")}
  ORDER BY o.due_at, o.id LIMIT $5 FOR UPDATE SKIP LOCKED) AS d)
UPDATE outbox AS o SET status = 'claimed', attempts = o.attempts + 1, lease_owner = $6, lease_until = $7
FROM due WHERE o.id = due.id
RETURNING o.id, due.status, o.tracking, o.channel, o.class, o.sealed, o.attempts, o.due_at, o.expires_at,
 o.parts, o.sender, o.party"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message to send now. ``attempts`` counts this one. ``lapsed``: somebody claimed it before and did
    not settle it, so that it may have gone. ``parts``: the short messages that an SMS is. ``sender``: whose
    it is. ``party``: the blind index of the address."""

    id: bytes
    tracking: str
    channel: str
    klass: str
    sealed: bytes
    attempts: int
    due_at: datetime
    expires_at: datetime
    lapsed: bool
    parts: int | None = None
    sender: bytes = OURSELVES
    party: bytes = b""


async def claim(
    database: Database,
    *,
    now: datetime,
    lease: bytes,
    until: datetime,
    most: int | Mapping[str, int],
    busy: Collection[Lane] = (),
    last: Mapping[Lane, bytes] | None = None,
    lapsed_by: datetime | None = None,
    sure: bool = False,
) -> Sequence[Claimed]:
    """At most ``most`` due messages of each lane that is not ``busy`` (or so many by class), leased to
    ``lease``. Those of the first class first, and of each sender the oldest. ``last``: the sender served
    last in each lane. ``lapsed_by``: when the leases of others must have ended, else ``now``. ``sure``:
    something is known to wait, so that it need not be looked for before a transaction begins. Raises
    ``Unavailable``."""
    served = last or {}
    at, over = microseconds(now), microseconds(lapsed_by or now)

    def look(connection: Connection) -> list[tuple[Lane, list[bytes]]]:
        open_ = sorted((lane for lane in waiting(connection) if lane not in busy), key=urgency)
        found = [(lane, senders_due(connection, database, lane, served.get(lane, b""), at)) for lane in open_]
        return [(lane, senders) for lane, senders in found if senders]

    lanes = None if sure else await database.look(look)
    if lanes == []:  # The usual answer to who is not sure; it costs no transaction.
        return ()

    def take(connection: Connection) -> list[Claimed]:
        claimed: list[Claimed] = []
        for lane, senders in look(connection) if lanes is None else lanes:
            room = most if isinstance(most, int) else most[lane[1]]
            claimed += _fair(
                connection, database, lane, senders, room, (at, over, lease, microseconds(until))
            )
        return claimed

    return await database.transaction(take)


async def settle(
    database: Database, lease: bytes, settled: Sequence[Settled], now: datetime, *, again: bool = False
) -> Sequence[bytes]:
    """Writes what became of messages claimed under ``lease``, and their attempts. Returns the ids that were
    no longer leased: of them only the attempts are kept, but for one that nobody works now and that went.
    ``again``: after an ``Unavailable``, which leaves open whether it was written."""
    done = [(lease, each) for each in settled]
    if not done:
        return ()

    def write(connection: Connection) -> Sequence[bytes]:
        left = settlement.unwritten(connection, done) if again else done
        return settlement.write(connection, database, left, now) if left else ()

    return await database.transaction(write)


async def renew(database: Database, lease: bytes, ids: Sequence[bytes], until: datetime) -> None:
    """Holds messages that are leased to ``lease`` for longer."""
    statement = update(outbox).where(*_leased(lease, ids)).values(lease_until=until)
    await database.transaction(lambda connection: connection.execute(statement))


async def release(database: Database, lease: bytes, ids: Sequence[bytes] | None = None) -> None:
    """Gives back what was claimed under ``lease`` and not handed to a provider, as if never claimed. Without
    ``ids`` it is looked for where a claim takes from: among the first of each sender in each lane."""

    def write(connection: Connection) -> None:
        found = _leased_to(connection, database, lease) if ids is None else list(ids)
        if found:
            connection.execute(
                update(outbox)
                .where(*_leased(lease, found), outbox.c.finished_at.is_(None), outbox.c.status == "claimed")
                .values(status="queued", attempts=outbox.c.attempts - 1, lease_owner=None, lease_until=None)
            )

    await database.transaction(write)


async def depth(database: Database) -> Mapping[str, int]:
    """How many messages of each class wait to be sent."""
    klass = outbox.c["class"]
    rows = await database.read(
        select(klass, func.count())
        .where(outbox.c.finished_at.is_(None), outbox.c.sent_at.is_(None))
        .group_by(klass)
    )
    counted = {row[0]: row[1] for row in rows}
    return {name: counted.get(name, 0) for name in CLASSES}


def _leased_to(connection: Connection, database: Database, lease: bytes) -> list[bytes]:
    found: list[bytes] = []
    for lane in waiting(connection):
        for sender, _due in senders_behind(connection, database, lane, b""):
            first = (
                select(outbox.c.id, outbox.c.lease_owner)
                .where(
                    outbox.c.finished_at.is_(None),
                    outbox.c.sent_at.is_(None),
                    outbox.c.channel == lane[0],
                    outbox.c["class"] == lane[1],
                    outbox.c.sender == sender,
                )
                .order_by(outbox.c.due_at, outbox.c.id)
                .limit(FEW)
            )
            found += [id for id, owner in connection.execute(first) if owner == lease]
    return found


def _fair(
    connection: Connection,
    database: Database,
    lane: Lane,
    senders: Sequence[bytes],
    most: int,
    lease: tuple[int, int, bytes, int],
) -> list[Claimed]:
    """An equal number of each sender's; what some do not use, the others share."""
    claimed: list[Claimed] = []
    hungry = list(senders[:most])
    while hungry and len(claimed) < most:
        each = -(-(most - len(claimed)) // len(hungry))
        taken: dict[bytes, int] = {}
        asked = hungry[: -(-(most - len(claimed)) // each)]
        for one in _take(connection, database, lane, asked, each, lease):
            claimed.append(one)
            taken[one.sender] = taken.get(one.sender, 0) + 1
        hungry = [sender for sender in asked if taken.get(sender, 0) == each]
    return claimed


def _take(
    connection: Connection,
    database: Database,
    lane: Lane,
    senders: Sequence[bytes],
    each: int,
    lease: tuple[int, int, bytes, int],
) -> list[Claimed]:
    now, over, owner, until = lease
    if database.dialect == "postgresql":
        rows = driver.execute(
            connection, _TAKE_POSTGRESQL, (list(senders), *lane, now, each, owner, until, over)
        )
        claimed = [_claimed(row, row[6]) for row in rows]
    else:  # The transaction is the only writer.
        found = [
            row
            for sender in senders
            for row in driver.execute(connection, _TAKE_SQLITE, (*lane, sender, now, each, over))
        ]
        LEASE.run(connection, database, [(row[0], owner, until) for row in found])
        claimed = [_claimed(row, row[6] + 1) for row in found]
    return sorted(claimed, key=lambda one: (one.due_at, one.id))


def _claimed(row: Sequence[Any], attempts: int) -> Claimed:
    id, status, tracking, channel, klass, sealed, _tried, due_at, expires_at, parts, sender, party = row
    return Claimed(
        id,
        tracking,
        channel,
        klass,
        sealed,
        attempts,
        moment(due_at),
        moment(expires_at),
        status == "claimed",
        parts,
        sender,
        party,
    )


def _leased(lease: bytes, ids: Sequence[bytes]) -> tuple[ColumnElement[bool], ...]:
    return (outbox.c.id.in_(ids), outbox.c.lease_owner == lease)
