"""Small builders for the tests of gateways."""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import urlencode

from conversation.incoming import Caller, Departure, Incoming, Reply
from engine.layout import USSD
from engine.turn import Screen
from ussd.exchange import GatewayRequest, Inquiry

MENU = "چاپار\n1 ثبت شکایت\n2 پیگیری"
NUMBER = "+989121234567"


def screen(text: str = MENU, replies: bool = True, note: str = "") -> Reply:
    return Reply(Screen(text, text), replies, note=note)


def post(body: bytes | str, tail: str = "") -> GatewayRequest:
    return GatewayRequest(
        "POST", tail, body=body.encode() if isinstance(body, str) else body, peer="192.0.2.1"
    )


def post_form(tail: str = "", **members: str) -> GatewayRequest:
    return post(urlencode(members), tail)


def post_json(members: Mapping[str, object], tail: str = "") -> GatewayRequest:
    return post(json.dumps(members), tail)


def get(**members: str) -> GatewayRequest:
    return GatewayRequest("GET", query=urlencode(members), peer="192.0.2.1")


def speaker(route: str, session: str, address: str = NUMBER, verified: bool = True) -> Caller:
    return Caller("ussd", route, session, address, USSD, "192.0.2.1", verified)


def incoming(parsed: Incoming | Departure | Inquiry) -> Incoming:
    assert isinstance(parsed, Incoming)
    return parsed


def departure(parsed: Incoming | Departure | Inquiry) -> Departure:
    assert isinstance(parsed, Departure)
    return parsed
