"""The HTTP side of the gateways: ``/ussd/<gateway>``, each route behind its own rule.

A request goes through three lines: ``parse``, ``take_turn``, ``render``. All else here is for what can be
wrong with it.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog
from aiohttp import hdrs, web

from conversation.incoming import Caller, Departure, Incoming, Reply
from logs import masked
from ussd.exchange import BadRequest, GatewayReply, GatewayRequest, Inquiry, Malformed, Route, TooLarge
from ussd.gateways import GATEWAYS, Gateway
from web.access import SECRET_PARAMETER, Handler, Networks, Public, Rule, guarded, peer_of
from web.plain import Head, Straight

log = structlog.get_logger()

BODY_BYTES = 64 * 1024
PREFIX = "/ussd/"

_SECRET = f"{SECRET_PARAMETER}="
_LITERAL = re.compile("[/a-z]*")


class Conversation(Protocol):
    """What the doors need of the conversation."""

    async def take_turn(self, incoming: Incoming) -> Reply:
        """The screen for one request. It does not raise: what cannot be done is told on a screen."""

    async def depart(self, departure: Departure) -> None:
        """The dialog is over on the gateway's side."""

    async def is_open(self, caller: Caller) -> bool:
        """Whether the dialog is still open. ``caller.address`` may be "": the gateway names it alone."""


@dataclass(frozen=True, slots=True)
class Door:
    """One gateway's route and who may use it."""

    route: Route
    rule: Rule


def routes(
    conversation: Conversation,
    doors: Mapping[str, Door],
    fallback: Reply,
    trusted_proxies: Networks = (),
) -> Sequence[web.RouteDef]:
    """The routes of these gateways (by the names of ``GATEWAYS``), and the answer for any other name.

    ``fallback`` is the screen for what nobody expected; it must not expect an answer. ``ValueError`` for a
    gateway or an option that there is not.
    """
    made: list[web.RouteDef] = []
    for name, door in doors.items():
        answering = _Answering(conversation, _gateway(name, door), door.route, fallback)
        handler = guarded(_handler(answering, name, trusted_proxies), door.rule)
        for method, tail in GATEWAYS[name].DOORS:
            path = PREFIX + name + (tail if _LITERAL.fullmatch(tail) else f"{{tail:{tail}}}")
            # A HEAD would take a turn and show it to nobody.
            extra = {"allow_head": False} if method == hdrs.METH_GET else {}
            made.append(web.route(method, path, handler, **extra))
    made.append(web.route("*", f"{PREFIX}{{gateway}}{{tail:.*}}", guarded(_no_door(doors), Public())))
    return made


def straight(
    conversation: Conversation,
    doors: Mapping[str, Door],
    fallback: Reply,
    trusted_proxies: Networks = (),
) -> Mapping[tuple[str, str], Straight]:
    """The same routes, but for those of no fixed path, for connections that need no more (``web.direct``)."""
    return {
        (method, PREFIX + name + tail): Straight(
            door.rule,
            _answer_to(
                _Answering(conversation, _gateway(name, door), door.route, fallback),
                method,
                tail,
                trusted_proxies,
            ),
            BODY_BYTES,
        )
        for name, door in doors.items()
        for method, tail in GATEWAYS[name].DOORS
        if _LITERAL.fullmatch(tail)
    }


def _gateway(name: str, door: Door) -> Gateway:
    if name not in GATEWAYS:
        raise ValueError(f"there is no gateway {name}")
    gateway = GATEWAYS[name]
    if odd := set(door.route.options) - set(gateway.OPTIONS):
        raise ValueError(f"the gateway {name} has no option {', '.join(sorted(odd))}")
    return gateway


