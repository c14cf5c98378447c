"""Sockets that stall, never read or fall silent, in front of a service with little patience."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer

import settings
from bot import webchat
from bot.webchat_frames import Say
from bot.webchat_patrol import Patience
from composition.chatting import WebChat
from composition.house import house, now
from composition.serving import application, conversation_of
from services.publishing import tell
from tests.bot.visiting import Closed, Visitor
from tests.running import within

PERSIAN = str.maketrans("۰۱۲۳۴۵۶۷۸۹", "0123456789")
PATIENCE = Patience(patrol=0.1, hello=0.6, idle=1.5, stalled=0.5, recheck=0.3, kept=0.5)


class Service:
    """A service in this process, and what of it the tests look at."""

    def __init__(self, url: str, chat: WebChat, http: ClientSession) -> None:
        self.url = url
        self.chat = chat
        self.hub = chat.hub
        self.http = http

    def visitor(self, token: str = "") -> Visitor:
        return Visitor(self.http, self.url, token=token)


@asynccontextmanager
async def serving_chats(folder: Path, http: ClientSession, **given: str) -> AsyncIterator[Service]:
    async with house(settings.load({"DATA_DIR": str(folder), **given})) as home:
        tell(await home.publisher.publish())
        chat = WebChat.of(home, PATIENCE)
        assert chat is not None
        conversation = conversation_of(home, chat)
        server = TestServer(application(home, conversation, chat))
        async with chat.at_work():
            await server.start_server()
            yield Service(str(server.make_url("")).rstrip("/"), chat, http)
            await server.close()


@pytest.fixture
async def service(tmp_path: Path, http: ClientSession) -> AsyncIterator[Service]:
    """Without limits to how much is said."""
    unlimited = {"WEBCHAT_VISITOR_RATE": "0", "WEBCHAT_ADDRESS_RATE": "0"}
    async with serving_chats(tmp_path, http, **unlimited) as service:
        yield service


class Raw:
    """A socket of its own that speaks as much of RFC 6455 as it likes."""

    def __init__(self, url: str) -> None:
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        self.socket.setblocking(False)
        self.address = ("127.0.0.1", int(url.rpartition(":")[2]))

    async def upgrade(self) -> None:
        loop = asyncio.get_running_loop()
        await loop.sock_connect(self.socket, self.address)
        key = base64.b64encode(os.urandom(16)).decode()
        await loop.sock_sendall(
            self.socket,
            (
                "GET /chat/ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
            ).encode(),
        )
        head = b""
        while b"\r\n\r\n" not in head:
            head += await loop.sock_recv(self.socket, 1)

    async def send(self, text: str) -> None:
        payload = text.encode()
        size = (
            bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + struct.pack("!H", len(payload))
        )
        await asyncio.get_running_loop().sock_sendall(self.socket, b"\x81" + size + bytes(4) + payload)

    async def gone(self) -> bool:
        """Whether the server has cut it, once everything that came was read."""
        loop = asyncio.get_running_loop()
        try:
            while await loop.sock_recv(self.socket, 65_536):
                pass
        except ConnectionError:
            pass
        return True

    def close(self) -> None:
        self.socket.close()


@within(30)
async def test_who_never_says_hello_is_closed(service: Service) -> None:
    visitor = service.visitor()
    await visitor.open()
    assert await visitor.closed() == 4000
    assert service.hub.sockets == set()


@within(30)
async def test_who_falls_silent_is_closed_and_who_pings_is_not(service: Service) -> None:
    silent, alive = await service.visitor().come(), await service.visitor().come()

    async def ping() -> None:
        while True:
            await alive.send(type="ping")
            await asyncio.sleep(0.3)

    pinging = asyncio.create_task(ping())
    assert await silent.closed() == 4000
    pinging.cancel()
    assert (await alive.say("منو"))["open"]
    await alive.go()


@within(60)
async def test_who_never_reads_is_cut_and_nobody_waits_for_them(service: Service) -> None:
    owner = await service.visitor().come()
    deaf = Raw(service.url)
    await deaf.upgrade()
    await deaf.send(json.dumps({"type": "hello", "token": owner.token}))
    while len(service.hub.sockets) < 2:
        await asyncio.sleep(0.01)

    async def flood() -> None:
        while True:
            await deaf.send('{"type": "ping"}')

    flooding = asyncio.create_task(flood())
    dropped = service.chat.patrol.dropped
    while service.chat.patrol.dropped == dropped:
        # Another window of the same visitor is answered all the while.
        assert (await owner.say("منو"))["type"] == "turn"
    assert await deaf.gone()
    flooding.cancel()
    await asyncio.gather(flooding, return_exceptions=True)
    deaf.close()
    shown = list(owner.seen)
    again = await service.visitor(owner.token).come()
    assert again.seen == shown[-50:]
    for each in (owner, again):
        await each.go()


@within(60)
async def test_who_floods_and_never_reads_does_not_hold_up_the_end(
    tmp_path: Path, http: ClientSession
) -> None:
    """Closing it in good form would wait for it."""
    async with serving_chats(tmp_path, http) as service:
        deaf = [Raw(service.url) for _each in range(4)]
        for each in deaf:
            await each.upgrade()
            await each.send('{"type": "hello"}')
        for _each in range(60):
            await deaf[0].send('{"type": "ping"}')
        while len(service.hub.sockets) > 3:
            await asyncio.sleep(0.05)
        await service.hub.close_all()
        while service.hub.sockets:
            await asyncio.sleep(0.05)
        for each in deaf:
            each.close()


@within(60)
async def test_who_reads_slowly_gets_everything_once(service: Service) -> None:
    """Pauses that fill the buffers, and then reads: what was not written is read from the records."""
    owner = await service.visitor().come()
    words = "س" * 2_000
    for word in ("شکایت", "2"):
        await owner.say(word)
    slow = await service.visitor(owner.token).come()
    assert slow.ws is not None
    connection = slow.ws._conn
    assert connection is not None
    assert connection.transport is not None
    connection.transport.pause_reading()
    for _number in range(40):
        await owner.say(words)
    connection.transport.resume_reading()
    while slow.last != owner.last:
        await slow.receive()
    assert slow.seen == owner.seen
    for each in (owner, slow):
        await each.go()


@within(30)
async def test_a_lost_bell_only_delays(service: Service) -> None:
    """A process takes a turn and is killed before it can tell anybody."""
    owner = await service.visitor().come()
    await owner.say("منو")
    raw = b'{"type": "say", "id": "x", "text": "2"}'
    said = webchat.parse(Say("x", "2"), raw, visitor=owner.token.split(".")[1], route="webchat", peer="")
    async with house(service.chat.home.settings) as other:
        assert (await conversation_of(other).take_turn(said)).taken
    shown = await owner.until(lambda frame: frame.get("ref") == "x")
    assert shown["text"] == "ثبت شکایت"
    await owner.go()


@within(60)
async def test_an_answer_reaches_who_is_there_and_waits_for_who_is_not(service: Service) -> None:
    """A visitor without any number is told in the chat what became of their complaint."""
    home = service.chat.home
    visitor = await service.visitor().come()
    filed = await visitor.file_complaint()
    found = re.search(r"(\d{4})-(\d{4})", filed["text"].translate(PERSIAN))
    assert found is not None
    number = "".join(found.groups())
    complaint, _words = await home.services.complaints.read(number)
    await home.services.complaints.answer(
        number, operator="sara", text="درست شد", revision=complaint.revision, now=now()
    )
    told = await visitor.until(lambda frame: frame["type"] == "post")
    assert told["by"] == "system"
    assert "درست شد" in told["text"]
    await visitor.go()
    complaint, _words = await home.services.complaints.read(number)
    await home.services.complaints.close(number, operator="sara", revision=complaint.revision, now=now())
    before = list(visitor.seen)
    await visitor.come()
    assert len(visitor.seen) == len(before) + 1
    shown = list(visitor.seen)
    await visitor.come(anew=True)
    assert visitor.seen == shown
    await visitor.go()


@within(30)
async def test_visitors_who_left_are_forgotten(service: Service) -> None:
    visitor = await service.visitor().come()
    assert len(service.hub.rooms) == 1
    await visitor.go()
    while service.hub.rooms:
        await asyncio.sleep(0.05)
    assert service.hub.sockets == set()
    assert await visitor.come()
    await visitor.go()


@within(30)
async def test_cut_sockets_leave_nothing_behind(service: Service) -> None:
    visitors = [await service.visitor().come() for _each in range(20)]
    assert len(service.hub.sockets) == 20
    for visitor in visitors:
        visitor.cut()
    while service.hub.sockets or service.hub.rooms:
        await asyncio.sleep(0.05)
    for visitor in visitors:
        await visitor.go()


@within(30)
async def test_sent_away_in_good_form(service: Service) -> None:
    visitors = [await service.visitor().come() for _each in range(5)]
    closing = [asyncio.create_task(visitor.closed()) for visitor in visitors]
    await service.hub.close_all()
    assert await asyncio.gather(*closing) == [1001] * 5


@within(30)
async def test_the_metrics_count_them(service: Service) -> None:
    visitor = await service.visitor().come()
    async with service.http.get(f"{service.url}/metrics") as response:
        text = await response.text()
    assert "chapar_webchat_sockets 1.0" in text
    assert "chapar_webchat_visitors 1.0" in text
    await visitor.go()


async def test_a_socket_that_is_closed_hears_nothing(service: Service) -> None:
    owner = await service.visitor().come()
    other = await service.visitor(owner.token).come()
    await other.go()
    await owner.say("منو")
    with pytest.raises(Closed):
        await other.receive()
    await owner.go()
