"""Kavenegar and the network behind it, on this machine: messages that wait there, messages that are sent."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from tests.bot.sms_people import PATH, new_id

MOST = 100  # Messages of one ``sms/receive``.
DELIVERED = 10

Deliver = Callable[[str, str, str], Awaitable[None]]
"""Is told of each message that is sent: from, to, text."""


@dataclass
class Exchange:
    """``waiting`` are entries of ``sms/receive``, by line; ``read`` those that were fetched. ``asked`` is
    each request: the key, the method, the form. ``sent`` is what was sent: from, to, text. ``before`` runs
    when a request was carried out and before it is answered, and may answer in its place."""

    url: str = ""
    waiting: dict[str, list[Any]] = field(default_factory=dict)
    read: dict[str, list[Any]] = field(default_factory=dict)
    asked: list[tuple[str, str, Mapping[str, str]]] = field(default_factory=list)
    sent: list[tuple[str, str, str]] = field(default_factory=list)
    deliver: Deliver | None = None
    before: Callable[[str, str], Awaitable[web.Response | None]] | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _ids: Any = field(default_factory=lambda: itertools.count(8_792_343))

    def put(self, line: str, sender: str, text: str, date: int, id: str = "") -> None:
        """A message that waits to be fetched."""
        entry = {
            "messageid": int(id or new_id()),
            "message": text,
            "sender": sender,
            "receptor": line,
            "date": date,
        }
        self.waiting.setdefault(line, []).append(entry)

    def fetched(self, key: str = "") -> list[str]:
        """``isread`` of each fetching, with this key or any."""
        return [
            form["isread"] for asker, method, form in self.asked if method == "sms/receive" and key in asker
        ]

    async def handle(self, request: web.Request) -> web.Response:
        _v1, key, method = request.path.strip("/").split("/", 2)
        method = method.removesuffix(".json")
        form: dict[str, str] = {name: str(value) for name, value in (await request.post()).items()}
        self.asked.append((key, method, form))
        entries = self._entries(method, form)
        if self.before is not None and (answer := await self.before(key, method)) is not None:
            return answer
        return web.json_response({"return": {"status": 200, "message": "تایید شد"}, "entries": entries})

    def _entries(self, method: str, form: Mapping[str, str]) -> list[Any]:
        match method:
            case "sms/receive":
                return self._receive(form["linenumber"], again=form["isread"] == "1")
            case "sms/send":
                return [self._send(form.get("sender", ""), form["receptor"], form["message"])]
            case "sms/sendarray":
                fields = (json.loads(form[name]) for name in ("sender", "receptor", "message"))
                return [self._send(*each) for each in zip(*fields, strict=True)]
            case "sms/status":
                return [{"messageid": int(id), "status": DELIVERED} for id in form["messageid"].split(",")]
        raise AssertionError(method)

    def _receive(self, line: str, *, again: bool) -> list[Any]:
        if again:
            return self.read.get(line, [])[-MOST:]
        waiting = self.waiting.get(line, [])
        taken, self.waiting[line] = waiting[:MOST], waiting[MOST:]
        self.read.setdefault(line, []).extend(taken)
        return taken

    def _send(self, sender: str, receptor: str, text: str) -> dict[str, Any]:
        self.sent.append((sender, receptor, text))
        if self.deliver is not None:
            task = asyncio.create_task(self._deliver(sender, receptor, text))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return {"messageid": next(self._ids), "status": 1, "receptor": receptor}

    async def _deliver(self, sender: str, receptor: str, text: str) -> None:
        assert self.deliver is not None
        await self.deliver(sender, receptor, text)


@asynccontextmanager
async def exchange() -> AsyncIterator[Exchange]:
    """One that is at work."""
    made = Exchange()
    app = web.Application()
    app.router.add_post("/v1/{tail:.*}", made.handle)
    async with TestServer(app) as server:
        made.url = str(server.make_url("")).rstrip("/")
        yield made


async def call_back(http: ClientSession, url: str, sender: str, line: str, text: str) -> None:
    """Brings a message to the server that a line belongs to."""
    form = {"from": sender, "to": line, "message": text, "messageid": new_id()}
    async with http.post(f"{url}{PATH}", data=form) as response:
        assert response.status == 200
