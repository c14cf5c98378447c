"""The newcomer's page, its files, and the messages beside it; for programs on this machine alone."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from aiohttp import web

from records.database import Database
from records.vault import Vault
from sandbox.messages import Messages
from web.access import LOOPBACK, guarded
from web.files import folder

STATIC = Path(__file__).parent / "static"
CHANNELS = ("sms", "voice", "email")


def routes(database: Database, vault: Vault, channels: Collection[str] = CHANNELS) -> list[web.RouteDef]:
    """The page's routes. ``channels`` are those that the sandbox carries: nothing else is shown."""
    files = folder(STATIC)

    async def page(request: web.Request) -> web.StreamResponse:
        return files["page.html"].answer(request)

    async def file(request: web.Request) -> web.StreamResponse:
        found = files.get(request.match_info["name"])
        if found is None:
            raise web.HTTPNotFound
        return found.answer(request)

    messages = Messages(database, vault, channels)
    return [
        web.get("/", guarded(page, LOOPBACK)),
        web.get("/sandbox/static/{name}", guarded(file, LOOPBACK)),
        web.get("/sandbox/messages", guarded(messages.handle, LOOPBACK)),
    ]
