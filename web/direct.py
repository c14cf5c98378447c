"""The short way from a socket to a door, for the few requests that come by the thousand.

aiohttp takes a quarter of a turn's time: objects, a stream for the body, a dispatcher, headers one by one. A
connection therefore begins here. A request of a known method and path, whole and plain (``web.plain``), is
answered at once. With the first that is not, the connection is handed to aiohttp for good, with all that came
and was not answered: every oddity, every error and every other route has one place.
``docs/decisions/0017-direct.md`` has the measurements.

The rule beside the route is asked first, as everywhere; who is refused is handed over, and refused there.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping
from email.utils import formatdate
from time import time
from typing import Any, cast

import structlog

from web.plain import Due, Head, Routes, Straight, written

log = structlog.get_logger()

AHEAD_BYTES = 64 * 1024  # Of what comes while a request is being answered.
PATIENCE = 60.0  # Seconds for a request that has begun to come whole.
KEPT = 3_630.0  # Seconds that a silent connection is kept, as aiohttp keeps it: longer than proxies do.
TIDIED = 30.0  # Seconds between looks for such connections.

Protocols = Callable[[], asyncio.Protocol]


class Direct:
    """Connections that begin here. ``routes`` by method and path; ``other`` makes the protocol of whoever is
    handed over (``aiohttp.web.Server``)."""

    def __init__(self, routes: Mapping[tuple[str, str], Straight], other: Protocols) -> None:
        self.routes = Routes(routes)
        self.other = other
        self.connections: set[Connection] = set()
        self.closing = False
        self.loop = asyncio.get_running_loop()
        self._server: asyncio.Server | None = None
        self._tidying: asyncio.TimerHandle | None = None
        self._second = 0
        self._date = b""

    async def listen(self, host: str, port: int) -> int:
        """Takes connections from now on; the port. ``OSError`` when that cannot be."""
        self._server = await self.loop.create_server(lambda: Connection(self), host, port, backlog=1024)
        self._tidying = self.loop.call_later(TIDIED, self._tidy)
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self, patience: float) -> None:
        """Takes no connection and no request any more, and waits for the answers that are owed."""
        self.closing = True
        if self._tidying is not None:
            self._tidying.cancel()
        if self._server is not None:
            self._server.close()
        owed = [connection.task for connection in self.connections if connection.task is not None]
        for connection in list(self.connections):
            connection.leave()
        if owed:
            _done, late = await asyncio.wait(owed, timeout=patience)
            for task in late:
                task.cancel()

    def date(self) -> bytes:
        """The ``Date`` of a response (RFC 9110 §6.6.1), made once a second."""
        second = int(time())
        if second != self._second:
            self._second, self._date = second, formatdate(second, usegmt=True).encode()
        return self._date

    def _tidy(self) -> None:
        now = self.loop.time()
        for connection in list(self.connections):
            connection.tidy(now)
        self._tidying = self.loop.call_later(TIDIED, self._tidy)


class Connection(asyncio.Protocol):
    """One connection, for as long as what comes is plain. ``task`` is the request that is being answered."""

    __slots__ = ("_buffer", "_direct", "_due", "_full", "_paused", "_remote", "_since", "_transport", "task")

    def __init__(self, direct: Direct) -> None:
        self._direct = direct
        self._buffer = b""
        self._due: Due | None = None  # While its body has still to come.
        self._full = False  # While the other side does not read what it was answered.
        self._paused = False
        self._remote = ""
        self._since = 0.0
        self.task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._since = self._direct.loop.time()
        peer: Any = transport.get_extra_info("peername")
        self._remote = str(peer[0]) if isinstance(peer, tuple) else ""
        own = transport.get_extra_info("socket")
        if own is not None:
            own.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._direct.connections.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        # A turn under way goes on: it is taken, whether or not somebody waits for its screen.
        self._direct.connections.discard(self)

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        if self.task is None and not self._full:
            self._next()
        elif len(self._buffer) > AHEAD_BYTES and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def pause_writing(self) -> None:
        # Who does not read answers gets no more of them, and so cannot fill our memory.
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        if self.task is None:
            self._go_on()

    def leave(self) -> None:
        """Closes the connection, once nothing is owed on it."""
        if self.task is None:
            self._transport.close()

    def tidy(self, now: float) -> None:
        """Closes a connection that has been silent for too long, or in the middle of a request."""
        if self.task is None and now - self._since > (PATIENCE if self._buffer else KEPT):
            self._transport.close()

    def _next(self) -> None:
        """Begins to answer the next request, if it is whole."""
        due = self._due or self._direct.routes.read(self._buffer, self._remote)
        if due is None or len(self._buffer) > due.end:
            self._hand_over()  # More than one request is sent ahead by hardly anybody, or by mistake.
            return
        if len(self._buffer) < due.end:
            if self._due is None:
                self._due, self._since = due, self._direct.loop.time()
            return
        body, self._buffer, self._due = self._buffer[due.start :], b"", None
        self.task = self._direct.loop.create_task(self._answer(due.straight, due.head, body))

    def _hand_over(self) -> None:
        """The connection is another protocol's from now on, with all that came and was not answered."""
        direct = self._direct
        direct.connections.discard(self)
        other, data, self._buffer = direct.other(), self._buffer, b""
        self._transport.set_protocol(other)
        other.connection_made(self._transport)
        other.data_received(data)

    async def _answer(self, straight: Straight, head: Head, body: bytes) -> None:
        transport = self._transport
        try:
            reply = await straight.answer(head, body)
            if not transport.is_closing():
                transport.write(written(reply, self._direct.date()))
        except Exception:
            # Doors answer whatever happens, so this is a defect of one. Whoever waits must not take what
            # comes next for this answer.
            log.exception("request could not be answered", path=head.raw_path.partition("?")[0])
            transport.close()
        except BaseException:
            transport.close()  # The program ends.
            raise
        finally:
            self.task = None
        self._since = self._direct.loop.time()
        if not self._full:
            self._go_on()

    def _go_on(self) -> None:
        """Nothing is being answered: what came meanwhile is next."""
        if self._direct.closing or self._transport.is_closing():
            self._transport.close()
            return
        if self._paused:
            self._paused = False
            self._transport.resume_reading()
        if self._buffer:
            self._next()
