"""A registry of national IDs, as the product asks one, that answers when a test says so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.test_utils import TestServer


@dataclass
class Registry:
    """``asked`` is set by the first question; no answer is given before ``go``."""

    asked: asyncio.Event = field(default_factory=asyncio.Event)
    go: asyncio.Event = field(default_factory=asyncio.Event)
    url: str = ""

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.set()
        await self.go.wait()
        return web.json_response({"result": "ok", "isMatched": True})


@asynccontextmanager
async def registry() -> AsyncIterator[Registry]:
    """One that is at work."""
    held = Registry()
    app = web.Application()
    app.router.add_post("/inquiry", held.answer)
    async with TestServer(app) as server:
        held.url = str(server.make_url("/inquiry"))
        yield held
        held.go.set()
