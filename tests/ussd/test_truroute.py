import pytest

from conversation.incoming import Departure, Incoming
from tests.ussd.asking import MENU, departure, incoming, post, screen, speaker
from ussd import fields, truroute
from ussd.exchange import BadRequest, Doubled, GatewayRequest, Malformed, Missing, NotANumber, Route, Unknown

ROUTE = Route("truroute", code="*733#")


def ask(kind: str = "1", message: str = "*733#", number: str = "989121234567") -> GatewayRequest:
    return post(
        f"<ussd>\n <msisdn>{number}</msisdn>\n <sessionid>7100</sessionid>\n <type>{kind}</type>\n"
        f" <msg>{message}</msg>\n</ussd>\n"
    )


def test_a_dialog_begins() -> None:
    request = ask()
    assert truroute.parse(request, ROUTE) == Incoming(
        speaker("truroute", "7100"), "", request.body, "*733#", begins=True
    )


def test_answers_dialled_with_the_code() -> None:
    assert incoming(truroute.parse(ask(message="*733*2*1#"), ROUTE)).text == "2*1"


def test_an_answer_goes_on() -> None:
    parsed = incoming(truroute.parse(ask("2", "1*2"), ROUTE))
    assert (parsed.text, parsed.begins, parsed.key) == ("1*2", False, None)
    assert incoming(truroute.parse(ask("2", ""), ROUTE)).text == ""


@pytest.mark.parametrize(("kind", "reason"), [("3", "aborted"), ("4", "timeout"), ("10", "failed")])
def test_a_dialog_is_left(kind: str, reason: str) -> None:
    request = ask(kind, "")
    parsed = departure(truroute.parse(request, ROUTE))
    assert parsed == Departure(speaker("truroute", "7100"), parsed.reason, request.body)
    assert parsed.reason == reason
    assert fields.xml(truroute.acknowledge(request, ROUTE).body).findtext("type") == "3"


def test_the_screen_goes_on_or_ends() -> None:
    text = f"{MENU} <&>"
    root = fields.xml(truroute.render(screen(text), ask(), ROUTE).body)
    assert (root.findtext("type"), root.findtext("msg"), root.findtext("premium/cost")) == ("2", text, "0")
    assert fields.xml(truroute.render(screen(replies=False), ask(), ROUTE).body).findtext("type") == "3"


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (post(b""), Malformed),
        (post(b'<!DOCTYPE ussd [<!ENTITY a "b">]><ussd>&a;</ussd>'), Malformed),
        (post(b"<dialog/>"), Malformed),
        (post(b"<ussd/>"), Missing),
        (post(b"<ussd><sessionid>1</sessionid><sessionid>2</sessionid></ussd>"), Doubled),
        (ask("5"), Unknown),
        (ask("one"), Unknown),
        (ask(number="12"), NotANumber),
    ],
)
def test_what_is_wrong_is_refused(request_: GatewayRequest, error: type[BadRequest]) -> None:
    with pytest.raises(error) as caught:
        truroute.parse(request_, ROUTE)
    reply = truroute.refuse(caught.value, request_, ROUTE)
    assert reply.status == 400
    assert fields.xml(reply.body).findtext("msg") == str(caught.value)
