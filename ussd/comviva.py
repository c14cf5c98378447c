"""Comviva Flares, HTTP Pull API.

GET ``SessionID, MSISDN, MSC, input`` (and ``userid, password`` where the account has them). The first
``input`` of a dialog is the dialled string without ``*`` and ``#`` at its ends (``733``, ``733*2``); nothing
marks it as the first, so that ``code`` is the whole dialled string and ``text`` the same as an answer.
Reply: plain text, with the headers ``Freeflow`` (FC goes on, FB is the last), ``charge`` (Y, N) and
``amount``. When a dialog is over the gateway calls with ``SessionID, msisdn, clean, error`` (or ``status``).

The password is left out of what is kept of the request. The route is guarded as every other: ``secret`` in
the URL that the gateway is given, or its addresses.

Source: public code that talks to Flares 1.5.0.
"""

from __future__ import annotations

from collections.abc import Mapping

from conversation.incoming import Departure, Incoming, Reply
from ussd import fields
from ussd.codes import service_code, split_code
from ussd.exchange import (
    BadRequest,
    GatewayReply,
    GatewayRequest,
    Inquiry,
    Missing,
    Route,
    caller,
    option,
)

DOORS = (("GET", ""),)
# Whether the person pays for an answer, and how much.
OPTIONS: Mapping[str, str] = {"charge": "N", "amount": "0"}

GOES_ON, LAST = "FC", "FB"
PLAIN = "text/plain; charset=utf-8"


def parse(request: GatewayRequest, route: Route) -> Incoming | Departure | Inquiry:
    """The request as it is meant; ``BadRequest`` when it cannot be understood."""
    query = fields.form(request.query)
    session = fields.session(query, "SessionID")
    raw = _raw(request.query)
    if "clean" in query:
        number = "msisdn" if "msisdn" in query else "MSISDN"
        # The codes of ``error`` are not published; none means that the dialog went its way.
        error = query.get("error") or query.get("status") or "0"
        speaker = caller(request, route, session, fields.number(query, number))
        return Departure(speaker, "ended" if error == "0" else "failed", raw)
    speaker = caller(request, route, session, fields.number(query, "MSISDN"))
    typed = fields.text(query, "input")
    if not typed:
        raise Missing("input")
    # Should this be the first request, this is what was dialled. Where the route knows its code, only an
    # input that begins with it can be the first.
    dialled = service_code(typed)
    found = split_code(dialled, route.code)
    begins = None if found is not None and (not route.code or found[0] == route.code) else False
    return Incoming(speaker, typed, raw, dialled if begins is None else "", begins=begins)


def render(reply: Reply, request: GatewayRequest, route: Route) -> GatewayReply:
    """The screen in this gateway's format."""
    # A line feed at the start would be taken as the end of the headers by some versions.
    text = fields.sendable(reply.text).lstrip("\n")
    return _reply(200, text, GOES_ON if reply.replies else LAST, route)


def acknowledge(request: GatewayRequest, route: Route, is_open: bool = False) -> GatewayReply:
    """The answer to what needs no screen."""
    return _reply(200, "", LAST, route)


def refuse(error: BadRequest, request: GatewayRequest, route: Route) -> GatewayReply:
    """A request that cannot be understood, told in this gateway's format."""
    return _reply(error.status, str(error), LAST, route)


def _raw(query: str) -> bytes:
    kept = "&".join(pair for pair in query.split("&") if not pair.startswith("password="))
    return kept.encode("utf-8", "surrogateescape")


def _reply(status: int, text: str, freeflow: str, route: Route) -> GatewayReply:
    headers = {"Freeflow": freeflow, **{name: option(route, OPTIONS, name) for name in OPTIONS}}
    return GatewayReply(text.encode(), PLAIN, status, headers)
