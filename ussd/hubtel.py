"""Hubtel, Programmable Services.

POST JSON: ``Type, Message, ServiceCode, Operator, ClientState, Mobile, SessionId, Sequence, Platform?``.
``Message`` is the dialled string at first and then what was typed this once; ``Sequence`` (text or a number)
counts the requests of a dialog. ``ServiceCode`` is the code (``713``, ``711*2``), or the id of a service that
was opened in one of Hubtel's apps. Reply: ``SessionId, Type`` (response, release), ``Message, Label,
DataType`` (menu, select, display, input, confirm), ``FieldType`` (text, phone, …), ``ClientState``; Label,
DataType and FieldType are for the apps.

Source: businessdocs-developers.hubtel.com/docs/api-reference-prog-services.
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
    Reason,
    Route,
    Unknown,
    WrongType,
    caller,
)

DOORS = (("POST", ""),)
OPTIONS: Mapping[str, str] = NOTHING

# The types of a request, in small letters: older accounts send them with a capital.
BEGINS = {"initiation": True, "response": False}
LEAVES: Mapping[str, Reason] = {"release": "aborted", "timeout": "timeout"}

# In these words of ``Operator`` no network vouches for the number: Hubtel-Android, Android POS, Hubtel-Mall.
APPS = ("hubtel", "pos", "web")
JSON = "application/json; charset=utf-8"


def parse(request: GatewayRequest, route: Route) -> Incoming | Departure | Inquiry:
    """The request as it is meant; ``BadRequest`` when it cannot be understood."""
    body = fields.json_object(request.body)
    kind = fields.text(body, "Type").lower()
    operator = fields.text(body, "Operator", default="").lower()
    session, number = fields.session(body, "SessionId"), fields.number(body, "Mobile")
    speaker = caller(request, route, session, number, not any(app in operator for app in APPS))
    if kind in LEAVES:
        return Departure(speaker, LEAVES[kind], request.body)
    if kind not in BEGINS:
        raise Unknown("the field Type is none of initiation, response, release, timeout")
    key = _sequence(body)
    if not BEGINS[kind]:
        return Incoming(speaker, fields.text(body, "Message"), request.body, begins=False, key=key)
    named = fields.text(body, "ServiceCode", default="")
    code, answers = opening(fields.text(body, "Message", default=""), named, route.code)
    return Incoming(speaker, answers, request.body, code, begins=True, key=key)


def render(reply: Reply, request: GatewayRequest, route: Route) -> GatewayReply:
    """The screen in this gateway's format."""
    text = fields.sendable(reply.text)
    return _reply(
        fields.json_object(request.body).get("SessionId"),
        "response" if reply.replies else "release",
        text,
        Label=text.partition("\n")[0],
        DataType="input" if reply.replies else "display",
        FieldType="text",
        ClientState="",
    )


def acknowledge(request: GatewayRequest, route: Route, is_open: bool = False) -> GatewayReply:
    """The answer to what needs no screen."""
    return _reply(fields.json_object(request.body).get("SessionId"), "release", "")


def refuse(error: BadRequest, request: GatewayRequest, route: Route) -> GatewayReply:
    """A request that cannot be understood, told in this gateway's format."""
    return GatewayReply(fields.json_body({"Type": "release", "Message": str(error)}), JSON, error.status)


def _sequence(body: Mapping[str, object]) -> str | None:
    """What counts the requests, where it is sent."""
    value = body.get("Sequence")
    if value is None or isinstance(value, str):
        return fields.text(body, "Sequence", fields.NUMBER_LENGTH, default="") or None
    if type(value) is not int or abs(value) >= 10**18:
        raise WrongType("Sequence", "text or a whole number")
    return str(value)


def _reply(session: object, kind: str, text: str, **others: str) -> GatewayReply:
    return GatewayReply(
        fields.json_body({"SessionId": session, "Type": kind, "Message": text, **others}), JSON
    )
