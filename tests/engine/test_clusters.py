"""What people take for one letter."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.clusters import clusters


@given(st.text())
def test_nothing_is_lost(text: str) -> None:
    assert "".join(clusters(text)) == text
    assert all(clusters(text))


@pytest.mark.parametrize(
    "text",
    [
        "سَّ",  # a letter with two marks
        "e\u0301\u0327",
        "👨‍👩‍👧‍👦",  # joined by ZWJ
        "👍🏽",  # with a skin tone
        "❤️",  # with a variation selector
        "🇮🇷",  # a flag of two halves
        "🏴󠁧󠁢󠁥󠁮󠁧󠁿",  # a flag of tags
        "1️⃣",
        "각",  # Hangul in parts
        "가\u11a8",
        "\r\n",
        "\u06dd۱",  # a sign around the number that follows
        "ی\u200c",
    ],
)
def test_one_cluster(text: str) -> None:
    assert clusters(text) == [text]


def test_several_clusters() -> None:
    assert clusters("سلام") == ["س", "ل", "ا", "م"]
    assert clusters("🇮🇷🇹🇷") == ["🇮🇷", "🇹🇷"]
    assert clusters("👍👍🏽") == ["👍", "👍🏽"]
    assert clusters("가나") == ["가", "나"]
    assert clusters("\n\u064b") == ["\n", "\u064b"]
