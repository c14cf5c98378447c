import json

import pytest

from conversation.incoming import Departure, Incoming
from tests.ussd.asking import MENU, departure, incoming, post, post_json, screen, speaker
from ussd import hubtel
from ussd.exchange import BadRequest, Doubled, Malformed, Missing, NotANumber, Route, Unknown, WrongType

ROUTE = Route("hubtel", code="*733#")
START: dict[str, object] = {
    "Type": "initiation",
    "Message": "*733#",
    "ServiceCode": "733",
    "Operator": "mtn",
    "ClientState": "",
    "Mobile": "989121234567",
    "SessionId": "3c796dac28174f739de4262d08409c51",
    "Sequence": 1,
    "Platform": "USSD",
}
SESSION = "3c796dac28174f739de4262d08409c51"


def test_a_dialog_begins() -> None:
    request = post_json(START)
    assert hubtel.parse(request, ROUTE) == Incoming(
        speaker("hubtel", SESSION), "", request.body, "*733#", begins=True, key="1"
    )


@pytest.mark.parametrize("sequence", [2, "2"])
def test_an_answer_goes_on_and_its_sequence_is_the_key(sequence: object) -> None:
    parsed = incoming(
        hubtel.parse(post_json(START | {"Type": "Response", "Message": "1", "Sequence": sequence}), ROUTE)
    )
    assert (parsed.text, parsed.begins, parsed.key, parsed.cumulative) == ("1", False, "2", False)


def test_without_a_sequence_there_is_no_key() -> None:
    parsed = incoming(hubtel.parse(post_json(START | {"Sequence": None}), ROUTE))
    assert parsed.key is None


@pytest.mark.parametrize(
    ("service_code", "message", "code", "answers"),
    [
        ("733", "*733*2*1#", "*733#", "2*1"),
        ("711*2", "*711*2#", "*711*2#", ""),
        ("b230733cd56b4a0fad820e39f66bc27c", "", "*733#", ""),
        ("b230733cd56b4a0fad820e39f66bc27c", "*733*2#", "*733#", "2"),
    ],
)
def test_the_code_is_where_it_is(service_code: str, message: str, code: str, answers: str) -> None:
    parsed = incoming(
        hubtel.parse(post_json(START | {"ServiceCode": service_code, "Message": message}), ROUTE)
    )
    assert (parsed.code, parsed.text) == (code, answers)


@pytest.mark.parametrize(("operator", "verified"), [("vodafone", True), ("Hubtel-Android", False)])
def test_only_a_network_vouches_for_the_number(operator: str, verified: bool) -> None:
    assert hubtel.parse(post_json(START | {"Operator": operator}), ROUTE).caller.verified is verified


@pytest.mark.parametrize(("kind", "reason"), [("release", "aborted"), ("timeout", "timeout")])
def test_a_dialog_is_left(kind: str, reason: str) -> None:
    request = post_json(START | {"Type": kind, "Message": ""})
    parsed = departure(hubtel.parse(request, ROUTE))
    assert parsed == Departure(speaker("hubtel", SESSION), parsed.reason, request.body)
    assert parsed.reason == reason
    assert json.loads(hubtel.acknowledge(request, ROUTE).body) == {
        "SessionId": SESSION,
        "Type": "release",
        "Message": "",
    }


def test_the_screen_goes_on_or_ends() -> None:
    request = post_json(START)
    assert json.loads(hubtel.render(screen(), request, ROUTE).body) == {
        "SessionId": SESSION,
        "Type": "response",
        "Message": MENU,
        "Label": "چاپار",
        "DataType": "input",
        "FieldType": "text",
        "ClientState": "",
    }
    ended = json.loads(hubtel.render(screen("تمام", False), request, ROUTE).body)
    assert (ended["Type"], ended["DataType"]) == ("release", "display")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"Type": None}, Missing),
        ({"Type": "AddToCart"}, Unknown),
        ({"Type": 1}, WrongType),
        ({"SessionId": ""}, Missing),
        ({"SessionId": 12}, WrongType),
        ({"Mobile": "+"}, NotANumber),
        ({"Sequence": 1.5}, WrongType),
        ({"Sequence": True}, WrongType),
        ({"Sequence": [1]}, WrongType),
        ({"Type": "response", "Message": None}, Missing),
        ({"Operator": {}}, WrongType),
    ],
)
def test_what_is_wrong_is_refused(changes: dict[str, object], error: type[BadRequest]) -> None:
    request = post_json(START | changes)
    with pytest.raises(error) as caught:
        hubtel.parse(request, ROUTE)
    reply = hubtel.refuse(caught.value, request, ROUTE)
    assert reply.status == 400
    assert json.loads(reply.body) == {"Type": "release", "Message": str(caught.value)}


@pytest.mark.parametrize(
    ("body", "error"),
    [(b'{"Type":"release","Type":"response"}', Doubled), (b"", Malformed), (b"{}{}", Malformed)],
)
def test_what_cannot_be_read_is_refused(body: bytes, error: type[BadRequest]) -> None:
    with pytest.raises(error):
        hubtel.parse(post(body), ROUTE)
