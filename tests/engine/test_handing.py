"""A handover: on a chat the session stays with the operator until it is closed, else it is a call-back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from engine.channels import CHANNELS
from engine.faults import NotHandedOver
from engine.layout import USSD, Layout
from engine.needs import TAKE, NeedSpec
from engine.turn import Input, Met, Need
from tests.engine.walking import NOW, Walker, library

CHAT = CHANNELS["webchat"]

FLOW = """
    flow: main
    title: کارشناس
    opens: {codes: ["*733#"]}
    start: greeting
    states:
      greeting: {say: سلام., go: person}
      person:
        handover: شما نفر {place:digits} هستید.
        callback: با شما تماس می‌گیریم.
        topic: general
        leave: [پایان, end]
        go: {away: away, closed: survey, left: bye, late: bye, else: sorry}
      away: {end: بیرون از ساعت کار است.}
      survey: {menu: راضی بودید؟, options: [{label: بله}, {label: نه}], save: pleased, go: thanks}
      thanks: {end: ممنون}
      bye: {end: خداحافظ}
      sorry: {end: نشد.}
"""

REQUEST = NeedSpec(
    "handover.request", "", "", {"topic": True, "live": False}, {"accepted": ("place",), "away": ()}
)


class Outside:
    """Meets the needs of a handover with these outcomes."""

    def __init__(self, **outcomes: str) -> None:
        self.outcomes = outcomes

    def __call__(self, need: Need) -> Met:
        if need.name == TAKE:
            files = str(need.arguments["files"])
            return Met("ok", {"files": files, "kinds": " ".join("image" for _file in files.split())})
        outcome = self.outcomes.get(need.name.partition(".")[2], "ok")
        return Met(outcome, {"place": 2} if outcome == "accepted" else {})


def walker(layout: Layout = CHAT, **outcomes: str) -> Walker:
    flows = library(FLOW, needs={REQUEST.name: REQUEST})
    return Walker(flows, Outside(**{"request": "accepted", **outcomes}), layout)


def handed(**outcomes: str) -> Walker:
    """A person who talks with an operator."""
    person = walker(CHAT, **outcomes)
    person.dial("سلام")
    assert person.session.handed
    person.asked.clear()
    return person


def test_on_a_chat_the_session_stays_open() -> None:
    person = walker()
    assert person.dial("سلام") == "سلام.\nشما نفر digits:2 هستید."
    assert not person.over
    assert person.asked[0].arguments == {"topic": "general", "live": True}
    assert person.session.due == (NOW + timedelta(days=7)).timestamp(), "the operator may take days"


@pytest.mark.parametrize("layout", [USSD, CHANNELS["sms"]], ids=["ussd", "sms"])
def test_where_nobody_can_wait_it_becomes_a_call_back(layout: Layout) -> None:
    person = walker(layout)
    assert person.dial() == "سلام.\nبا شما تماس می‌گیریم."
    assert (person.over, person.outcome) == (True, "handover")
    assert person.asked[0].arguments == {"topic": "general", "live": False}
    assert not person.session.handed


def test_without_words_for_a_call_back_those_of_the_handover_are_said() -> None:
    flow = FLOW.replace("        callback: با شما تماس می‌گیریم.\n", "")
    person = Walker(library(flow, needs={REQUEST.name: REQUEST}), Outside(request="accepted"), USSD)
    assert person.dial() == "سلام.\nشما نفر digits:2 هستید."


def test_what_is_written_becomes_posts_and_shows_nothing() -> None:
    person = handed()
    for text in ("سلام", "0", "00", "منو", "بازگشت", "1"):
        assert person.give(Input("text", text, key=f"k{text}", files=("f1", "f2"))) == ""
        assert not person.over
        assert person.asked.pop() == Need(
            "handover.say", {"text": text, "key": f"k{text}", "files": "f1 f2"}
        ), "navigation is a word like any other"


def test_what_could_not_be_said_is_told() -> None:
    for outcome in ("failed", "slow"):
        person = handed(say=outcome)
        assert "نرسید" in person.say("سلام")
        assert person.session.handed


def test_the_operator_closes_and_the_flow_goes_on() -> None:
    person = handed()
    person.say("سلام")
    assert person.give(Input("event", "closed")).startswith("راضی بودید؟\n1 بله"), "the greeting is past"
    assert not person.session.handed
    assert person.say("1") == "ممنون"
    assert person.over


def test_a_post_to_a_thread_that_is_closed_goes_on_too() -> None:
    assert handed(say="closed").say("سلام").startswith("راضی بودید؟")


def test_a_word_of_the_flow_ends_it_and_the_operator_learns() -> None:
    for word in ("پایان", "پايان", "END"):
        person = handed()
        assert person.say(word) == "خداحافظ"
        assert person.asked == [Need("handover.leave", {"reason": "left"})]
    person = handed()
    assert person.give(Input("text", "پایان", files=("f",))) == "", "a photo called so is a post"


def test_a_week_of_silence_ends_it() -> None:
    person = handed()
    assert person.time_out() == "خداحافظ"
    assert person.asked == [Need("handover.leave", {"reason": "late"})]


def test_who_cannot_be_taken_over_goes_the_way_of_the_outcome() -> None:
    assert walker(request="away").dial("سلام") == "سلام.\nبیرون از ساعت کار است."
    assert walker(request="failed").dial("سلام") == "سلام.\nنشد."


def test_an_outcome_that_the_flow_says_nothing_of_ends_the_session_without_a_word() -> None:
    flow = FLOW.replace("closed: survey, left: bye, late: bye, else: sorry", "failed: survey, slow: bye")
    person = Walker(library(flow, needs={REQUEST.name: REQUEST}), Outside(request="accepted"), CHAT)
    person.dial("سلام")
    assert person.give(Input("event", "closed")) == ""
    assert (person.over, person.outcome) == (True, "closed")


def test_an_event_of_a_thread_that_is_left_is_of_no_consequence() -> None:
    person = handed()
    person.give(Input("event", "closed"))
    with pytest.raises(NotHandedOver):
        person.give(Input("event", "closed"))


def test_a_person_may_be_handed_over_twice() -> None:
    flow = FLOW.replace("closed: survey", "closed: greeting")
    person = Walker(library(flow, needs={REQUEST.name: REQUEST}), Outside(request="accepted"), CHAT)
    person.dial("سلام")
    assert person.give(Input("event", "closed")) == "سلام.\nشما نفر digits:2 هستید."
    assert person.session.handed
    assert [need.name for need in person.asked] == ["handover.request"] * 2


def test_on_a_chat_a_session_expires_after_a_day_without_a_word() -> None:
    flow = FLOW.replace("start: greeting", "start: survey")
    person = Walker(library(flow), layout=CHAT)
    person.dial("سلام")
    assert person.session.due == (NOW + timedelta(days=1)).timestamp()
    assert person.time_out() == ""
    assert (person.over, person.outcome) == (True, "expired")
