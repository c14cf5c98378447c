"""One turn at a time for each session of this process.

Between processes the database decides: ``turns`` is unique by (session, sequence), so the second of two
racing turns is a ``Conflict`` at its commit and runs again on what the first one left.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Leases:
    """A lock for each session that has a turn under way or waiting; none is kept for the others."""

    def __init__(self) -> None:
        self._held: dict[bytes, tuple[asyncio.Lock, int]] = {}

    def __len__(self) -> int:
        return len(self._held)

    @asynccontextmanager
    async def hold(self, key: bytes) -> AsyncIterator[bool]:
        """Holds the session. Yields whether another turn of it was under way on arrival."""
        lock, users = self._held.get(key) or (asyncio.Lock(), 0)
        self._held[key] = (lock, users + 1)
        try:
            async with lock:
                yield users > 0
        finally:
            lock, users = self._held[key]
            if users == 1:
                del self._held[key]
            else:
                self._held[key] = (lock, users - 1)
