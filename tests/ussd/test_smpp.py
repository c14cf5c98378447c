"""USSD over SMPP, parsed and rendered, for each row of the vendors' table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import structs

from conversation.incoming import Departure, Incoming
from engine.layout import USSD, Layout
from smpp import tags
from smpp.coding import decode_text
from smpp.errors import BadPdu
from smpp.pdu import DELIVER_SM, SUBMIT_SM, Message, Pdu, decode, encode
from tests.ussd.asking import MENU, screen, speaker
from ussd.exchange import BadRequest, Malformed, Missing, NotANumber, Route, TooLong, Unknown, WrongType
from ussd.smpp import parse, render
from ussd.smpp_vendors import VENDORS, Vendor, vendor

ROUTE = Route("smpp", code="*733#")
PEER = "192.0.2.1"
RAW = b"raw"

# How a deliver_sm of each vendor opens a dialog: its TLVs, its text and its destination.
DIALOG: Mapping[str, tuple[tuple[int, bytes], ...]] = {
    "its_session_info": ((tags.ITS_SESSION_INFO, b"\x12\x34"),),
    "user_message_reference": ((tags.USER_MESSAGE_REFERENCE, b"\x12\x35"),),
    "none": (),
}
NAMES = {"its_session_info": "1234", "user_message_reference": "1235", "none": ""}


def deliver(row: Vendor, operation: int, text: str = "", *, ends: bool = False, coding: int = 0) -> Message:
    dialog = DIALOG[row.dialog]
    if ends:
        dialog = ((tags.ITS_SESSION_INFO, b"\x12\x35"),)
    octets = text.encode("utf-16-be") if coding in (8, 72) else text.encode()
    return Message(
        "989121234567",
        "733",
        octets,
        coding,
        service_type="USSD",
        source_addr_ton=1,
        source_addr_npi=1,
        tlvs=((tags.USSD_SERVICE_OP, bytes((operation,))), *dialog),
    )


def opening(row: Vendor, text: str = "*733#") -> Message:
    """The first deliver_sm of a dialog, by which ``text`` was dialled."""
    [begins] = row.begins
    return deliver(row, begins, text)


rows = pytest.mark.parametrize("name", VENDORS)


@rows
def test_a_dialog_begins(name: str) -> None:
    row = VENDORS[name]
    parsed = parse(opening(row), RAW, ROUTE, row, PEER)
    assert parsed == Incoming(speaker("smpp", NAMES[row.dialog]), "", RAW, "*733#", begins=True)


@rows
def test_answers_are_dialled_with_the_code(name: str) -> None:
    row = VENDORS[name]
    parsed = parse(opening(row, "*733*2*1#"), RAW, ROUTE, row, PEER)
    assert isinstance(parsed, Incoming)
    assert (parsed.code, parsed.text) == ("*733#", "2*1")


@rows
def test_an_answer(name: str) -> None:
    row = VENDORS[name]
    [answers] = row.answers
    for text, coding in (("1", 0), ("۱ شکایت", 8), ("۱ شکایت", 72), ("1", 15), ("", 0)):
        parsed = parse(deliver(row, answers, text, coding=coding), RAW, ROUTE, row, PEER)
        assert parsed == Incoming(speaker("smpp", NAMES[row.dialog]), text, RAW, begins=False)


@rows
def test_the_subscriber_leaves(name: str) -> None:
    row = VENDORS[name]
    for operation, reason in row.ends.items():
        parsed = parse(deliver(row, operation), RAW, ROUTE, row, PEER)
        assert parsed == Departure(speaker("smpp", NAMES[row.dialog]), reason, RAW)
    if row.dialog == "its_session_info":
        [answers] = row.answers
        parsed = parse(deliver(row, answers, "1", ends=True), RAW, ROUTE, row, PEER)
        assert parsed == Departure(speaker("smpp", "1234"), "aborted", RAW)


@rows
def test_an_operation_without_a_meaning(name: str) -> None:
    row = VENDORS[name]
    strange = deliver(row, 19, "1")
    if row.unknown_answers:
        parsed = parse(strange, RAW, ROUTE, row, PEER)
        assert isinstance(parsed, Incoming)
        assert parsed.begins is False
    else:
        with pytest.raises(Unknown):
            parse(strange, RAW, ROUTE, row, PEER)
    assert parse(deliver(row, 19, ""), RAW, ROUTE, row, PEER) is None, "what was pushed has been shown"


@rows
@pytest.mark.parametrize(
    ("state", "reason"), [(3, "timeout"), (5, "failed"), (8, "failed"), (2, None), (1, None)]
)
def test_a_screen_that_never_was_shown_is_the_end(name: str, state: int, reason: str | None) -> None:
    row = VENDORS[name]
    receipt = Message(
        "989121234567",
        "733",
        esm_class=4,
        tlvs=((0x1E, b"1"), (0x0427, bytes((state,))), *DIALOG[row.dialog]),
    )
    parsed = parse(receipt, RAW, ROUTE, row, PEER)
    assert (parsed.reason if isinstance(parsed, Departure) else parsed) == reason


# What each row's screens look like: the operation and the TLV of the dialog, while it goes on and at its end.
SCREENS: Mapping[str, tuple[tuple[int, bytes], tuple[int, bytes]]] = {
    "standard": ((2, b"\x12\x34"), (17, b"\x12\x35")),
    "6d": ((2, b"\x12\x34"), (17, b"\x12\x35")),
    "mica": ((2, b"\x12\x35"), (17, b"\x12\x35")),
    "tata": ((2, b"\x12\x34"), (2, b"\x12\x35")),
    "cbs": ((2, b"\x12\x34"), (17, b"\x12\x35")),
    "number": ((2, b""), (17, b"")),
}


def test_the_table_of_screens_is_whole() -> None:
    assert set(SCREENS) == set(VENDORS)


@rows
@pytest.mark.parametrize("replies", [True, False])
def test_a_screen(name: str, replies: bool) -> None:
    row = VENDORS[name]
    request = opening(row)
    made = render(screen(MENU, replies), request, ROUTE, row)
    operation, dialog = SCREENS[name][0 if replies else 1]
    assert made.tlv(tags.USSD_SERVICE_OP) == bytes((operation,))
    assert (made.tlv(tags.ITS_SESSION_INFO) or made.tlv(tags.USER_MESSAGE_REFERENCE) or b"") == dialog
    assert (made.source_addr, made.destination_addr) == ("733", "989121234567")
    assert (made.dest_addr_ton, made.dest_addr_npi, made.source_addr_ton) == (1, 1, 0)
    assert (made.data_coding, made.service_type) == (row.ucs2, "USSD")
    assert decode_text(made.short_message, made.data_coding) == MENU
    plain = render(screen("1 Complaint\n2 Follow", replies), request, ROUTE, row)
    assert (plain.data_coding, plain.short_message) == (row.gsm7, b"1 Complaint\n2 Follow")


@rows
@given(
    text=st.text(max_size=200),
    replies=st.booleans(),
    info=st.binary(min_size=2, max_size=2),
    octets=st.binary(max_size=60),
    coding=st.sampled_from((0, 1, 3, 8, 15, 72)),
    operation=st.integers(0, 255),
)
@example("\ud83d", True, b"\xff\xff", b"\xff\x1b", 0, 18)
def test_whatever_is_delivered_is_understood_or_refused_and_any_screen_can_be_sent(
    name: str, text: str, replies: bool, info: bytes, octets: bytes, coding: int, operation: int
) -> None:
    row = VENDORS[name]
    tag = {"its_session_info": tags.ITS_SESSION_INFO, "none": 0x1401}.get(
        row.dialog, tags.USER_MESSAGE_REFERENCE
    )
    message = Message(
        "989121234567",
        "733",
        octets,
        coding,
        tlvs=((tags.USSD_SERVICE_OP, bytes((operation,))), (tag, info)),
    )
    try:
        parsed = parse(message, RAW, ROUTE, row, PEER)
    except BadRequest:
        return
    assert isinstance(parsed, Incoming | Departure)
    made = render(screen(text, replies), message, ROUTE, row)
    sent = decode(encode(Pdu(SUBMIT_SM, 1, 0, made))).body
    assert isinstance(sent, Message)
    # The dialog comes back as it was, but for the end bit, which only a last screen sets.
    back = sent.tlv(tag)
    if row.dialog == "its_session_info":
        value, told = int.from_bytes(info, "big"), int.from_bytes(back or b"", "big")
        assert told == value & 0xFFFE | int(not replies and row.end_bit)
    elif row.dialog == "user_message_reference":
        assert back == info


@given(st.binary(max_size=120))
def test_any_body_of_a_deliver_sm(body: bytes) -> None:
    header = (16 + len(body)).to_bytes(4, "big") + DELIVER_SM.to_bytes(4, "big") + bytes(8)
    try:
        message = decode(header + body)
        assert isinstance(message.body, Message)
        parse(message.body, body, ROUTE, VENDORS["standard"])
    except (BadPdu, BadRequest):
        pass


# What is wrong with a deliver_sm.

GOOD = deliver(VENDORS["standard"], 18, "1")


@pytest.mark.parametrize(
    ("message", "error"),
    [
        (structs.replace(GOOD, tlvs=()), Missing),
        (structs.replace(GOOD, tlvs=GOOD.tlvs[:1]), Missing),
        (structs.replace(GOOD, tlvs=GOOD.tlvs[1:]), Missing),
        (structs.replace(GOOD, tlvs=((tags.USSD_SERVICE_OP, b""), GOOD.tlvs[1])), WrongType),
        (structs.replace(GOOD, tlvs=((tags.USSD_SERVICE_OP, b"\0\x12"), GOOD.tlvs[1])), WrongType),
        (structs.replace(GOOD, tlvs=(GOOD.tlvs[0], (tags.ITS_SESSION_INFO, b"\x12"))), WrongType),
        (structs.replace(GOOD, tlvs=(*GOOD.tlvs, GOOD.tlvs[1])), WrongType),
        (structs.replace(GOOD, source_addr=""), Missing),
        (structs.replace(GOOD, source_addr="MTNIrancell"), NotANumber),
        (structs.replace(GOOD, source_addr="12"), NotANumber),
        (structs.replace(GOOD, data_coding=4), Malformed),
        (structs.replace(GOOD, esm_class=0x40, short_message=b"\xff1"), Malformed),
        (structs.replace(GOOD, esm_class=0x40, short_message=bytes.fromhex("050003070201") + b"1"), Unknown),
        (
            structs.replace(GOOD, short_message=b"", tlvs=(*GOOD.tlvs, (tags.MESSAGE_PAYLOAD, b"1" * 1_001))),
            TooLong,
        ),
    ],
)
def test_what_cannot_be_understood(message: Message, error: type[BadRequest]) -> None:
    with pytest.raises(error) as caught:
        parse(message, RAW, ROUTE, VENDORS["standard"])
    assert "98912" not in str(caught.value)


def test_control_characters_are_left_out_and_odd_octets_are_read_all_the_same() -> None:
    parsed = parse(structs.replace(GOOD, short_message=b"1\r\n\xff"), RAW, ROUTE, VENDORS["standard"])
    assert isinstance(parsed, Incoming)
    assert parsed.text == "1�"


def test_the_code_may_be_the_destination() -> None:
    row = vendor("standard", {"code": "destination_addr"})
    for destination, text, expected in (
        ("733", "", ("*733#", "")),
        ("*733#", "*733*2#", ("*733#", "2")),
        ("*733*2#", "", ("*733*2#", "")),
    ):
        message = structs.replace(opening(row, text), destination_addr=destination)
        parsed = parse(message, RAW, ROUTE, row)
        assert isinstance(parsed, Incoming)
        assert (parsed.code, parsed.text) == expected


def test_screens_may_come_from_the_code() -> None:
    row = vendor("6d", {"source": "code"})
    parsed = parse(opening(row, "*733*2#"), RAW, ROUTE, row)
    assert isinstance(parsed, Incoming)
    assert parsed.note == "*733#"
    assert render(screen(note="*733#"), opening(row), ROUTE, row).source_addr == "*733#"
    assert render(screen(note=""), opening(row), Route("smpp"), row).source_addr == "733"


def test_a_screen_longer_than_short_message_goes_into_the_payload() -> None:
    row = VENDORS["standard"]
    route = Route("smpp", Layout("ussd", units=200))
    made = render(screen("س" * 200), opening(row), route, row)
    assert made.short_message == b""
    assert made.tlv(tags.MESSAGE_PAYLOAD) == ("س" * 200).encode("utf-16-be")
    assert len(render(screen("س" * USSD.units), opening(row), ROUTE, row).short_message) == 160  # type: ignore[operator]


# Settings that change single ones of a row.


def test_options_change_a_row() -> None:
    row = vendor(
        "standard",
        {
            "begins": "1+2",
            "answers": "0x12",
            "ends": "0x81:aborted+0x82:timeout",
            "gsm7": "15",
            "ucs2": "72",
            "order": "screen",
            "service_type": "",
        },
    )
    assert row == replace(
        VENDORS["standard"],
        begins=frozenset({1, 2}),
        answers=frozenset({18}),
        ends={0x81: "aborted", 0x82: "timeout"},
        gsm7=15,
        ucs2=72,
        order="screen",
        service_type="",
    )
    assert parse(deliver(row, 0x82), RAW, ROUTE, row, PEER) == Departure(
        speaker("smpp", "1234"), "timeout", RAW
    )
    assert vendor("tata", {}) == VENDORS["tata"]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("nobody", {}),
        ("standard", {"colour": "red"}),
        ("standard", {"dialog": "telepathy"}),
        ("standard", {"begins": "256"}),
        ("standard", {"begins": "1+"}),
        ("standard", {"asks": "two"}),
        ("standard", {"asks": "۲"}),
        ("standard", {"ends": "0x81:bored"}),
        ("standard", {"answers": "1"}),
        ("standard", {"ends": "18"}),
        ("standard", {"gsm7": "4"}),
        ("standard", {"ucs2": "0"}),
        ("standard", {"end_bit": "perhaps"}),
        ("standard", {"dialog": "none"}),
        ("mica", {"end_bit": "yes"}),
        ("mica", {"closes": "2"}),
        ("standard", {"service_type": "USSDGW"}),
    ],
)
def test_options_that_there_are_not(name: str, options: Mapping[str, str]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        vendor(name, options)
