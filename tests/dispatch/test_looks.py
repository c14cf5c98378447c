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


def soon(looks: Looks, *, found: bool) -> asyncio.Task[None]:
    return asyncio.create_task(looks.next(found=found))


async def turned(task: asyncio.Task[None]) -> bool:
    """Whether it ends without any time passing."""
    for _ in range(5):
        await asyncio.sleep(0)
    return task.done()


async def test_after_a_look_that_found_nothing_the_next_is_when_something_comes(
    wake: asyncio.Event, hurry: asyncio.Event
) -> None:
    looks = Looks(wake, hurry, poll=LONG, gather=LONG)
    looks.begin()
    waiting = soon(looks, found=False)
    assert not await turned(waiting)
    wake.set()
    assert await turned(waiting)


async def test_after_a_look_that_found_something_what_comes_is_gathered(
    wake: asyncio.Event, hurry: asyncio.Event
) -> None:
    looks = Looks(wake, hurry, poll=LONG, gather=LONG)
    looks.begin()
    waiting = soon(looks, found=True)
    wake.set()
    assert not await turned(waiting)
    hurry.set()  # A code has come behind it.
    assert await turned(waiting)


async def test_what_was_gathered_is_looked_at_in_time(wake: asyncio.Event, hurry: asyncio.Event) -> None:
    looks = Looks(wake, hurry, poll=LONG, gather=0.01)
    looks.begin()
    wake.set()
    async with asyncio.timeout(LONG / 2):
        await looks.next(found=True)


async def test_what_comes_during_a_look_is_seen_by_the_next(
    wake: asyncio.Event, hurry: asyncio.Event
) -> None:
    looks = Looks(wake, hurry, poll=LONG, gather=LONG)
    looks.begin()
    wake.set()
    hurry.set()
    assert await turned(soon(looks, found=True))


async def test_others_are_looked_for_without_a_word(wake: asyncio.Event, hurry: asyncio.Event) -> None:
    looks = Looks(wake, hurry, poll=0.01, gather=LONG)
    looks.begin()
    async with asyncio.timeout(LONG / 2):
        await looks.next(found=True)


async def test_at_the_end_nothing_waits(wake: asyncio.Event, hurry: asyncio.Event) -> None:
    looks = Looks(wake, hurry, poll=LONG, gather=LONG)
    looks.begin()
    waiting = soon(looks, found=True)
    looks.end()
    assert await turned(waiting)
