"""The newcomer's page, its files, and the messages beside it; for programs on this machine alone."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from pathlib import Path

from aiohttp import hdrs, web

from records.database import Database
from records.vault import Vault
from sandbox.messages import Messages
from web.access import LOOPBACK, guarded

STATIC = Path(__file__).parent / "static"
CHANNELS = ("sms", "voice", "email")
TYPES: Mapping[str, str] = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
# Nothing but our own files: no inline script or style, no other host, no frame around the page.
SECURITY: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class File:
    """A file of the page, read once. Browsers keep it and ask whether it changed."""

    def __init__(self, path: Path) -> None:
        self._body = path.read_bytes()
        self._type = TYPES[path.suffix]
        self._tag = f'"{hashlib.sha256(self._body).hexdigest()[:32]}"'

    def answer(self, request: web.Request) -> web.Response:
        headers = {**SECURITY, hdrs.ETAG: self._tag, hdrs.CACHE_CONTROL: "no-cache"}
        if request.headers.get(hdrs.IF_NONE_MATCH) == self._tag:
            return web.Response(status=304, headers=headers)
        return web.Response(body=self._body, content_type=self._type, charset="utf-8", headers=headers)


def routes(database: Database, vault: Vault, channels: Collection[str] = CHANNELS) -> list[web.RouteDef]:
    """The page's routes. ``channels`` are those that the sandbox carries: nothing else is shown."""
    files = {path.name: File(path) for path in STATIC.iterdir() if path.suffix in TYPES}

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
