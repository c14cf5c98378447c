from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.headerregistry import Address
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.provider import Outgoing
from dispatch.providers.email.letter import address, letter, page, rtl

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
SENDER = Address("چاپار", "noreply", "example.ir")


def outgoing(body: str, subject: str = "رسیدگی به شکایت", to: str = "a@example.ir") -> Outgoing:
    return Outgoing(b"\x01" * 16, "1234567890", "service", to, subject, body, 1, NOW)


def parsed(raw: bytes) -> EmailMessage:
    mail = message_from_bytes(raw, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    return mail


def part(mail: EmailMessage, kind: str) -> str:
    found = mail.get_body((kind,))
    assert found is not None
    return str(found.get_content()).replace("\r\n", "\n")


def test_plain_text_and_html_in_persian() -> None:
    mail = parsed(letter(outgoing("شکایت شما با شماره 140512345 ثبت شد.\nپیگیری: *733#"), SENDER, NOW))
    assert mail.get_content_type() == "multipart/alternative"
    assert part(mail, "plain") == "شکایت شما با شماره 140512345 ثبت شد.\nپیگیری: *733#\n"
    markup = part(mail, "html")
    assert '<html dir="rtl" lang="fa">' in markup
    assert '<bdi dir="ltr">140512345</bdi>' in markup
    assert '<bdi dir="ltr">*733#</bdi>' in markup
    assert mail["From"] == "چاپار <noreply@example.ir>"
    assert mail["Subject"] == "رسیدگی به شکایت"
    assert mail["Message-ID"] == f"<1234567890.{'01' * 16}@example.ir>"


def test_a_subject_stays_one_line() -> None:
    mail = parsed(letter(outgoing("x", subject="a\r\nBcc: victim@example.ir"), SENDER, NOW))
    assert mail["Subject"] == "a Bcc: victim@example.ir"
    assert mail["Bcc"] is None


def test_markup_of_people_is_text() -> None:
    assert "&lt;script&gt;" in page("<script>alert(1)</script>")
    assert "<script>" not in page("سلام <script>alert(1)</script>")


def test_english_reads_from_the_left() -> None:
    assert '<html dir="ltr">' in page("Your code is 123456")


def test_direction_is_of_the_first_letter() -> None:
    assert rtl("123 سلام hello")
    assert not rtl("hello سلام")
    assert not rtl("123")


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("a@example.ir", "a@example.ir"),
        (" a@example.ir ", "a@example.ir"),
        ("a@پست.ایران", "a@xn--pgbr8t.xn--mgba3a4f16a"),
    ],
)
def test_addresses(text: str, known: str) -> None:
    assert address(text).addr_spec == known


NO_ADDRESSES = ["", "a", "@example.ir", "a@", "سلام@example.ir", "a b@example.ir", "a@b\r\nc"]


@pytest.mark.parametrize("text", NO_ADDRESSES)
def test_no_addresses(text: str) -> None:
    with pytest.raises(ValueError, match=r"address|ASCII"):
        address(text)


@given(st.text(max_size=400), st.text(max_size=80))
def test_any_words_make_a_letter_that_reads_back(body: str, subject: str) -> None:
    clean = "".join(each for each in body if each not in "\r\v\f\x1c\x1d\x1e\x85\u2028\u2029")
    clean = clean.encode("utf-8", "ignore").decode()
    mail = parsed(letter(outgoing(clean, subject.encode("utf-8", "ignore").decode()), SENDER, NOW))
    assert part(mail, "plain").rstrip("\n") == clean.rstrip("\n")


@given(st.text(max_size=60))
def test_no_text_breaks_the_address_reader(text: str) -> None:
    try:
        found = address(text)
    except ValueError:
        return
    assert found.addr_spec.isascii()
    assert not set(found.addr_spec) & set("\r\n")
