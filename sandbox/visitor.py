"""A client of the web chat's protocol for the terminal: it connects, says, and resumes (docs/web-chat.md)."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientError, ClientSession, ClientWebSocketResponse, WSMsgType, WSServerHandshakeError

Frame = dict[str, Any]

PAUSES = (0.3, 1.0, 2.0, 5.0)  # Seconds between attempts to connect.
PATIENCE = 60.0  # Seconds without a server after which it is given up.
ALIVE = 50.0  # Seconds between signs of life.


class TalkError(Exception):
    """The chat cannot go on; the message says why and what to do."""


@dataclass(slots=True)
class Said:
    """A message that waits for its answer."""

    id: str
    text: str
    answered: asyncio.Event


class Talk:
    """One visitor. ``shows`` is called with each turn and post, once and in order; ``tells`` with a line
    about the connection."""

    def __init__(
        self,
        http: ClientSession,
        url: str,
        language: str,
        shows: Callable[[Frame], None],
        tells: Callable[[str], None],
    ) -> None:
        self._http = http
        self._url = f"{url}/chat/ws"
        self._language = language
        self._shows = shows
        self._tells = tells
        self._token = ""
        self._after = ""
        self._waiting: deque[Said] = deque()
        self._ws: ClientWebSocketResponse | None = None
        self._welcomed = False
        self.ready = asyncio.Event()

    async def run(self) -> None:
        """Stays connected until cancelled. Raises ``TalkError``."""
        loop = asyncio.get_running_loop()
        attempt, last = 0, loop.time()
        while True:
            try:
                await self._connection()
            except WSServerHandshakeError as error:
                if error.status in (403, 404):
                    raise TalkError(f"there is no chat for us at {self._url} ({error.status})") from None
            except (ClientError, OSError, TimeoutError):
                pass
            if self.ready.is_set():
                self._tells("not connected; trying again")
                attempt, last = 0, loop.time()
            self.ready.clear()
            if loop.time() - last > PATIENCE:
                raise TalkError(f"no server answers at {self._url}; start one by `make run`")
            await asyncio.sleep(PAUSES[min(attempt, len(PAUSES) - 1)])
            attempt += 1

    async def say(self, text: str) -> None:
        """Says something; returns when it was answered, however often the connection was cut meanwhile."""
        said = Said(secrets.token_hex(8), text, asyncio.Event())
        self._waiting.append(said)
        if self.ready.is_set() and len(self._waiting) == 1:
            await self._send_first()
        await said.answered.wait()

    async def _connection(self) -> None:
        async with self._http.ws_connect(self._url) as ws:
            self._ws = ws
            await self._send(
                {"type": "hello", "token": self._token, "after": self._after, "language": self._language}
            )
            alive = asyncio.create_task(self._stay_alive())
            try:
                async for message in ws:
                    if message.type is WSMsgType.TEXT:
                        await self._take(json.loads(message.data))
            finally:
                alive.cancel()
                self._ws = None

    async def _take(self, frame: Frame) -> None:
        kind = frame["type"]
        if kind == "welcome":
            self._token = frame.get("token") or self._token
        elif kind == "ready":
            self.ready.set()
            await self._send_first()
        elif kind in ("turn", "post"):
            self._after = frame["id"]
            self._shows(frame)
            await self._answered(frame.get("ref", ""))
        elif kind in ("taken", "refused"):
            await self._answered(frame["ref"])
        elif kind in ("slow", "sorry") and frame["retry"]:
            await asyncio.sleep(frame["retry"])
            await self._send_first()
        elif kind == "sorry":
            self._tells(frame["text"])
            await self._answered(frame["ref"])

    async def _answered(self, ref: str) -> None:
        if self._waiting and self._waiting[0].id == ref:
            self._waiting.popleft().answered.set()
            await self._send_first()

    async def _send_first(self) -> None:
        """One after another: what is sent again must not overtake what came before it."""
        if self._waiting:
            await self._send({"type": "say", "id": self._waiting[0].id, "text": self._waiting[0].text})

    async def _stay_alive(self) -> None:
        while True:
            await asyncio.sleep(ALIVE)
            await self._send({"type": "ping"})

    async def _send(self, frame: Frame) -> None:
        if self._ws is not None and not self._ws.closed:
            try:
                await self._ws.send_str(json.dumps(frame))
            except ConnectionError:
                pass  # It is cut: the loop that receives learns of it, and what waits is sent again.
