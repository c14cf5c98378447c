"""What an SMS is to the conversation, and how Kavenegar writes one. Pure."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlencode

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.sms import InboundSms, key_of, keys_of, line_of, number_of, parse, render
from bot.sms_consent import Wish, wish_of
from bot.sms_kavenegar import BadCallback
from bot.sms_kavenegar import parse as parse_callback
from conversation.incoming import Caller, Reply
from engine.alphabet import parts
from engine.channels import CHANNELS
from engine.turn import Screen

NOW = datetime(2026, 11, 23, 12, 0, 30, tzinfo=UTC)


def sms(
    text: str = "سلام", sender: str = "09121234567", line: str = "10004346", id: str = "kavenegar:1"
) -> InboundSms:
    return InboundSms(line, sender, text, id, NOW, b"raw", "192.0.2.1")


def callback(**fields: str) -> bytes:
    return urlencode(fields).encode()


# Parse.


def test_an_sms_is_a_turn_of_its_senders_one_dialog_on_its_line() -> None:
    incoming = parse(sms("شکایت"), ["10004346"])
    assert incoming is not None
    assert incoming.caller == Caller(
        "sms", "sms-10004346", "+989121234567", "+989121234567", CHANNELS["sms"], "192.0.2.1", False
    )
    assert (incoming.text, incoming.raw, incoming.key) == ("شکایت", b"raw", "kavenegar:1")
    assert incoming.chat
    assert incoming.begins is None


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("09121234567", "+989121234567"),
        ("989121234567", "+989121234567"),
        ("+989121234567", "+989121234567"),
        (" 989121234567", "+989121234567"),
        ("00989121234567", "+989121234567"),
        ("۰۹۱۲۱۲۳۴۵۶۷", "+989121234567"),
        ("10004346", None),
        ("30001234", None),
        ("9830001234", None),
        ("+9810004346", None),
        ("02188888888", None),
        ("+254711000111", None),
        ("700", None),
        ("BANK MELLI", None),
        ("همراه اول", None),
        ("0912123456", None),
        ("", None),
    ],
)
def test_who_can_be_answered(written: str, number: str | None) -> None:
    assert number_of(written) == number
    incoming = parse(sms(sender=written))
    assert (incoming.caller.address if incoming else None) == number


@pytest.mark.parametrize(
    ("written", "line"),
    [
        ("10004346", "10004346"),
        ("+9810004346", "10004346"),
        ("009810004346", "10004346"),
        ("9810004346", "10004346"),
        ("30002225", "+9830002225"),
        ("", "10004346"),
        ("20001111", None),
    ],
)
def test_a_line_is_known_in_every_spelling(written: str, line: str | None) -> None:
    assert line_of(written, ["10004346", "+9830002225"]) == line


def test_without_a_list_every_line_is_ours() -> None:
    assert line_of("+98 1000-4346", []) == "10004346"
    assert line_of("", []) == ""
    assert line_of("9" * 500, []) == "9" * 24, "a route's name has its place in a column"
    incoming = parse(sms(line=""))
    assert incoming is not None
    assert incoming.caller.route == "sms"


def test_a_line_that_is_not_ours_is_not_answered() -> None:
    assert parse(sms(line="20001111"), ["10004346"]) is None


def test_what_tells_a_repetition() -> None:
    assert keys_of(sms(id="kavenegar:7")) == ("kavenegar:7",)
    first = sms(id="")
    key, before = keys_of(first)
    assert key == key_of(first)
    for other in (
        sms("سلام۱", id=""),
        sms(sender="09121234568", id=""),
        sms(line="30002225", id=""),
    ):
        assert not {key, before} & {*keys_of(other)}
    again = msgspec.structs.replace(first, received=NOW + timedelta(seconds=20))
    assert key_of(again) == key, "in the same minute"
    later = msgspec.structs.replace(first, received=NOW + timedelta(seconds=40))
    assert key_of(later) != key
    assert key in keys_of(later), "in the next one it is known still"
    much_later = msgspec.structs.replace(first, received=NOW + timedelta(minutes=2))
    assert key not in keys_of(much_later)


@given(st.text(max_size=400), st.text(max_size=30), st.text(max_size=30), st.text(max_size=20))
@example("\ud800", "09121234567", "\ud800", "\ud800")
@example("a\x00b\x1b\n", "0912 123 4567", "", "")
def test_whatever_comes_can_be_told_apart_and_kept(text: str, sender: str, line: str, id: str) -> None:
    given = sms(text, sender, line, id)
    assert all(keys_of(given))
    incoming = parse(given)
    if incoming is not None:
        msgspec.msgpack.encode(incoming.text)
        assert "\x00" not in incoming.text
        assert incoming.caller.address.startswith("+989")
        assert len(incoming.caller.address) == 13
        assert len(incoming.caller.route) <= 32
        assert parse(msgspec.structs.replace(given, sender=incoming.caller.address)) is not None


# Render.


def test_an_answer_is_one_message_as_the_layout_cut_it() -> None:
    caller = Caller("sms", "sms", "+989121234567", "+989121234567", CHANNELS["sms"])
    screen = Screen("شکایت؟\n1 بله\n2 نه\n0 بازگشت\n", "شکایت؟")
    [parcel] = render(Reply(screen, True), caller)
    assert parcel.body == "شکایت؟\n1 بله\n2 نه\n0 بازگشت"
    assert parcel.payload == b""
    assert parts(parcel.body) == 1
    [parcel] = render(Reply(Screen("a\x00b\ud800\tc", ""), True), caller)
    assert parcel.body == "abc"


# 11 and 12.


@pytest.mark.parametrize("text", ["لغو۱۱", "لغو 11", "«لغو ۱۱»", "لغو\u200c11", "لغو١١.", "لغو-11", "11 لغو"])
def test_what_can_mean_nothing_else(text: str) -> None:
    assert wish_of(text) == Wish(False, sure=True)


@pytest.mark.parametrize("text", ["11", "۱۱", " 11\n", "11.", "(11)", "لغو", "لغو!"])
def test_what_closes_the_line_unless_a_dialog_waits_for_it(text: str) -> None:
    assert wish_of(text) == Wish(False)


@pytest.mark.parametrize("text", ["12", "۱۲", "12 "])
def test_what_opens_it_again(text: str) -> None:
    assert wish_of(text) == Wish(True)


@pytest.mark.parametrize(
    "text", ["", "1", "111", "112", "لغو 12", "شکایت ۱۱", "لغو سفارش", "1 1 3", "11" * 30]
)
def test_what_says_something_else(text: str) -> None:
    assert wish_of(text) is None


# Kavenegar's callback.


def test_a_callback() -> None:
    body = callback(
        messageid="35850015", to="10004346", message="سلام\nخوبی؟", extra="x", **{"from": "09121234567"}
    )
    assert parse_callback(body, NOW, "192.0.2.1") == InboundSms(
        "10004346", "09121234567", "سلام\nخوبی؟", "kavenegar:35850015", NOW, body, "192.0.2.1"
    )


def test_a_callback_with_the_least_that_one_has() -> None:
    found = parse_callback(callback(message="", **{"from": "09121234567"}), NOW, "")
    assert (found.line, found.text, found.id) == ("", "", "")


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "from is missing"),
        (b"message=x", "from is missing"),
        (b"from=&message=x", "from is missing"),
        (b"from=%20&message=x", "from is missing"),
        (b"from=" + b"9" * 65 + b"&message=x", "too long"),
        (b"from=09121234567", "message is missing"),
        (b"from=09121234567&message=x&messageid=" + b"1" * 65, "messageid is too long"),
        (b"from=09121234567&message=%ff%fe", "not UTF-8"),
        (b"from=09121234567&message=\xff\xfe", "not UTF-8"),
        (b"&".join(b"f%d=1" % number for number in range(100)), "too many fields"),
        (b'{"from": "09121234567"}', "from is missing"),
        (bytes(range(256)), "not UTF-8"),
    ],
)
def test_a_callback_that_is_no_sms(body: bytes, problem: str) -> None:
    with pytest.raises(BadCallback, match=problem):
        parse_callback(body, NOW, "")


@given(st.binary(max_size=200))
@example(b"from=0&message=%")
@example(b"=&=&from=1&message=")
def test_whatever_is_posted_is_an_sms_or_refused(body: bytes) -> None:
    try:
        found = parse_callback(body, NOW, "")
    except BadCallback:
        return
    assert found.raw == body
    assert found.sender
    parse(found)


@given(st.text(max_size=50), st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=300))
def test_what_was_written_is_what_is_read(sender: str, text: str) -> None:
    sender = "".join(each for each in sender if not "\ud800" <= each <= "\udfff").strip()[:60] or "1"
    body = f"from={quote(sender)}&message={quote(text)}".encode()
    found = parse_callback(body, NOW, "")
    assert (found.sender, found.text) == (sender, text)


def test_the_message_survives_being_kept() -> None:
    given = sms("سلام", id="")
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(given), type=InboundSms) == given
    assert json.dumps(given.text)
