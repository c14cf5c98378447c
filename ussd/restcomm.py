"""RestComm (Mobicents) USSD gateway, XML over HTTP.

The gateway POSTs ``<dialog type localId remoteId mapMessagesSize userObject …>`` with at most one message:

- ``<processUnstructuredSSRequest_Request invokeId dataCodingScheme string>`` with ``<msisdn number>`` inside
  begins a dialog (``string`` is what was dialled); without msisdn ``<originationReference number>`` is there;
- ``<unstructuredSSRequest_Response invokeId string>`` is an answer;
- no message, but one of the attributes below, or ``<errComponents>`` that are not empty, or type ``End`` or
  ``Abort``: the dialog is over.

Reply: ``<dialog mapMessagesSize="1">`` with ``<unstructuredSSRequest_Request dataCodingScheme string>`` goes
on; with ``prearrangedEnd="false"`` and ``<processUnstructuredSSRequest_Response invokeId …>`` it is the last,
and invokeId is that of the message that began the dialog. ``type`` is for information only. Anything but
status 200 makes the gateway end the dialog with words of its own. Newlines are ``&#10;``.

An answer need not name its subscriber. ``userObject`` is what we set and the gateway repeats in every request
from then on: it carries the first invokeId and the number, so that any process can answer. (A cookie would
do only if the gateway kept a jar for each dialog, which nothing promises.)

Source: RestComm USSD Gateway Admin Guide, chapter "HTTP Transfer Mechanism", and what the gateway's public
code sends; 3GPP TS 23.038 §5 for the dataCodingScheme.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape

from conversation.incoming import Caller, Departure, Incoming, Reply
from engine.alphabet import is_gsm7
from ussd import fields
from ussd.codes import opening
from ussd.exchange import (
    BadRequest,
    GatewayReply,
    GatewayRequest,
    Inquiry,
    Malformed,
    Missing,
    Reason,
    Route,
    Unknown,
    WrongType,
    caller,
    option,
)

DOORS = (("POST", ""),)
# The data coding scheme of a screen of pure GSM-7, and of any other.
OPTIONS: Mapping[str, str] = {"gsm7": "15", "ucs2": "72"}

BEGIN = "processUnstructuredSSRequest_Request"
ANSWER = "unstructuredSSRequest_Response"

# Attributes of a dialog that is over. ``dialogTimedOut`` may also be there and be false.
ENDINGS: Mapping[str, Reason] = {
    "dialogTimedOut": "timeout",
    "invokeTimedOut": "timeout",
    "mapUserAbortChoice": "aborted",
    "mapAbortProviderReason": "failed",
    "mapRefuseReason": "failed",
}
FAILURES = ("errComponents", "rejectComponents")
TYPES: Mapping[str, Reason] = {"End": "ended", "Abort": "aborted"}

XML = "text/xml; charset=utf-8"
_ID = re.compile("-?[0-9]{1,19}")
_CARRIED = re.compile(r"(-?[0-9]{1,19}):(\+[0-9]{4,18})?")
# The invoke id that most handsets give their first request; used only where nothing tells the real one.
_USUAL_INVOKE = "1"
_ESCAPES = {'"': "&quot;", "\n": "&#10;"}


def parse(request: GatewayRequest, route: Route) -> Incoming | Departure | Inquiry:
    """The request as it is meant; ``BadRequest`` when it cannot be understood."""
    dialog = _dialog(request)
    session = _identity(dialog, "localId")
    if (reason := _ending(dialog)) is not None:
        return Departure(_caller(dialog, None, request, route, session), reason, request.body)
    if (begin := fields.child(dialog, BEGIN)) is not None:
        speaker = _caller(dialog, begin, request, route, session)
        if not speaker.address:
            raise Missing("msisdn")
        invoke = _identity(begin, "invokeId")
        code, answers = opening(fields.text(begin.attrib, "string"), "", route.code)
        note = f"{invoke}:{speaker.address}"
        key = f"{session}/begin/{invoke}"
        return Incoming(speaker, answers, request.body, code, begins=True, key=key, note=note)
    if (answer := fields.child(dialog, ANSWER)) is not None:
        speaker = _caller(dialog, answer, request, route, session)
        # A person may send an empty answer; the attribute is absent then.
        typed = fields.text(answer.attrib, "string", default="")
        # The text is in the key because some networks number every answer alike; a repetition has both.
        key = f"{session}/answer/{_identity(answer, 'invokeId')}/{typed}"
        return Incoming(speaker, typed, request.body, begins=False, key=key)
    if (over := TYPES.get(dialog.get("type", ""))) is not None:
        return Departure(_caller(dialog, None, request, route, session), over, request.body)
    raise Unknown("the dialog holds neither a request nor an answer of a subscriber")


def render(reply: Reply, request: GatewayRequest, route: Route) -> GatewayReply:
    """The screen in this gateway's format."""
    text = fields.sendable(reply.text)
    scheme = option(route, OPTIONS, "gsm7" if is_gsm7(text) else "ucs2")
    shown = f'dataCodingScheme="{scheme}" string="{_attribute(text)}"'
    carried = reply.note or _carried(request)
    if reply.replies:
        kept = f' userObject="{_attribute(carried)}"' if carried else ""
        return _reply(f'<dialog mapMessagesSize="1"{kept}><unstructuredSSRequest_Request {shown}/></dialog>')
    invoke = carried.partition(":")[0] or _USUAL_INVOKE
    message = f'<processUnstructuredSSRequest_Response invokeId="{_attribute(invoke)}" {shown}/>'
    return _reply(f'<dialog mapMessagesSize="1" prearrangedEnd="false">{message}</dialog>')


