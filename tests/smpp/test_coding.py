"""Texts as octets, and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.alphabet import BASIC, EXTENSION, is_gsm7
from smpp.coding import (
    ALPHABETS,
    decode_gsm7,
    decode_text,
    decode_ucs2,
    encode_gsm7,
    encode_text,
    encode_ucs2,
)
from smpp.errors import TooMuch, Unreadable

GSM7 = BASIC.replace("\x1b", "") + "".join(EXTENSION.values())


@given(st.text(st.sampled_from(GSM7)))
def test_gsm7_is_read_as_written(text: str) -> None:
    assert decode_gsm7(encode_gsm7(text)) == text


@given(st.text())
def test_gsm7_takes_what_is_in_its_alphabet_and_nothing_else(text: str) -> None:
    if is_gsm7(text):
        assert decode_gsm7(encode_gsm7(text)) == text
    else:
        with pytest.raises(TooMuch):
            encode_gsm7(text)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_ucs2_is_read_as_written_emoji_included(text: str) -> None:
    assert decode_ucs2(encode_ucs2(text)) == text


@given(st.binary(max_size=200), st.sampled_from(sorted(ALPHABETS)))
def test_any_octets_are_some_text(data: bytes, coding: int) -> None:
    decode_text(data, coding).encode()


def test_known_octets() -> None:
    assert encode_gsm7("@£ ¿à€[") == bytes((0, 1, 0x20, 0x60, 0x7F, 0x1B, 0x65, 0x1B, 0x3C))
    assert encode_text("سلام", 8) == bytes.fromhex("0633064406270645")
    assert encode_text("سلام", 72) == encode_text("سلام", 8)
    assert decode_text(b"1", 15) == decode_text(b"1", 0) == decode_text(b"1", 1) == "1"
    assert decode_text(b"\x00\xe9", 3) == "\x00é"
    assert decode_text(b"\xe9", 0, "latin1") == "é"
    assert decode_text(bytes.fromhex("66780633"), 0x11) == "س"
    assert decode_text(encode_text("سلام", 0x11), 0x11) == "سلام"


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        (b"a\x1b", "a"),  # Nothing behind the escape.
        (b"\x1b\x1b\x65", "e"),
        (b"\x1b\x41", "A"),  # No such extension: the basic character.
        (b"\xff\x41", "�A"),
        (b"\x1b\x65\x41", "€A"),
        (b"\x1b\xffA", "�A"),
    ],
)
def test_odd_gsm7(octets: bytes, text: str) -> None:
    assert decode_gsm7(octets) == text


def test_odd_ucs2() -> None:
    assert decode_ucs2(b"\x06\x33\x06") == "س�"
    assert decode_ucs2(bytes.fromhex("d83d")) == "�"
    assert encode_ucs2("\ud83d") == bytes.fromhex("fffd")


def test_what_is_no_text_is_told_so() -> None:
    for coding in (2, 4, 0xF5, 0xFF):
        with pytest.raises(Unreadable):
            decode_text(b"x", coding)
    for text, coding in (("é", 1), ("س", 3), ("س", 0)):
        with pytest.raises(TooMuch):
            encode_text(text, coding)
