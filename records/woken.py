"""Waiting for an event, or for the time to look again without one."""

from __future__ import annotations

import asyncio


async def woken(event: asyncio.Event, seconds: float) -> bool:
    """Whether the event was set in time. ``asyncio.wait_for`` would not do: up to Python 3.11 a task that is
    cancelled just as the event is set loses its cancelling in it, and runs on for ever."""
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False
