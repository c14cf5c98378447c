"""When the dispatcher looks at the outbox: as soon as something was queued in this process, and now and then
for what others queued or what was put off.

While messages come one after another each look would find one or two, and most of what a message costs then
is what a batch costs: two transactions, a lease, a look whether it may go. So for a moment after each look
what comes is gathered. One-time codes wait for nothing.
"""

from __future__ import annotations

import asyncio

from records.woken import woken

POLL = 0.2  # Seconds between looks, unless woken.
GATHER = 0.05  # Seconds from one look to the next, unless there is a hurry.


class Looks:
    """``wake`` is set by whoever queued a message in this process, and ``hurry`` too for a one-time code."""

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

    def again(self, *, hurry: bool = False) -> None:
        """There may be something for the next look."""
        self._wake.set()
        if hurry:
            self._hurry.set()

    async def next(self) -> bool:
        """Returns when it is time for the next look. Whether that will find something, as far as is known."""
        if not await woken(self._wake, self._poll):
            return False
        left = self._began + self._gather - asyncio.get_running_loop().time()
        if left > 0:
            await woken(self._hurry, left)
        return True
