"""Requests that arrive at once, in one process and in two: each step is taken once."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from aiohttp import ClientSession
from sqlalchemy import func, select

from records.database import Database
from records.tables import complaints, outbox, turns
from tests.faults.ledger import ANSWERS, FILED
from tests.running import Phone, Server, within

# Each of these wants the machine for itself.
pytestmark = pytest.mark.xdist_group("faults")

DIALOGS = 20
COPIES = 2


@within(60)
async def test_two_processes_share_the_work(beyond_default: list[Server], http: ClientSession) -> None:
    one, two = beyond_default

    async def dialog(n: int) -> None:
        """Every request of it arrives at both processes, twice at each, at once."""
        phones = [Phone(http, at.url, f"+98912500{n:04d}", f"T{n}", at.secret) for at in (one, two) * COPIES]
        screens: list[str] = []
        for step in range(len(ANSWERS) + 1):
            text = "*".join(ANSWERS[:step])
            screens = await asyncio.gather(*(phone.post(text) for phone in phones))
            assert len({*screens}) == 1, screens
        assert FILED in screens[0]

    async with one, two:
        await asyncio.gather(*(dialog(n) for n in range(DIALOGS)))
        assert await one.stop() == await two.stop() == 0
    database = await Database.open(one.database_url)
    try:
        for table, each in ((complaints, 1), (outbox, 1), (turns, len(ANSWERS) + 1)):
            [[rows]] = await database.read(select(func.count()).select_from(table))
            assert rows == DIALOGS * each, table.name
    finally:
        await database.close()


@within(60)
async def test_two_different_answers_race(beyond_default: list[Server], http: ClientSession) -> None:
    """On a gateway that repeats all answers the two exclude each other: the first one is the step, and the
    other gets the screen that it led to."""
    one, two = beyond_default
    pairs = (("one process", one, one), ("two processes", one, two))
    won: Counter[str] = Counter()
    async with one, two:
        for n in range(DIALOGS):
            for name, first, second in pairs:
                number, session = f"+98912600{n:04d}", f"{name} {n}"
                here = Phone(http, first.url, number, session, first.secret)
                there = Phone(http, second.url, number, session, second.secret)
                await here.post("")
                screens = await asyncio.gather(here.post("2"), there.post("3"))
                assert len({*screens}) == 1, screens
                again = await asyncio.gather(there.post("2"), here.post("3"))
                assert {*again} == {*screens}, "it stays so"
                won["2" if "ثبت شکایت" in screens[0] else "3"] += 1
        assert await one.stop() == await two.stop() == 0
    database = await Database.open(one.database_url)
    try:
        counts = select(turns.c.session, func.count().label("steps")).group_by(turns.c.session)
        steps = [row.steps for row in await database.read(counts)]
        assert steps == [2] * DIALOGS * len(pairs), won
    finally:
        await database.close()
