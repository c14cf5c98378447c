"""Africa's Talking.

POST ``application/x-www-form-urlencoded``: ``sessionId, phoneNumber, networkCode, serviceCode, text``.
``text`` is empty at first and then all that was typed, joined by ``*``; a person may type ``*`` too, so it is
never split here. Text in the first request was dialled behind the code. The same ``text`` in the same session
is a repetition. Reply: ``text/plain``, ``CON …`` goes on, ``END …`` is the last; an HTTP error or anything
else ends the dialog.

When a dialog is over, POST to ``/events``: ``date, sessionId, serviceCode, networkCode, phoneNumber, status,
cost, durationInMillis, hopsCount, input, lastAppResponse, errorMessage``.

Source: developers.africastalking.com, USSD, "Handle USSD sessions" and "USSD notifications".
"""

from __future__ import annotations

from collections.abc import Mapping

from conversation.incoming import Departure, Incoming, Reply
from ussd import fields
from ussd.codes import service_code
from ussd.exchange import (
    NOTHING,
    BadRequest,
    GatewayReply,
    GatewayRequest,
    Inquiry,
    Missing,
    Reason,
    Route,
    Unknown,
    WrongType,
    caller,
)

DOORS = (("POST", ""), ("POST", "/events"))
OPTIONS: Mapping[str, str] = NOTHING

# How a dialog ended, as the notification says it.
STATUSES: Mapping[str, Reason] = {
    "Success": "ended",
    "Incomplete": "aborted",  # The person left, or did not answer in time, while a menu waited.
    "Failed": "failed",
}
PLAIN = "text/plain; charset=utf-8"


def parse(request: GatewayRequest, route: Route) -> Incoming | Departure | Inquiry:
    """The request as it is meant; ``BadRequest`` when it cannot be understood."""
    form = fields.form(request.body)
    session = fields.session(form, "sessionId")
    speaker = caller(request, route, session, fields.number(form, "phoneNumber"))
    if request.tail == "/events":
        status = form.get("status")
        if status is None:
            raise Missing("status")
        if status not in STATUSES:
            raise Unknown("the field status is none of Success, Incomplete, Failed")
        return Departure(speaker, STATUSES[status], request.body)
    named = form.get("serviceCode")
    if not named:
        raise Missing("serviceCode")
    code = service_code(named)
    if not code:
        raise WrongType("serviceCode", "a service code")
    typed = fields.text(form, "text", fields.CUMULATIVE_LENGTH)
    return Incoming(speaker, typed, request.body, code, cumulative=True, key=typed)


def render(reply: Reply, request: GatewayRequest, route: Route) -> GatewayReply:
    """The screen in this gateway's format."""
    word = "CON " if reply.replies else "END "
    return GatewayReply((word + fields.sendable(reply.text)).encode(), PLAIN)


def acknowledge(request: GatewayRequest, route: Route, is_open: bool = False) -> GatewayReply:
    """The answer to what needs no screen."""
    return GatewayReply(b"", PLAIN)


def refuse(error: BadRequest, request: GatewayRequest, route: Route) -> GatewayReply:
    """A request that cannot be understood, told in this gateway's format."""
    return GatewayReply(f"END {error}".encode(), PLAIN, error.status)
