"""The look-up of a number's owner, against a real HTTP server that says what registries say."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from structlog.testing import capture_logs

from services.identity import Identity, IdentityUnavailable, Registry

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Start = Callable[[Handler], Awaitable[str]]

NATIONAL_ID, NUMBER = "0499370899", "+989121234567"


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    servers: list[TestServer] = []

    async def begin(handler: Handler) -> str:
        app = web.Application()
        app.router.add_post("/owner", handler)
        server = TestServer(app)
        await server.start_server()
        servers.append(server)
        return str(server.make_url("/owner"))

    yield begin
    for server in servers:
        await server.close()


@pytest.fixture
async def http() -> AsyncIterator[ClientSession]:
    async with ClientSession() as session:
        yield session


def says(body: object, status: int = 200) -> Handler:
    async def answer(_request: web.Request) -> web.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return web.Response(body=content, status=status)

    return answer


async def test_what_is_asked(start: Start, http: ClientSession) -> None:
    asked: list[tuple[object, str | None]] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append((await request.json(), request.headers.get("Authorization")))
        return web.json_response({"data": {"result": True}})

    url = await start(answer)
    registry = Registry(url=url, token="secret", national_id="nid", number="mobile", answer="data.result")
    identity = Identity(http=http, registry=registry)
    assert identity.required
    assert await identity.match(NATIONAL_ID, NUMBER)
    assert asked == [({"nid": NATIONAL_ID, "mobile": "09121234567"}, "Bearer secret")]


@pytest.mark.parametrize(
    ("body", "expected"), [({"isMatched": True}, True), ({"isMatched": False, "more": 1}, False)]
)
async def test_yes_and_no(start: Start, http: ClientSession, body: object, expected: bool) -> None:
    identity = Identity(http=http, registry=Registry(url=await start(says(body))))
    assert await identity.match(NATIONAL_ID, NUMBER) is expected


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 200),
        ([], 200),
        ({"isMatched": "true"}, 200),
        ({"isMatched": None}, 200),
        ({"isMatched": 1}, 200),
        ({"error": "quota"}, 200),
        (b"<html>login</html>", 200),
        (b"\xff\xfe", 200),
        (b"", 200),
        (b'{"isMatched": true}' + b" " * 70_000, 200),
        ({"isMatched": True}, 500),
        ({"isMatched": True}, 401),
        ({"isMatched": True}, 302),
    ],
)
async def test_no_answer_is_neither(start: Start, http: ClientSession, body: object, status: int) -> None:
    identity = Identity(http=http, registry=Registry(url=await start(says(body, status))))
    with pytest.raises(IdentityUnavailable), capture_logs() as logs:
        await identity.match(NATIONAL_ID, NUMBER)
    assert NATIONAL_ID not in str(logs)


async def test_a_slow_registry(start: Start, http: ClientSession) -> None:
    released = asyncio.Event()

    async def wait(_request: web.Request) -> web.Response:
        await released.wait()
        return web.json_response({"isMatched": True})

    identity = Identity(http=http, registry=Registry(url=await start(wait), seconds=0.05))
    with pytest.raises(IdentityUnavailable, match="Timeout"):
        await identity.match(NATIONAL_ID, NUMBER)
    released.set()


async def test_nobody_there(http: ClientSession, unused_tcp_port: int) -> None:
    identity = Identity(http=http, registry=Registry(url=f"http://127.0.0.1:{unused_tcp_port}/"))
    with pytest.raises(IdentityUnavailable):
        await identity.match(NATIONAL_ID, NUMBER)


async def test_off() -> None:
    identity = Identity(http=None, registry=Registry())
    assert not identity.required
    with pytest.raises(IdentityUnavailable):
        await identity.match(NATIONAL_ID, NUMBER)
