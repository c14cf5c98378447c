import pytest

from conversation.incoming import Departure, Incoming
from tests.ussd.asking import MENU, departure, incoming, post, post_form, screen, speaker
from ussd import africastalking
from ussd.exchange import (
    BadRequest,
    Doubled,
    Malformed,
    Missing,
    NotANumber,
    Route,
    TooLong,
    Unknown,
    WrongType,
)

ROUTE = Route("africastalking")
START = {
    "sessionId": "ATUid_7b2f",
    "phoneNumber": "+989121234567",
    "networkCode": "43211",
    "serviceCode": "*733#",
    "text": "",
}


def test_a_dialog_begins_with_an_empty_text() -> None:
    request = post_form(**START)
    assert africastalking.parse(request, ROUTE) == Incoming(
        speaker("africastalking", "ATUid_7b2f"), "", request.body, "*733#", cumulative=True, key=""
    )


def test_answers_come_together_and_are_not_split_here() -> None:
    request = post_form(**START | {"text": "1*a*b"})
    parsed = incoming(africastalking.parse(request, ROUTE))
    assert (parsed.text, parsed.key, parsed.cumulative, parsed.begins) == ("1*a*b", "1*a*b", True, None)


def test_a_repetition_has_the_same_key() -> None:
    request = post_form(**START | {"text": "1*2"})
    first = incoming(africastalking.parse(request, ROUTE))
    assert first == africastalking.parse(request, ROUTE)


def test_text_at_once_was_dialled_behind_the_code() -> None:
    parsed = incoming(africastalking.parse(post_form(**START | {"text": "2*1"}), ROUTE))
    assert (parsed.code, parsed.text) == ("*733#", "2*1")


def test_a_plus_that_was_not_escaped_is_still_a_plus() -> None:
    body = "sessionId=s&phoneNumber=+989121234567&serviceCode=*733#&text="
    assert incoming(africastalking.parse(post(body), ROUTE)).caller.address == "+989121234567"


def test_the_screen_goes_on_or_ends() -> None:
    goes_on = africastalking.render(screen(), post_form(**START), ROUTE)
    assert (goes_on.status, goes_on.content_type) == (200, "text/plain; charset=utf-8")
    assert goes_on.body.decode() == f"CON {MENU}"
    assert africastalking.render(screen("تمام", False), post_form(**START), ROUTE).body.decode() == "END تمام"


@pytest.mark.parametrize(
    ("status", "reason"), [("Success", "ended"), ("Incomplete", "aborted"), ("Failed", "failed")]
)
def test_the_end_is_notified(status: str, reason: str) -> None:
    event = START | {"status": status, "date": "2026-11-23 10:00:00", "hopsCount": "3", "input": "1*2"}
    del event["text"]
    request = post_form("/events", **event)
    parsed = departure(africastalking.parse(request, ROUTE))
    assert parsed == Departure(speaker("africastalking", "ATUid_7b2f"), parsed.reason, request.body)
    assert parsed.reason == reason
    assert africastalking.acknowledge(request, ROUTE).status == 200


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("", Missing),
        ("sessionId=s&serviceCode=*733%23&text=", Missing),
        ("sessionId=s&phoneNumber=09121234567&serviceCode=*733%23", Missing),
        ("sessionId=&phoneNumber=09121234567&serviceCode=*733%23&text=", Missing),
        ("sessionId=s&phoneNumber=09121234567&serviceCode=*733%23&text=&text=1", Doubled),
        ("sessionId=s&phoneNumber=09121234567&serviceCode=hello&text=", WrongType),
        ("sessionId=s&phoneNumber=0912&serviceCode=*733%23&text=", NotANumber),
        ("sessionId=s&phoneNumber=%DB%B0912&serviceCode=*733%23&text=", NotANumber),
        ("sessionId=s&phoneNumber=hello&serviceCode=*733%23&text=", NotANumber),
        ("sessionId=s&phoneNumber=09121234567&serviceCode=*733%23&text=%ff", Malformed),
        ("sessionId=s&phoneNumber=09121234567&serviceCode=*733%23&text=%2", Malformed),
        ("sessionId=s&phoneNumber=09121234567&serviceCode=*733%23&text", Malformed),
        (b"sessionId=s&phoneNumber=09121234567&serviceCode=*733%23&text=\xff", Malformed),
        (f"sessionId={'s' * 129}&phoneNumber=09121234567&serviceCode=*733%23&text=", TooLong),
        (f"sessionId=s&phoneNumber={'9' * 21}&serviceCode=*733%23&text=", TooLong),
        (f"sessionId=s&phoneNumber=09121234567&serviceCode=*733%23&text={'1' * 20_001}", TooLong),
        ("sessionId=a%0Ab&phoneNumber=09121234567&serviceCode=*733%23&text=", WrongType),
        ("&".join(f"field{n}=1" for n in range(70)), Malformed),
    ],
)
def test_what_is_wrong_is_refused(body: str | bytes, error: type[BadRequest]) -> None:
    with pytest.raises(error):
        africastalking.parse(post(body), ROUTE)


def test_an_unknown_status_is_refused() -> None:
    with pytest.raises(Unknown):
        africastalking.parse(post_form("/events", **START | {"status": "Vanished"}), ROUTE)


def test_a_refusal_ends_the_dialog_and_repeats_nothing() -> None:
    request = post_form(**START | {"phoneNumber": "secret-number"})
    with pytest.raises(NotANumber) as caught:
        africastalking.parse(request, ROUTE)
    reply = africastalking.refuse(caught.value, request, ROUTE)
    assert reply.status == 400
    assert reply.body == b"END the field phoneNumber is not a telephone number"


def test_control_characters_stay_in_the_raw_request_alone() -> None:
    request = post_form(**START | {"text": "1\x00*سلام\x1b\u200cها\u200f😀"})
    parsed = incoming(africastalking.parse(request, ROUTE))
    assert parsed.text == "1*سلام\u200cها\u200f😀"
    assert b"%00" in parsed.raw


def test_a_screen_carries_no_lone_surrogate() -> None:
    reply = africastalking.render(screen("a\ud800b\x07\nپ"), post_form(**START), ROUTE)
    assert reply.body.decode() == "CON ab\nپ"
