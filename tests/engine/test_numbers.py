"""Mobile numbers, national IDs and check digits."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.numbers import grouped, has_check_digit, mobile, national_id, with_check_digit


@pytest.mark.parametrize(
    "text",
    [
        "09123456789",
        "9123456789",
        "+989123456789",
        "00989123456789",
        "989123456789",
        "+98 0912 345 6789",
        "۰۹۱۲۳۴۵۶۷۸۹",
        "٠٩١٢ ٣٤٥ ٦٧٨٩",
        "0912-345-6789",
        "(0912) 345.6789",
        " \u200e+98 912 345 6789\u200f ",
    ],
)
def test_ways_to_write_a_mobile_number(text: str) -> None:
    assert mobile(text) == "+989123456789"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0912345678",
        "091234567890",
        "02188888888",
        "+449123456789",
        "09063456789",
        "09243456789",
        "09413456789",
        "09703456789",
        "09973456789",
        "0912345678a",
        "²9123456789",
        "+98+989123456789",
        "00009123456789",
    ],
)
def test_what_is_no_mobile_number(text: str) -> None:
    assert mobile(text) is None


@given(st.integers(9_000_000_000, 9_999_999_999))
def test_the_ranges_are_those_of_libphonenumber(number: int) -> None:
    parsed = phonenumbers.PhoneNumber(country_code=98, national_number=number)
    is_mobile = phonenumbers.number_type(parsed) == phonenumbers.PhoneNumberType.MOBILE
    assert mobile(f"0{number}") == (f"+98{number}" if is_mobile else None)


@given(st.text("+0123456789۰۹ -()", max_size=20))
def test_a_mobile_number_is_always_e164(text: str) -> None:
    number = mobile(text)
    assert number is None or (len(number) == 13 and number.isascii() and mobile(number) == number)


def test_national_ids() -> None:
    assert national_id("0013542419") == "0013542419"
    assert national_id("13542419") == "0013542419"
    assert national_id("۰۰۱-۳۵۴۲۴۱-۹") == "0013542419"
    assert national_id("0013542418") is None
    assert national_id("3542419") is None
    assert national_id("00135424190") is None
    assert national_id("") is None
    assert national_id("001354241x") is None


@pytest.mark.parametrize("digit", "0123456789")
def test_ten_equal_digits_are_no_national_id(digit: str) -> None:
    assert national_id(digit * 10) is None


@given(st.integers(1, 999_999_999))
def test_one_last_digit_in_eleven_rests_makes_a_national_id(number: int) -> None:
    fitting = [digit for digit in "0123456789" if national_id(f"{number:09}{digit}")]
    assert len(fitting) == 1 or len(set(f"{number:09}")) == 1


numbers = st.text("0123456789", min_size=1, max_size=15)


@given(numbers, st.data())
def test_a_check_digit_catches_every_wrong_digit_and_every_swap(number: str, data: st.DataObject) -> None:
    whole = with_check_digit(number)
    assert whole[:-1] == number
    assert has_check_digit(whole)
    place = data.draw(st.integers(0, len(whole) - 1))
    digit = data.draw(st.sampled_from("0123456789"))
    assert has_check_digit(whole[:place] + digit + whole[place + 1 :]) == (digit == whole[place])
    if place:
        swapped = whole[: place - 1] + whole[place] + whole[place - 1] + whole[place + 1 :]
        assert has_check_digit(swapped) == (swapped == whole)


def test_the_published_example_of_damm() -> None:
    assert with_check_digit("572") == "5724"


@pytest.mark.parametrize("text", ["", "a", "۱۲", "1 2", "-1", "²"])
def test_a_check_digit_needs_digits(text: str) -> None:
    assert not has_check_digit(text + "0")
    with pytest.raises(ValueError, match="digits"):
        with_check_digit(text)


def test_one_digit_alone_has_no_check_digit() -> None:
    assert not has_check_digit("0")


@pytest.mark.parametrize(
    ("number", "groups"),
    [
        ("48219036", "4821-9036"),
        ("1234567890", "123-456-7890"),
        ("123456789", "123-456-789"),
        ("1234567", "123-4567"),
        ("123456", "123-456"),
        ("12345", "12345"),
        ("", ""),
    ],
)
def test_groups_to_read_aloud(number: str, groups: str) -> None:
    assert grouped(number) == groups


@given(st.text("0123456789", max_size=30))
def test_groups_are_of_three_or_four(number: str) -> None:
    groups = grouped(number).split("-")
    assert "".join(groups) == number
    assert len(number) < 6 or all(len(group) in (3, 4) for group in groups)