class _Answering:
    """What one gateway's requests are answered with, whichever way they came."""

    def __init__(self, conversation: Conversation, gateway: Gateway, route: Route, fallback: Reply) -> None:
        self._conversation = conversation
        self._gateway = gateway
        self._route = route
        self._fallback = fallback

    async def answer(self, given: GatewayRequest, body: Awaitable[bytes] | None = None) -> GatewayReply:
        """Never raises. ``body`` is still to be read, where it is given."""
        gateway, route = self._gateway, self._route
        try:
            if body is not None:
                given.body = await body
            incoming = gateway.parse(given, route)
            if isinstance(incoming, Departure):
                await self._conversation.depart(incoming)
                return gateway.acknowledge(given, route)
            if isinstance(incoming, Inquiry):
                is_open = await self._conversation.is_open(incoming.caller)
                return gateway.acknowledge(given, route, is_open)
            return gateway.render(await self._conversation.take_turn(incoming), given, route)
        except BadRequest as error:
            log.info("request refused", route=route.name, problem=str(error))
            return gateway.refuse(error, given, route)
        except Exception:
            # The person waits for a screen whatever went wrong; the operator finds the reason in the log.
            log.exception("request failed", route=route.name, speaker=_speaker(gateway, given, route))
            return _apology(gateway, given, route, self._fallback)


def _handler(answering: _Answering, name: str, trusted_proxies: Networks) -> Handler:
    start = len(PREFIX) + len(name)

    async def handle(request: web.Request) -> web.Response:
        given = GatewayRequest(
            request.method,
            request.path[start:],
            _without_secret(request.rel_url.raw_query_string),
            b"",
            peer_of(request, trusted_proxies),
        )
        reply = await answering.answer(given, _body(request))
        headers = {hdrs.CONTENT_TYPE: reply.content_type, **reply.headers}
        return web.Response(body=reply.body, status=reply.status, headers=headers)

    return handle


def _answer_to(
    answering: _Answering, method: str, tail: str, trusted_proxies: Networks
) -> Callable[[Head, bytes], Awaitable[GatewayReply]]:
    def answer(head: Head, body: bytes) -> Awaitable[GatewayReply]:
        peer = peer_of(head, trusted_proxies)
        return answering.answer(GatewayRequest(method, tail, _without_secret(head.query), body, peer))

    return answer


async def _body(request: web.Request) -> bytes:
    """The body; ``TooLarge`` before it is read where its length is told, else as soon as it is too long."""
    if not request.body_exists:
        return b""
    length = request.content_length
    if length is not None and length > BODY_BYTES:
        raise TooLarge(BODY_BYTES)
    body = b""
    try:
        while chunk := await request.content.readany():
            body = body + chunk if body else chunk
            if len(body) > BODY_BYTES:
                raise TooLarge(BODY_BYTES)
    except (web.RequestPayloadError, OSError):
        raise Malformed("the body broke off or is not encoded as its header says") from None
    return body


def _without_secret(query: str) -> str:
    """The query as it may be kept: the route's secret is not for the records."""
    if _SECRET not in query:
        return query
    return "&".join([pair for pair in query.split("&") if not pair.startswith(_SECRET)])


def _speaker(gateway: Gateway, given: GatewayRequest, route: Route) -> str:
    """The masked number of who spoke, for the log; "" where even that cannot be told."""
    try:
        return masked(gateway.parse(given, route).caller.address)
    except Exception:
        return ""


def _apology(gateway: Gateway, given: GatewayRequest, route: Route, fallback: Reply) -> GatewayReply:
    """The fallback screen in the gateway's format."""
    try:
        return gateway.render(fallback, given, route)
    except Exception:
        log.exception("fallback failed", route=route.name)
        return GatewayReply(fallback.text.encode(errors="replace"), "text/plain; charset=utf-8", 500)


def _no_door(doors: Mapping[str, Door]) -> Handler:
    """Answers what no door is for: 405 where only the method is wrong, else 404."""
    known = ", ".join(sorted(doors))

    async def no_door(request: web.Request) -> web.Response:
        name, tail = request.match_info["gateway"], request.match_info["tail"]
        if name not in doors:
            raise web.HTTPNotFound(text=f"There is no such gateway here. There are: {known}.")
        allowed = {method for method, pattern in GATEWAYS[name].DOORS if re.fullmatch(pattern, tail)}
        if not allowed:
            raise web.HTTPNotFound(text="This gateway has no such path.")
        raise web.HTTPMethodNotAllowed(request.method, allowed, text=f"Use {' or '.join(sorted(allowed))}.")

    return no_door
