"""The short way from a socket to a door, for the few requests that come by the thousand.

aiohttp takes a quarter of a turn's time: objects, a stream for the body, a dispatcher, headers one by one. A
connection therefore begins here. A request of a known method and path, whole and plain, is read by httptools
(llhttp, the parser that aiohttp uses too) and answered at once. With the first that is not, the connection is
handed to aiohttp for good, with all that came and was not answered: every oddity, every error and every other
route has one place. ``docs/decisions/0017-direct.md`` has the measurements.

The rule beside the route is asked first, as everywhere; who is refused is handed over, and refused there.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from time import time
from typing import Any, NamedTuple, Protocol, cast

import httptools
import structlog
from multidict import CIMultiDict

from web.access import Rule

log = structlog.get_logger()

HEAD_BYTES = 16 * 1024
AHEAD_BYTES = 64 * 1024  # Of what comes while a request is being answered.
PATIENCE = 60.0  # Seconds for a request that has begun to come whole.
KEPT = 3_630.0  # Seconds that a silent connection is kept, as aiohttp keeps it: longer than proxies do.
TIDIED = 30.0  # Seconds between looks for such connections.

# What asks for more than reading a body of a known length.
_ODD = frozenset((b"transfer-encoding", b"content-encoding", b"expect", b"upgrade"))

Protocols = Callable[[], asyncio.Protocol]


class Head:
    """A request without its body, as rules and doors ask about it (``web.access.Head``). ``query`` is the
    part of ``raw_path`` behind the question mark, as it came."""

    __slots__ = ("_headers", "_raw", "query", "raw_path", "remote")

    match_info: Mapping[str, str] = {}

    def __init__(self, query: str, raw_path: str, remote: str, raw: Mapping[bytes, bytes]) -> None:
        self.query = query
        self.raw_path = raw_path
        self.remote = remote
        self._raw = raw
        self._headers: CIMultiDict[str] | None = None

    @property
    def headers(self) -> CIMultiDict[str]:
        """Made when they are asked for: most routes need none."""
        if self._headers is None:
            self._headers = CIMultiDict(
                (name.decode(), value.decode("utf-8", "surrogateescape")) for name, value in self._raw.items()
            )
        return self._headers


class Answered(Protocol):
    """A response. ``content_type`` is the whole header."""

    @property
    def status(self) -> int: ...

    @property
    def content_type(self) -> str: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    @property
    def body(self) -> bytes: ...


class Straight(NamedTuple):
    """One route: ``answer`` is given the head and the body, which is at most ``most`` bytes."""

    rule: Rule
    answer: Callable[[Head, bytes], Awaitable[Answered]]
    most: int


class Direct:
    """Connections that begin here. ``routes`` by method and path; ``other`` makes the protocol of whoever is
    handed over (``aiohttp.web.Server``)."""

    def __init__(self, routes: Mapping[tuple[str, str], Straight], other: Protocols) -> None:
        self.routes = {(method.encode(), path.encode()): route for (method, path), route in routes.items()}
        self.begins = tuple({b"%s %s" % (method, path) for method, path in self.routes})
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


class _Due(NamedTuple):
    """A request whose head has come, and where its body begins and ends."""

    straight: Straight
    head: Head
    start: int
    end: int


class _Reader:
    """Where httptools puts what it finds in a head: calls of C, which cost a third of ones to methods."""

    __slots__ = ("on_header", "on_url")

    def __init__(self, on_url: Callable[[bytes], None], on_header: Callable[[bytes, bytes], None]) -> None:
        self.on_url = on_url
        self.on_header = on_header


class Connection(asyncio.Protocol):
    """One connection, for as long as what comes is plain. ``task`` is the request that is being answered."""

    __slots__ = ("_buffer", "_direct", "_due", "_paused", "_remote", "_since", "_transport", "task")

    def __init__(self, direct: Direct) -> None:
        self._direct = direct
        self._buffer = b""
        self._due: _Due | None = None  # While its body has still to come.
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
        if self.task is None:
            self._next()
        elif len(self._buffer) > AHEAD_BYTES and not self._paused:
            self._paused = True
            self._transport.pause_reading()

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
        due = self._due or self._read()
        if due is None or len(self._buffer) > due.end:
            self._hand_over()  # More than one request is sent ahead by hardly anybody, or by mistake.
            return
        if len(self._buffer) < due.end:
            self._due = due
            return
        body, self._buffer, self._due = self._buffer[due.start :], b"", None
        self.task = self._direct.loop.create_task(self._answer(due.straight, due.head, body))

    def _read(self) -> _Due | None:
        """The head that has come. None when it is not plain, and when it is not whole: heads are short and
        come in one piece."""
        data, direct = self._buffer, self._direct
        if not data.startswith(direct.begins):
            return None
        start = data.find(b"\r\n\r\n") + 4
        if not 4 <= start <= HEAD_BYTES:
            return None
        urls: list[bytes] = []
        headers: dict[bytes, bytes] = {}
        parser = httptools.HttpRequestParser(_Reader(urls.append, headers.__setitem__))
        try:
            parser.feed_data(data[:start])
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            return None
        if parser.get_http_version() != "1.1" or not parser.should_keep_alive() or len(urls) != 1:
            return None
        named = {name.lower(): value for name, value in headers.items()}
        # A line that is no header of its own is folded or a header for the second time.
        if (
            len(named) != data.count(b"\r\n", 0, start) - 2
            or b"host" not in named
            or not _ODD.isdisjoint(named)
        ):
            return None
        length = int(named.get(b"content-length", b"0"))  # llhttp lets nothing but a number pass.
        target = urls[0]
        path, _mark, query = target.partition(b"?")
        straight = direct.routes.get((parser.get_method(), path))
        if straight is None or length > straight.most or b"#" in target or not target.isascii():
            return None
        head = Head(query.decode(), target.decode(), self._remote, named)
        if straight.rule.refusal(head) is not None:
            return None
        return _Due(straight, head, start, start + length)

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
        except BaseException:
            # Doors answer whatever happens; who is cut off here, as the program ends, must not take what
            # comes next for this answer.
            transport.close()
            raise
        finally:
            self.task = None
        self._since = self._direct.loop.time()
        if self._direct.closing:
            transport.close()
            return
        if self._paused:
            self._paused = False
            transport.resume_reading()
        if self._buffer:
            self._next()


def written(reply: Answered, date: bytes) -> bytes:
    """The response as it goes over the wire."""
    head = _head(reply.status, reply.content_type)
    more = b""
    if reply.headers:
        for name, value in reply.headers.items():
            line = f"{name}: {value}"
            if "\r" in line or "\n" in line:
                raise ValueError(f"the header {name} has a line break")
            more += line.encode() + b"\r\n"
    return b"%b%d\r\nDate: %b\r\n%b\r\n%b" % (head, len(reply.body), date, more, reply.body)


@lru_cache(maxsize=128)
def _head(status: int, content_type: str) -> bytes:
    line = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"
    return f"{line}\r\nContent-Type: {content_type}\r\nContent-Length: ".encode()
