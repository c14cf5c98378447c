"""The look-ups that find a session which no cache knows: one statement for all callers that wait at once.

It answers three questions together, marked by ``part``: the last turn of the session with this key; the
subscriber who has this address; the last turn of the newest session that this person left open on each
channel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from records.database import Database, Dialect
from records.lists import asking
from records.tables import moment

MOST = 64  # Callers looked up by one statement.

_BY_KEY = """
SELECT 1 AS part, s.key AS asked, '' AS word, t.session, t.sequence, t.content, 0 AS at
FROM sessions AS s JOIN turns AS t ON t.session = s.id
 AND t.sequence = (SELECT max(l.sequence) FROM turns AS l WHERE l.session = s.id)
WHERE s.key {keys}"""

_BY_PARTY = """
UNION ALL
SELECT 2, a."index", u.language, a.subscriber, 0, NULL, a.seen_at
FROM addresses AS a JOIN subscribers AS u ON u.id = a.subscriber
WHERE a.kind {kinds} AND a."index" {parties}
UNION ALL
SELECT 3, s.party, s.channel, t.session, t.sequence, t.content, 0
FROM sessions AS s JOIN turns AS t ON t.session = s.id
 AND t.sequence = (SELECT max(l.sequence) FROM turns AS l WHERE l.session = s.id)
WHERE s.closed_at IS NULL AND s.party {parties}
 AND s.id = (SELECT n.id FROM sessions AS n WHERE n.party = s.party AND n.channel = s.channel
             AND n.closed_at IS NULL ORDER BY n.id DESC LIMIT 1)"""


@dataclass(frozen=True, slots=True)
class Asked:
    """``key`` of the session; ``kind`` and ``party`` of the person, or "" and b"" when the key alone is
    asked for; the ``channel`` on which an open session counts, None for any."""

    key: bytes
    kind: str = ""
    party: bytes = b""
    channel: str | None = None


@dataclass(frozen=True, slots=True)
class StoredTurn:
    """A turn as it is stored: ``content`` is sealed."""

    session: bytes
    sequence: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Subscriber:
    """``seen_at``: the last contact from this address before now, where it is known."""

    id: bytes
    language: str
    seen_at: datetime | None


@dataclass(slots=True)
class Found:
    turn: StoredTurn | None = None
    subscriber: Subscriber | None = None
    parked: StoredTurn | None = None


async def find(database: Database, asked: Sequence[Asked]) -> list[Found]:
    """What is known about each, in their order; at most ``MOST`` of them."""

    turns: dict[bytes, StoredTurn] = {}
    subscribers: dict[bytes, Subscriber] = {}
    parked: dict[tuple[bytes, str | None], StoredTurn] = {}
    for part, match, word, id, sequence, content, at in await database.fetch(
        *_statement(database.dialect, asked)
    ):
        if part == 2:
            subscribers[match] = Subscriber(id, word, None if at is None else moment(at))
        elif part == 1:
            turns[match] = StoredTurn(id, sequence, content)
        else:
            newest = parked.get((match, None))
            parked[match, word] = stored = StoredTurn(id, sequence, content)
            if newest is None or newest.session < id:
                parked[match, None] = stored
    return [
        Found(turns.get(each.key), subscribers.get(each.party), parked.get((each.party, each.channel)))
        for each in asked
    ]


def _statement(dialect: Dialect, asked: Sequence[Asked]) -> tuple[str, tuple[Any, ...]]:
    keys = [each.key for each in asked]
    if not any(each.party for each in asked):
        return asking(dialect, _BY_KEY, keys=keys)
    kinds = sorted({each.kind for each in asked})
    return asking(
        dialect, _BY_KEY + _BY_PARTY, keys=keys, kinds=kinds, parties=[each.party for each in asked]
    )
