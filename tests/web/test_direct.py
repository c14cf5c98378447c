"""Connections that begin without aiohttp, by raw bytes over real sockets, and beside aiohttp alone."""

import asyncio
import gzip
import re
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from conversation.incoming import Incoming, Reply
from tests.ussd.test_door import SORRY, Echo, all_doors
from ussd.door import BODY_BYTES, routes, straight
from ussd.gateways import GATEWAYS
from web import direct
from web.access import RouteSecret
from web.direct import Direct
from web.plain import Head, Straight, written

BODY = b"sessionId=AT1&phoneNumber=%2B989121234567&serviceCode=%2A733%23&text="
TARGET = b"/ussd/africastalking?secret=sesame"
SESAME = RouteSecret(b"sesame")
Answer = tuple[int, bytes]


def request(
    body: bytes = BODY + b"1",
    *headers: bytes,
    method: bytes = b"POST",
    target: bytes = TARGET,
    version: bytes = b"HTTP/1.1",
) -> bytes:
    lines = [b"%s %s %s" % (method, target, version), b"Host: localhost", *headers]
    if not any(line.lower().startswith((b"content-length", b"transfer-encoding")) for line in headers):
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


@dataclass
class Slow(Echo):
    """Answers when it is let."""

    let: asyncio.Event = field(default_factory=asyncio.Event)
    begun: asyncio.Event = field(default_factory=asyncio.Event)

    async def take_turn(self, incoming: Incoming) -> Reply:
        self.begun.set()
        await self.let.wait()
        return await super().take_turn(incoming)


@dataclass
class Servers:
    """The same doors twice: ``port`` begins directly, ``plain`` is aiohttp's alone."""

    hub: Direct
    port: int
    plain: int
    handed: list[object]


@asynccontextmanager
async def serving(echo: Echo) -> AsyncIterator[Servers]:
    doors = all_doors(SESAME)
    app = web.Application()
    app.add_routes(routes(echo, doors, SORRY))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    handed: list[object] = []

    def other() -> asyncio.Protocol:
        assert runner.server is not None
        handed.append(made := runner.server())
        return made

    hub = Direct(straight(echo, doors, SORRY), other)
    try:
        port = await hub.listen("127.0.0.1", 0)
        yield Servers(hub, port, int(runner.addresses[0][1]), handed)
    finally:
        await hub.close(5)
        await runner.cleanup()


@pytest.fixture
def echo() -> Slow:
    made = Slow()
    made.let.set()
    return made


@pytest.fixture
async def servers(echo: Slow) -> AsyncIterator[Servers]:
    async with serving(echo) as made:
        yield made


