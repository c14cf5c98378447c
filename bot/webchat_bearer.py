"""Whose request this is, on the web chat: the visitor's token comes in ``Authorization``, never in a cookie,
so that another site's page can do nothing in somebody's name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from aiohttp import hdrs, web

from bot import webchat
from bot.webchat_tokens import LENGTH, Tokens
from records.vault import Vault
from records.webchat import ChatLog

_SCHEME = "Bearer "


@dataclass(frozen=True, slots=True)
class Caller:
    """A visitor, with the blind index of their id."""

    id: str
    party: bytes


@dataclass(frozen=True, slots=True)
class Bearers:
    tokens: Tokens
    chat: ChatLog
    vault: Vault
    clock: Callable[[], datetime]

    async def of(self, request: web.Request) -> Caller | None:
        """Whose token came with the request; None for one that is not good, or no longer. Raises
        ``Unavailable``."""
        header = request.headers.get(hdrs.AUTHORIZATION, "")
        if not header.startswith(_SCHEME) or len(header) > len(_SCHEME) + LENGTH:
            return None
        visitor = self.tokens.read(header[len(_SCHEME) :], self.clock())
        if visitor is None:
            return None
        party = self.vault.index(webchat.CHANNEL, visitor.id)
        if visitor.generation < await self.chat.generation(party):
            return None
        return Caller(visitor.id, party)
