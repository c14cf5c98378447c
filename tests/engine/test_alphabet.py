"""GSM 7-bit and UCS-2."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import cache

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.alphabet import (
    ALONE,
    BASIC,
    EXTENSION,
    PART,
    Size,
    fits,
    is_gsm7,
    parts,
    septets,
    size,
    split,
    units,
)
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
        ("ی" * 68 + "👍", 1),  # 70 units: an emoji is two.
        ("می\u200cشود " * 11, 2),  # 77 units: a half-space (ZWNJ) is one like any other character.
        ("ب\u064e" * 35, 1),
        (
            "س" * 66 + "ب\u0651\u064e" + "س" * 66,
            3,
        ),  # 135 units; two parts would tear the letter from its marks.
        ("{" * 80, 1),
        ("{" * 81, 2),
        ("€" * 76 + "{" * 76, 2),  # 304 septets; a part of 153 has room for 76 that are two each.
        ("€" * 76 + "{" * 77, 3),
        ("a" * 159 + "ی", 3),  # One letter makes the whole of it UCS-2.
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


GSM7 = BASIC.replace("\x1b", "") + "".join(EXTENSION.values())
# Long enough for several parts; with marks, half-spaces, emoji sequences and flags where a cut may fall.
texts = st.one_of(
    st.text(st.sampled_from(GSM7), max_size=700),
    st.text(st.sampled_from("سلام دنیا۱{€a\u200c\u200d\u064e\u0651\ufe0f😀👨🏽🇮🇷"), max_size=400),
    st.text(max_size=300),
)


def letters(text: str) -> Iterator[str]:
    """What no cut goes through, told in another way than the program does."""
    letter = ""
    for character in text:
        if letter and not unicodedata.category(character).startswith("M"):
            yield letter
            letter = ""
        letter += character
    if letter:
        yield letter


def fewest(costs: list[int], most: int) -> int:
    """The least number of parts, by trying every way to cut."""

    @cache
    def from_here(place: int) -> int:
        if place == len(costs):
            return 0
        used, best = 0, len(costs)
        for end in range(place, len(costs)):
            used += costs[end]
            if used > most:
                break
            best = min(best, 1 + from_here(end + 1))
        return best

    for place in range(len(costs) - 1, -1, -1):  # From the end, so that no call goes deep.
        from_here(place)
    return from_here(0)


@given(texts)
def test_the_parts_are_the_text_and_each_fits(text: str) -> None:
    pieces = split(text)
    assert "".join(pieces) == text
    assert len(pieces) == parts(text)
    alphabet, cost = size(text)
    measure = septets if alphabet == "gsm7" else units
    most = ALONE[alphabet] if len(pieces) == 1 else PART[alphabet]
    assert all(0 < measure(piece) <= most for piece in pieces) or text == ""
    assert (len(pieces) == 1) == (cost <= ALONE[alphabet])


@given(texts)
def test_no_part_begins_inside_a_letter_and_there_are_as_few_as_can_be(text: str) -> None:
    alphabet, cost = size(text)
    measure = septets if alphabet == "gsm7" else units
    whole = list(letters(text))
    if any(measure(letter) > PART[alphabet] for letter in whole):
        return  # A letter under a heap of marks has to be cut somewhere.
    pieces = split(text)
    assert [letter for piece in pieces for letter in letters(piece)] == whole
    if cost > ALONE[alphabet]:
        assert len(pieces) == fewest([measure(letter) for letter in whole], PART[alphabet])


def test_a_letter_under_a_heap_of_marks_is_cut_between_them() -> None:
    pieces = split("س" * 10 + "ب" + "\u064e" * 200 + "😀")
    assert [units(piece) for piece in pieces] == [10, 67, 67, 67, 2]


def test_a_text_can_be_cut_for_an_alphabet_that_is_not_its_own() -> None:
    assert [len(piece) for piece in split("a" * 160, "ucs2")] == [67, 67, 26]
    assert split("a" * 70, "ucs2") == ["a" * 70]
