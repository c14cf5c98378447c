import json

import pytest

from conversation.incoming import Departure, Incoming
from tests.ussd.asking import MENU, incoming, post, post_json, screen, speaker
from ussd import infobip
from ussd.exchange import (
    BadRequest,
    Doubled,
    GatewayReply,
    GatewayRequest,
    Inquiry,
    Malformed,
    Missing,
    NotANumber,
    Route,
    Unknown,
    WrongType,
)

ROUTE = Route("infobip", code="*733#")
START = {
    "msisdn": "989121234567",
    "text": "",
    "imsi": "432110123456789",
    "shortCode": None,
    "optional": "o=1",
    "ussdGwId": "11",
    "language": None,
}


def told(reply: GatewayReply) -> object:
    assert reply.content_type == "application/json; charset=utf-8"
    return json.loads(reply.body)


def test_a_dialog_begins() -> None:
    request = post_json(tail="/8f0c/start", members=START)
    parsed = incoming(infobip.parse(request, ROUTE))
    raw = b"POST /8f0c/start\n" + request.body
    assert parsed == Incoming(speaker("infobip", "8f0c"), "", raw, "*733#", begins=True)


@pytest.mark.parametrize(
    ("short_code", "typed", "code", "answers"),
    [
        ("*733#", "", "*733#", ""),
        ("733", "*733*2*1#", "*733#", "2*1"),
        ("*123#1#", "", "*123#", ""),
        (None, "*733*2#", "*733#", "2"),
        (None, "*144*2#", "*144#", "2"),
        (None, "hello there", "*733#", "hello there"),
    ],
)
def test_the_code_is_where_it_is(short_code: str | None, typed: str, code: str, answers: str) -> None:
    parsed = incoming(
        infobip.parse(
            post_json(tail="/1/start", members=START | {"shortCode": short_code, "text": typed}), ROUTE
        )
    )
    assert (parsed.code, parsed.text) == (code, answers)


def test_an_answer_goes_on() -> None:
    parsed = incoming(infobip.parse(post_json(tail="/8f0c/response", members=START | {"text": "1*2"}), ROUTE))
    assert (parsed.text, parsed.begins, parsed.cumulative, parsed.key) == ("1*2", False, False, None)


@pytest.mark.parametrize(("code", "reason"), [(0, "ended"), (604, "aborted")])
def test_the_end_is_told_by_put(code: int, reason: str) -> None:
    request = GatewayRequest("PUT", "/8f0c/end", body=json.dumps({"exitCode": code, "reason": "ok"}).encode())
    parsed = infobip.parse(request, ROUTE)
    assert isinstance(parsed, Departure)
    assert (parsed.caller.session, parsed.caller.address, parsed.caller.verified) == ("8f0c", "", False)
    assert parsed.reason == reason
    assert told(infobip.acknowledge(request, ROUTE)) == {"responseExitCode": 200, "responseMessage": ""}


def test_the_status_is_asked_for() -> None:
    request = GatewayRequest("GET", "/8f0c/status")
    parsed = infobip.parse(request, ROUTE)
    assert isinstance(parsed, Inquiry)
    assert parsed.caller.session == "8f0c"
    assert told(infobip.acknowledge(request, ROUTE, True)) == {
        "sessionActive": True,
        "responseExitCode": 200,
        "responseMessage": "",
    }


def test_the_screen_goes_on_or_ends() -> None:
    request = post_json(tail="/8f0c/start", members=START)
    assert told(infobip.render(screen(), request, ROUTE)) == {
        "ussdMenu": MENU,
        "shouldClose": False,
        "responseExitCode": 200,
        "responseMessage": "",
    }
    assert b'"shouldClose":true' in infobip.render(screen(replies=False), request, ROUTE).body


@pytest.mark.parametrize(
    ("tail", "body", "error"),
    [
        ("/1/start", b"", Malformed),
        ("/1/start", b"not json at all", Malformed),
        ("/1/start", b"[1]", Malformed),
        ("/1/start", b"\xff", Malformed),
        ("/1/start", b'{"msisdn":"989121234567"}', Missing),
        ("/1/start", b'{"text":"1"}', Missing),
        ("/1/start", b'{"text":1,"msisdn":"989121234567"}', WrongType),
        ("/1/start", b'{"text":"1","msisdn":989121234567}', WrongType),
        ("/1/start", b'{"text":"1","msisdn":"12"}', NotANumber),
        ("/1/start", b'{"text":"1","text":"2","msisdn":"989121234567"}', Doubled),
        ("/1/start", b'{"text":NaN,"msisdn":"989121234567"}', Malformed),
        ("/1/start", b'{"text":"\\ud800","msisdn":"989121234567"}', Malformed),
        ("/1/start", b"[" * 60_000, Malformed),
        ("/1/end", b"{}", Missing),
        ("/1/end", b'{"exitCode":true}', WrongType),
        ("/1/begin", b"{}", Unknown),
        ("//start", b"{}", Missing),
        ("/1", b"{}", Unknown),
    ],
)
def test_what_is_wrong_is_refused(tail: str, body: bytes, error: type[BadRequest]) -> None:
    request = post(body, tail)
    with pytest.raises(error) as caught:
        infobip.parse(request, ROUTE)
    reply = infobip.refuse(caught.value, request, ROUTE)
    assert reply.status == 400
    assert told(reply) == {"responseExitCode": 400, "responseMessage": str(caught.value)}
