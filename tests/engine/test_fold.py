"""One spelling for what people type in many."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.fold import digits, fold, key

texts = st.text() | st.text("يىكکی۰٩٠٣ \u200c\u200d\u200fـآأإئؤهٔةabcABC\t\n\ufeff\ufefb\u064b\ud83d👍🏽İßﬁ")


@pytest.mark.parametrize(
    ("received", "folded"),
    [
        ("1", "1"),
        (" hello   world ", "hello world"),
        ("۰۱۲۳۴۵۶۷۸۹ ٠١٢٣٤٥٦٧٨٩", "0123456789 0123456789"),
        ("شكايت علي مصطفى", "شکایت علی مصطفی"),
        ("می‌خواهم", "می خواهم"),
        ("سـلـام", "سلام"),
        ("\u200fسلام\u202c\ufeff", "سلام"),
        ("a\x00b\x07c", "abc"),
        ("line\r\nnext\tcell", "line next cell"),
        ("\u00a0۵\u3000", "5"),
        ("ﺳﻼﻡ", "سلام"),  # letters by their shape
        ("ﻲﻜ", "یک"),
        ("ا\u0653", "آ"),  # composed
        ("ي\u0654", "ئ"),
        ("e\u0301", "é"),
        ("ABC", "ABC"),
        ("a\ud83db", "ab"),
        ("👍🏽", "👍🏽"),
        ("", ""),
        ("\u200c\u200b ", ""),
    ],
)
def test_folding(received: str, folded: str) -> None:
    assert fold(received) == folded


@given(texts)
def test_folding_again_changes_nothing(text: str) -> None:
    folded = fold(text)
    assert fold(folded) == folded
    assert unicodedata.is_normalized("NFC", folded)
    assert folded == " ".join(folded.split())
    folded.encode()
    assert not any(unicodedata.category(character) in ("Cc", "Cs") for character in folded)
    assert not set(folded) & set("۰۱۲۳۴۵۶۷۸۹٠١٢٣٤٥٦٧٨٩يىكـ\u200c\u200d\u200e\u200f")


@given(texts)
def test_the_key_of_a_text_is_that_of_its_folding(text: str) -> None:
    assert key(text) == key(fold(text))
    assert key(text) == key(f"  {text}\u200f ")
    assert " " not in key(text)


@pytest.mark.parametrize(
    "spellings",
    [
        ["پی‌گیری", "پیگیری", "پی گیری", " پيگيري\u200f"],
        ["شکایت", "شكايت", "شِکایت", "شـکایت"],
        ["آگهی", "اگهی"],
        ["مسئول", "مسیول"],
        ["خانهٔ من", "خانۀ من", "خانه من"],
        ["Complaint", "COMPLAINT", "complaint "],
        ["۱۲", "12", "1 2"],
    ],
)
def test_spellings_of_one_word_have_one_key(spellings: list[str]) -> None:
    assert len({key(spelling) for spelling in spellings}) == 1


def test_other_words_have_other_keys() -> None:
    assert len({key(word) for word in ["شکایت", "شکایات", "پیگیری", "a", "b", "+", "1"]}) == 7


def test_the_digits_of_a_text() -> None:
    assert digits("شماره ۴۸۲۱-٩٠36") == "48219036"
    assert digits("²③") == ""
