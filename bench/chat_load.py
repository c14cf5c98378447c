"""A load of people in the web chat: many sockets that are open and quiet, and some that talk.

Speaks WebSocket (RFC 6455) over bare asyncio protocols: a masking key of zeros leaves a frame as it is. Run
as a process of its own: ``python -m bench.chat_load '{"port": …}'`` prints one JSON line.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict, dataclass
from functools import partial
from itertools import count
from time import perf_counter, process_time
from typing import cast

import uvloop

from bench.load import Figures

OPENING_AT_ONCE = 200
PING_EVERY = 20.0  # Seconds; the server closes a socket that says nothing for longer.


@dataclass
class ChatPlan:
    """``quiet`` sockets are opened and stay; then ``talkers`` say ``texts`` one after another, again and
    again, for ``seconds`` after ``warm_up``. ``last_word`` is on the screen after the last."""

    port: int
    texts: list[str]
    last_word: str = ""
    quiet: int = 0
    talkers: int = 128
    seconds: float = 10.0
    warm_up: float = 2.0


def frame(payload: bytes) -> bytes:
    """A text frame of a client (RFC 6455, section 5.2)."""
    length = len(payload)
    if length < 126:
        return b"\x81" + bytes([0x80 | length]) + b"\0\0\0\0" + payload
    return b"\x81\xfe" + length.to_bytes(2) + b"\0\0\0\0" + payload


class Socket(asyncio.Protocol):
    """One visitor. ``open`` is done when the server has said that it is ready."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._buffer = b""
        self._upgraded = False
        self.transport: asyncio.Transport | None = None
        self.open: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(
            f"GET /chat/ws HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )

    def connection_lost(self, error: Exception | None) -> None:
        if not self.open.done():
            self.open.set_exception(error or ConnectionError("the server closed a socket"))
        self.lost()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._upgraded:
            head = self._buffer.find(b"\r\n\r\n")
            if head < 0:
                return
            if not self._buffer.startswith(b"HTTP/1.1 101"):
                self.open.set_exception(ConnectionError(self._buffer[:200].decode()))
                return
            self._buffer, self._upgraded = self._buffer[head + 4 :], True
            self.send(b'{"type":"hello","language":"fa"}')
        while len(self._buffer) >= 2:
            length, start = self._buffer[1] & 0x7F, 2
            if length == 126:
                length, start = int.from_bytes(self._buffer[2:4]), 4
            if len(self._buffer) < start + length:
                return
            payload = self._buffer[start : start + length]
            self._buffer = self._buffer[start + length :]
            if not self.open.done():
                if b'"type":"ready"' in payload:
                    self.open.set_result(None)
            else:
                self.heard(payload)

    def send(self, payload: bytes) -> None:
        assert self.transport is not None
        self.transport.write(frame(payload))

    def heard(self, payload: bytes) -> None:
        """A frame after the first."""

    def lost(self) -> None:
        """The socket was closed."""


class Talker(Socket):
    """A visitor who talks."""

    numbers = count()

    def __init__(self, plan: ChatPlan, figures: Figures) -> None:
        super().__init__(plan.port)
        self._plan = plan
        self._figures = figures
        self._step = 0
        self._sent = 0.0
        self._counted = self._until = 0.0
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def begin(self, counted: float, until: float) -> None:
        self._counted, self._until = counted, until
        self._say()

    def lost(self) -> None:
        if not self.over.done():
            self.over.set_exception(ConnectionError("the server closed a socket"))

    def _say(self) -> None:
        said = {"type": "say", "id": f"m{next(self.numbers)}", "text": self._plan.texts[self._step]}
        self._sent = perf_counter()
        self.send(json.dumps(said).encode())

    def heard(self, payload: bytes) -> None:
        figures, now = self._figures, perf_counter()
        last = self._step == len(self._plan.texts) - 1
        if b'"type":"turn"' not in payload or (last and self._plan.last_word.encode() not in payload):
            figures.wrong += 1
            figures.example = payload[:400].decode(errors="replace")
        figures.all_turns += 1
        if now >= self._counted:
            figures.turns += 1
            figures.latencies.append((now - self._sent) * 1_000)
        self._step = (self._step + 1) % len(self._plan.texts)
        figures.conversations += not self._step
        if now < self._until:
            self._say()
        elif not self.over.done():
            self.over.set_result(None)


async def keep(sockets: list[Socket]) -> None:
    """Signs of life, spread evenly."""
    while True:
        for place, socket in enumerate(sockets):
            if socket.transport is not None:
                socket.send(b'{"type":"ping"}')
            if place % 50 == 49:
                await asyncio.sleep(PING_EVERY * 50 / len(sockets))
        await asyncio.sleep(0.01)


async def run(plan: ChatPlan) -> Figures:
    """Opens all the sockets, then talks."""
    figures = Figures()
    loop = asyncio.get_running_loop()
    quiet: list[Socket] = []
    for first in range(0, plan.quiet, OPENING_AT_ONCE):
        some = [
            await loop.create_connection(
                partial(Socket, plan.port),
                "127.0.0.1",
                plan.port,
                local_addr=(f"127.0.1.{1 + first // 10_000}", 0),
            )
            for _place in range(min(OPENING_AT_ONCE, plan.quiet - first))
        ]
        await asyncio.gather(*(socket.open for _transport, socket in some))
        quiet += [socket for _transport, socket in some]
    keeping = asyncio.create_task(keep(quiet)) if quiet else None
    talkers = [
        (await loop.create_connection(partial(Talker, plan, figures), "127.0.0.1", plan.port))[1]
        for _place in range(plan.talkers)
    ]
    await asyncio.gather(*(talker.open for talker in talkers))
    counted = perf_counter() + plan.warm_up
    for talker in talkers:
        talker.begin(counted, counted + plan.seconds)
    async with asyncio.timeout(plan.warm_up + plan.seconds + 30):
        await asyncio.gather(*(talker.over for talker in talkers))
    figures.seconds = perf_counter() - counted
    if keeping is not None:
        keeping.cancel()
    figures.wrong += sum(socket.transport is None or socket.transport.is_closing() for socket in quiet)
    figures.conclude(process_time())
    return figures


if __name__ == "__main__":
    print(json.dumps(asdict(uvloop.run(run(ChatPlan(**json.loads(sys.argv[1])))))))
