"""The door for SMS that a provider brings: ``POST /sms/kavenegar``.

It is answered 200 when the message is durable, and only then may the provider forget it. What is no SMS is
400; while the records are away it is 503, for the provider to bring it again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

import structlog
from aiohttp import hdrs, web

from bot import sms_kavenegar
from bot.sms import Taker
from bot.sms_kavenegar import BadCallback
from records.unit import Unavailable
from web.access import Networks, Rule, guarded, peer_of

PATH = "/sms/kavenegar"
BODY_BYTES = 64 * 1024
AGAIN = "30"  # Seconds after which it may be brought again.

log = structlog.get_logger()


def routes(
    taker: Taker, rule: Rule, clock: Callable[[], datetime], trusted_proxies: Networks = ()
) -> Sequence[web.RouteDef]:
    """The route of each provider that calls back."""

    async def handle(request: web.Request) -> web.Response:
        body = await _body(request)
        try:
            sms = sms_kavenegar.parse(body, clock(), peer_of(request, trusted_proxies))
        except BadCallback as error:
            log.info("request refused", route=PATH, problem=str(error))
            raise web.HTTPBadRequest(text=str(error)) from None
        try:
            await taker.accept(sms)
        except Unavailable as error:
            log.warning("sms not stored", reason=str(error))
            raise web.HTTPServiceUnavailable(
                text="Not stored; bring it again.", headers={hdrs.RETRY_AFTER: AGAIN}
            ) from None
        return web.Response(text="ok")

    return (web.post(PATH, guarded(handle, rule)),)


async def _body(request: web.Request) -> bytes:
    """The whole body. One that says that it is too large is not read; aiohttp stops reading at a megabyte."""
    try:
        body = b"" if (request.content_length or 0) > BODY_BYTES else await request.read()
    except (web.RequestPayloadError, OSError):
        raise web.HTTPBadRequest(text="the body broke off or is not encoded as its header says") from None
    if max(request.content_length or 0, len(body)) > BODY_BYTES:
        raise web.HTTPRequestEntityTooLarge(BODY_BYTES, max(request.content_length or 0, len(body)))
    return body
