"""Who may call a route. A rule stands beside each route, and a test can ask every route for its own.

::

    web.post("/ussd/nalo", guarded(handler, RouteSecret(secret, networks)))

Nothing of the body is read before the rule has passed. A rule is plain data and costs about 2 µs a request.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol
from urllib.parse import unquote_to_bytes, urlsplit

from aiohttp import hdrs, web
from multidict import MultiMapping, istr

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Networks = tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

SECRET_PARAMETER = "secret"  # noqa: S105 - the name of the parameter, not a secret.
SECRET_HEADER = istr("X-Chapar-Secret")

_FORWARDED_FOR = istr("X-Forwarded-For")
_REAL_IP = istr("X-Real-IP")
_FETCH_SITE = istr("Sec-Fetch-Site")

_ELSEWHERE = "Only programs on this machine may call this."
_FOREIGN_PAGE = "A page of another site may not call this."


class Head(Protocol):
    """What a rule asks about: a request without its body, an ``aiohttp.web.Request`` among others.
    ``raw_path`` is the request target as it came, its query included."""

    @property
    def headers(self) -> MultiMapping[str]: ...

    @property
    def remote(self) -> str | None: ...

    @property
    def raw_path(self) -> str: ...

    @property
    def match_info(self) -> Mapping[str, str]: ...


class Rule(Protocol):
    """Decides on a request by its head alone."""

    def refusal(self, request: Head) -> str | None:
        """Why the request is refused, for whoever sent it; None when it may pass."""


@dataclass(frozen=True, slots=True)
class Public:
    """Everybody."""

    def refusal(self, request: Head) -> str | None:
        return None


@dataclass(frozen=True, slots=True)
class Loopback:
    """Programs on this machine, and pages that this server itself sent to a browser here.

    A browser is a way in for any page that somebody reads here: what another site's page asks for is refused,
    and so is a name that is not this machine's (DNS rebinding).
    """

    def refusal(self, request: Head) -> str | None:
        headers = request.headers
        if not is_loopback(request.remote or ""):
            return _ELSEWHERE
        if _FORWARDED_FOR in headers or _REAL_IP in headers or hdrs.FORWARDED in headers:
            # A proxy was here. What is for this machine alone is not for whoever comes through one.
            return _ELSEWHERE
        if not is_loopback_name(headers.get(hdrs.HOST, "")):
            return "This must be called by the name localhost or a loopback address."
        return _FOREIGN_PAGE if from_foreign_page(request) else None


@dataclass(frozen=True, slots=True)
class RouteSecret:
    """Whoever knows the secret, or calls from one of the networks.

    The secret is the query parameter ``secret``, the header ``X-Chapar-Secret``, or the password of Basic
    authentication. With neither secret nor networks nobody may pass, or, with ``loopback_only_without``,
    whom ``Loopback`` lets. ``trusted_proxies`` are those whose word on the caller's address is taken.
    """

    secret: bytes | None = None
    networks: Networks = ()
    loopback_only_without: bool = False
    trusted_proxies: Networks = ()

    def refusal(self, request: Head) -> str | None:
        if self.secret:
            given = given_secret(request)
            if given is not None and hmac.compare_digest(given, self.secret):
                return None
        elif not self.networks:
            return LOOPBACK.refusal(request) if self.loopback_only_without else "This is not open to anybody."
        if self.networks and within(peer_of(request, self.trusted_proxies), self.networks):
            return _FOREIGN_PAGE if from_foreign_page(request) else None
        return "This needs its secret." if self.secret else "Your address is not on the list."


@dataclass(frozen=True, slots=True)
class HeaderSecret:
    """Whoever sends the secret in the header of this name (a webhook's secret token)."""

    secret: bytes
    header: str

    def refusal(self, request: Head) -> str | None:
        given = request.headers.get(self.header, "").encode("utf-8", "surrogateescape")
        known = bool(self.secret) and hmac.compare_digest(given, self.secret)
        return None if known else "This needs its secret."


@dataclass(frozen=True, slots=True)
class PathSecret:
    """Whoever knows the secret in the path, ``/bot/bale/{secret}``: for callers that send no header."""

    secret: bytes
    part: str = "secret"

    def refusal(self, request: Head) -> str | None:
        given = request.match_info.get(self.part, "").encode("utf-8", "surrogateescape")
        known = bool(self.secret) and hmac.compare_digest(given, self.secret)
        return None if known else "This needs its secret."


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Whoever one of the rules lets pass."""

    rules: tuple[Rule, ...]

    def refusal(self, request: Head) -> str | None:
        refused = "This is not open to anybody."
        for rule in self.rules:
            reason = rule.refusal(request)
            if reason is None:
                return None
            refused = reason
        return refused


LOOPBACK = Loopback()


def guarded(handler: Handler, rule: Rule) -> Handler:
    """The handler behind its rule: 403 and the reason for whom it refuses."""

    async def guard(request: web.Request) -> web.StreamResponse:
        refused = rule.refusal(request)
        if refused is not None:
            raise web.HTTPForbidden(text=refused)
        return await handler(request)

    guard.__dict__["access_rule"] = rule
    guard.__name__ = getattr(handler, "__name__", "guard")
    return guard


def rule_of(route: web.AbstractRoute) -> Rule | None:
    """The rule that stands beside a route, or None."""
    rule: Rule | None = getattr(route.handler, "access_rule", None)
    return rule


def unguarded_routes(app: web.Application) -> list[str]:
    """``METHOD /path`` of every route of the application, and of those below it, that has no rule."""
    return [
        f"{route.method} {route.resource.canonical if route.resource else ''}"
        for route in app.router.routes()
        if rule_of(route) is None
    ]


def peer_of(request: Head, trusted_proxies: Networks = ()) -> str:
    """The address of whoever made the request: of the connection, or, when that is a trusted proxy, of the
    last hop in ``X-Forwarded-For`` that is not one. "" when a trusted proxy passes on what is no address."""
    peer = request.remote or ""
    if not trusted_proxies or not within(peer, trusted_proxies):
        return peer
    hops = ",".join(request.headers.getall(_FORWARDED_FOR, ())).split(",")
    for hop in reversed(hops):
        text = hop.strip()
        if not text:
            continue
        address = parse_address(text)
        if address is None:
            return ""
        peer = str(address)
        if not within(peer, trusted_proxies):
            break
    return peer


@lru_cache(maxsize=4096)
def parse_address(text: str) -> Address | None:
    """An address as proxies write it, perhaps with a port or in brackets; None when it is none."""
    bare = text
    if text.startswith("["):
        bare = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        bare = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def within(peer: str, networks: Networks) -> bool:
    """Whether the address is in one of the networks."""
    address = parse_address(peer)
    return address is not None and any(address in network for network in networks)


def is_loopback(peer: str) -> bool:
    """Whether the address is this machine's own."""
    if peer == "127.0.0.1":
        return True
    address = parse_address(peer)
    return address is not None and address.is_loopback


@lru_cache(maxsize=256)
def is_loopback_name(host: str) -> bool:
    """Whether a ``Host`` header names this machine: ``localhost``, ``127.0.0.1:8080``, ``[::1]``."""
    if not host or "@" in host or "/" in host:
        return False
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    return name == "localhost" or is_loopback(name)


def from_foreign_page(request: Head) -> bool:
    """Whether a browser says that the page of another site made the request. Programs say nothing of it;
    ``Sec-Fetch-Site`` covers what carries no ``Origin``, such as an image's address."""
    headers = request.headers
    if headers.get(_FETCH_SITE, "none") not in ("none", "same-origin"):
        return True
    origin = headers.get(hdrs.ORIGIN)
    # The scheme is left out: a proxy may have taken TLS off. ``null`` is the origin of pages that have none.
    return origin is not None and origin.partition("://")[2] != headers.get(hdrs.HOST, "no host")


def given_secret(request: Head) -> bytes | None:
    """The secret that came with the request; the query's first, then the header's, then the password's.
    None when there is none, or two in the query."""
    query = request.raw_path.partition("#")[0].partition("?")[2]
    if f"{SECRET_PARAMETER}=" in query:
        start = len(SECRET_PARAMETER) + 1
        found = [pair[start:] for pair in query.split("&") if pair.startswith(f"{SECRET_PARAMETER}=")]
        if found:
            if len(found) > 1:
                return None
            given = found[0]
            return (
                unquote_to_bytes(given.replace("+", " ")) if "%" in given or "+" in given else given.encode()
            )
    header = request.headers.get(SECRET_HEADER)
    if header is not None:
        return header.encode("utf-8", "surrogateescape")
    return _password(request.headers.get(hdrs.AUTHORIZATION, ""))


def _password(authorization: str) -> bytes | None:
    """The password of Basic authentication (RFC 7617)."""
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(credentials.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
    _user, colon, password = decoded.partition(b":")
    return password if colon else None
