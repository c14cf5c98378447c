"""Where providers call us with receipts: ``/receipts/<provider>``, behind one rule.

A call is answered with 200 when its receipts are durable. One that cannot be read is answered with 400, one
from a provider that is not there with 404, and while the database is away with 503, so that it is made again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from urllib.parse import parse_qsl

import structlog
from aiohttp import web

from dispatch.provider import Callback, Calling, Provider
from dispatch.settling import DETAIL
from records.database import Database
from records.receipts import Told, keep
from records.unit import Unavailable
from web.access import Rule, guarded

LONGEST = 1 << 20  # Bytes of a call.
NAME = 128  # Characters of a message's name with a provider.

log = structlog.get_logger(__name__)


def routes(
    database: Database, providers: Iterable[Provider], rule: Rule, clock: Callable[[], datetime]
) -> list[web.RouteDef]:
    """The door of all providers that call."""
    calling = {each.name: each for each in providers if isinstance(each, Calling)}

    async def take(request: web.Request) -> web.Response:
        name = request.match_info["provider"]
        provider = calling.get(name)
        if provider is None:
            return web.Response(status=404, text="There is no such provider.")
        try:
            body = b""
            async for chunk in request.content.iter_chunked(1 << 16):
                body += chunk
                if len(body) > LONGEST:
                    return web.Response(status=413, text="Too long.")
            callback = Callback(dict(request.query), _form(request, body), body)
            told = [
                Told(external_id[:NAME], receipt.status, receipt.detail[:DETAIL])
                for external_id, receipt in provider.parse_receipt(callback).items()
            ]
        except ValueError as error:
            log.warning("receipts.unreadable", provider=name, why=str(error))
            return web.Response(status=400, text="This is no receipt.")
        try:
            known = await keep(database, name, told, clock())
        except Unavailable as error:
            log.warning("receipts.database_away", provider=name, error=str(error))
            return web.Response(status=503, text="Again, please.")
        if known < len(told):
            log.info("receipts.orphans", provider=name, receipts=len(told) - known)
        return web.Response(text="ok")

    door = guarded(take, rule)
    return [web.get("/receipts/{provider}", door), web.post("/receipts/{provider}", door)]


def _form(request: web.Request, body: bytes) -> dict[str, str]:
    if request.content_type != "application/x-www-form-urlencoded":
        return {}
    return dict(parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=1_000))
