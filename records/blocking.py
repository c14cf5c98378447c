"""Addresses that people closed to us, and the dialogs that ended with that."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from records.database import Database
from records.tables import addresses, sessions
from records.unit import Unit

OUTCOME = "blocked"


async def close(
    database: Database, unit: Unit, *, kind: str, party: bytes, route: str, now: datetime
) -> bool:
    """The person with this blind index closed the address; an open dialog on ``route`` ended with it.
    Whether there was one."""
    unit.update(addresses, {"kind": kind, "index": party}, {"blocked_at": now})
    rows = await database.read(
        select(sessions.c.id).where(
            sessions.c.party == party, sessions.c.closed_at.is_(None), sessions.c.route == route
        )
    )
    for row in rows:
        unit.update(sessions, {"id": row.id}, {"closed_at": now, "outcome": OUTCOME})
    return bool(rows)


def reopen(unit: Unit, *, kind: str, party: bytes) -> None:
    """The person opened the address again."""
    unit.update(addresses, {"kind": kind, "index": party}, {"blocked_at": None})
