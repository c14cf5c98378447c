"""Telling machines from people, by what they sent before."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.sms_loops import ANSWERED, CONSENT, CUT, KEPT, LIMITS, SILENT, broken, skeleton
from records.inbox import Past

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
A, B = b"a" * 16, b"b" * 16


def past(
    *ago: float, said: bytes | None = A, outcome: str | None = ANSWERED, after: float = 1.0
) -> list[Past]:
    """Messages that came so many seconds ago, each answered so many seconds after that."""
    return [
        Past(
            said,
            NOW - each * SECOND,
            None if outcome is None else NOW - (each - after) * SECOND,
            outcome,
        )
        for each in ago
    ]


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("پیام شما دریافت شد. شماره ۱۲۳۴", "پیام شما دریافت شد. شماره 98"),
        ("Your ticket #12 at 10:45", "your ticket #13 at 10:59"),
        ("1234", "۱۲۳۴"),
    ],
)
def test_machines_that_count_say_the_same(text: str, same: str) -> None:
    assert skeleton(text) == skeleton(same) != ""


@pytest.mark.parametrize("text", ["", "1", "98", "00", "۱۱", "بله", "نه 1", "👍"])
def test_choices_from_menus_say_too_little_to_tell(text: str) -> None:
    assert skeleton(text) == ""


def test_numbers_that_are_all_of_an_answer_are_not_the_same() -> None:
    assert skeleton("4821903612") != skeleton("4821903613")


@given(st.text(max_size=200))
def test_any_text_has_a_skeleton(text: str) -> None:
    assert not 0 < len(skeleton(text)) <= LIMITS.short


def test_a_first_message_breaks_nothing() -> None:
    assert broken([], A, NOW) == ""
    assert broken([], None, NOW) == ""


def test_a_person_with_a_menu() -> None:
    """Twenty quick choices, and a sentence now and then."""
    chosen = past(*range(5, 300, 15), said=None)
    assert broken(chosen, None, NOW) == ""
    assert broken(chosen, A, NOW) == ""


def test_the_same_words() -> None:
    often = past(*range(60, 60 * LIMITS.same + 1, 60))
    assert broken(often, A, NOW) == "same"
    assert broken(often, B, NOW) == ""
    assert broken(often, None, NOW) == ""
    assert broken(often[1:], A, NOW) == ""
    seldom = past(*range(700, 700 * LIMITS.same, 700))
    assert broken(seldom, A, NOW) == ""


def test_a_machine_that_was_not_answered_says_the_same_still() -> None:
    assert broken(past(*range(60, 400, 60), outcome=SILENT), A, NOW) == "same"


def test_more_answers_than_anybody_needs() -> None:
    many = past(*range(90, 90 * LIMITS.answers + 1, 90), said=None)
    assert broken(many, None, NOW) == "answers"
    assert broken(many[1:], None, NOW) == ""
    assert broken(past(*range(90, 90 * 30 + 1, 90), said=None, outcome=CONSENT), None, NOW) == "answers"
    assert broken(past(*range(90, 90 * 30 + 1, 90), said=None, outcome=KEPT), None, NOW) == ""


def in_turn(*ago: float) -> list[Past]:
    """Other words each time."""
    return [
        Past(bytes([number]) * 16, NOW - each * SECOND, NOW - (each - 1) * SECOND, ANSWERED)
        for number, each in enumerate(ago)
    ]


def test_answers_that_come_at_once_and_go_on() -> None:
    volley = in_turn(*range(10, 10 * LIMITS.run + 1, 10))
    assert broken(volley, A, NOW) == "run"
    assert broken(volley[1:], A, NOW) == ""
    assert broken(volley, None, NOW) == "", "a machine writes no menu number"
    slow = in_turn(*range(40, 40 * LIMITS.run + 1, 40))
    assert broken(slow, A, NOW) == ""
    assert broken(in_turn(10, 20, 30) + past(45, said=None) + in_turn(*range(60, 150, 10)), A, NOW) == ""
    unanswered = [Past(each.said, each.received_at, None, None) for each in volley]
    assert broken(unanswered, A, NOW) == ""


def test_once_cut_it_stays_quiet_for_a_while() -> None:
    recent: Sequence[Past] = past(10, outcome=SILENT) + past(LIMITS.rest.total_seconds() - 1, outcome=CUT)
    assert broken(recent, None, NOW) == "rest"
    assert broken(past(LIMITS.rest.total_seconds() + 1, outcome=CUT), None, NOW) == ""


def test_a_flood_of_anything() -> None:
    flood = past(*range(1, LIMITS.flood + 1), said=None, outcome=KEPT)
    assert broken(flood, None, NOW) == "flood"
    assert broken(flood[1:], None, NOW) == ""
