"""When the dispatcher looks: at once, or after a moment of gathering that one-time codes cut short."""

from __future__ import annotations

import asyncio

import pytest

from dispatch.looks import Looks

LONG = 30.0  # Nothing here waits so long; what should not wait would.


@pytest.fixture
def wake() -> asyncio.Event:
    return asyncio.Event()


@pytest.fixture
def hurry() -> asyncio.Event:
    return asyncio.Event()


def soon(looks: Looks) -> asyncio.Task[bool]:
    looks.begin()
    return asyncio.create_task(looks.next())


async def turned(task: asyncio.Task[bool]) -> bool:
    """Whether it ends without any time passing."""
    for _ in range(5):
        await asyncio.sleep(0)
    return task.done()


async def test_after_silence_what_comes_is_looked_at_at_once(
    wake: asyncio.Event, hurry: asyncio.Event
) -> None:
    waiting = soon(Looks(wake, hurry, poll=LONG, gather=0.0))
    assert not await turned(waiting)
    wake.set()
    assert await turned(waiting)
    assert await waiting


async def test_soon_after_a_look_what_comes_is_gathered_but_codes(
    wake: asyncio.Event, hurry: asyncio.Event
) -> None:
    waiting = soon(Looks(wake, hurry, poll=LONG, gather=LONG))
    wake.set()
    assert not await turned(waiting)
    hurry.set()  # A code has come behind it.
    assert await turned(waiting)


async def test_what_was_gathered_is_looked_at_in_time(wake: asyncio.Event, hurry: asyncio.Event) -> None:
    waiting = soon(Looks(wake, hurry, poll=LONG, gather=0.01))
    wake.set()
    async with asyncio.timeout(LONG / 2):
        assert await waiting


async def test_what_comes_during_a_look_is_seen_by_the_next(
    wake: asyncio.Event, hurry: asyncio.Event
) -> None:
    looks = Looks(wake, hurry, poll=LONG, gather=LONG)
    looks.begin()
    wake.set()
    hurry.set()
    assert await turned(asyncio.create_task(looks.next()))


async def test_others_are_looked_for_without_a_word(wake: asyncio.Event, hurry: asyncio.Event) -> None:
    waiting = soon(Looks(wake, hurry, poll=0.01, gather=LONG))
    async with asyncio.timeout(LONG / 2):
        assert not await waiting


async def test_who_is_in_a_hurry_waits_for_nothing(wake: asyncio.Event, hurry: asyncio.Event) -> None:
    looks = Looks(wake, hurry, poll=LONG, gather=LONG)
    waiting = soon(looks)
    looks.again(hurry=True)
    assert await turned(waiting)
