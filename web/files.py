"""Files of our own pages, read once: what browsers are told about them, and that they need not ask twice."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from aiohttp import hdrs, web

SHARED = Path(__file__).parent / "static"
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
    """A file of a page. Browsers keep it and ask whether it changed."""

    def __init__(self, path: Path, headers: Mapping[str, str] = SECURITY) -> None:
        self._body = path.read_bytes()
        self._type = TYPES[path.suffix]
        self._tag = f'"{hashlib.sha256(self._body).hexdigest()[:32]}"'
        self._headers = {**headers, hdrs.ETAG: self._tag, hdrs.CACHE_CONTROL: "no-cache"}

    def answer(self, request: web.Request) -> web.Response:
        if request.headers.get(hdrs.IF_NONE_MATCH) == self._tag:
            return web.Response(status=304, headers=self._headers)
        return web.Response(body=self._body, content_type=self._type, charset="utf-8", headers=self._headers)


def folder(path: Path, headers: Mapping[str, str] = SECURITY) -> Mapping[str, File]:
    """The files of a folder that a page may ask for, by name, and those that all pages share."""
    paths = [*SHARED.iterdir(), *path.iterdir()]
    return {each.name: File(each, headers) for each in paths if each.suffix in TYPES}
