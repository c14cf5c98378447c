"""Looks after the sockets of the web chat: who says nothing, who takes nothing, who was left behind.

One look at all of them every few seconds stands in for a timer of each.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from bot.webchat_hub import Hub
from bot.webchat_sockets import SILENT, Socket

AT_ONCE = 1_000  # Sockets that are looked at before others may work.
RECHECKS = 64  # Sockets of one look that are brought up to date though nobody rang for them.


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds: between patrols; until the first frame; without a sign of life (browsers slow the timers of
    hidden pages to one a minute); that a reader may take nothing at all; after which a socket looks by
    itself, in case that a bell was lost; that a visitor without a socket is remembered, for the limits."""

    patrol: float = 5.0
    hello: float = 10.0
    idle: float = 150.0
    stalled: float = 20.0
    recheck: float = 600.0
    kept: float = 120.0


class Patrol:
    """``dropped`` counts sockets that were closed."""

    def __init__(self, hub: Hub, patience: Patience) -> None:
        self._hub = hub
        self._patience = patience
        self.dropped = 0

    async def run(self) -> None:
        """Looks after the sockets until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._patience.patrol)
            rechecks = RECHECKS
            for place, socket in enumerate(list(self._hub.sockets)):
                if place % AT_ONCE == AT_ONCE - 1:
                    await asyncio.sleep(0)
                rechecks -= self._look_after(socket, loop.time(), rechecks > 0)
            self._forget(loop.time())

    def _look_after(self, socket: Socket, now: float, recheck: bool) -> bool:
        """Closes a socket that is not used as it should be; whether it was brought up to date."""
        patience = self._patience
        if socket.ws.closed:
            return False
        if not socket.full:
            socket.stalled = 0.0
        elif not socket.stalled:
            socket.stalled = now
        if socket.stalled and now - socket.stalled > patience.stalled:
            self.dropped += 1
            socket.transport.abort()
        elif now - socket.seen > (patience.hello if socket.room is None else patience.idle):
            self.dropped += 1
            self._hub.close(socket, SILENT)
        elif (socket.behind and not socket.busy) or (recheck and now - socket.checked > patience.recheck):
            socket.checked = now
            self._hub.catch_up(socket)
            return True
        return False

    def _forget(self, now: float) -> None:
        rooms = self._hub.rooms
        for party in [
            party
            for party, room in rooms.items()
            if not room.sockets and now - room.left > self._patience.kept
        ]:
            del rooms[party]
