import json

import pytest

from conversation.incoming import Incoming
from tests.ussd.asking import MENU, incoming, post_json, screen, speaker
from ussd import arkesel
from ussd.exchange import BadRequest, Missing, NotANumber, Route, WrongType

ROUTE = Route("arkesel", code="*733#")
START: dict[str, object] = {
    "sessionID": "2005506191900168",
    "userID": "USSD_DOCUMENTATION",
    "newSession": True,
    "msisdn": "989121234567",
    "userData": "*733*1#",
    "network": "MCI",
}


def test_a_dialog_begins() -> None:
    request = post_json(START)
    assert arkesel.parse(request, ROUTE) == Incoming(
        speaker("arkesel", "2005506191900168"), "1", request.body, "*733#", begins=True
    )


def test_an_answer_goes_on() -> None:
    parsed = incoming(arkesel.parse(post_json(START | {"newSession": False, "userData": "2"}), ROUTE))
    assert (parsed.text, parsed.begins, parsed.key) == ("2", False, None)


def test_the_screen_goes_on_or_ends() -> None:
    request = post_json(START)
    assert json.loads(arkesel.render(screen(), request, ROUTE).body) == {
        "sessionID": "2005506191900168",
        "userID": "USSD_DOCUMENTATION",
        "msisdn": "989121234567",
        "message": MENU,
        "continueSession": True,
    }
    assert json.loads(arkesel.render(screen(replies=False), request, ROUTE).body)["continueSession"] is False


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"newSession": None}, Missing),
        ({"newSession": 0}, WrongType),
        ({"userData": None}, Missing),
        ({"sessionID": 2005506191900168}, WrongType),
        ({"userID": None}, Missing),
        ({"msisdn": "12"}, NotANumber),
    ],
)
def test_what_is_wrong_is_refused(changes: dict[str, object], error: type[BadRequest]) -> None:
    request = post_json(START | changes)
    with pytest.raises(error) as caught:
        arkesel.parse(request, ROUTE)
    reply = arkesel.refuse(caught.value, request, ROUTE)
    assert reply.status == 400
    assert json.loads(reply.body) == {"message": str(caught.value), "continueSession": False}
