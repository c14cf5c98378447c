"""Plain requests: what is read of one, the routes that take them, and how they are answered on the wire.

httptools (llhttp, the parser that aiohttp uses too) reads the head. What it lets pass and aiohttp does not is
not plain: ``tests/web/test_direct.py`` holds both to the same reading.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from http import HTTPStatus
from typing import NamedTuple, Protocol

import httptools
from multidict import CIMultiDict

from web.access import Rule

HEAD_BYTES = 16 * 1024

# What asks for more than reading a body of a known length.
_ODD = frozenset((b"transfer-encoding", b"content-encoding", b"expect", b"upgrade"))


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


class Due(NamedTuple):
    """A request whose head has come, and where its body begins and ends."""

    straight: Straight
    head: Head
    start: int
    end: int


class Routes:
    """Who answers which plain requests, by method and path."""

    def __init__(self, routes: Mapping[tuple[str, str], Straight]) -> None:
        self._routes = {(method.encode(), path.encode()): route for (method, path), route in routes.items()}
        self._begins = tuple({b"%s %s" % (method, path) for method, path in self._routes})

    def read(self, data: bytes, remote: str) -> Due | None:
        """The request that ``data`` begins with, from ``remote``. None when it is not plain or is refused,
        and when its head is not whole: heads are short and come in one piece."""
        if not data.startswith(self._begins):
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
        straight = self._routes.get((parser.get_method(), path))
        if straight is None or length > straight.most or b"#" in target or not target.isascii():
            return None
        head = Head(query.decode(), target.decode(), remote, named)
        if straight.rule.refusal(head) is not None:
            return None
        return Due(straight, head, start, start + length)


class _Reader:
    """Where httptools puts what it finds in a head: calls of C, which cost a third of ones to methods."""

    __slots__ = ("on_header", "on_url")

    def __init__(self, on_url: Callable[[bytes], None], on_header: Callable[[bytes, bytes], None]) -> None:
        self.on_url = on_url
        self.on_header = on_header


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
