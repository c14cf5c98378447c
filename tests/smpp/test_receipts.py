"""What SMSCs say became of a message, in the spellings that are met."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smpp.pdu import Message
from smpp.receipts import FINAL, STATES, Receipt, is_receipt, normal_id, read_date, read_receipt

TEHRAN = timezone(timedelta(hours=3, minutes=30))
TEXT = (
    b"id:0123456789 sub:001 dlvrd:001 submit date:2603011012 done date:2603011013 "
    b"stat:DELIVRD err:000 text:id:99 stat:REJECTD"
)


def receipt(text: bytes = b"", *tlvs: tuple[int, bytes], esm_class: int = 4) -> Receipt | None:
    return read_receipt(Message(short_message=text, esm_class=esm_class, tlvs=tlvs), TEHRAN)


def test_the_text_of_the_appendix() -> None:
    assert receipt(TEXT) == Receipt(
        "0123456789",
        "delivered",
        "DELIVRD",
        "000",
        datetime(2026, 3, 1, 10, 12, tzinfo=TEHRAN),
        datetime(2026, 3, 1, 10, 13, tzinfo=TEHRAN),
    )


def test_tlvs_are_believed_first() -> None:
    assert receipt(TEXT, (0x001E, b"abc\0"), (0x0427, b"\x05"), (0x0423, b"\x03\x00\x1b")) == Receipt(
        "abc",
        "undeliverable",
        "DELIVRD",
        "27",
        datetime(2026, 3, 1, 10, 12, tzinfo=TEHRAN),
        datetime(2026, 3, 1, 10, 13, tzinfo=TEHRAN),
    )
    assert receipt(b"", (0x001E, b"abc"), (0x0427, b"\x02")) == Receipt("abc", "delivered", "2")


@pytest.mark.parametrize(
    ("text", "id_", "state"),
    [
        (b"ID:1 STAT:delivrd", "1", "delivered"),
        (b"id: 1 stat: EXPIRED", "1", "expired"),
        (b"stat:UNDELIV id:1", "1", "undeliverable"),
        (b"id:1 sub:1 dlvrd:0 submit date:2603011012 stat:ACCEPTD Text:hello", "1", "accepted"),
        (b"id:1 stat:BLOCKED", "1", None),
        (b"id:1", "1", None),
    ],
)
def test_other_spellings(text: bytes, id_: str, state: str | None) -> None:
    found = receipt(text)
    assert found is not None
    assert (found.message_id, found.state) == (id_, state)


def test_an_unknown_state_is_kept_by_its_word() -> None:
    found = receipt(b"id:1 stat:BLOCKED")
    assert found is not None
    assert (found.word, found.final) == ("BLOCKED", False)
    found = receipt(b"", (0x001E, b"1"), (0x0427, b"\x63"))
    assert found is not None
    assert (found.state, found.word) == (None, "99")


def test_what_names_no_message_is_none() -> None:
    assert receipt(b"hello") is None
    assert receipt(b"stat:DELIVRD") is None
    assert receipt() is None


def test_final_states() -> None:
    assert {state for state in STATES.values() if state not in FINAL} == {"enroute", "accepted", "unknown"}


@pytest.mark.parametrize(
    ("esm_class", "tlvs", "is_one"),
    [
        (0x04, (), True),
        (0x20, (), True),
        (0x44, (), True),
        (0x00, (), False),
        (0x40, (), False),
        (0x08, (), False),
        (0x00, ((0x001E, b"1"),), True),
    ],
)
def test_which_deliveries_are_receipts(
    esm_class: int, tlvs: tuple[tuple[int, bytes], ...], is_one: bool
) -> None:
    assert is_receipt(Message(esm_class=esm_class, tlvs=tlvs)) is is_one


@given(
    st.binary(max_size=200),
    st.lists(st.tuples(st.sampled_from((0x1E, 0x427, 0x423, 0x424)), st.binary(max_size=5)), max_size=4),
)
def test_any_receipt_is_read_or_none(text: bytes, tlvs: list[tuple[int, bytes]]) -> None:
    receipt(text, *tlvs)


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("2603011012", datetime(2026, 3, 1, 10, 12, tzinfo=UTC)),
        ("260301101259", datetime(2026, 3, 1, 10, 12, 59, tzinfo=UTC)),
        ("2613011012", None),
        ("26030110125", None),
        ("20260301101200", None),
        ("۲۶۰۳۰۱۱۰۱۲", None),
        ("", None),
    ],
)
def test_dates(text: str, date: datetime | None) -> None:
    assert read_date(text, UTC) == date


def test_ids_in_the_spellings_of_two_sides() -> None:
    # Given out in hex, receipted in decimal, and the other way.
    assert normal_id("0000a3F2", "hex") == normal_id("41970", "decimal") == "41970"
    assert normal_id("0xA3F2", "hex") == normal_id("0041970", "decimal")
    assert normal_id("Ab-1", "folded") == normal_id("aB-1 ", "folded") == "ab-1"
    assert normal_id("0012", "text") == "0012"
    # What is no number keeps its spelling.
    for odd in ("", "12x", "۱۲", "f" * 65, "-1", "1_0"):
        assert normal_id(odd, "decimal") == odd.strip()
    assert normal_id("xyz", "hex") == "xyz"
