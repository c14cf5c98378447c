"""One connection of the web chat, and one visitor's connections."""

from __future__ import annotations

import asyncio

from aiohttp import WSMsgType, web

from bot.webchat import START
from bot.webchat_limits import Address, Bucket

BUFFER = 48 * 1024  # Bytes that may wait for a slow reader before it is served at its own pace.
GOODBYE = 3.0  # Seconds that a client has to answer the end.

# Why a socket is closed, beside the codes of RFC 6455, section 7.4.1.
GOING_AWAY, NOT_TEXT = 1001, 1003
SILENT, BAD_FRAME, FLOOD, GIVEN_UP, LATER = 4000, 4002, 4008, 4010, 4029


class Room:
    """One visitor: their sockets in this process, and what they may do."""

    __slots__ = ("left", "messages", "party", "sockets", "visitor", "visits")

    def __init__(self, visitor: str, party: bytes) -> None:
        self.visitor = visitor
        self.party = party
        self.sockets: list[Socket] = []
        self.messages = Bucket()
        self.visits = Bucket()
        self.left = 0.0


class Socket:
    """One connection. ``position`` is up to where it has everything; ``live``: it is written to as things
    happen, else it is being brought up to date, and ``behind`` tells that more has happened since. ``open``:
    the last turn that it has expects an answer. ``waiting`` is the message under way."""

    __slots__ = (
        "address", "behind", "busy", "checked", "frames", "here", "language", "live", "open", "peer",
        "position", "room", "seen", "stalled", "transport", "waiting", "ws",
    )  # fmt: skip

    def __init__(
        self, ws: web.WebSocketResponse, transport: asyncio.Transport, peer: str, address: Address, now: float
    ) -> None:
        self.ws = ws
        self.transport = transport
        self.peer = peer
        self.address = address
        self.frames = Bucket()
        self.room: Room | None = None
        self.position = START
        self.open = False
        self.live = False
        self.behind = False
        self.busy = False
        self.here = False
        self.waiting = ""
        self.language = "fa"
        self.seen = self.checked = now
        self.stalled = 0.0

    @property
    def full(self) -> bool:
        return self.transport.get_write_buffer_size() > BUFFER

    async def send(self, frame: bytes) -> None:
        """Writes a frame, at the reader's pace. Raises ``ConnectionError`` when it is gone."""
        if not self.ws.closed:
            await self.ws.send_frame(frame, WSMsgType.TEXT)

    async def close(self, code: int) -> None:
        """Closes in good form, or where the other side does not take part, without."""
        try:
            async with asyncio.timeout(GOODBYE):
                await self.ws.close(code=code)
        except (TimeoutError, ConnectionError):
            self.transport.abort()

    def write(self, frame: bytes) -> None:
        """Writes a frame at once; for a socket that is not ``full``. One that is gone takes nothing."""
        sending = self.send(frame)
        try:
            # It waits only for a reader who is far behind, and this one is not.
            sending.send(None)
        except (StopIteration, ConnectionError):
            pass
        finally:
            sending.close()
