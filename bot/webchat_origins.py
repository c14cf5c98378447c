"""Whose pages may hold the web chat.

A browser says in ``Origin`` which page opens a socket or sends a file; no page can change that. Programs say
nothing of it, and are people like all others here: what they may do is bounded in ``webchat_limits``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import hdrs

from web.access import Head

ANY = "*"
_REFUSED = "The chat may not stand in this page; WEBCHAT_ORIGINS names those that it may."


@dataclass(frozen=True, slots=True)
class Origins:
    """Pages of our own origin, and of those that are named (``https://shop.example.ir``); all pages where one
    of them is ``*``."""

    named: frozenset[str] = frozenset()

    def refusal(self, request: Head) -> str | None:
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is None or ANY in self.named or origin in self.named:
            return None
        # The scheme is left out: a proxy may have taken TLS off. ``null`` is the origin of pages without one.
        own = origin.partition("://")[2]
        return None if own and own == request.headers.get(hdrs.HOST) else _REFUSED

    def sharing(self, request: Head) -> Mapping[str, str]:
        """The headers by which a page of this origin may read the answer (Fetch standard, "CORS protocol").
        There are no cookies here, so credentials are never allowed."""
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is None:
            return {}
        return {hdrs.ACCESS_CONTROL_ALLOW_ORIGIN: origin, hdrs.VARY: hdrs.ORIGIN}
