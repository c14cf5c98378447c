"""What the desk prints and what it reads: pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from desk import screen
from desk.keyboard import END, Typing
from desk.words import COMMANDS, Words, command
from languages import Languages
from records.threads import Thread
from services.files import About
from services.handover_desk import Queued
from services.handover_posts import Line

NOW = datetime(2026, 11, 23, 9, 5, tzinfo=UTC)  # 12:35 in Tehran.
LANGUAGES = Languages.load(Path(__file__).parent.parent.parent / "locales")
FA, EN = Words(LANGUAGES["fa"]), Words(LANGUAGES["en"])

SEEN = b"b" * 16
THREAD = Thread(
    b"t" * 16, b"s" * 16, b"p" * 16, "telegram", "telegram", b"", "fa", b"d" * 16, "support", None, None,
    NOW, NOW, None, None, None, None, None, None, 1, 2, SEEN,
)  # fmt: skip
BY_SARA = {"author": "operator", "operator": "sara"}
LINE = Line(b"i" * 16, b"t" * 16, 1, NOW, "person", None, "text", "سلام", None, None, None, None)


def keyed(*characters: str) -> list[str]:
    """The lines that these keys make."""
    typing = Typing()
    return [line for each in "".join(characters) if (line := typing.press(each)) is not None]


def test_the_list_is_numbered_through() -> None:
    mine = [replace(THREAD, operator="sara", operator_seen=SEEN)]
    queue = [
        Queued(THREAD, timedelta(minutes=3, seconds=59)),
        Queued(
            replace(THREAD, channel="webchat", route="webchat-shop", operator_seen=SEEN), timedelta(hours=5)
        ),
    ]
    assert list(screen.listed(FA, mine, queue)) == [
        "— گفتگوهای شما",
        "  ۱  تلگرام  support",
        "— در صف",
        "  ۲  تلگرام  support  ۳ دقیقه  ●",
        "  ۳  وب (webchat-shop)  support  ۵ ساعت",
        "برای پذیرفتن یا ادامه دادن، شماره را بنویسید.",
    ]
    assert next(screen.listed(EN, [], queue)) == "— In the queue"
    assert list(screen.listed(EN, [], [])) == ["Nobody is in the queue."]


@pytest.mark.parametrize(
    ("changed", "shown"),
    [
        ({}, "۱۲:۳۵  شخص: سلام"),
        ({**BY_SARA, "text": "یک\nدو"}, "۱۲:۳۵  sara: یک\n         دو"),
        ({"author": "system", "kind": "notice", "text": "پیوست"}, "۱۲:۳۵  · پیوست"),
        ({**BY_SARA, "kind": "accepted", "text": ""}, "۱۲:۳۵  (sara پذیرفت)"),
        ({**BY_SARA, "kind": "note", "text": "قبض"}, "۱۲:۳۵  (sara یادداشت: قبض)"),
        ({**BY_SARA, "kind": "closed", "text": "resolved"}, "۱۲:۳۵  (sara بست: حل شد)"),
        ({"kind": "closed", "text": "left"}, "۱۲:۳۵  (شخص بست: خودش تمام کرد)"),
        ({"kind": "something new", "author": "system", "text": ""}, "۱۲:۳۵  (سامانه something new)"),
    ],
)  # fmt: skip
def test_posts(changed: dict[str, object], shown: str) -> None:
    assert screen.line(FA, replace(LINE, **changed)) == shown  # type: ignore[arg-type]


def test_files() -> None:
    picture = screen.file(FA, 2, About("سه\u200cماه.png", "image/png", 120_499))
    assert picture == "[فایل ۲: سه\u200cماه.png، تصویر، ۱۲۰ کیلوبایت]"
    assert screen.file(FA, 1, About("a.ogg", "audio/ogg", 7)) == "[فایل ۱: a.ogg، صدا، ۱ کیلوبایت]"
    assert screen.file(FA, 1, None) == "[فایلی که دیگر نیست]"
    post = replace(LINE, text="این", file=b"f" * 16)
    assert screen.line(FA, post, picture) == f"۱۲:۳۵  شخص: {picture} این"
    assert screen.line(FA, replace(post, text=""), picture) == f"۱۲:۳۵  شخص: {picture}"
    sent = replace(post, author="operator", operator="sara", text="سه\u200cماه.png")
    assert screen.line(FA, sent, picture) == f"۱۲:۳۵  sara: {picture}"


def test_what_people_write_cannot_command_the_terminal() -> None:
    nasty = "\x1b[2J\x1b]0;owned\x07سلام\r\x08\u202eabc\u2066\nمی‌آیم\x9b31m"
    shown = screen.clean(nasty)
    assert shown == "[2J]0;ownedسلامabc\nمی‌آیم31m"
    assert "\x1b" not in screen.line(FA, replace(LINE, text=nasty))
    assert "\x1b" not in screen.line(FA, replace(LINE, author="operator", operator="\x1b[2Jsara"))


def test_how_long_somebody_waits_is_one_number() -> None:
    for time, shown in (
        (timedelta(seconds=-5), "۰ دقیقه"), (timedelta(minutes=59), "۵۹ دقیقه"),
        (timedelta(minutes=60), "۱ ساعت"), (timedelta(hours=47), "۴۷ ساعت"), (timedelta(days=3), "۳ روز"),
    ):  # fmt: skip
        assert FA.waited(time) == shown


def test_commands_in_both_languages() -> None:
    for typed, read in {
        "/بستن": ("close", ""), "/close": ("close", ""), "/CLOSE silent": ("close", "silent"),
        "/ يادداشت  قبض ندارد ": ("note", "قبض ندارد"), "/انتقال ali دو بار": ("transfer", "ali دو بار"),
        "/هرچه": ("", ""), "/": ("", ""),
    }.items():  # fmt: skip
        assert command(typed) == read, typed
    names = [name for _act, words, _help in COMMANDS for name in words]
    assert len(names) == len(set(names))
    for typed, reason in {
        "": "resolved", "حل شد": "resolved", "حل نشد": "unresolved", "silent": "silent",
        "پاسخ‌ نداد": "silent", "not solved": "unresolved", "هیچ": None, "left": None,
    }.items():  # fmt: skip
        assert (EN if typed.isascii() else FA).reason(typed) == reason, typed


def test_lines_are_made_of_keys() -> None:
    assert keyed("سلام\r") == ["سلام"]
    assert keyed("سلاا", "\x7f", "م\n") == ["سلام"]
    assert keyed("غلط", "\x15", "درست\n") == ["درست"]
    assert keyed("\x7f\x7fا\n") == ["ا"]
    assert keyed("یک\tدو\x01\n") == ["یک\tدو"]
    assert keyed("\n", "\n") == ["", ""]
    assert keyed("نیمه", "\x03") == [END]
    assert keyed("\x04") == [END]
    assert keyed("نیمه\x04\n") == ["نیمه"], "with half a line it is not the end"


def test_keys_that_move_do_nothing_and_what_is_pasted_is_one_message() -> None:
    assert keyed("سل\x1b[Aا\x1b[1;5Cم\x1bOP\n") == ["سلام"]
    assert keyed("\x1b[200~یک\r\nدو\x1b[201~!\n") == ["یک\n\nدو!"]
    assert keyed("\x1b", "xسلام\n") == ["سلام"]
    assert keyed("\x1b[", "0" * 40, "\n")[0].endswith("0")
