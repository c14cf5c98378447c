"""``/sandbox/messages``: what the sandbox took, as JSON.

``{"messages": [{tracking, channel, class, to, subject, body, status, created, sent}, …], "cursor": "…"}``,
the newest first. Times are ISO 8601 in UTC, ``sent`` is null before it. Query: ``to`` (a mobile number in any
form, or an e-mail address), ``after`` (an earlier ``cursor``: only what is newer), ``limit`` (1 to 200, else
50). With ``If-None-Match`` an unchanged list is 304.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from datetime import datetime
from typing import Any

import msgspec
from aiohttp import hdrs, web

from dispatch.providers.sandbox import Sandbox
from engine.numbers import mobile
from records.database import Database
from records.outgoing import Opened, newest
from records.unit import Unavailable
from records.vault import Vault

LIMIT = 50
MOST = 200
ID_BYTES = 16


class Messages:
    """Lists the messages of the channels that the sandbox carries."""

    def __init__(self, database: Database, vault: Vault, channels: Collection[str]) -> None:
        self._database = database
        self._vault = vault
        self._channels = channels

    async def handle(self, request: web.Request) -> web.Response:
        try:
            found = await newest(
                self._database,
                self._vault,
                channels=self._channels,
                provider=Sandbox.name,
                most=_limit(request.query.get("limit", "")),
                parties=self._parties(request.query.get("to", "")),
                after=_after(request.query.get("after", "")),
            )
        except Unavailable:
            raise web.HTTPServiceUnavailable(text="The database does not answer.") from None
        cursor = found[0].id.hex() if found else request.query.get("after", "")
        body = msgspec.json.encode({"messages": [_shown(each) for each in found], "cursor": cursor})
        tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        headers = {hdrs.ETAG: tag, hdrs.CACHE_CONTROL: "no-store"}
        if request.headers.get(hdrs.IF_NONE_MATCH) == tag:
            return web.Response(status=304, headers=headers)
        return web.Response(body=body, content_type="application/json", charset="utf-8", headers=headers)

    def _parties(self, to: str) -> Collection[bytes] | None:
        if not to:
            return None
        if "@" in to:
            return [self._vault.index("email", to.strip())]
        # A plus that nobody percent-encoded arrives as a space.
        number = mobile(to.strip()) or mobile(f"+{to.strip()}")
        if number is None:
            raise web.HTTPBadRequest(text="to: neither a mobile number nor an e-mail address")
        return [self._vault.index("msisdn", number)]


def _shown(message: Opened) -> dict[str, Any]:
    content = message.content
    return {
        "tracking": message.tracking,
        "channel": message.channel,
        "class": message.klass,
        "to": content.to if content else "",
        "subject": content.subject if content else "",
        "body": content.body if content else "",
        "status": message.status,
        "created": _iso(message.created_at),
        "sent": _iso(message.sent_at),
    }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _limit(text: str) -> int:
    if not text:
        return LIMIT
    if not text.isascii() or not text.isdecimal() or len(text) > 4 or not 1 <= int(text) <= MOST:
        raise web.HTTPBadRequest(text=f"limit: a whole number from 1 to {MOST}")
    return int(text)


def _after(text: str) -> bytes | None:
    if not text:
        return None
    try:
        id = bytes.fromhex(text)
    except ValueError:
        id = b""
    if len(id) != ID_BYTES:
        raise web.HTTPBadRequest(text="after: the cursor of an earlier answer")
    return id
