"""Nalo Solutions.

POST JSON: ``USERID, MSISDN, USERDATA, MSGTYPE, NETWORK, SESSIONID``. ``MSGTYPE`` is true in the first request
of a dialog, whose ``USERDATA`` is the dialled string or empty; later it is what was typed this once. Reply:
``USERID, MSISDN, USERDATA, MSG, MSGTYPE``; there true goes on. No notice of an abort is known: a dialog that
nobody goes on with ends by its own time.

Source: documenter.gw.postman.com/view/7705958/UyrEhaLQ, "USSD API documentation".
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

ECHOED = ("USERID", "MSISDN", "USERDATA")
JSON = "application/json; charset=utf-8"


def parse(request: GatewayRequest, route: Route) -> Incoming | Departure | Inquiry:
    """The request as it is meant; ``BadRequest`` when it cannot be understood."""
    body = fields.json_object(request.body)
    fields.text(body, "USERID")
    speaker = caller(request, route, fields.session(body, "SESSIONID"), fields.number(body, "MSISDN"))
    typed = fields.text(body, "USERDATA")
    if not fields.flag(body, "MSGTYPE"):
        return Incoming(speaker, typed, request.body, begins=False)
    code, answers = opening(typed, "", route.code)
    return Incoming(speaker, answers, request.body, code, begins=True)


def render(reply: Reply, request: GatewayRequest, route: Route) -> GatewayReply:
    """The screen in this gateway's format."""
    body = fields.json_object(request.body)
    echoed = {name: body.get(name) for name in ECHOED}
    return _reply(200, {**echoed, "MSG": fields.sendable(reply.text), "MSGTYPE": reply.replies})


def acknowledge(request: GatewayRequest, route: Route, is_open: bool = False) -> GatewayReply:
    """The answer to what needs no screen."""
    return _reply(200, {"MSG": "", "MSGTYPE": False})


def refuse(error: BadRequest, request: GatewayRequest, route: Route) -> GatewayReply:
    """A request that cannot be understood, told in this gateway's format."""
    return _reply(error.status, {"MSG": str(error), "MSGTYPE": False})


def _reply(status: int, members: Mapping[str, object]) -> GatewayReply:
    return GatewayReply(fields.json_body(members), JSON, status)
