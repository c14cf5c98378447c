"""Languages: words from catalogues, values as people read them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from persiantools.jdatetime import JalaliDate

from engine.session import Value
from engine.template import FORMATS, parse
from languages import WRITING, Language, Languages, same_placeholders

NOON = datetime(2026, 11, 23, 8, 30, tzinfo=UTC)  # 12:00 in Tehran, 1405/09/02

CATALOGUE = """\
# English
msgid ""
msgstr ""
"Language: en\\n"
"Content-Type: text/plain; charset=utf-8\\n"

msgid "سلام {name}"
msgstr "Hello {name}"

msgid "{amount} تومان"
msgstr "{amount} toman"

msgid "بله"
msgstr "yes"

msgid "تهی"
msgstr ""

#, fuzzy
msgid "شاید"
msgstr "perhaps"

msgid "تا {deadline:date}"
msgstr "until {date}"

#~ msgid "کهنه"
#~ msgstr "old"
"""


@pytest.fixture
def languages(tmp_path: Path) -> Languages:
    path = tmp_path / "en" / "LC_MESSAGES" / "chapar.po"
    path.parent.mkdir(parents=True)
    path.write_text(CATALOGUE, "utf-8")
    return Languages.load(tmp_path)


def test_words_come_from_the_catalogue(languages: Languages) -> None:
    assert list(languages) == ["fa", "en"]
    english = languages["en"]
    assert english.translate("سلام {name}") == "Hello {name}"
    assert english.has("سلام {name}")


@pytest.mark.parametrize("text", ["نبود", "تهی", "شاید", "تا {deadline:date}", "کهنه"])
def test_what_cannot_be_shown_falls_back_to_the_source(languages: Languages, text: str) -> None:
    assert languages["en"].translate(text) == text
    assert not languages["en"].has(text)


def test_the_header_of_a_catalogue_is_no_translation(languages: Languages) -> None:
    assert languages["en"].translate("") == ""
    assert languages["en"].has("")


def test_persian_needs_no_catalogue(tmp_path: Path) -> None:
    languages = Languages.load(tmp_path / "nothing")
    assert list(languages) == ["fa"]
    persian = languages["fa"]
    assert persian.translate("سلام") == "سلام"
    assert persian.has("هر چه")
    assert (persian.code, persian.name, persian.direction) == ("fa", "فارسی", "rtl")


def test_a_language_of_iran_needs_a_catalogue_only(tmp_path: Path) -> None:
    for code in ("ckb", "azb"):
        path = tmp_path / code / "LC_MESSAGES" / "chapar.po"
        path.parent.mkdir(parents=True)
        path.write_text('msgid "بله"\nmsgstr "بەڵێ"\n', "utf-8")
    languages = Languages.load(tmp_path)
    assert sorted(languages) == ["azb", "ckb", "fa"]
    assert languages["ckb"].format(NOON, "date") == "۱۴۰۵/۰۹/۰۲"
    assert languages["ckb"].format(True, "") == "بەڵێ"
    assert languages["ckb"].direction == "rtl"


def test_a_language_without_a_row_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tlh" / "LC_MESSAGES" / "chapar.po"
    path.parent.mkdir(parents=True)
    path.write_text("", "utf-8")
    with pytest.raises(ValueError, match="tlh"):
        Languages.load(tmp_path)


@pytest.mark.parametrize("content", [b"msgid \xff\n", b'msgid "a"\nnonsense\n'])
def test_a_broken_catalogue_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "en" / "LC_MESSAGES" / "chapar.po"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"chapar\.po"):
        Languages.load(tmp_path)


NO_BREAK = "\u00a0"


@pytest.mark.parametrize(
    ("value", "kind", "persian", "english"),
    [
        (None, "", "", ""),
        ("متن 12", "", "متن 12", "متن 12"),
        (12, "", "12", "12"),
        (2.0, "", "2", "2"),
        (2.5, "", "2.5", "2.5"),
        (True, "", "بله", "yes"),
        (NOON, "", "۱۴۰۵/۰۹/۰۲ ۱۲:۰۰", "23 Nov 2026 12:00"),
        (NOON, "date", "۱۴۰۵/۰۹/۰۲", "23 Nov 2026"),
        ("2026-11-23", "date", "۱۴۰۵/۰۹/۰۲", "23 Nov 2026"),
        ("2025-03-20", "date", "۱۴۰۳/۱۲/۳۰", "20 Mar 2025"),
        ("2026-11-23T22:00:00+00:00", "date", "۱۴۰۵/۰۹/۰۳", "24 Nov 2026"),
        ("someday", "date", "someday", "someday"),
        (NOON, "time", "۱۲:۰۰", "12:00"),
        (NOON.replace(tzinfo=None), "time", "۱۲:۰۰", "12:00"),
        ("2026-11-23", "time", "۲۰۲۶-۱۱-۲۳", "2026-11-23"),
        (1234567, "number", "۱٬۲۳۴٬۵۶۷", "1,234,567"),
        (-1234.5, "number", "-۱٬۲۳۴٫۵", "-1,234.5"),
        ("1250", "number", "۱٬۲۵۰", "1,250"),
        ("many", "number", "many", "many"),
        (float("nan"), "number", "nan", "nan"),
        (float("inf"), "number", "inf", "inf"),
        ("48219036", "digits", "۴۸۲۱۹۰۳۶", "48219036"),
        (5, "digits", "۵", "5"),
        ("1405/09/02", "digits", "۱۴۰۵/۰۹/۰۲", "1405/09/02"),
        (1_250_000, "toman", "۱۲۵٬۰۰۰ تومان", "125,000 toman"),
        (12_505, "toman", "۱٬۲۵۰٫۵ تومان", "1,250.5 toman"),
        ("5000", "toman", "۵۰۰ تومان", "500 toman"),
        (0, "toman", "۰ تومان", "0 toman"),
        ("free", "toman", "free", "free"),
        ("+989123456789", "phone", NO_BREAK.join(("۰۹۱۲", "۳۴۵", "۶۷۸۹")), "0912 345 6789"),
        ("+982188776655", "phone", "۰۲۱۸۸۷۷۶۶۵۵", "02188776655"),
        ("+442012345678", "phone", "۰۰۴۴۲۰۱۲۳۴۵۶۷۸", "+442012345678"),
        ("telegram:5", "phone", "telegram:۵", "telegram:5"),
    ],
)
def test_values(languages: Languages, value: Value, kind: str, persian: str, english: str) -> None:
    assert languages["fa"].format(value, kind) == persian
    assert languages["en"].format(value, kind) == english


@given(st.integers(-(2 * 10**9), 4 * 10**9).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)))
def test_every_instant_has_its_day_in_tehran(moment: datetime) -> None:
    shown = Language("fa", {}).format(moment, "date")
    year, month, day = (int(part) for part in shown.split("/"))
    here: date = JalaliDate(year, month, day).to_gregorian()  # type: ignore[no-untyped-call]
    assert abs(datetime(here.year, here.month, here.day, 12, tzinfo=UTC) - moment) < timedelta(hours=18)


@given(
    st.text() | st.integers() | st.floats() | st.booleans() | st.datetimes() | st.none(),
    st.sampled_from(["", *FORMATS]),
    st.sampled_from(sorted(WRITING)),
)
def test_any_value_can_be_shown_in_any_format(value: Value, kind: str, code: str) -> None:
    assert isinstance(Language(code, {}).format(value, kind), str)


def test_a_template_in_two_languages(languages: Languages) -> None:
    text = "سلام {name}"
    for code, shown in (("fa", "سلام {رضا}"), ("en", "Hello {رضا}")):
        language = languages[code]
        assert parse(language.translate(text)).render({"name": "{رضا}"}, language) == shown


@pytest.mark.parametrize(
    ("text", "translation", "same"),
    [
        ("{a} {b:date}", "{b:date} {a}", True),
        ("{a}", "{a} {a}", True),
        ("{a}", "", False),
        ("{a}", "{b}", False),
        ("{a:date}", "{a}", False),
        ("a", "{a}", False),
        ("a", "a }", False),
        ("not {ours!r}", "anything", True),
    ],
)
def test_placeholders_of_a_translation(text: str, translation: str, same: bool) -> None:
    assert same_placeholders(text, translation) is same
