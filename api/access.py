"""Who may call the API: whoever holds a key that may do it, from an address that the key may come from.

The rule stands beside its route (``web.access.rule_of``). Its ``refusal`` looks at the head alone; who holds
the key is in the records, so that part waits for them. Nothing of the body is read before both have passed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import structlog
from aiohttp import hdrs, web

from api.limits import Limits
from api.problems import Problem
from services.accounts import FORM, Accounts, Holder
from web.access import Handler, Networks, peer_of, within

HOLDER = web.RequestKey("holder", Holder)


KeyOf = Callable[[web.Request], str]

log = structlog.get_logger()


def bearer(request: web.Request) -> str:
    """The key of ``Authorization: Bearer …``, "" without one."""
    scheme, _space, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def in_path(request: web.Request) -> str:
    """The key in the path, for programs made for another vendor."""
    return request.match_info.get("key", "")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """Whoever sends a key that has the scope of the request's method: ``(("GET", "read"), …)``."""

    scopes: tuple[tuple[str, str], ...]
    key_of: KeyOf = bearer

    def refusal(self, request: web.Request) -> str | None:
        return None if FORM.fullmatch(self.key_of(request)) else "This needs a key."

    def scope(self, method: str) -> str:
        return dict(self.scopes)[method]


class Guard:
    """Lets whoever holds a key in. ``trusted_proxies`` are those whose word on the address is taken."""

    def __init__(self, accounts: Accounts, limits: Limits, trusted_proxies: Networks) -> None:
        self._accounts = accounts
        self._limits = limits
        self._proxies = trusted_proxies

    def keyed(self, handler: Handler, rule: ApiKey) -> Handler:
        """The handler behind its rule; ``HOLDER`` of the request is who calls."""

        async def guard(request: web.Request) -> web.StreamResponse:
            holder = None
            if rule.refusal(request) is None:
                holder = await self._accounts.holder(rule.key_of(request))
            if holder is None:
                raise Problem("no-key")
            if holder.networks and not within(peer_of(request, self._proxies), holder.networks):
                log.info("key refused", key=holder.prefix, why="address")
                raise Problem("address")
            if rule.scope(request.method) not in holder.scopes:
                raise Problem("not-allowed")
            request[HOLDER] = holder
            return await self._limited(request, holder, handler)

        guard.__dict__["access_rule"] = rule
        guard.__name__ = getattr(handler, "__name__", "guard")
        return guard

    async def _limited(self, request: web.Request, holder: Holder, handler: Handler) -> web.StreamResponse:
        """Counts the call; what is left stands in the answer, whatever it is."""
        try:
            await self.take(request, 1)
            response = await handler(request)
        except Problem as problem:
            problem.headers |= self._limits.headers(holder)
            raise
        response.headers.update(self._limits.headers(holder))
        return response

    async def take(self, request: web.Request, messages: int) -> None:
        """Takes so many messages of what the key may send now; a ``Problem`` where that is too fast."""
        wait = await self._limits.take(request[HOLDER], messages)
        if wait:
            raise Problem("too-fast", again=wait)
