"""``kill -9`` at random points under load: what was acknowledged is there, once."""

from __future__ import annotations

import asyncio
import random

import pytest
from aiohttp import ClientSession
from sqlalchemy import func, select

from records.database import Database
from records.tables import complaints, outbox, sessions, turns
from tests.faults.conftest import SECRET
from tests.faults.ledger import Ledger, ask_again, walk
from tests.running import Server

TURNS = 2_000
KILLS = 8
PHONES = 24


@pytest.mark.parametrize("seed", [733])
async def test_every_acknowledged_screen_has_its_records(
    server: Server, http: ClientSession, seed: int
) -> None:
    chance = random.Random(seed)
    ledger = Ledger()
    async with server:
        people = asyncio.gather(*(walk(server, http, ledger, n, TURNS, SECRET) for n in range(PHONES)))
        for kill in range(KILLS):
            while ledger.turns < (kill + 0.5) * TURNS / (KILLS + 1) and not people.done():
                await asyncio.sleep(0.002)
            await asyncio.sleep(chance.random() * 0.05)
            server.kill()
            await server.start()
        await people
        assert ledger.turns >= TURNS
        assert ledger.troubles > 0, "the kills were felt"
        assert await ask_again(server, http, ledger, SECRET) == []
        assert await server.stop() == 0
    await check_records(server, ledger)


async def check_records(server: Server, ledger: Ledger) -> None:
    """The records against the ledger: nothing missing, nothing doubled, nothing half."""
    url = server.settings.get("DATABASE_URL") or f"sqlite:///{server.folder / 'var' / 'chapar.sqlite3'}"
    database = await Database.open(url)
    try:
        filed = await database.read(select(complaints.c.number, complaints.c.session))
        assert len({row.session for row in filed}) == len(filed), "a complaint was filed twice"
        assert {*ledger.numbers} <= {row.number for row in filed}, "an acknowledged complaint is missing"
        assert len(ledger.numbers) == len({*ledger.numbers})
        [[messages]] = await database.read(select(func.count()).select_from(outbox))
        assert messages == len(filed), "each complaint has its one message"
        closed = await database.read(select(sessions.c.id).where(sessions.c.outcome == "done"))
        assert {row.id for row in closed} == {row.session for row in filed}, "half a turn was written"
        steps = await database.read(
            select(
                turns.c.session, func.count().label("steps"), func.max(turns.c.sequence).label("last")
            ).group_by(turns.c.session)
        )
        assert all(row.steps == row.last for row in steps), "a step is missing"
    finally:
        await database.close()
