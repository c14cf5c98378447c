"""Updates as they are recorded, and what they mean; replies as messages. No server and no network."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import ClientSession
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.telegram import (
    Contact,
    Elsewhere,
    FileSent,
    Ignored,
    Membership,
    Other,
    Press,
    Unreadable,
    Update,
    parse,
    render,
)
from bot.telegram_commands import commands
from conversation.incoming import Caller, Incoming, Reply
from conversation.needs import SPECS
from dispatch.providers.bot.line import Line
from dispatch.providers.bot.platforms import BALE, MESSAGE_UNITS, TELEGRAM
from dispatch.providers.bot.request import Request
from dispatch.providers.bot.splitting import split, units
from engine.channels import CHANNELS
from engine.library import Library
from engine.turn import Option, Screen
from services.publishing import read_folder

UPDATES = Path(__file__).parent / "updates"
NAMES = sorted(path.stem for path in UPDATES.glob("*.json"))
SESSION = bytes(range(16))


def line(platform: str = "telegram") -> Line:
    """A bot that never asks for anything."""
    return _LINES[platform]


def _lines() -> dict[str, Line]:
    async def made() -> dict[str, Line]:
        async with ClientSession() as http:
            return {
                platform.name: Line(platform.name, platform, "1:x", Request(http))
                for platform in (TELEGRAM, BALE)
            }

    return asyncio.run(made())


_LINES = _lines()


def raw(name: str) -> bytes:
    return (UPDATES / f"{name}.json").read_bytes()


def read(name: str) -> Update:
    return parse(raw(name), line("bale" if name.startswith("bale") else "telegram"))


def said(update: Update) -> Incoming:
    assert isinstance(update, Incoming)
    return update


# What updates mean.


@pytest.mark.parametrize(
    ("name", "text", "begins"),
    [
        ("text", "سه روز است قطع است", None),
        ("text_with_entities", "ببینید https://example.ir و @sara", None),
        ("reply_to", "2", None),
        ("forwarded", "متن دیگری", None),
        ("start", "", True),
        ("start_payload", "complaint", True),
        ("command", "follow", True),
    ],
)
def test_words(name: str, text: str, begins: bool | None) -> None:
    incoming, data = said(read(name)), json.loads(raw(name))
    assert (incoming.text, incoming.begins) == (text, begins)
    assert incoming.caller == Caller("telegram", "telegram", "7001", "7001", CHANNELS["telegram"])
    assert (incoming.key, incoming.order) == (str(data["update_id"]), data["update_id"])
    assert (incoming.chat, incoming.note, incoming.raw) == (True, "", raw(name))


def test_bale_is_a_channel_of_its_own() -> None:
    incoming = said(read("bale_text"))
    assert incoming.caller == Caller("bale", "bale", "1400000001", "1400000001", CHANNELS["bale"])
    press = read("bale_press")
    assert isinstance(press, Press)
    assert (press.incoming.text, press.incoming.note) == ("1", "8 ")


def test_a_press_names_its_menu_and_its_option() -> None:
    press = read("press")
    assert isinstance(press, Press)
    assert (press.id, press.message) == ("30064771072000001", 40)
    assert (press.incoming.text, press.incoming.note) == ("2", "40 شکایت")
    assert press.incoming.answers == (bytes.fromhex("a1b2c3d4e5f6"), 1)
    assert press.incoming.caller.session == "7001"


def test_a_press_on_a_message_that_is_gone() -> None:
    press = read("press_inaccessible")
    assert isinstance(press, Press)
    assert (press.incoming.text, press.incoming.note) == ("10", "12 ")
    assert press.incoming.answers == (bytes.fromhex("a1b2c3d4e5f6"), 31)


@pytest.mark.parametrize(
    "name", ["press_answered", "press_foreign", "press_inline", "press_game", "press_in_group"]
)
def test_a_press_that_means_nothing_is_answered_all_the_same(name: str) -> None:
    ignored = read(name)
    assert isinstance(ignored, Ignored)
    assert ignored.press.startswith("3006477107200000")


@pytest.mark.parametrize(
    ("name", "number"), [("contact_own", "+989121234567"), ("bale_contact", "+989351234567")]
)
def test_a_contact_of_the_senders_own(name: str, number: str) -> None:
    incoming = said(read(name))
    assert (incoming.text, incoming.contact) == (number, number)


@pytest.mark.parametrize("name", ["contact_other", "contact_card"])
def test_a_contact_of_somebody_else_or_of_nobody_proves_nothing(name: str) -> None:
    contact = read(name)
    assert isinstance(contact, Contact)
    assert (contact.incoming.text, contact.incoming.contact) == ("", "")


def test_nothing_but_a_number_is_one() -> None:
    body = raw("contact_own").replace(b"989121234567", "شماره".encode())
    assert isinstance(parse(body, line()), Contact)


@pytest.mark.parametrize(
    ("name", "kind", "id", "file", "mime", "size"),
    [
        ("photo", "photo", "AgACAgQ3", "", "image/jpeg", 180_400),
        ("document", "document", "BQACAgQ1", "../../قبض.pdf", "application/pdf", 52_000),
        ("voice", "voice", "AwACAgQ1", "", "audio/ogg", 16_020),
        ("video", "video", "BAACAgQ1", "", "video/mp4", 30_000_000),
    ],
)
def test_files(name: str, kind: str, id: str, file: str, mime: str, size: int) -> None:
    sent = read(name)
    assert isinstance(sent, FileSent)
    assert (sent.kind, sent.id, sent.name, sent.mime, sent.size) == (kind, id, file, mime, size)
    assert sent.incoming.text == ("قبض" if kind == "photo" else "")


@pytest.mark.parametrize("name", ["sticker", "location", "poll_sent"])
def test_what_is_neither_words_nor_a_file(name: str) -> None:
    assert isinstance(read(name), Other)


@pytest.mark.parametrize(
    ("name", "chat"),
    [
        ("group_message", "-1001234567890"),
        ("group_added", "-1001234567890"),
        ("channel_post", "-1009876543210"),
        ("channel_added", "-1009876543210"),
    ],
)
def test_groups_and_channels(name: str, chat: str) -> None:
    elsewhere = read(name)
    assert isinstance(elsewhere, Elsewhere)
    assert elsewhere.chat == chat


@pytest.mark.parametrize(("name", "blocked"), [("blocked", True), ("unblocked", False)])
def test_who_closes_the_chat(name: str, blocked: bool) -> None:
    member = read(name)
    assert isinstance(member, Membership)
    assert (member.caller.address, member.blocked) == ("7001", blocked)


@pytest.mark.parametrize(
    "name",
    [
        "poll_answer",
        "reaction",
        "edited",
        "inline_query",
        "group_left",
        "group_kicked_out",
        "said_by_a_bot",
        "unknown_kind",
        "nothing",
    ],
)
def test_what_is_ignored(name: str) -> None:
    assert read(name) == Ignored(read(name).why)  # type: ignore[union-attr]


def test_every_recorded_update_is_tried_here() -> None:
    source = Path(__file__).read_text("utf-8")
    assert not [name for name in NAMES if f'"{name}"' not in source]


# What cannot be read.


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"7",
        b'{"update_id": "x"}',
        b'{"message": {"text": "no id"}}',
        b'{"update_id": 1, "message": 7}',
        b'{"update_id": 1, "message": {"chat": 7, "text": "x"}}',
        b'{"update_id": 1, "message": {"chat": {"id": "x", "type": "private"}, "text": "x"}}',
        b'{"update_id": 1e400}',
        b'{"update_id": 1, "callback_query": {"id": 7}}',
        b"\xff\xfe\x00{",
        b'{"update_id": 1, "message": {"text": "\xff"}}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
)
def test_what_is_no_update_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        parse(body, line())


def test_half_a_character_is_no_failure() -> None:
    """JSON can spell what no encoding can store."""
    body = raw("start").replace(b'"/start"', rb'"a\ud800b"')
    try:
        update = parse(body, line())
    except Unreadable:
        return
    assert isinstance(update, Incoming)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=300)
@given(st.binary(max_size=300) | JSON.map(lambda value: json.dumps(value).encode()))
def test_anything_is_parsed_or_unreadable(body: bytes) -> None:
    try:
        parse(body, line())
    except Unreadable:
        pass


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of each value inside a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, each in inner for place in _places(each, (*path, key)))]


def _with(value: Any, path: tuple[Any, ...], other: Any) -> Any:
    if not path:
        return other
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = _with(value[path[0]], path[1:], other)
    return copy


@settings(max_examples=600)
@given(st.data(), st.sampled_from(NAMES), st.sampled_from(["telegram", "bale"]))
def test_a_real_update_with_something_wrong_in_it(data: st.DataObject, name: str, platform: str) -> None:
    """Whatever stands in the place of a field: it is understood or unreadable, and if understood, its keys
    are texts that can be kept."""
    update = json.loads(raw(name))
    broken = _with(update, data.draw(st.sampled_from(_places(update))), data.draw(JSON))
    try:
        found = parse(json.dumps(broken).encode(), line(platform))
    except Unreadable:
        return
    incoming = found if isinstance(found, Incoming) else getattr(found, "incoming", None)
    if incoming is not None:
        assert isinstance(incoming.text, str)
        assert isinstance(incoming.order, int)
        assert str(int(incoming.caller.address)) == incoming.caller.address
        assert str(int(incoming.caller.session)) == incoming.caller.session


# Replies.


def caller(platform: str = "telegram") -> Caller:
    return Caller(platform, platform, "7001", "7001", CHANNELS[platform])


def reply(text: str, *labels: str, ways: tuple[Option, ...] = (), **more: Any) -> Reply:
    options = tuple(Option(str(place), label) for place, label in enumerate(labels, 1))
    numbered = "\n".join([text, *(f"{option.key} {option.label}" for option in options)])
    screen = Screen(numbered, text, options, ways=ways)
    return Reply(screen, more.pop("replies", True), session=SESSION, sequence=11, **more)


def payloads(given: Reply, platform: str = "telegram") -> list[dict[str, Any]]:
    return [
        msgspec.json.decode(parcel.payload, type=dict[str, Any]) if parcel.payload else {"body": parcel.body}
        for parcel in render(given, caller(platform))
    ]


def test_a_menu_is_a_keyboard() -> None:
    [parcel] = render(reply("چاپار", "شکایت", "پیگیری", ways=(Option("0", "بازگشت"),)), caller())
    assert parcel.body == "چاپار"
    tail = SESSION[-6:].hex()
    assert json.loads(parcel.payload) == {
        "method": "sendMessage",
        "reply_markup": {
            "inline_keyboard": [
                [{"text": "شکایت", "callback_data": f"{tail}.b.1"}],
                [{"text": "پیگیری", "callback_data": f"{tail}.b.2"}],
                [{"text": "بازگشت", "callback_data": f"{tail}.b.0"}],
            ]
        },
    }


def test_many_short_options_stand_two_in_a_row_and_read_from_the_right() -> None:
    [given] = payloads(reply("چاپار", "یک", "دو", "سه", "چهار", "پنج"))
    assert [[button["text"] for button in row] for row in given["reply_markup"]["inline_keyboard"]] == [
        ["دو", "یک"],
        ["چهار", "سه"],
        ["پنج"],
    ]
    [given] = payloads(reply("Chapar", "1", "2", "3", "4", "5", language="en"))
    assert [button["text"] for button in given["reply_markup"]["inline_keyboard"][0]] == ["1", "2"]


def test_a_pressed_button_comes_back_as_what_it_stands_for() -> None:
    [given] = payloads(reply("چاپار", *map(str, range(1, 13))))
    for row in given["reply_markup"]["inline_keyboard"]:
        for button in row:
            update = json.loads(raw("press"))
            update["callback_query"]["data"] = button["callback_data"]
            assert len(button["callback_data"].encode()) <= 64
            press = parse(json.dumps(update).encode(), line())
            assert isinstance(press, Press)
            assert press.incoming.text == button["text"]
            assert press.incoming.answers == (SESSION[-6:], 11)


def test_the_answered_menu_is_marked() -> None:
    mark, said_ = payloads(reply("ثبت شد", note="40 شکایت", replies=False))
    assert mark == {
        "method": "editMessageReplyMarkup",
        "message_id": 40,
        "reply_markup": {"inline_keyboard": [[{"text": "✓ شکایت", "callback_data": "-"}]]},
    }
    assert said_ == {"body": "ثبت شد"}
    mark, _said = payloads(reply("ثبت شد", note="40 ", replies=False))
    assert mark["reply_markup"] == {"inline_keyboard": []}


def test_last_words_have_no_keyboard() -> None:
    assert payloads(reply("خداحافظ", replies=False)) == [{"body": "خداحافظ"}]
    assert payloads(reply("نام؟")) == [{"body": "نام؟"}]


def test_a_menu_without_words_shows_its_numbered_text() -> None:
    [parcel] = render(reply("", "یک", "دو"), caller())
    assert parcel.body == "\n1 یک\n2 دو"


def test_a_long_text_is_split_and_the_keyboard_is_under_its_last_part() -> None:
    words = "سلام دنیا " * 1_000
    parcels = render(reply(words, "یک"), caller())
    assert len(parcels) == 3
    assert [bool(parcel.payload) for parcel in parcels] == [False, False, True]
    assert " ".join(parcel.body for parcel in parcels) == words


# Splitting.


@settings(max_examples=300)
@given(st.text(max_size=120), st.integers(2, 40))
@example("😀" * 30, 5)
@example("\u0301" * 100, 4)
@example("کلمه " * 20, 9)
def test_parts_fit_and_hold_everything(text: str, most: int) -> None:
    parts = split(text, most)
    assert parts
    assert all(units(part) <= most for part in parts)
    blank = str.maketrans("", "", " \n\t\r\u3000")
    assert "".join(parts).translate(blank) == text.translate(blank)
    if text.strip(" \n\t\r\u3000"):
        assert all(part for part in parts)


def test_no_character_is_cut() -> None:
    family = "👨‍👩‍👧"
    parts = split(family * 2_000, MESSAGE_UNITS)
    assert all(len(part) % len(family) == 0 for part in parts)
    assert "".join(parts) == family * 2_000


def test_words_stay_whole() -> None:
    assert split("یک دو سه چهار", 7) == ["یک دو", "سه چهار"]


# Commands.


def test_commands_are_the_flows_that_a_latin_word_opens() -> None:
    sources, _findings = read_folder(Path(__file__).parent.parent.parent / "flows")
    library = Library.of(sources, SPECS)
    shown = commands([library.live(name) for name in library.names()], "telegram")
    words = [command.command for command in shown]
    assert words[0] == "start"
    assert {"complaint", "follow"} <= set(words)
    assert len(set(words)) == len(words)
    assert all(library.named(word, "telegram") is not None for word in words)
    assert all(command.description for command in shown)
