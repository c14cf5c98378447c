"""Arkesel.

POST JSON: ``sessionID, userID, newSession, msisdn, userData, network``. The ``userData`` of a new session is
the dialled string or empty; later it is what was typed this once. Reply: ``sessionID, userID,
continueSession, msisdn, message``. No notice of an abort is known: a dialog that nobody goes on with ends by
its own time.

Source: developers.arkesel.com, "USSD".
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
    Route,
    caller,
)

DOORS = (("POST", ""),)
OPTIONS: Mapping[str, str] = NOTHING

ECHOED = ("sessionID", "userID", "msisdn")
JSON = "application/json; charset=utf-8"


def parse(request: GatewayRequest, route: Route) -> Incoming | Departure | Inquiry:
    """The request as it is meant; ``BadRequest`` when it cannot be understood."""
    body = fields.json_object(request.body)
    fields.text(body, "userID")
    speaker = caller(request, route, fields.session(body, "sessionID"), fields.number(body, "msisdn"))
    typed = fields.text(body, "userData")
    if not fields.flag(body, "newSession"):
        return Incoming(speaker, typed, request.body, begins=False)
    code, answers = opening(typed, "", route.code)
    return Incoming(speaker, answers, request.body, code, begins=True)


def render(reply: Reply, request: GatewayRequest, route: Route) -> GatewayReply:
    """The screen in this gateway's format."""
    body = fields.json_object(request.body)
    echoed = {name: body.get(name) for name in ECHOED}
    return _reply(200, {**echoed, "message": fields.sendable(reply.text), "continueSession": reply.replies})


def acknowledge(request: GatewayRequest, route: Route, is_open: bool = False) -> GatewayReply:
    """The answer to what needs no screen."""
    return _reply(200, {"message": "", "continueSession": False})


def refuse(error: BadRequest, request: GatewayRequest, route: Route) -> GatewayReply:
    """A request that cannot be understood, told in this gateway's format."""
    return _reply(error.status, {"message": str(error), "continueSession": False})


def _reply(status: int, members: Mapping[str, object]) -> GatewayReply:
    return GatewayReply(fields.json_body(members), JSON, status)
