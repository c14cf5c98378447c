"""One turn at a time for each session of this process.

Between processes the database decides: ``turns`` is unique by (session, sequence), so the second of two
racing turns is a ``Conflict`` at its commit and runs again on what the first one left.
"""

from __future__ import annotations

import asyncio
from types import TracebackType


class _Place:
    """The lock of one session, and how many turns hold it or wait for it."""

    __slots__ = ("lock", "turns")

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.turns = 0


class Hold:
    """``async with`` holds one session; turns of it go in the order in which they came."""

    __slots__ = ("_key", "_place", "_places")

    def __init__(self, places: dict[bytes, _Place], key: bytes) -> None:
        self._places = places
        self._key = key

    async def __aenter__(self) -> None:
        place = self._places.get(self._key)
        if place is None:
            place = self._places[self._key] = _Place()
        self._place = place
        place.turns += 1
        try:
            await place.lock.acquire()
        except BaseException:
            self._leave()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._place.lock.release()
        self._leave()

    def _leave(self) -> None:
        self._place.turns -= 1
        if not self._place.turns:
            del self._places[self._key]


class Leases:
    """Locks of the sessions that have a turn under way or waiting; none is kept for the others."""

    def __init__(self) -> None:
        self._places: dict[bytes, _Place] = {}

    def __len__(self) -> int:
        return len(self._places)

    def hold(self, key: bytes) -> Hold:
        """Holds the session with this key."""
        return Hold(self._places, key)
