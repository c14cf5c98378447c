"""Rows that tests commit."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select

from records.database import Database
from records.ids import new_id
from records.tables import complaints, subscribers, turns
from records.unit import Unit

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def turn(session: bytes | None = None, sequence: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "session": new_id(NOW) if session is None else session,
        "sequence": sequence,
        "received_at": NOW,
        "answered_at": NOW,
        "content": b"sealed",
        **more,
    }


def turn_unit(session: bytes | None = None, sequence: int = 1, **more: Any) -> Unit:
    unit = Unit()
    unit.insert(turns, turn(session, sequence, **more))
    return unit


def subscriber(id: bytes) -> dict[str, Any]:
    return {"id": id, "language": "fa", "created_at": NOW}


def complaint(subscriber: bytes, number: str) -> dict[str, Any]:
    return {
        "id": new_id(NOW),
        "number": number,
        "subscriber": subscriber,
        "channel": "ussd",
        "category": "outage",
        "priority": "normal",
        "state": "open",
        "opened_at": NOW,
        "deadline": NOW,
    }


def complaint_unit(number: str) -> Unit:
    """Someone new complains: rows of two tables, the second referring to the first."""
    unit = Unit()
    id = new_id(NOW)
    unit.insert(complaints, complaint(id, number))
    unit.insert(subscribers, subscriber(id))
    return unit


async def count(database: Database, table: Any = turns) -> int:
    rows = await database.read(select(func.count()).select_from(table))
    return int(rows[0][0])
