"""When the dispatcher looks at the outbox: as soon as something was queued in this process, and now and then
for what others queued or what was put off.

While messages come one after another each look would find one or two, and most of what a message costs then
is what a batch costs: two transactions, a lease, a look whether it may go. So after a look that found
something, what comes is gathered for a moment. One-time codes wait for nothing.
"""

from __future__ import annotations

import asyncio

from records.woken import woken

POLL = 0.2  # Seconds between looks, unless woken.
GATHER = 0.05  # Seconds from one look that found something to the next.


class Looks:
    """``wake`` is set by whoever queued a message in this process, ``hurry`` too for a one-time code."""

    def __init__(
        self, wake: asyncio.Event, hurry: asyncio.Event, *, poll: float = POLL, gather: float = GATHER
    ) -> None:
        self._wake = wake
        self._hurry = hurry
        self._poll = poll
        self._gather = gather
        self._began = 0.0

    def begin(self) -> None:
        """A look begins: it sees what was queued until now."""
        self._wake.clear()
        self._hurry.clear()
        self._began = asyncio.get_running_loop().time()

    def again(self) -> None:
        """Something may have changed for the next look."""
        self._wake.set()

    def end(self) -> None:
        """There is to be no more waiting."""
        self._wake.set()
        self._hurry.set()

    async def next(self, *, found: bool) -> None:
        """Returns when it is time for the next look. ``found``: whether the last one found something."""
        if not await woken(self._wake, self._poll) or not found:
            return
        left = self._began + self._gather - asyncio.get_running_loop().time()
        if left > 0:
            await woken(self._hurry, left)
