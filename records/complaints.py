"""Complaints and every word of them. ``complaint_events`` is append-only: what was said is never changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from records.changes import change
from records.database import Database
from records.lists import asking
from records.tables import complaint_events, complaints
from records.unit import Unit


@dataclass(frozen=True, slots=True)
class Complaint:
    """A row of ``complaints``. ``revision`` grows with each change, ``party`` is where it was filed from."""

    id: bytes
    number: str
    subscriber: bytes
    channel: str
    session: bytes | None
    category: str
    priority: str
    state: str
    tracking: str | None
    opened_at: datetime
    deadline: datetime
    answered_at: datetime | None
    closed_at: datetime | None
    assignee: str | None
    merged_into: bytes | None
    revision: int
    party: bytes | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """A row of ``complaint_events``; ``sealed`` (what was said, if anything) opens with ``context(id)``."""

    id: bytes
    complaint: bytes
    at: datetime
    author: str
    operator: str | None
    kind: str
    sealed: bytes | None
    file: bytes | None = None


def context(event: bytes) -> bytes:
    """What the words of an event are sealed with."""
    return b"complaint_event:" + event


async def by_number(database: Database, number: str) -> Complaint | None:
    rows = await database.read(select(complaints).where(complaints.c.number == number))
    return Complaint(*tuple(rows[0])) if rows else None


async def by_id(database: Database, row: bytes) -> Complaint | None:
    rows = await database.read(select(complaints).where(complaints.c.id == row))
    return Complaint(*tuple(rows[0])) if rows else None


# Those of the person themselves, and of those who were merged into them. The state is only counted by: as a
# condition it would lead to the index of all that is open.
_OPEN = """
SELECT person, count(CASE WHEN state = 'open' THEN 1 END) FROM (
 SELECT subscriber AS person, state FROM complaints WHERE subscriber {asked}
 UNION ALL
 SELECT s.merged_into, c.state FROM subscribers AS s JOIN complaints AS c ON c.subscriber = s.id
 WHERE s.merged_into {asked}
) AS anon_1 GROUP BY person"""


async def count_open(database: Database, asked: Sequence[bytes]) -> Sequence[int]:
    """How many complaints of each of these people wait for an answer."""
    rows = await database.fetch(*asking(database.dialect, _OPEN, asked=asked))
    found: dict[bytes, int] = dict(rows)
    return [found.get(subscriber, 0) for subscriber in asked]


async def events(database: Database, complaint: bytes) -> Sequence[Event]:
    """Everything that happened to a complaint, in its order."""
    rows = await database.read(
        select(complaint_events)
        .where(complaint_events.c.complaint == complaint)
        .order_by(complaint_events.c.at, complaint_events.c.id)
    )
    return [Event(*tuple(row)) for row in rows]


async def last_answer(database: Database, complaint: bytes) -> Event | None:
    """The newest answer that an operator gave."""
    rows = await database.read(
        select(complaint_events)
        .where(complaint_events.c.complaint == complaint, complaint_events.c.kind == "answered")
        .order_by(complaint_events.c.at.desc(), complaint_events.c.id.desc())
        .limit(1)
    )
    return Event(*tuple(rows[0])) if rows else None


def set_values(unit: Unit, found: Complaint, values: dict[str, Any]) -> None:
    """Changes a complaint as it was found; a ``Conflict`` when anybody changed it since."""
    change(
        unit, complaints, found.id, {**values, "revision": found.revision + 1},
        complaints.c.revision == found.revision,
    )  # fmt: skip
