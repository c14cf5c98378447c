"""A visitor of the web chat: a client of the protocol in docs/web-chat.md that shares no code with it."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable
from types import TracebackType
from typing import Any

from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType

Frame = dict[str, Any]
PATIENCE = 20.0


class Closed(Exception):
    """The server closed the socket."""

    def __init__(self, code: int | None) -> None:
        super().__init__(f"closed with {code}")
        self.code = code


class Visitor:
    """One browser: its token, what it has been shown, its present socket. ``seen`` are turns and posts."""

    def __init__(self, http: ClientSession, url: str, *, token: str = "", origin: str | None = None) -> None:
        self.http = http
        self.url = url
        self.token = token
        self.origin = origin
        self.seen: list[Frame] = []
        self.frames: list[Frame] = []
        self.welcome: Frame = {}
        self.ws: ClientWebSocketResponse | None = None

    @property
    def last(self) -> str:
        return str(self.seen[-1]["id"]) if self.seen else ""

    @property
    def texts(self) -> list[str]:
        return [frame.get("text", "") for frame in self.seen]

    async def open(self) -> ClientWebSocketResponse:
        """A socket on which nothing was said, in place of the one before."""
        await self.go()
        headers = {} if self.origin is None else {"Origin": self.origin}
        self.ws = await self.http.ws_connect(f"{self.url}/chat/ws", headers=headers, max_msg_size=1 << 24)
        return self.ws

    async def come(self, *, anew: bool = False) -> Visitor:
        """Connects and has everything that it lacked; ``anew`` as after a reload, with nothing left."""
        if anew:
            self.seen = []
        await self.open()
        await self.send(type="hello", token=self.token, after=self.last)
        self.welcome = await self.until(lambda frame: frame["type"] == "welcome")
        self.token = self.welcome.get("token") or self.token
        await self.until(lambda frame: frame["type"] == "ready")
        return self

    async def send(self, **frame: Any) -> None:
        assert self.ws is not None
        await self.ws.send_str(json.dumps(frame))

    async def receive(self) -> Frame:
        """The next frame. Raises ``Closed``."""
        assert self.ws is not None
        message = await self.ws.receive(PATIENCE)
        if message.type is not WSMsgType.TEXT:
            raise Closed(self.ws.close_code)
        frame: Frame = json.loads(message.data)
        self.frames.append(frame)
        if frame["type"] in ("turn", "post"):
            self.seen.append(frame)
        return frame

    async def until(self, wanted: Callable[[Frame], bool]) -> Frame:
        """Receives until this frame has come; that frame."""
        async with asyncio.timeout(PATIENCE):
            while not wanted(frame := await self.receive()):
                pass
        return frame

    async def say(self, text: str, *, id: str = "", **more: Any) -> Frame:
        """Says something; the frame that answers it."""
        id = id or secrets.token_hex(8)
        await self.send(type="say", id=id, text=text, **more)
        return await self.until(lambda frame: frame.get("ref") == id)

    async def file_complaint(self, text: str = "اینترنت خانه از دیروز قطع است") -> Frame:
        """Walks through the whole complaint; the last turn."""
        for word in ("شکایت", "2", text):
            await self.say(word)
        return await self.say("1")

    async def quiet(self, seconds: float = 1.2) -> list[Frame]:
        """What comes within this time, which is longer than two looks of the server take."""
        start = len(self.frames)
        try:
            async with asyncio.timeout(seconds):
                while True:
                    await self.receive()
        except TimeoutError:
            return self.frames[start:]

    async def closed(self) -> int | None:
        """Receives until the server closes; its code."""
        try:
            await self.until(lambda frame: False)
        except Closed as error:
            return error.code
        raise AssertionError("it stayed open")

    def cut(self) -> None:
        """Cuts the connection without a word, as a network does."""
        assert self.ws is not None
        connection = self.ws._conn  # There is no public way to be so rude.
        assert connection is not None
        assert connection.transport is not None
        connection.transport.abort()

    async def go(self) -> None:
        if self.ws is not None:
            await self.ws.close()

    async def __aenter__(self) -> Visitor:
        return await self.come()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.go()
