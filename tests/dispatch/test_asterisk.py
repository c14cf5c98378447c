"""Asterisk's ARI, played by a server that answers and tells as its documentation and recorded exchanges show
(HTTP and WebSocket). No real Asterisk: Debian bookworm has none."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from dispatch.errors import DispatchError, Misconfigured, Unreachable, Unroutable
from dispatch.provider import Accepted, Receipt
from dispatch.providers.voice.asterisk import Asterisk
from records.outbox import templated
from tests.dispatch.vendors import outgoing
from tests.running import free_port

BASIC = f"Basic {b64encode(b'chapar:secret').decode()}"
CODE = templated("code", code="0482")
ONCE = "sound:chapar/code,sound:digits/0,sound:digits/4,sound:digits/8,sound:digits/2"


@dataclass
class Ari:
    """``status`` of a dialled call, and what the person does then."""

    status: int = 200
    person: Callable[[str], list[dict[str, Any]]] = lambda call: []
    dialled: list[dict[str, str]] = field(default_factory=list)
    played: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    hung_up: list[str] = field(default_factory=list)
    sockets: list[web.WebSocketResponse] = field(default_factory=list)
    apps: list[str] = field(default_factory=list)

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/ari/events", self.events)
        app.router.add_post("/ari/channels", self.dial)
        app.router.add_post("/ari/channels/{call}/play", self.play)
        app.router.add_delete("/ari/channels/{call}", self.hang_up)
        return app

    async def events(self, request: web.Request) -> web.WebSocketResponse:
        if request.headers.get("Authorization") != BASIC:
            raise web.HTTPUnauthorized
        self.apps.append(request.query["app"])
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.append(socket)
        async for _message in socket:
            pass
        return socket

    async def tell(self, *events: dict[str, Any]) -> None:
        for event in events:
            await self.sockets[-1].send_str(json.dumps(event))

    async def dial(self, request: web.Request) -> web.Response:
        self.dialled.append(dict(request.query))
        if self.status != 200:
            return web.json_response({"message": "about 09121234567"}, status=self.status)
        call = request.query["channelId"]
        await self.tell(*self.person(call))
        return web.json_response({"id": call, "state": "Down", "name": "PJSIP/trunk-00000001"})

    async def play(self, request: web.Request) -> web.Response:
        call = request.match_info["call"]
        self.played.append((call, dict(request.query)))
        await self.tell(
            {"type": "PlaybackStarted", "playback": playback(call, "playing")},
            {"type": "PlaybackContinuing", "playback": playback(call, "continuing")},
            {"type": "PlaybackFinished", "playback": playback(call, "done")},
        )
        return web.json_response(playback(call, "queued"), status=201)

    async def hang_up(self, request: web.Request) -> web.Response:
        self.hung_up.append(request.match_info["call"])
        await self.tell(destroyed(request.match_info["call"], 16))
        return web.Response(status=204)


def playback(call: str, state: str) -> dict[str, str]:
    return {"id": "p1", "media_uri": ONCE, "target_uri": f"channel:{call}", "language": "fa", "state": state}


def answered(call: str) -> dict[str, Any]:
    return {
        "type": "StasisStart", "timestamp": "2026-11-23T11:30:00.000+0330", "args": [],
        "channel": {"id": call, "state": "Up", "caller": {"name": "", "number": ""}},
    }  # fmt: skip


def key(call: str, digit: str) -> dict[str, Any]:
    return {"type": "ChannelDtmfReceived", "digit": digit, "duration_ms": 120, "channel": {"id": call}}


def destroyed(call: str, cause: int) -> dict[str, Any]:
    return {"type": "ChannelDestroyed", "cause": cause, "cause_txt": "…", "channel": {"id": call}}


@dataclass
class Receipts:
    told: list[tuple[str, Receipt]] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)

    async def keep(self, call: str, receipt: Receipt) -> None:
        self.told.append((call, receipt))
        self.came.set()

    async def next(self) -> Receipt:
        async with asyncio.timeout(10):
            await self.came.wait()
        self.came.clear()
        return self.told[-1][1]


@pytest.fixture
def ari() -> Ari:
    return Ari()


@pytest.fixture
def receipts() -> Receipts:
    return Receipts()


@pytest.fixture
async def asterisk(ari: Ari, receipts: Receipts, http: ClientSession) -> AsyncIterator[Asterisk]:
    async with TestServer(ari.app()) as server:
        made = Asterisk(
            http, str(server.make_url("/ari")), "chapar", "secret", "PJSIP/{number}@trunk",
            told=receipts.keep, caller="02112345",
        )  # fmt: skip
        yield made
        await made.close()


async def test_a_code_is_said_twice_and_heard(ari: Ari, asterisk: Asterisk, receipts: Receipts) -> None:
    ari.person = lambda call: [answered(call)]
    message = outgoing(payload=CODE)
    call = f"{message.id.hex()}-1"
    assert await asterisk.send([message]) == [Accepted(call, "pending")]
    assert await receipts.next() == Receipt("delivered", "playback done")
    (dialled,) = ari.dialled
    assert dialled == {
        "endpoint": "PJSIP/09121234567@trunk",
        "app": ari.apps[0],
        "channelId": call,
        "callerId": "02112345",
        "timeout": "40",
    }
    assert ari.played == [(call, {"media": f"{ONCE},{ONCE}", "lang": "fa"})]
    await until(lambda: ari.hung_up == [call])
    assert receipts.told == [(call, Receipt("delivered", "playback done"))], "one receipt a call"


async def test_a_key_confirms(ari: Ari, asterisk: Asterisk, receipts: Receipts) -> None:
    ari.person = lambda call: [key(call, "1")]
    await asterisk.send([outgoing(payload=CODE)])
    assert await receipts.next() == Receipt("delivered", "key 1")


@pytest.mark.parametrize(
    ("cause", "receipt"),
    [
        (17, Receipt("failed", "17 busy")),
        (19, Receipt("failed", "19 no answer")),
        (77, Receipt("failed", "77", unknown=True)),
    ],
)
async def test_nobody_heard(
    ari: Ari, asterisk: Asterisk, receipts: Receipts, cause: int, receipt: Receipt
) -> None:
    ari.person = lambda call: [destroyed(call, cause)]
    await asterisk.send([outgoing(payload=CODE)])
    assert await receipts.next() == receipt


async def test_who_hangs_up_in_the_middle_has_not_heard(
    ari: Ari, asterisk: Asterisk, receipts: Receipts
) -> None:
    ari.person = lambda call: [{"type": "PlaybackFinished", "playback": playback(call, "failed")}]
    await asterisk.send([outgoing(payload=CODE)])
    assert (await receipts.next()).status == "failed"


@pytest.mark.parametrize(
    ("status", "error"), [(400, Unroutable), (401, Misconfigured), (500, Unreachable), (418, Unreachable)]
)
async def test_a_call_that_is_not_begun(
    ari: Ari, asterisk: Asterisk, status: int, error: type[DispatchError]
) -> None:
    ari.status = status
    (outcome,) = await asterisk.send([outgoing(payload=CODE)])
    assert type(outcome) is error
    assert "0912" not in str(outcome)


async def test_a_call_that_was_begun_before(ari: Ari, asterisk: Asterisk) -> None:
    ari.status = 409
    (outcome,) = await asterisk.send([outgoing(payload=CODE)])
    assert isinstance(outcome, Accepted)


async def test_events_of_others_and_junk_are_passed_over(
    ari: Ari, asterisk: Asterisk, receipts: Receipts
) -> None:
    await asterisk.send([outgoing()])
    await ari.tell(answered("someone-else"), destroyed("someone-else", 16), {"type": 1}, {})
    ari.person = lambda call: [key(call, "5")]
    await asterisk.send([outgoing(payload=CODE)])
    assert await receipts.next() == Receipt("delivered", "key 5")
    assert ari.played == []


async def test_events_are_heard_again_after_a_break(ari: Ari, asterisk: Asterisk, receipts: Receipts) -> None:
    await asterisk.send([outgoing(payload=CODE)])
    await ari.sockets[0].close()
    await until(lambda: asterisk._events is not None and asterisk._events.closed)
    ari.person = lambda call: [key(call, "1")]
    await asterisk.send([outgoing(payload=CODE)])
    assert await receipts.next() == Receipt("delivered", "key 1")
    assert len(ari.sockets) == 2


async def test_without_events_no_call_is_begun(ari: Ari, http: ClientSession, receipts: Receipts) -> None:
    away = Asterisk(
        http, f"http://127.0.0.1:{free_port()}/ari", "chapar", "secret", "PJSIP/{number}", told=receipts.keep
    )
    with pytest.raises(Unreachable):
        await away.send([outgoing(payload=CODE)])
    async with TestServer(ari.app()) as server:
        wrong = Asterisk(
            http, str(server.make_url("/ari")), "chapar", "wrong", "PJSIP/{number}", told=receipts.keep
        )
        with pytest.raises(Misconfigured) as refused:
            await wrong.send([outgoing(payload=CODE)])
        assert "wrong" not in str(refused.value)
    assert ari.dialled == []


async def test_only_codes_are_said(ari: Ari, asterisk: Asterisk) -> None:
    (outcome,) = await asterisk.send([outgoing()])
    assert isinstance(outcome, Unroutable)
    assert ari.dialled == []


async def until(found: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not found():
            await asyncio.sleep(0.01)
