import json

import pytest

from conversation.incoming import Incoming
from tests.ussd.asking import MENU, incoming, post_json, screen, speaker
from ussd import nalo
from ussd.exchange import BadRequest, Missing, NotANumber, Route, TooLong, WrongType

ROUTE = Route("nalo", code="*733#")
START: dict[str, object] = {
    "USERID": "NALOTest",
    "MSISDN": "989121234567",
    "USERDATA": "*733#",
    "MSGTYPE": True,
    "NETWORK": "MCI",
    "SESSIONID": "16590115252429751",
}


def test_a_dialog_begins() -> None:
    request = post_json(START)
    assert nalo.parse(request, ROUTE) == Incoming(
        speaker("nalo", "16590115252429751"), "", request.body, "*733#", begins=True
    )


@pytest.mark.parametrize(
    ("typed", "code", "answers"),
    [("", "*733#", ""), ("*733*2*1#", "*733#", "2*1"), ("*144#", "*144#", ""), ("*7330#", "*7330#", "")],
)
def test_the_first_text_is_what_was_dialled(typed: str, code: str, answers: str) -> None:
    parsed = incoming(nalo.parse(post_json(START | {"USERDATA": typed}), ROUTE))
    assert (parsed.code, parsed.text) == (code, answers)


def test_an_answer_goes_on() -> None:
    parsed = incoming(nalo.parse(post_json(START | {"USERDATA": "*1#", "MSGTYPE": False}), ROUTE))
    assert (parsed.text, parsed.begins, parsed.key) == ("*1#", False, None)


def test_the_screen_goes_on_or_ends() -> None:
    request = post_json(START)
    assert json.loads(nalo.render(screen(), request, ROUTE).body) == {
        "USERID": "NALOTest",
        "MSISDN": "989121234567",
        "USERDATA": "*733#",
        "MSG": MENU,
        "MSGTYPE": True,
    }
    assert json.loads(nalo.render(screen(replies=False), request, ROUTE).body)["MSGTYPE"] is False


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"MSGTYPE": None}, Missing),
        ({"MSGTYPE": "true"}, WrongType),
        ({"MSGTYPE": 1}, WrongType),
        ({"USERDATA": None}, Missing),
        ({"USERDATA": 1}, WrongType),
        ({"USERDATA": "1" * 1_001}, TooLong),
        ({"SESSIONID": None}, Missing),
        ({"USERID": None}, Missing),
        ({"MSISDN": "سلام"}, NotANumber),
    ],
)
def test_what_is_wrong_is_refused(changes: dict[str, object], error: type[BadRequest]) -> None:
    request = post_json(START | changes)
    with pytest.raises(error) as caught:
        nalo.parse(request, ROUTE)
    reply = nalo.refuse(caught.value, request, ROUTE)
    assert reply.status == 400
    assert json.loads(reply.body) == {"MSG": str(caught.value), "MSGTYPE": False}
