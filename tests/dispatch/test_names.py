"""Whom a message goes to, and from which line, as vendors of SMS are told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.providers.sms.names import bare, by_line, each_number_once, home, line
from tests.dispatch.vendors import outgoing


def test_numbers() -> None:
    assert home("+989121234567") == "09121234567"
    assert home("+4915112345678") == "004915112345678"


@pytest.mark.parametrize(
    ("route", "lines", "chosen"),
    [
        ("", ("3000", "4000"), "3000"),
        ("", (), ""),
        ("telegram", ("3000",), "3000"),
        ("sms", ("3000",), "3000"),
        ("sms-4000", ("3000", "4000"), "4000"),
        ("sms-4000", ("3000", "+984000"), "+984000"),
        # Another provider's line: this one would refuse it, and every message after it for a while.
        ("sms-5000", ("3000", "4000"), "3000"),
        ("sms-5000", ("",), ""),
        ("sms-5000", (), "5000"),
    ],
)
def test_an_answer_goes_from_the_line_that_was_written_to_where_it_is_the_providers(
    route: str, lines: tuple[str, ...], chosen: str
) -> None:
    assert line(outgoing(route=route), lines) == chosen


def test_lines_are_told_apart_by_their_digits() -> None:
    assert bare("+98 1000 4346") == bare("009810004346") == bare("10004346") == "10004346"
    one, two = outgoing(), outgoing(route="sms-4000")
    assert by_line([one, two], ("3000", "4000")) == {"3000": [one], "4000": [two]}


@given(st.lists(st.sampled_from([f"+98912123456{n}" for n in range(4)]), max_size=12))
def test_lots_have_each_number_once_and_lose_nobody(numbers: list[str]) -> None:
    batch = [outgoing(number) for number in numbers]
    lots = each_number_once(batch)
    assert sorted(each.id for lot in lots for each in lot) == sorted(each.id for each in batch)
    assert all(len({each.to for each in lot}) == len(lot) > 0 for lot in lots)
    assert len(lots) == max((numbers.count(number) for number in numbers), default=0)
