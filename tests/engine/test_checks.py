"""Checks of answers: what fits, the value it gives, and parameters that are refused."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from persiantools.jdatetime import JalaliDate

from engine.checks import KINDS, compile_check, jalali
from engine.fold import fold
from engine.session import Value

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)  # 1405/09/02


class Plain:
    code = "fa"

    def translate(self, text: str) -> str:
        return text

    def format(self, value: Value, kind: str) -> str:
        return str(value)


@pytest.mark.parametrize(
    ("spec", "answer", "value"),
    [
        ({"digits": 6}, "۱۲۳۴۵۶", "123456"),
        ({"digits": 8}, "4821-9036", "48219036"),
        ({"digits": [6, 10]}, "12 34 56 78", "12345678"),
        ({"digits": 6}, "12345", None),
        ({"digits": [1, 3]}, "1234", None),
        ({"digits": 2}, "1a", None),
        ({"digits": 1}, "²", None),
        ({"length": [5, 500]}, "سلام خوبی", "سلام خوبی"),
        ({"length": [5, 500]}, "سلام", None),
        ({"length": [1, 3]}, "abcd", None),
        ({"pattern": "[A-Z]{2}[0-9]{3}"}, "AB۱۲۳", "AB123"),
        ({"pattern": "[A-Z]{2}[0-9]{3}"}, "AB1234", None),
        ({"pattern": "آری|نه"}, "نه", "نه"),
        ({"pattern": "(a*)*b"}, "a" * 1000, None),
        ({"mobile": True}, "۰۹۱۲ ۳۴۵ ۶۷۸۹", "+989123456789"),
        ({"mobile": True}, "021", None),
        ({"national_id": True}, "۰۰۱۳۵۴۲۴۱۹", "0013542419"),
        ({"national_id": True}, "1111111111", None),
        ({"number": [1, 100]}, "۴۲", 42),
        ({"number": [-5, 5]}, "-5", -5),
        ({"number": [0, 5]}, "+3", 3),
        ({"number": [0, 10**7]}, "1,250,000", 1_250_000),
        ({"number": [0, 10**7]}, "۱٬۲۵۰٬۰۰۰", 1_250_000),
        ({"number": [0, 10**7]}, "1,25", None),
        ({"number": [0, 5]}, "6", None),
        ({"number": [0, 5]}, "2.5", None),
        ({"number": [0, 5]}, "9" * 1000, None),
        ({"date": True}, "۱۴۰۵/۹/۲", "2026-11-23"),
        ({"date": True}, "1405-09-02", "2026-11-23"),
        ({"date": True}, "14050902", "2026-11-23"),
        ({"date": True}, "1405.9.2", "2026-11-23"),
        ({"date": True}, "1405 9 2", "2026-11-23"),
        ({"date": True}, "1403/12/30", "2025-03-20"),
        ({"date": True}, "1404/12/30", None),
        ({"date": True}, "1405/7/31", None),
        ({"date": True}, "1405/13/1", None),
        ({"date": True}, "1405/9-2", None),
        ({"date": True}, "05/9/2", None),
        ({"date": True}, "2026-11-23", None),
        ({"date": True}, "140592", None),
        ({"date": "past"}, "1405/9/2", "2026-11-23"),
        ({"date": "past"}, "1405/9/3", None),
        ({"date": "future"}, "1405/9/3", "2026-11-24"),
        ({"date": "future"}, "1405/9/2", None),
        ({"date": ["1300/01/01", "۱۴۰۵/۱۲/۲۹"]}, "1405/12/29", "2027-03-20"),
        ({"date": ["1300/01/01", "1405/12/29"]}, "1299/12/29", None),
        ({"choice": ["پی‌گیری", "شکایت"]}, "پيگيري", "پی‌گیری"),
        ({"choice": ["Yes", "No"]}, "YES", "Yes"),
        ({"choice": ["Yes", "No"]}, "maybe", None),
        ({"choice": [1, 2]}, "۲", 2),
        ({"email": True}, "Ali.Reza+x@Example.ORG", "Ali.Reza+x@example.org"),
        ({"email": True}, "ali@example", None),
        ({"email": True}, "ali..reza@example.org", None),
        ({"email": True}, ".ali@example.org", None),
        ({"email": True}, "ali@-example.org", None),
        ({"email": True}, "ali@exa mple.org", None),
        ({"email": True}, "a" * 65 + "@example.org", None),
        ({"email": True}, "a@" + "b" * 64 + ".org", None),
        ({"email": True}, "a@example.org\nBcc: b@example.org", None),
    ],
)
def test_answers(spec: dict[str, Any], answer: str, value: Value) -> None:
    given_value = compile_check(spec).apply(fold(answer), NOW)
    assert given_value == value
    assert type(given_value) is type(value)


def test_today_is_that_of_tehran() -> None:
    late = datetime(2026, 11, 23, 21, 0, tzinfo=UTC)  # Half past midnight in Tehran.
    assert compile_check({"date": "past"}).apply("1405/9/3", late) == "2026-11-24"
    assert compile_check({"date": "future"}).apply("1405/9/3", late) is None


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({}, "exactly one"),
        ({"digits": 3, "length": [1, 2]}, "exactly one"),
        ({"colour": True}, "not a check"),
        ({"digits": 0}, "between"),
        ({"digits": True}, "two whole numbers"),
        ({"digits": [5, 3]}, "between"),
        ({"digits": 65}, "between"),
        ({"digits": "5"}, "two whole numbers"),
        ({"digits": [1, 2, 3]}, "two whole numbers"),
        ({"length": 5}, "two whole numbers"),
        ({"length": [0, 5]}, "between"),
        ({"length": [1, 1001]}, "between"),
        ({"length": [1, None]}, "two whole numbers"),
        ({"pattern": "("}, "RE2"),
        ({"pattern": r"(a)\1"}, "RE2"),
        ({"pattern": "a(?=b)"}, "RE2"),
        ({"pattern": ""}, "1 to"),
        ({"pattern": "a" * 501}, "1 to"),
        ({"pattern": 5}, "1 to"),
        ({"pattern": "[۰-۹]+"}, "U\\+06F0"),
        ({"pattern": "علي"}, "U\\+064A"),
        ({"pattern": "می‌روم"}, "U\\+200C"),
        ({"pattern": "((a{100}){100}){100}"}, "RE2"),
        ({"mobile": False}, "true"),
        ({"mobile": 1}, "true"),
        ({"national_id": "yes"}, "true"),
        ({"email": None}, "true"),
        ({"number": 5}, "two whole numbers"),
        ({"number": [5, 1]}, "between"),
        ({"number": [0, 10**16]}, "between"),
        ({"number": [0.5, 1]}, "two whole numbers"),
        ({"date": False}, "past"),
        ({"date": "tomorrow"}, "past"),
        ({"date": ["1405/01/01"]}, "past"),
        ({"date": ["1405/01/01", "1404/01/01"]}, "in order"),
        ({"date": ["1405/01/01", 14060101]}, "in order"),
        ({"date": ["05/01/01", "1406/01/01"]}, "in order"),
        ({"choice": []}, "list"),
        ({"choice": "abc"}, "list"),
        ({"choice": ["a", " "]}, "words"),
        ({"choice": [True, "b"]}, "words"),
        ({"choice": ["پیگیری", "پی‌گیری"]}, "twice"),
        ({"choice": [str(n) for n in range(101)]}, "list"),
    ],
)
def test_bad_parameters_are_refused_with_a_reason(spec: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        compile_check(spec)


EXAMPLES: dict[str, Any] = {
    "digits": [6, 10], "length": [5, 500], "pattern": "[0-9]+", "mobile": True, "national_id": True,
    "number": [1, 10], "date": "past", "choice": ["آری", "نه"], "email": True, "file": True,
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_says_what_it_expects(kind: str) -> None:
    check = compile_check({kind: EXAMPLES[kind]})
    assert check.kind == kind
    explained = check.explain(Plain())
    assert explained
    assert "{" not in explained


def test_the_explanation_names_the_bounds() -> None:
    assert compile_check({"digits": [6, 10]}).explain(Plain()) == "این پاسخ باید 6 تا 10 رقم باشد."
    assert compile_check({"digits": 6}).explain(Plain()) == "این پاسخ باید 6 رقم باشد."
    between = compile_check({"date": ["1300/1/1", "1405/12/29"]})
    assert between.explain(Plain()) == "تاریخی از 1300/01/01 تا 1405/12/29 بنویسید."
    assert compile_check({"choice": ["آری", "نه"]}).explain(Plain()).endswith("آری، نه")


@pytest.mark.parametrize("kind", KINDS)
@given(answer=st.text(max_size=100))
def test_any_answer_fits_or_does_not(kind: str, answer: str) -> None:
    value = compile_check({kind: EXAMPLES[kind]}).apply(fold(answer), NOW)
    assert value is None or isinstance(value, str | int)


@given(st.dates(date(1821, 3, 22), date(2221, 3, 19)))
def test_jalali_dates_there_and_back(day: date) -> None:
    written = JalaliDate(day)  # type: ignore[no-untyped-call]
    for form in ("%Y/%m/%d", "%Y-%m-%d", "%Y%m%d"):
        assert jalali(written.strftime(form)) == day
    assert jalali(f"{written.year}/{written.month}/{written.day}") == day
