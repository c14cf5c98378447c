"""What one process does for all of them: who does it holds a lease, and renews it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, insert, or_, select, update

from records.database import Database
from records.tables import leases
from records.unit import Conflict


async def take(database: Database, name: str, owner: bytes, now: datetime, until: datetime) -> bool:
    """Takes or renews the lease ``name`` until ``until``; False when somebody else has it. Raises
    ``Unavailable``."""

    def write(connection: Connection) -> bool:
        mine = or_(leases.c.owner == owner, leases.c.until < now)
        taken = connection.execute(
            update(leases).where(leases.c.name == name, mine).values(owner=owner, until=until)
        )
        if taken.rowcount:
            return True
        if connection.execute(leases.select().where(leases.c.name == name)).first() is not None:
            return False
        connection.execute(insert(leases).values(name=name, owner=owner, until=until))
        return True

    try:
        return await database.transaction(write)
    except Conflict:
        return False  # Two came at once to a lease that nobody had had.


async def until(database: Database, name: str) -> datetime | None:
    """Until when the lease is held, or was by somebody who did not give it back; None when nobody has it."""
    rows = await database.read(select(leases.c.until).where(leases.c.name == name))
    return rows[0][0] if rows else None


async def drop(database: Database, name: str, owner: bytes) -> None:
    """Gives the lease back before its time."""
    statement = delete(leases).where(leases.c.name == name, leases.c.owner == owner)
    await database.transaction(lambda connection: connection.execute(statement))
