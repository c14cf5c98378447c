"""Infobip, "USSD Gateway to Third-party Application HTTP/REST/JSON Web Service API".

The gateway calls ``…/<sessionId>/start`` and ``…/<sessionId>/response`` (POST), ``…/<sessionId>/end`` (PUT,
POST is taken too) and ``…/<sessionId>/status`` (GET). ``start`` and ``response`` carry JSON: ``msisdn, text,
shortCode?, imsi?, language?, optional?, ussdGwId?``; ``text`` is what was typed this once. ``shortCode`` is
often absent, whatever the document says. ``end`` carries ``exitCode, reason`` and names no subscriber, nor
does ``status``.

Reply: ``{"ussdMenu", "shouldClose", "responseExitCode": 200, "responseMessage": ""}``; to ``end`` without the
first two; to ``status`` with ``sessionActive`` in their place. The gateway shows the first screen of a dialog
as a menu whatever ``shouldClose`` says.

Source: public code that talks to this API, and its quotations from the document.
"""

from __future__ import annotations

from collections.abc import Mapping

from conversation.incoming import Departure, Incoming, Reply
from ussd import fields
from ussd.codes import opening
from ussd.exchange import (
    NOTHING,
    BadRequest,
    GatewayReply,
    GatewayRequest,
    Inquiry,
    Missing,
    Route,
    Unknown,
    WrongType,
    caller,
)

DOORS = (
    ("POST", "/[^/]+/(?:start|response|end)"),
    ("PUT", "/[^/]+/end"),
    ("GET", "/[^/]+/status"),
)
OPTIONS: Mapping[str, str] = NOTHING

# The one exit code of ``end`` that is known: the dialog went its way. Any other is kept in the raw request.
FINISHED = 0
JSON = "application/json; charset=utf-8"


def parse(request: GatewayRequest, route: Route) -> Incoming | Departure | Inquiry:
    """The request as it is meant; ``BadRequest`` when it cannot be understood."""
    _, _, rest = request.tail.partition("/")
    name, _, act = rest.partition("/")
    session = fields.session({"sessionId": name}, "sessionId")
    if act == "status":
        return Inquiry(caller(request, route, session, ""))
    if act not in ("start", "response", "end"):
        raise Unknown("the path names none of start, response, end, status")
    body = fields.json_object(request.body)
    raw = f"{request.method} {request.tail}\n".encode("utf-8", "surrogatepass") + request.body
    if act == "end":
        code = body.get("exitCode")
        if code is None:
            raise Missing("exitCode")
        if type(code) is not int:
            raise WrongType("exitCode", "a whole number")
        return Departure(caller(request, route, session, ""), "ended" if code == FINISHED else "aborted", raw)
    speaker = caller(request, route, session, fields.number(body, "msisdn"))
    typed = fields.text(body, "text")
    if act == "response":
        return Incoming(speaker, typed, raw, begins=False)
    code_, answers = opening(typed, fields.text(body, "shortCode", default=""), route.code)
    return Incoming(speaker, answers, raw, code_, begins=True)


def render(reply: Reply, request: GatewayRequest, route: Route) -> GatewayReply:
    """The screen in this gateway's format."""
    return _reply(200, "", ussdMenu=fields.sendable(reply.text), shouldClose=not reply.replies)


def acknowledge(request: GatewayRequest, route: Route, is_open: bool = False) -> GatewayReply:
    """The answer to what needs no screen."""
    if request.tail.endswith("/status"):
        return _reply(200, "", sessionActive=is_open)
    return _reply(200, "")


def refuse(error: BadRequest, request: GatewayRequest, route: Route) -> GatewayReply:
    """A request that cannot be understood, told in this gateway's format."""
    return _reply(error.status, str(error))


def _reply(status: int, message: str, **members: object) -> GatewayReply:
    body = {**members, "responseExitCode": status, "responseMessage": message}
    return GatewayReply(fields.json_body(body), JSON, status)
