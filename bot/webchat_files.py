"""Files on the web chat: ``POST /chat/files`` keeps one, ``GET /chat/files/<id>`` hands it out again.

A file is sent before the message that it belongs to; the message names it. Who sends and who asks is told by
the visitor's token in ``Authorization``, never by a cookie, so that another site's page can do nothing in
somebody's name. What is handed out is never shown by the browser as a page of ours.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from urllib.parse import quote, unquote

import msgspec
from aiohttp import hdrs, web
from multidict import istr

from bot.webchat_bearer import Bearers
from bot.webchat_limits import Addresses, Limits
from bot.webchat_origins import Origins
from engine.turn import Language
from records.unit import Unavailable
from records.vault import Unreadable
from records.webchat import ChatLog
from services.files import Files, Refused, UnknownFile
from web.access import Networks, peer_of

AT_ONCE = 8  # Files that one process takes at once: each is whole in memory.
PATIENCE = 60.0  # Seconds that one may take to arrive.
NAME_LENGTH = 1_000  # Of a name, percent-encoded.
NAME = istr("X-Chapar-Name")

_ASKED: Mapping[str, str] = {
    hdrs.ACCESS_CONTROL_ALLOW_METHODS: "GET, POST",
    hdrs.ACCESS_CONTROL_ALLOW_HEADERS: f"Authorization, Content-Type, {NAME}",
    hdrs.ACCESS_CONTROL_MAX_AGE: "600",
}
# Whatever it is, it is no page: it runs nothing and knows nothing of us.
_HARMLESS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "cross-origin",
    hdrs.CACHE_CONTROL: "private, no-store",
}


class FileDoor:
    """Takes and hands out files of visitors."""

    def __init__(
        self,
        *,
        files: Files,
        chat: ChatLog,
        bearers: Bearers,
        limits: Limits,
        addresses: Addresses,
        origins: Origins,
        languages: Mapping[str, Language],
        trusted_proxies: Networks,
        clock: Callable[[], datetime],
    ) -> None:
        self._files = files
        self._chat = chat
        self._bearers = bearers
        self._limits = limits
        self._addresses = addresses
        self._origins = origins
        self._languages = languages
        self._trusted_proxies = trusted_proxies
        self._clock = clock
        self._under_way = asyncio.Semaphore(AT_ONCE)

    async def ask(self, request: web.Request) -> web.StreamResponse:
        """A browser asks whether the page of another origin may send at all (CORS preflight)."""
        return web.Response(status=204, headers={**_ASKED, **self._origins.sharing(request)})

    async def keep(self, request: web.Request) -> web.StreamResponse:
        """Keeps a file; 422 where it is refused, with the reason in the person's language."""
        now = asyncio.get_running_loop().time()
        peer = peer_of(request, self._trusted_proxies)
        wait = self._addresses.of(peer, now).uploads.take(self._limits.uploads, now)
        if wait or self._under_way.locked():
            again = str(math.ceil(wait or 2.0))
            return self._answer(request, 429, {"reason": "slow"}, {hdrs.RETRY_AFTER: again})
        async with self._under_way:
            try:
                visitor = await self._bearers.of(request)
                if visitor is None:
                    return self._answer(request, 401, {"reason": "token"})
                async with asyncio.timeout(PATIENCE):
                    kept = await self._files.store(
                        visitor.party,
                        now=self._clock(),
                        name=unquote(request.headers.get(NAME, "")[:NAME_LENGTH]),
                        declared=request.content_type if hdrs.CONTENT_TYPE in request.headers else "",
                        content=request.content.iter_any(),
                    )
            except Unavailable:
                return self._answer(request, 503, {"reason": "away"}, {hdrs.RETRY_AFTER: "5"})
            except (TimeoutError, ConnectionError, web.RequestPayloadError):
                return self._answer(request, 400, {"reason": "broken"})
        if isinstance(kept, Refused):
            text = kept.explain(self._language(request))
            return self._answer(request, 422, {"reason": kept.reason, "text": text})
        return self._answer(request, 201, {"id": kept.id.hex(), "type": kept.type, "size": kept.size})

    async def hand_out(self, request: web.Request) -> web.StreamResponse:
        """A file that this visitor sent, or was sent; 404 for all others, whether there are such or not."""
        now = asyncio.get_running_loop().time()
        address = self._addresses.of(peer_of(request, self._trusted_proxies), now)
        if wait := address.messages.take(self._limits.messages, now):
            return self._answer(request, 429, {"reason": "slow"}, {hdrs.RETRY_AFTER: str(math.ceil(wait))})
        try:
            visitor = await self._bearers.of(request)
            if visitor is None:
                return self._answer(request, 401, {"reason": "token"})
            id = bytes.fromhex(request.match_info["id"])
            if not await self._chat.may_read(visitor.party, id):
                return self._answer(request, 404, {"reason": "unknown"})
            stored = await self._files.read(id)
        except (UnknownFile, Unreadable):
            return self._answer(request, 404, {"reason": "unknown"})
        except Unavailable:
            return self._answer(request, 503, {"reason": "away"}, {hdrs.RETRY_AFTER: "5"})
        name = quote(stored.name, safe="")
        return web.Response(
            body=stored.content,
            headers={
                hdrs.CONTENT_TYPE: stored.type,
                hdrs.CONTENT_DISPOSITION: f"attachment; filename*=UTF-8''{name}",
                **_HARMLESS,
                **self._origins.sharing(request),
            },
        )

    def _language(self, request: web.Request) -> Language:
        wanted = request.headers.get(hdrs.ACCEPT_LANGUAGE, "")[:2].lower()
        return self._languages.get(wanted) or self._languages["fa"]

    def _answer(
        self,
        request: web.Request,
        status: int,
        body: Mapping[str, object],
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> web.Response:
        return web.Response(
            status=status,
            body=msgspec.json.encode(body),
            content_type="application/json",
            headers={**headers, **_HARMLESS, **self._origins.sharing(request)},
        )
