"""TruRoute, XML over HTTP.

POST ``<ussd><msisdn/><sessionid/><type/><msg/></ussd>``; ``type`` is one of the numbers below, ``msg`` the
dialled string at first and then what was typed this once. Reply: ``<ussd><type/><msg/><premium>…</premium>
</ussd>``, type 2 goes on and type 3 is the last. We never ask for a premium.

Source: SMS.COM.NA API specification, §4 "USSD HTTP POST to WASP" and §5 "USSD response from WASP".
"""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape

from conversation.incoming import Departure, Incoming, Reply
from ussd import fields
from ussd.codes import opening
from ussd.exchange import (
    NOTHING,
    BadRequest,
    GatewayReply,
    GatewayRequest,
    Inquiry,
    Malformed,
    Reason,
    Route,
    Unknown,
    caller,
)

DOORS = (("POST", ""),)
OPTIONS: Mapping[str, str] = NOTHING

REQUEST, RESPONSE, RELEASE = "1", "2", "3"
LEAVES: Mapping[str, Reason] = {
    RELEASE: "aborted",  # The person ended the dialog.
    "4": "timeout",  # The person did not answer in time.
    "10": "failed",  # A charge failed.
}
XML = "text/xml; charset=utf-8"


def parse(request: GatewayRequest, route: Route) -> Incoming | Departure | Inquiry:
    """The request as it is meant; ``BadRequest`` when it cannot be understood."""
    root = fields.xml(request.body)
    if root.tag != "ussd":
        raise Malformed("the root of the document is not ussd")
    found = _children(root)
    speaker = caller(request, route, fields.session(found, "sessionid"), fields.number(found, "msisdn"))
    kind = fields.text(found, "type")
    if kind in LEAVES:
        return Departure(speaker, LEAVES[kind], request.body)
    if kind == RESPONSE:
        return Incoming(speaker, fields.text(found, "msg"), request.body, begins=False)
    if kind != REQUEST:
        raise Unknown("the field type is none of 1, 2, 3, 4, 10")
    code, answers = opening(fields.text(found, "msg"), "", route.code)
    return Incoming(speaker, answers, request.body, code, begins=True)


def render(reply: Reply, request: GatewayRequest, route: Route) -> GatewayReply:
    """The screen in this gateway's format."""
    return _reply(200, RESPONSE if reply.replies else RELEASE, fields.sendable(reply.text))


def acknowledge(request: GatewayRequest, route: Route, is_open: bool = False) -> GatewayReply:
    """The answer to what needs no screen."""
    return _reply(200, RELEASE, "")


def refuse(error: BadRequest, request: GatewayRequest, route: Route) -> GatewayReply:
    """A request that cannot be understood, told in this gateway's format."""
    return _reply(error.status, RELEASE, str(error))


def _children(root: Element) -> dict[str, object]:
    """The text of each field, none of them twice."""
    names = ("msisdn", "sessionid", "type", "msg")
    held = {name: fields.child(root, name) for name in names}
    return {name: (element.text or "").strip() for name, element in held.items() if element is not None}


def _reply(status: int, kind: str, text: str) -> GatewayReply:
    premium = "<premium><cost>0</cost><ref>NULL</ref></premium>"
    document = f"<ussd><type>{kind}</type><msg>{escape(text)}</msg>{premium}</ussd>"
    return GatewayReply(document.encode(), XML, status)
