import pytest

from conversation.incoming import Incoming
from tests.ussd.asking import MENU, get, incoming, screen, speaker
from ussd import inoti
from ussd.exchange import (
    BadRequest,
    Doubled,
    GatewayRequest,
    Malformed,
    Missing,
    NotANumber,
    Route,
    WrongType,
)

ROUTE = Route("inoti", code="*6655*123#")


def ask(call: str, route: Route = ROUTE) -> Incoming:
    return incoming(inoti.parse(get(call=call, sessionid="418", mobile="09121234567"), route))


def test_a_dialog_begins_with_the_code() -> None:
    request = get(call="*6655*123", sessionid="418", mobile="09121234567")
    assert inoti.parse(request, ROUTE) == Incoming(
        speaker("inoti", "418"), "", request.query.encode(), "*6655*123#", cumulative=True, key=""
    )


@pytest.mark.parametrize(
    ("call", "code", "typed"),
    [
        ("*6655*123", "*6655*123#", ""),
        ("*6655*123#", "*6655*123#", ""),
        ("6655*123", "*6655*123#", ""),
        ("*6655*123*1", "*6655*123#", "1"),
        ("*6655*123*1*a*b", "*6655*123#", "1*a*b"),
        ("*6655*123**", "*6655*123#", "*"),
        ("*6655*123*1#", "*6655*123#", "1#"),
        ("*6655*1234*1", "*6655#", "1234*1"),
        ("*733*2", "*733#", "2"),
    ],
)
def test_the_code_is_told_from_the_answers(call: str, code: str, typed: str) -> None:
    parsed = ask(call)
    assert (parsed.code, parsed.text, parsed.key) == (code, typed, typed)


def test_without_a_code_of_the_route_the_first_number_is_the_code() -> None:
    parsed = ask("*6655*123*1", Route("inoti"))
    assert (parsed.code, parsed.text) == ("*6655#", "123*1")


def test_the_screen_goes_on_or_ends() -> None:
    assert inoti.render(screen(), get(), ROUTE).body.decode() == MENU
    assert inoti.render(screen("تمام", False), get(), ROUTE).body.decode() == "تمام[end]"


def test_a_screen_cannot_close_the_dialog_by_its_words() -> None:
    assert inoti.render(screen("شما نوشتید [END]"), get(), ROUTE).body.decode() == "شما نوشتید (END)"


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("", Missing),
        ("call=*733&sessionid=1", Missing),
        ("call=&sessionid=1&mobile=09121234567", Missing),
        ("call=*733&sessionid=1&mobile=091212345", NotANumber),
        ("call=*733&sessionid=1&mobile=09121234567&sessionid=2", Doubled),
        ("call=hello&sessionid=1&mobile=09121234567", WrongType),
        ("call=*733*%D8&sessionid=1&mobile=09121234567", Malformed),
    ],
)
def test_what_is_wrong_is_refused(query: str, error: type[BadRequest]) -> None:
    request = GatewayRequest("GET", query=query)
    with pytest.raises(error) as caught:
        inoti.parse(request, ROUTE)
    reply = inoti.refuse(caught.value, request, ROUTE)
    assert reply.status == 400
    assert reply.body.endswith(b"[end]")
