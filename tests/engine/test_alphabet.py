"""GSM 7-bit and UCS-2."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.alphabet import BASIC, EXTENSION, Size, fits, is_gsm7, parts, septets, size, units
from engine.channels import CHANNELS


def test_the_tables_have_their_places() -> None:
    """A few codes of 3GPP TS 23.038 §6.2.1, where slips are likely."""
    assert len(BASIC) == 128
    assert len(set(BASIC)) == 128
    places = {
        "@": 0,
        "$": 2,
        "\n": 0x0A,
        "\r": 0x0D,
        "Δ": 0x10,
        "_": 0x11,
        "\x1b": 0x1B,
        "É": 0x1F,
        " ": 0x20,
    }
    places |= {
        "¤": 0x24,
        "0": 0x30,
        "¡": 0x40,
        "A": 0x41,
        "Ä": 0x5B,
        "§": 0x5F,
        "¿": 0x60,
        "a": 0x61,
        "à": 0x7F,
    }
    assert {character: BASIC.index(character) for character in places} == places
    assert not set(EXTENSION.values()) & set(BASIC)


@pytest.mark.parametrize("character", [*BASIC.replace("\x1b", ""), *EXTENSION.values()])
def test_characters_of_the_alphabet(character: str) -> None:
    assert is_gsm7(character)
    assert septets(character) == (2 if character in EXTENSION.values() else 1)


@pytest.mark.parametrize("character", ["ی", "۱", "`", "ç", "\x1b", "\u200c", "👍", "\t", "’", "\u00a0"])
def test_characters_that_make_a_text_ucs2(character: str) -> None:
    assert not is_gsm7(character)
    assert size("abc" + character).alphabet == "ucs2"


def test_sizes() -> None:
    assert size("") == Size("gsm7", 0)
    assert size("abc{}") == Size("gsm7", 7)
    assert size("سلام") == Size("ucs2", 4)
    assert size("سلام 👍") == Size("ucs2", 7)
    assert units("\ud83d") == 1  # A lone half still takes its place.


def test_bounds() -> None:
    assert fits("a" * 182, 182, 80)
    assert not fits("a" * 183, 182, 80)
    assert fits("ی" * 80, 182, 80)
    assert not fits("ی" * 81, 182, 80)
    assert fits("ی" * 1000, 182, None)


@given(st.text())
def test_units_are_those_of_utf_16(text: str) -> None:
    assert units(text) == len(text.encode("utf-16-be", "surrogatepass")) // 2


@given(st.text(BASIC.replace("\x1b", "") + "".join(EXTENSION.values())), st.text())
def test_parts_add_up(latin: str, other: str) -> None:
    assert is_gsm7(latin + other) == is_gsm7(other)
    assert septets(latin + latin) == 2 * septets(latin)
    assert units(latin + other) == units(latin) + units(other)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("ی" * 70, 1),
        ("ی" * 71, 2),
        ("ی" * 134, 2),
        ("ی" * 135, 3),
        ("a" * 152 + "{" + "a" * 152, 3),  # 306 septets, but the first part has no room for half of a brace.
        ("ی" * 66 + "👍" + "ی" * 66, 3),
        ("ی" * 69 + "👍", 2),
    ],
)
def test_parts(text: str, count: int) -> None:
    assert parts(text) == count


@given(
    plain=st.sampled_from("aی"),
    wide=st.sampled_from("{👍"),
    before=st.integers(0, 310),
    after=st.integers(0, 310),
)
@example(plain="a", wide="{", before=152, after=152)
@example(plain="ی", wide="👍", before=66, after=66)
def test_an_sms_screen_is_never_more_than_two_parts(plain: str, wide: str, before: int, after: int) -> None:
    layout, text = CHANNELS["sms"], plain * before + wide + plain * after
    if fits(text, layout.septets, layout.units):
        assert parts(text) <= 2
