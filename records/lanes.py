"""Where something waits to be sent: the lanes, and in each its senders.

All of it are single steps in one index (``ix_outbox_lanes``), whatever the number of messages that wait: from
lane to lane and from sender to sender.
"""

from __future__ import annotations

from sqlalchemy import Connection

from records import driver
from records.database import Database

CLASSES = ("otp", "service", "bulk")  # In the order in which they are served.
Lane = tuple[str, str]  # (channel, class)

SENDERS = 64  # Looked at for one claim of one lane; the next claim goes on behind them.

_GOES = "finished_at IS NULL AND sent_at IS NULL"

# The lanes in which something waits: each is the first behind the one before it. (SQLite compares two columns
# at once by the first of them alone, and would walk through all of a lane to find the next one.)
_LANES = f"""
WITH RECURSIVE lanes (channel, class) AS (
 SELECT f.channel, f.class FROM
  (SELECT channel, class FROM outbox WHERE {_GOES} ORDER BY channel, class LIMIT 1) AS f
 UNION ALL
 SELECT o.channel, o.class FROM lanes JOIN outbox AS o ON o.id =
  coalesce(
   (SELECT n.id FROM outbox AS n WHERE n.finished_at IS NULL AND n.sent_at IS NULL
    AND n.channel = lanes.channel AND n.class > lanes.class ORDER BY n.class LIMIT 1),
   (SELECT n.id FROM outbox AS n WHERE n.finished_at IS NULL AND n.sent_at IS NULL
    AND n.channel > lanes.channel ORDER BY n.channel, n.class LIMIT 1)))
SELECT channel, class FROM lanes"""  # noqa: S608  # Words of ours.

# The senders with something in a lane, in their order behind one of them, and when the first of it is due.
_SENDERS = f"""
WITH RECURSIVE senders (sender, due_at) AS (
 SELECT f.sender, f.due_at FROM
  (SELECT sender, due_at FROM outbox WHERE {_GOES} AND channel = {{channel}} AND class = {{klass}}
   AND sender > {{last}} ORDER BY sender, due_at LIMIT 1) AS f
 UNION ALL
 SELECT o.sender, o.due_at FROM senders JOIN outbox AS o ON o.id =
  (SELECT n.id FROM outbox AS n WHERE n.finished_at IS NULL AND n.sent_at IS NULL
   AND n.channel = {{channel}} AND n.class = {{klass}} AND n.sender > senders.sender
   ORDER BY n.sender, n.due_at LIMIT 1))
SELECT sender, due_at FROM senders LIMIT {{most}}"""  # noqa: S608  # Words of ours.


def waiting(connection: Connection) -> list[Lane]:
    """The lanes in which something waits."""
    return [(row[0], row[1]) for row in driver.execute(connection, _LANES)]


def urgency(lane: Lane) -> tuple[int, str]:
    """What lanes are served by, the least first."""
    channel, klass = lane
    return (CLASSES.index(klass), channel)


def senders_due(connection: Connection, database: Database, lane: Lane, last: bytes, now: int) -> list[bytes]:
    """The senders that have something due, beginning behind the one that was served last."""
    found = senders_behind(connection, database, lane, b"")
    behind = [each for each in found if each[0] > last]
    if last and len(found) == SENDERS:  # Not all of them.
        behind = senders_behind(connection, database, lane, last)
    behind += [each for each in found if each[0] <= last]
    return [sender for sender, due in behind[:SENDERS] if due <= now]


def senders_behind(
    connection: Connection, database: Database, lane: Lane, last: bytes
) -> list[tuple[bytes, int]]:
    """The senders behind ``last`` that have something in a lane, each with when its first is due."""
    channel, klass = lane
    if database.dialect == "postgresql":
        statement = _SENDERS.format(channel="$1", klass="$2", last="$3", most="$4")
    else:
        statement = _SENDERS.format(channel="?1", klass="?2", last="?3", most="?4")
    rows = driver.execute(connection, statement, (channel, klass, last, SENDERS))
    return [(row[0], row[1]) for row in rows]
