"""iNoti (Iran).

GET with ``call`` (the code and all that was typed, ``*6655*123*input``), ``sessionid``, ``mobile``. Reply:
raw text in UTF-8 without HTML and byte order mark; ``[end]`` at its end closes the dialog.

``call`` does not say where the code ends and the answers begin: the route's ``code`` tells; without it the
first number is the code and the rest is answers, which opens the same flow when the dialog begins.

Source: inoti.com/APIDocumentation, "USSD Web Service".
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from conversation.incoming import Departure, Incoming, Reply
from ussd import fields
from ussd.codes import split_code
from ussd.exchange import (
    NOTHING,
    BadRequest,
    GatewayReply,
    GatewayRequest,
    Inquiry,
    Missing,
    Route,
    WrongType,
    caller,
)

DOORS = (("GET", ""),)
OPTIONS: Mapping[str, str] = NOTHING

END = "[end]"
PLAIN = "text/plain; charset=utf-8"

# A screen that happens to hold the closing word must not close the dialog.
_END = re.compile(r"\[(end)\]", re.IGNORECASE)


def parse(request: GatewayRequest, route: Route) -> Incoming | Departure | Inquiry:
    """The request as it is meant; ``BadRequest`` when it cannot be understood."""
    query = fields.form(request.query)
    session = fields.session(query, "sessionid")
    speaker = caller(request, route, session, fields.number(query, "mobile"))
    call = fields.text(query, "call", fields.CUMULATIVE_LENGTH)
    if not call:
        raise Missing("call")
    found = split_code(call if call.startswith("*") else "*" + call, route.code)
    if found is None:
        raise WrongType("call", "a service code and what was typed behind it")
    code, rest = found
    # The sharp of a bare code was dialled; behind answers it would have been typed, so it stays there.
    typed = "" if rest == "#" else rest[1:]
    raw = request.query.encode("utf-8", "surrogateescape")
    return Incoming(speaker, typed, raw, code, cumulative=True, key=typed)


def render(reply: Reply, request: GatewayRequest, route: Route) -> GatewayReply:
    """The screen in this gateway's format."""
    text = _END.sub(r"(\1)", fields.sendable(reply.text))
    return GatewayReply((text if reply.replies else text + END).encode(), PLAIN)


def acknowledge(request: GatewayRequest, route: Route, is_open: bool = False) -> GatewayReply:
    """The answer to what needs no screen."""
    return GatewayReply(b"", PLAIN)


def refuse(error: BadRequest, request: GatewayRequest, route: Route) -> GatewayReply:
    """A request that cannot be understood, told in this gateway's format."""
    return GatewayReply(f"{error}{END}".encode(), PLAIN, error.status)
