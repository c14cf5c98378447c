"""The words that people get: what they say, how they read from right to left, how many parts they cost."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from engine.alphabet import size
from engine.session import Value
from languages import Language
from records.vault import Vault
from services import notices
from services.notices import Notices, right_to_left

VALUES: dict[str, Value] = {
    "number": "48219036",
    "into": "12345674",
    "deadline": datetime(2026, 11, 25, 12, 30, tzinfo=UTC),
    "answer": "پیامک‌های تبلیغاتی این سرشماره برای خط شما بسته شد.",
}

# Translations as a catalogue would give them, to see the same texts in another direction and alphabet.
ENGLISH = {
    notices.CODE_SMS: "Chapar code: {code:digits}\nDo not give it to anyone.",
    notices.CODE_VOICE: "Hello. Your Chapar code: {code:digits}. Again: {code:digits}.",
    notices.COMPLAINT_OPENED: "Complaint filed.\nNumber: {number:digits}\n"
    "Answer by {deadline:date}\nFollow: {dial}",
}


@pytest.fixture
def texts(vault: Vault) -> Notices:
    languages = {"fa": Language("fa", {}), "en": Language("en", ENGLISH)}
    return Notices(vault=vault, languages=languages, dial="*733#")


def test_the_code(texts: Notices) -> None:
    sms = texts.code_sms("fa", "048213", "chapar.example")
    assert sms == "کد تأیید چاپار: ۰۴۸۲۱۳\nآن را به کسی ندهید.\n@chapar.example #048213"
    assert size(sms).alphabet == "ucs2"
    assert size(sms).cost <= 70
    english = texts.code_sms("en", "048213", "chapar.example")
    assert english == "Chapar code: 048213\nDo not give it to anyone.\n@chapar.example #048213"
    assert size(english).alphabet == "gsm7"


def test_the_code_by_voice(texts: Notices) -> None:
    assert texts.code_voice("fa", "048213") == (
        "سلام. کد تأیید چاپار: ۰، ۴، ۸، ۲، ۱، ۳. تکرار می‌کنم: ۰، ۴، ۸، ۲، ۱، ۳. آن را به کسی ندهید."
    )
    assert texts.code_voice("en", "048213") == (
        "Hello. Your Chapar code: 0, 4, 8, 2, 1, 3. Again: 0, 4, 8, 2, 1, 3."
    )


def test_what_the_person_keeps_of_a_complaint(texts: Notices) -> None:
    assert texts.words("fa", notices.COMPLAINT_OPENED, VALUES) == (
        "شکایت شما ثبت شد.\nشماره: ۴۸۲۱\u00a0۹۰۳۶\nپاسخ تا ۱۴۰۵/۰۹/۰۴\nپیگیری: \u200e*733#\u200e"
    )
    english = texts.words("en", notices.COMPLAINT_OPENED, VALUES)
    assert english == "Complaint filed.\nNumber: 4821 9036\nAnswer by 25 Nov 2026\nFollow: *733#"
    assert size(english).alphabet == "gsm7"


NAMES = [name for name in dir(notices) if name.startswith("COMPLAINT_") and name != "COMPLAINT_ANSWERED"]


@pytest.mark.parametrize("name", NAMES)
def test_every_notice_is_one_part(texts: Notices, name: str) -> None:
    words = texts.words("fa", getattr(notices, name), VALUES)
    assert "{" not in words
    assert size(words).cost <= 70


def test_the_longest_answer_is_three_parts(texts: Notices) -> None:
    words = texts.words("fa", notices.COMPLAINT_ANSWERED, {**VALUES, "answer": "ب" * notices.ANSWER_BY_SMS})
    assert size(words).cost <= 3 * 67


def test_an_answer_cannot_pretend_to_be_more(texts: Notices) -> None:
    """Values are not read as placeholders, and draw no lines and no directions of their own."""
    words = texts.words("fa", notices.COMPLAINT_ANSWERED, {**VALUES, "answer": "{dial}\n\u202eپاسخ"})
    assert words == "پاسخ شکایت ۴۸۲۱\u00a0۹۰۳۶:\n{dial} پاسخ"


def test_an_unknown_language_reads_persian(texts: Notices) -> None:
    assert texts.words("xx", notices.COMPLAINT_CLOSED, VALUES).startswith("شکایت")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("سلام", True), ("{number} شکایت", True), ("Hello {name}", False), ("123 *733#", False), ("", False)],
)
def test_direction(text: str, expected: bool) -> None:
    assert right_to_left(text) is expected
