"""One turn at a time for each session of this process.

Between processes the database decides: ``turns`` is unique by (session, sequence), so the second of two
racing turns is a ``Conflict`` at its commit and runs again on what the first one left.
"""

from __future__ import annotations

import asyncio
from collections import deque
from types import TracebackType

# The turns that wait for a session, in the order in which they came; None while only one has it.
Queue = deque["asyncio.Future[None]"] | None


class Hold:
    """``async with`` holds one session; turns of it go in the order in which they came."""

    __slots__ = ("_key", "_queues")

    def __init__(self, queues: dict[bytes, Queue], key: bytes) -> None:
        self._queues = queues
        self._key = key

    async def __aenter__(self) -> None:
        queues, key = self._queues, self._key
        if key not in queues:
            queues[key] = None
            return
        queue = queues[key]
        if queue is None:
            queue = queues[key] = deque()
        called: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append(called)
        try:
            await called
        except BaseException:
            # Cancelled just when it was called: the session goes to the next.
            if called.done() and not called.cancelled():
                self._leave()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    def _leave(self) -> None:
        """Hands the session to whoever waits longest and was not cancelled."""
        queue = self._queues[self._key]
        while queue:
            called = queue.popleft()
            if not called.done():
                called.set_result(None)
                return
        del self._queues[self._key]


class Leases:
    """Which sessions have a turn under way; nothing is kept of the others."""

    def __init__(self) -> None:
        self._queues: dict[bytes, Queue] = {}

    def __len__(self) -> int:
        return len(self._queues)

    def hold(self, key: bytes) -> Hold:
        """Holds the session with this key."""
        return Hold(self._queues, key)
