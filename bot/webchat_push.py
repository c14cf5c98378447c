"""Push on the web chat: a browser that the visitor wants to be told in when something waits for them there.

``PUT /chat/push`` with what the browser's ``PushManager.subscribe`` gave keeps it for the visitor whose token
comes with it, ``DELETE /chat/push/<id>`` forgets it. Pages of other origins have no part in this: a
subscription is of one origin, and they are not told that they may read the answers.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from datetime import datetime

import msgspec
from aiohttp import hdrs, web

from bot import webchat
from bot.webchat_bearer import Bearers
from bot.webchat_limits import Addresses, Limits
from dispatch.providers.push.webpush import Subscription
from records.unit import Unavailable
from services.devices import WEB_CHAT, Devices
from web.access import Networks, peer_of

MOST = 4_096  # Bytes of a subscription.
SERVICE = "webpush"

_subscription = msgspec.json.Decoder(Subscription)


class PushDoor:
    def __init__(
        self,
        *,
        devices: Devices,
        bearers: Bearers,
        limits: Limits,
        addresses: Addresses,
        trusted_proxies: Networks,
        clock: Callable[[], datetime],
    ) -> None:
        self._devices = devices
        self._bearers = bearers
        self._limits = limits
        self._addresses = addresses
        self._trusted_proxies = trusted_proxies
        self._clock = clock

    async def keep(self, request: web.Request) -> web.StreamResponse:
        """From now on this browser is told when something waits for the visitor."""
        if (refusal := self._refusal(request)) is not None:
            return refusal
        try:
            visitor = await self._bearers.of(request)
            if visitor is None:
                return _answer(401, {"reason": "token"})
            if (request.content_length or MOST + 1) > MOST:
                return _answer(422, {"reason": "subscription"})
            said = _subscription.decode(await request.read())
            if not said.endpoint.startswith("https://"):
                return _answer(422, {"reason": "subscription"})
            device = await self._devices.register(
                WEB_CHAT,
                SERVICE,
                msgspec.json.encode(said).decode(),
                kind=webchat.CHANNEL,
                person=visitor.id,
                now=self._clock(),
            )
        except (msgspec.MsgspecError, UnicodeError):
            return _answer(422, {"reason": "subscription"})
        except (ConnectionError, web.RequestPayloadError):
            return _answer(400, {"reason": "broken"})
        except Unavailable:
            return _answer(503, {"reason": "away"}, again=5)
        return _answer(201, {"id": device.id.hex()})

    async def forget(self, request: web.Request) -> web.StreamResponse:
        """Nothing is pushed to this browser any more; 404 where it was not this visitor's."""
        if (refusal := self._refusal(request)) is not None:
            return refusal
        try:
            visitor = await self._bearers.of(request)
            if visitor is None:
                return _answer(401, {"reason": "token"})
            id = bytes.fromhex(request.match_info["id"])
            if not await self._devices.forget(WEB_CHAT, id, visitor.party):
                return _answer(404, {"reason": "unknown"})
        except Unavailable:
            return _answer(503, {"reason": "away"}, again=5)
        return _answer(200, {"id": id.hex()})

    def _refusal(self, request: web.Request) -> web.Response | None:
        """The answer to an address that asks too often."""
        now = asyncio.get_running_loop().time()
        address = self._addresses.of(peer_of(request, self._trusted_proxies), now)
        wait = address.messages.take(self._limits.messages, now)
        return _answer(429, {"reason": "slow"}, again=math.ceil(wait)) if wait else None


def _answer(status: int, body: dict[str, str], *, again: int = 0) -> web.Response:
    headers = {hdrs.CACHE_CONTROL: "no-store", "X-Content-Type-Options": "nosniff"}
    if again:
        headers[hdrs.RETRY_AFTER] = str(again)
    return web.Response(
        status=status, body=msgspec.json.encode(body), content_type="application/json", headers=headers
    )
