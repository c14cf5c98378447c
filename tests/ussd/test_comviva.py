import pytest

from conversation.incoming import Departure, Incoming
from tests.ussd.asking import MENU, departure, get, incoming, screen, speaker
from ussd import comviva
from ussd.exchange import BadRequest, GatewayRequest, Missing, NotANumber, Route

ROUTE = Route("comviva")
KNOWN = Route("comviva", code="*733#")
START = {"MSISDN": "989121234567", "MSC": "msc", "input": "733", "SessionID": "13697502734175597"}


def test_a_dialog_may_begin_with_the_bare_code() -> None:
    request = get(**START)
    assert comviva.parse(request, ROUTE) == Incoming(
        speaker("comviva", "13697502734175597"), "733", request.query.encode(), "*733#", begins=None
    )


@pytest.mark.parametrize(
    ("route", "typed", "code", "begins"),
    [
        (ROUTE, "733*2*1", "*733*2*1#", None),
        (ROUTE, "5", "*5#", None),
        (ROUTE, "سلام", "", False),
        (KNOWN, "733", "*733#", None),
        (KNOWN, "733*2", "*733*2#", None),
        (KNOWN, "5", "", False),
        (KNOWN, "7331", "", False),
    ],
)
def test_whether_it_may_begin_is_seen_by_the_code(
    route: Route, typed: str, code: str, begins: bool | None
) -> None:
    parsed = incoming(comviva.parse(get(**START | {"input": typed}), route))
    assert (parsed.text, parsed.code, parsed.begins, parsed.key) == (typed, code, begins, None)


def test_the_screen_goes_on_or_ends() -> None:
    reply = comviva.render(screen("\n" + MENU), get(**START), ROUTE)
    assert reply.body.decode() == MENU
    assert reply.headers == {"Freeflow": "FC", "charge": "N", "amount": "0"}
    paid = Route("comviva", options={"charge": "Y", "amount": "100"})
    ended = comviva.render(screen(replies=False), get(**START), paid)
    assert ended.headers == {"Freeflow": "FB", "charge": "Y", "amount": "100"}


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ({"msisdn": "989121234567", "clean": "clean-session", "error": "522"}, "failed"),
        ({"msisdn": "989121234567", "clean": "clean-session", "error": "0"}, "ended"),
        ({"MSISDN": "989121234567", "clean": "clean-session", "status": "523"}, "failed"),
    ],
)
def test_a_clean_up_call_ends_the_dialog(query: dict[str, str], reason: str) -> None:
    request = get(SessionID="136", **query)
    parsed = departure(comviva.parse(request, ROUTE))
    assert parsed == Departure(speaker("comviva", "136"), parsed.reason, request.query.encode())
    assert parsed.reason == reason
    assert comviva.acknowledge(request, ROUTE).status == 200


def test_the_password_is_not_kept() -> None:
    parsed = incoming(comviva.parse(get(**START, userid="u", password="very-secret"), ROUTE))
    assert b"very-secret" not in parsed.raw
    assert b"userid=u" in parsed.raw


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("", Missing),
        ("SessionID=1&MSISDN=989121234567", Missing),
        ("SessionID=1&MSISDN=989121234567&input=", Missing),
        ("SessionID=1&MSISDN=98&input=733", NotANumber),
        ("SessionID=1&clean=1&error=2", Missing),
    ],
)
def test_what_is_wrong_is_refused(query: str, error: type[BadRequest]) -> None:
    request = GatewayRequest("GET", query=query)
    with pytest.raises(error) as caught:
        comviva.parse(request, ROUTE)
    reply = comviva.refuse(caught.value, request, ROUTE)
    assert (reply.status, reply.headers["Freeflow"]) == (400, "FB")
