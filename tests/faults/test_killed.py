"""``kill -9`` at random points under load: what was acknowledged is there, once."""

from __future__ import annotations

import asyncio
import random

import pytest
from aiohttp import ClientSession

from tests.faults.ledger import Ledger, ask_again, check_records, people, reached
from tests.running import Server, within

# Each of these wants the machine for itself.
pytestmark = pytest.mark.xdist_group("faults")

TURNS = 2_000
KILLS = 5
PHONES = 24


@pytest.mark.parametrize("seed", [733])
@within(180)
async def test_every_acknowledged_screen_has_its_records(
    server: Server, http: ClientSession, seed: int
) -> None:
    chance = random.Random(seed)
    ledger = Ledger()
    async with server, people(server, http, ledger, PHONES, TURNS) as walking:
        for kill in range(KILLS):
            await reached(ledger, (kill + 0.5) * TURNS / (KILLS + 1), walking)
            await asyncio.sleep(chance.random() * 0.05)
            server.kill()
            await server.start()
        await walking
        assert ledger.turns >= TURNS
        assert ledger.troubles > 0, "the kills were felt"
        assert ledger.fallbacks == 0, "nobody was sent away"
        assert await ask_again(server, http, ledger) == []
        assert await server.stop() == 0
    await check_records(server, ledger)