class Line:
    """One connection, by its bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.said = b""

    @classmethod
    async def to(cls, port: int) -> "Line":
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            await asyncio.sleep(0.002 if len(pieces) > 1 else 0)

    async def head(self) -> tuple[int, dict[str, str]]:
        line, *rest = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").strip().split("\r\n")
        return int(line.split(" ")[1]), {
            name.lower(): value.strip() for name, _colon, value in (each.partition(":") for each in rest)
        }

    async def answer(self) -> Answer:
        async with asyncio.timeout(10):
            status, headers = await self.head()
            while status == 100:
                status, headers = await self.head()
            return status, await self.reader.readexactly(int(headers.get("content-length", "0")))

    async def all(self) -> None:
        """Whatever is said, into ``said``."""
        while chunk := await self.reader.read(65_536):
            self.said += chunk

    async def closed(self) -> bool:
        async with asyncio.timeout(10):
            return await self.reader.read() == b""

    async def __aenter__(self) -> "Line":
        return self

    async def __aexit__(self, *_error: object) -> None:
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()


HEARD = "CON شنیدم: 1".encode()


async def test_a_plain_request_is_answered_without_aiohttp(servers: Servers, echo: Slow) -> None:
    async with await Line.to(servers.port) as line:
        for _time in range(3):
            await line.send(request())
            status, headers = await line.head()
            assert (status, headers["content-type"]) == (200, "text/plain; charset=utf-8")
            assert headers["date"].endswith("GMT")
            assert await line.reader.readexactly(int(headers["content-length"])) == HEARD
        event = request(BODY + b"&status=Success", target=TARGET.replace(b"?", b"/events?"))
        await line.send(event)
        assert await line.answer() == (200, b"")
    assert not servers.handed
    assert [echo.heard[0].caller.peer, echo.heard[0].raw] == ["127.0.0.1", BODY + b"1"]
    assert [departure.reason for departure in echo.left] == ["ended"]


@pytest.mark.parametrize("at", [1, 10, 60, 100, 150, 180])
async def test_a_request_may_come_in_pieces(servers: Servers, at: int) -> None:
    whole = request()
    async with await Line.to(servers.port) as line:
        await line.send(whole[:at], whole[at:])
        assert await line.answer() == (200, HEARD)


async def test_requests_sent_ahead_are_answered_in_their_order(servers: Servers, echo: Slow) -> None:
    echo.let.clear()
    async with await Line.to(servers.port) as line:
        await line.send(b"".join(request(BODY + b"%d" % number) for number in range(5)))
        await echo.begun.wait()
        assert not echo.heard
        echo.let.set()
        answers = [await line.answer() for _number in range(5)]
    words = ["END", *["CON"] * 4]
    assert answers == [(200, f"{word} شنیدم: {number}".encode()) for number, word in enumerate(words)]


async def test_a_request_sent_before_the_last_one_was_answered_waits(servers: Servers, echo: Slow) -> None:
    echo.let.clear()
    async with await Line.to(servers.port) as line:
        await line.send(request())
        await echo.begun.wait()
        await line.send(request(BODY + b"2"))
        echo.let.set()
        assert [await line.answer() for _time in range(2)] == [(200, HEARD), (200, "CON شنیدم: 2".encode())]
    assert not servers.handed


async def test_what_is_not_plain_goes_on_at_aiohttp(servers: Servers, echo: Slow) -> None:
    async with await Line.to(servers.port) as line:
        await line.send(request() + request(method=b"GET", target=b"/ussd/nowhere", body=b"") + request())
        assert await line.answer() == (200, HEARD)
        status, body = await line.answer()
        assert (status, b"no such gateway" in body) == (404, True)
        assert await line.answer() == (200, HEARD)
        await line.send(request())
        assert await line.answer() == (200, HEARD)
    assert len(servers.handed) == 1
    assert len(echo.heard) == 3


CHUNKED = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY) + 1, BODY + b"1")
ZIPPED = gzip.compress(BODY + b"1", mtime=0)
ODD: dict[str, bytes] = {
    "chunked": request(CHUNKED, b"Transfer-Encoding: chunked"),
    "expecting": request(BODY + b"1", b"Expect: 100-continue"),
    "zipped": request(ZIPPED, b"Content-Encoding: gzip"),
    "of HTTP/1.0": request(version=b"HTTP/1.0"),
    "for the last time": request(BODY + b"1", b"Connection: close"),
    "for an upgrade": request(BODY + b"1", b"Connection: upgrade", b"Upgrade: h2c"),
    "of two lengths": request(BODY + b"1", b"Content-Length: 3", b"Content-Length: %d" % (len(BODY) + 1)),
    "of a length and chunks": request(CHUNKED, b"Transfer-Encoding: chunked", b"Content-Length: 3"),
    "of a negative length": request(b"", b"Content-Length: -1"),
    "of a length in words": request(b"", b"Content-Length: 0x10"),
    "of another method": request(method=b"PUT"),
    "of a method in small letters": request(method=b"post"),
    "of an escaped path": request(target=b"/ussd/%61fricastalking?secret=sesame"),
    "of a fragment": request(target=TARGET + b"#secret"),
    "of bytes in its path": request(target=TARGET + "&ش".encode()),
    "without its secret": request(target=b"/ussd/africastalking"),
    "with its secret twice": request(target=TARGET + b"&secret=sesame"),
    "with its secret in a header": request(
        BODY + b"1", b"X-Chapar-Secret: sesame", target=b"/ussd/africastalking"
    ),
    "too large": request(BODY + b"1" * BODY_BYTES),
    "of a head too large": request(BODY + b"1", b"X-Long: " + b"x" * 20_000),
    "of a broken header": request(BODY + b"1", b"Not a header"),
    "with a space before the colon": request(BODY + b"1", b"X-Odd : 1"),
    "of bare line feeds": request().replace(b"\r\n", b"\n"),
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n",
    "of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "without a form": request(b""),
    "not UTF-8": request(BODY + b"%ff"),
}


async def both(servers: Servers, sent: bytes) -> tuple[Answer | None, Answer | None]:
    """What the two servers say to the same bytes; None for a connection that is closed."""

    async def one(port: int) -> Answer | None:
        async with await Line.to(port) as line:
            try:
                await line.send(sent)
                return await line.answer()
            except (asyncio.IncompleteReadError, ConnectionError):
                return None

    return await one(servers.port), await one(servers.plain)


@pytest.mark.parametrize("which", ODD)
async def test_an_odd_request_is_answered_as_aiohttp_answers_it(servers: Servers, which: str) -> None:
    ours, theirs = await both(servers, ODD[which])
    assert ours == theirs


HEADER = st.sampled_from(
    [
        b"Host: localhost",
        b"host:localhost",
        b"Accept: */*",
        b"Connection: keep-alive",
        b"Connection: Keep-Alive, close",
        b"Content-Length: 70",
        b"Content-Length:  70 ",
        b"Content-Length: +70",
        b"Content-Length: 7_0",
        b"Transfer-Encoding: identity",
        b"X-Forwarded-For: 10.0.0.1",
        "X-Name: چاپار".encode(),
        b"X-Odd: a\x00b",
        b" folded: line",
        b"X-Empty:",
        b":",
    ]
)
STATUS = re.compile(rb"HTTP/1\.1 ([0-9]{3})")
ENOUGH = 250  # Turns of the event loop, in which client and server live: nothing is under way after them.
PIECES = st.lists(HEADER, max_size=5)
EDITS = st.lists(st.tuples(st.integers(0, 220), st.integers(0, 2), st.binary(max_size=3)), max_size=2)


def test_no_bytes_are_read_otherwise_than_by_aiohttp() -> None:
    """Both get the same bytes, and then nothing more: what one takes for a request so does the other."""

    async def heard(port: int, echo: Slow, sent: bytes) -> tuple[list[bytes], list[bytes]]:
        echo.heard.clear()
        async with await Line.to(port) as line:
            answers = asyncio.create_task(line.all())
            await line.send(sent)
            for _turn in range(ENOUGH):
                await asyncio.sleep(0)
            answers.cancel()
            return [incoming.raw for incoming in echo.heard], STATUS.findall(line.said)

    with asyncio.Runner() as runner:
        echo = Slow()
        echo.let.set()
        stack = AsyncExitStack()
        servers = runner.run(stack.enter_async_context(serving(echo)))

        @given(headers=PIECES, edits=EDITS)
        @settings(max_examples=300, deadline=None)
        def check(headers: list[bytes], edits: list[tuple[int, int, bytes]]) -> None:
            sent = request(BODY + b"1", *headers)
            for place, gone, come in edits:
                sent = sent[:place] + come + sent[place + gone :]
            ours = runner.run(heard(servers.port, echo, sent))
            assert ours == runner.run(heard(servers.plain, echo, sent))

        check()
        runner.run(stack.aclose())


async def test_a_turn_goes_on_when_nobody_waits_for_it(servers: Servers, echo: Slow) -> None:
    echo.let.clear()
    async with await Line.to(servers.port) as line:
        await line.send(request())
        await echo.begun.wait()
    async with asyncio.timeout(10):
        while servers.hub.connections:
            await asyncio.sleep(0.01)
    echo.let.set()
    async with asyncio.timeout(10):
        while not echo.heard:
            await asyncio.sleep(0.01)


async def test_answers_that_are_owed_are_given_at_the_end(echo: Slow) -> None:
    async with serving(echo) as servers:
        echo.let.clear()
        async with await Line.to(servers.port) as idle, await Line.to(servers.port) as busy:
            await busy.send(request())
            await echo.begun.wait()
            await busy.send(request())
            closing = asyncio.create_task(servers.hub.close(10))
            assert await idle.closed()
            with pytest.raises(ConnectionError):
                await Line.to(servers.port)
            echo.let.set()
            assert await busy.answer() == (200, HEARD)
            assert await busy.closed()  # The request sent ahead was not begun: it may be sent again.
            await closing
        assert len(echo.heard) == 1


async def test_who_takes_too_long_at_the_end_is_cut_off(echo: Slow) -> None:
    async with serving(echo) as servers:
        echo.let.clear()
        async with await Line.to(servers.port) as line:
            await line.send(request())
            await echo.begun.wait()
            await servers.hub.close(0.05)
            assert await line.closed()
        echo.let.set()


async def test_a_connection_that_says_no_more_is_closed(servers: Servers) -> None:
    async with await Line.to(servers.port) as begun, await Line.to(servers.port) as silent:
        await begun.send(request()[:-5])
        await silent.send(request())
        assert await silent.answer() == (200, HEARD)
        assert len(servers.hub.connections) == 2
        now = asyncio.get_running_loop().time()
        for connection in list(servers.hub.connections):
            connection.tidy(now + direct.PATIENCE + 1)
        assert await begun.closed()
        await silent.send(request())
        assert await silent.answer() == (200, HEARD)
        for connection in list(servers.hub.connections):
            connection.tidy(now + direct.KEPT + 10)
        assert await silent.closed()


async def test_not_more_is_read_ahead_than_is_bounded(servers: Servers, echo: Slow) -> None:
    echo.let.clear()
    many = 2_000
    async with await Line.to(servers.port) as line:
        await line.send(request())
        await echo.begun.wait()
        flood = asyncio.create_task(line.send(request() * many))
        await asyncio.sleep(0.2)
        (connection,) = servers.hub.connections
        assert len(connection._buffer) < direct.AHEAD_BYTES + 2**18
        echo.let.set()
        for _number in range(many + 1):
            assert await line.answer() == (200, HEARD)
        await flood


async def test_who_does_not_read_answers_gets_no_more_of_them(servers: Servers, echo: Slow) -> None:
    """Each request is sent when the last one was taken, as somebody does who wants to fill our memory."""
    loop = asyncio.get_running_loop()
    with socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        line.setblocking(False)
        await loop.sock_connect(line, ("127.0.0.1", servers.port))
        taken = 0

        async def send() -> None:
            await loop.sock_sendall(line, request(BODY + b"1" * 180))

        async def one_more() -> None:
            nonlocal taken
            await send()
            taken += 1
            while len(echo.heard) < taken or any(each.task for each in servers.hub.connections):
                await asyncio.sleep(0)

        async with asyncio.timeout(60):
            await one_more()
            (connection,) = servers.hub.connections
            while not connection._full:
                await one_more()
            await send()
            for _turn in range(ENOUGH):
                await asyncio.sleep(0)
            assert len(echo.heard) == taken
            assert connection._transport.get_write_buffer_size() < 2**17
            said = b""
            while said.count(b"HTTP/1.1 200 OK") < taken + 1:
                said += await loop.sock_recv(line, 2**20)
    assert len(echo.heard) == taken + 1


async def test_a_body_that_comes_late_on_an_old_connection_is_waited_for(servers: Servers) -> None:
    async with await Line.to(servers.port) as line:
        await line.send(request())
        assert await line.answer() == (200, HEARD)
        (connection,) = servers.hub.connections
        connection._since -= direct.PATIENCE * 2
        await line.send(request()[:-5])
        async with asyncio.timeout(10):
            while not connection._buffer:
                await asyncio.sleep(0.01)
        connection.tidy(asyncio.get_running_loop().time())
        await line.send(request()[-5:])
        assert await line.answer() == (200, HEARD)


async def test_what_a_lost_connection_sent_ahead_is_not_begun(servers: Servers, echo: Slow) -> None:
    echo.let.clear()
    async with await Line.to(servers.port) as line:
        await line.send(request())
        await echo.begun.wait()
        await line.send(request() + request())
    async with asyncio.timeout(10):
        while servers.hub.connections:
            await asyncio.sleep(0.01)
    echo.let.set()
    for _turn in range(ENOUGH):
        await asyncio.sleep(0)
    assert len(echo.heard) == 1
    assert not servers.handed


async def test_a_door_that_fails_is_told_to_the_operator(echo: Slow) -> None:
    async def fails(head: Head, body: bytes) -> Said:
        return Said(headers={"FreeFlow": "FC\r\nSet-Cookie: x"})

    hub = Direct({("POST", "/ussd/broken"): Straight(SESAME, fails, 100)}, asyncio.Protocol)
    port = await hub.listen("127.0.0.1", 0)
    with capture_logs() as logs:
        async with await Line.to(port) as line:
            await line.send(request(b"", target=b"/ussd/broken?secret=sesame"))
            assert await line.closed()
    await hub.close(1)
    assert [(entry["event"], entry["path"]) for entry in logs] == [
        ("request could not be answered", "/ussd/broken")
    ]


def test_a_header_cannot_hold_another() -> None:
    with pytest.raises(ValueError, match="line break"):
        written(Said(headers={"FreeFlow": "FC\r\nSet-Cookie: x"}), b"")


@dataclass
class Said:
    body: bytes = b""
    status: int = 200
    content_type: str = "text/plain"
    headers: dict[str, str] = field(default_factory=dict)


async def test_every_gateway_of_a_fixed_path_has_its_short_way(servers: Servers) -> None:
    reached = {path.split("/")[2] for _method, path in straight(Echo(), all_doors(SESAME), SORRY)}
    assert reached == set(GATEWAYS) - {"infobip"}