def acknowledge(request: GatewayRequest, route: Route, is_open: bool = False) -> GatewayReply:
    """The answer to what needs no screen."""
    return _reply('<dialog mapMessagesSize="0" prearrangedEnd="false"/>')


def refuse(error: BadRequest, request: GatewayRequest, route: Route) -> GatewayReply:
    """A request that cannot be understood, told in this gateway's format."""
    reply = _reply(f'<dialog mapMessagesSize="0" prearrangedEnd="true"><!-- {error} --></dialog>')
    reply.status = error.status
    return reply


def _dialog(request: GatewayRequest) -> Element:
    dialog = fields.xml(request.body)
    if dialog.tag != "dialog":
        raise Malformed("the root of the document is not a dialog")
    return dialog


def _identity(element: Element, name: str) -> str:
    value = element.get(name)
    if value is None:
        raise Missing(name)
    if not _ID.fullmatch(value):
        raise WrongType(name, "a whole number")
    return value


def _ending(dialog: Element) -> Reason | None:
    for name, reason in ENDINGS.items():
        if dialog.get(name, "false") != "false":
            return reason
    failed = any(component is not None and len(component) for component in map(dialog.find, FAILURES))
    return "failed" if failed else None


def _caller(
    dialog: Element, message: Element | None, request: GatewayRequest, route: Route, session: str
) -> Caller:
    """Who speaks: named in the message, in the dialog, or in what we gave the gateway to keep; else ""."""
    holders = (
        fields.child(message, "msisdn") if message is not None else None,
        fields.child(dialog, "originationReference"),
    )
    for holder in holders:
        if holder is not None:
            return caller(request, route, session, fields.number(holder.attrib, "number"))
    kept = _CARRIED.fullmatch(dialog.get("userObject", ""))
    return caller(request, route, session, (kept[2] or "") if kept else "")


def _carried(request: GatewayRequest) -> str:
    """The first invokeId and the number, where the session's note is not at hand: on a fallback screen."""
    dialog = _dialog(request)
    begin = dialog.find(BEGIN)
    if begin is not None:
        return f"{begin.get('invokeId', '')}:"
    kept = dialog.get("userObject", "")
    return kept if _CARRIED.fullmatch(kept) else ""


def _attribute(text: str) -> str:
    return escape(text, _ESCAPES)


def _reply(document: str) -> GatewayReply:
    return GatewayReply(f'<?xml version="1.0" encoding="UTF-8" ?>\n{document}'.encode(), XML)
