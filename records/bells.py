"""Who has something new, told from one process to the others through the database.

A process that holds twenty thousand sockets must not ask for each of them. It looks twice a second, by one
statement, at what was rung for and what was posted since; a process that took turns rings for all of them
with one row. A bell says nothing but "look": what there is to see is read from the records, so one that is
heard twice does no harm, and one that was lost with a killed process delays, but loses nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator
from datetime import datetime, timedelta

import structlog
from sqlalchemy import delete, literal_column, select, union_all

from records.committer import Committer
from records.database import Database
from records.ids import new_id
from records.tables import bells, microseconds, posts
from records.unit import Unavailable, Unit

log = structlog.get_logger()

PAUSE = 0.5  # Seconds between looks.
BACK = timedelta(seconds=20)  # How far a look goes back: commits and clocks of others may be late by that.
KEPT = timedelta(minutes=2)
SWEEP = 120  # Looks between sweeps of what nobody needs any more.
MOST = 2_000  # Rows of one look.
PARTIES = 512  # In one row.
PARTY = 16  # Bytes.

Heard = Callable[[Collection[bytes]], None]


class Bells:
    """With ``rings`` False there is no other process to ring for, and posts alone are looked at."""

    def __init__(
        self,
        database: Database,
        committer: Committer,
        clock: Callable[[], datetime],
        *,
        rings: bool,
    ) -> None:
        self._database = database
        self._committer = committer
        self._clock = clock
        self._rings = rings
        self._waiting: set[bytes] = set()
        self._seen: set[bytes] = set()
        self._own: set[bytes] = set()

    def ring(self, party: bytes) -> None:
        """Tells the other processes, with the next look of this one."""
        if self._rings:
            self._waiting.add(party)

    async def run(self, heard: Heard, wake: asyncio.Event, pause: float = PAUSE) -> None:
        """Rings and looks until cancelled, at the latest ``pause`` seconds after the last time and at once
        when somebody sets ``wake``; ``heard`` gets the parties (blind indexes) of each look."""
        looks = 0
        while True:
            try:
                await self.flush()
                if found := await self.look():
                    heard(found)
                if self._rings and looks % SWEEP == SWEEP - 1:
                    await self.sweep()
                looks += 1
            except Unavailable:
                log.warning("bells wait for the database")
            try:
                async with asyncio.timeout(pause):
                    await wake.wait()
            except TimeoutError:
                pass
            wake.clear()

    async def flush(self) -> None:
        """Rings for all who wait for it."""
        if not self._waiting:
            return
        unit, now, own = Unit(), self._clock(), []
        for parties in _in_rows(sorted(self._waiting)):
            own.append(new_id(now))
            unit.insert(bells, {"id": own[-1], "parties": parties})
        self._waiting.clear()
        self._own.update(own)
        await self._committer.commit(unit)

    async def look(self) -> set[bytes]:
        """Whom something new is for, since the last look."""
        since = _before(self._clock() - BACK)
        news = [select(posts.c.id, posts.c.party).where(posts.c.id > since)]
        if self._rings:
            news.append(select(bells.c.id, bells.c.parties).where(bells.c.id > since))
        statement = union_all(*news).order_by(literal_column("1").desc()).limit(MOST)
        rows = await self._database.read(statement)
        fresh: set[bytes] = set()
        for id, parties in rows:
            if id not in self._seen and id not in self._own:
                fresh.update(parties[place : place + PARTY] for place in range(0, len(parties), PARTY))
        self._seen = {id for id, _parties in rows}
        self._own = {id for id in self._own if id > since}
        return fresh

    async def sweep(self) -> None:
        """Takes away bells that every process has heard."""
        before = _before(self._clock() - KEPT)
        await self._database.transaction(
            lambda connection: connection.execute(delete(bells).where(bells.c.id < before))
        )


def _before(moment: datetime) -> bytes:
    """Less than every id made at this moment, greater than every earlier one (RFC 9562, section 5.7)."""
    return (microseconds(moment) // 1_000).to_bytes(6) + bytes(10)


def _in_rows(parties: list[bytes]) -> Iterator[bytes]:
    for start in range(0, len(parties), PARTIES):
        yield b"".join(parties[start : start + PARTIES])
