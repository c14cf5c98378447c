import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversation.numbers import e164


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("+989121234567", "+989121234567"),
        ("989121234567", "+989121234567"),
        ("00989121234567", "+989121234567"),
        ("09121234567", "+989121234567"),
        ("9121234567", "+989121234567"),
        (" 989121234567", "+989121234567"),
        ("02188888888", "+982188888888"),
        ("+254711000111", "+254711000111"),
        ("254711000111", "+254711000111"),
        ("00254711000111", "+254711000111"),
        ("233246912184", "+233246912184"),
        ("0912123456", None),
        ("+98912123456", None),
        ("12", None),
        ("", None),
        ("۰۹۱۲۱۲۳۴۵۶۷", None),
        ("0912 123 4567", None),
        ("09121234567\n", None),
        ("+999999999999999999", None),
        ("hello", None),
    ],
)
def test_a_number_becomes_e164_or_none(written: str, number: str | None) -> None:
    assert e164(written) == number


@given(st.text(alphabet="+ 0123456789x۱", max_size=20))
def test_whatever_comes_out_is_e164_and_stays(text: str) -> None:
    number = e164(text)
    if number is not None:
        assert number.startswith("+")
        assert number[1:].isascii()
        assert number[1:].isdecimal()
        assert e164(number) == number
