"""Delivery status notifications (RFC 3464) as mail servers write them, and mails that are none."""

from __future__ import annotations

import random

import pytest

from dispatch.providers.email.bounces import LONGEST, Bounce, read

ID = "019ab2c3d4e5f60718293a4b5c6d7e8f"
OURS = f"<4182093671.{ID}@chapar.example.ir>"

POSTFIX = f"""\
Return-Path: <>
Date: Mon, 23 Nov 2026 11:32:01 +0330 (IRST)
From: MAILER-DAEMON@mail.example.ir (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
To: bounces@chapar.example.ir
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="7C0F41.1795417321/mail.example.ir"
Message-Id: <20261123080201.A1B2C@mail.example.ir>

This is a MIME-encapsulated message.

--7C0F41.1795417321/mail.example.ir
Content-Description: Notification
Content-Type: text/plain; charset=us-ascii

This is the mail system at host mail.example.ir.

<sara@example.com>: host mx.example.com[192.0.2.7] said: 550 5.1.1
    <sara@example.com>: Recipient address rejected: User unknown

--7C0F41.1795417321/mail.example.ir
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.example.ir
X-Postfix-Queue-ID: 7C0F41
Arrival-Date: Mon, 23 Nov 2026 11:32:00 +0330 (IRST)

Final-Recipient: rfc822; sara@example.com
Original-Recipient: rfc822;Sara@example.com
Action: failed
Status: 5.1.1
Remote-MTA: dns; mx.example.com
Diagnostic-Code: smtp; 550 5.1.1 <sara@example.com>: Recipient address
    rejected: User unknown

--7C0F41.1795417321/mail.example.ir
Content-Description: Undelivered Message Headers
Content-Type: text/rfc822-headers

From: noreply@chapar.example.ir
To: Sara@example.com
Message-ID: {OURS}
Auto-Submitted: auto-generated

--7C0F41.1795417321/mail.example.ir--
"""


def changed(*pairs: tuple[str, str]) -> bytes:
    text = POSTFIX
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return text.encode()


def test_a_mailbox_that_is_not_there() -> None:
    assert read(POSTFIX.encode()) == Bounce(
        bytes.fromhex(ID),
        "4182093671",
        "Sara@example.com",
        True,
        "bounce: 5.1.1 550 5.1.1 <…>: Recipient address rejected: User unknown",
    )
    assert read(POSTFIX.replace("\n", "\r\n").encode()) == read(POSTFIX.encode())


def test_the_whole_mail_may_be_returned() -> None:
    whole = changed(("Content-Type: text/rfc822-headers\n", "Content-Type: message/rfc822\n"))
    assert read(whole) == read(POSTFIX.encode())


def test_without_what_was_returned_the_references_tell() -> None:
    told = changed(
        (f"Message-ID: {OURS}\n", ""), ("MIME-Version: 1.0\n", f"MIME-Version: 1.0\nReferences: {OURS}\n")
    )
    bounce = read(told)
    assert bounce is not None
    assert bounce.tracking == "4182093671"


@pytest.mark.parametrize(
    ("status", "gone"),
    [
        ("5.1.10", True),
        ("5.2.1", True),
        ("5.2.2", False),
        ("5.7.1", False),
        ("4.4.7", False),
        ("5.0.0", False),
    ],
)
def test_what_says_that_the_mailbox_is_gone(status: str, gone: bool) -> None:
    bounce = read(changed(("Status: 5.1.1", f"Status: {status}")))
    assert bounce is not None
    assert bounce.gone == gone
    assert bounce.detail.startswith(f"bounce: {status} ")


@pytest.mark.parametrize(
    "mail",
    [
        b"",
        b"\x00\xff" * 100,
        b"Subject: hello\n\nwhere is my order?",
        changed(("Action: failed", "Action: delayed")),
        changed(("Action: failed", "Action: delivered")),
        changed((f"Message-ID: {OURS}\n", "Message-ID: <other@chapar.example.ir>\n")),
        changed(("multipart/report", "multipart/mixed")),
        # An answer of a person, who quotes ours.
        f"Subject: Re\nIn-Reply-To: {OURS}\nReferences: {OURS}\n\nthanks".encode(),
    ],
)
def test_what_is_none(mail: bytes) -> None:
    assert read(mail) is None


def test_nothing_that_comes_makes_it_fail() -> None:
    """Cut anywhere, and with octets of any kind in any place."""
    draw = random.Random(733)
    whole = POSTFIX.encode()
    for end in range(0, len(whole), 37):
        read(whole[:end])
    for _try in range(500):
        octets = bytearray(whole)
        for _place in range(draw.randrange(1, 20)):
            octets[draw.randrange(len(octets))] = draw.randrange(256)
        read(bytes(octets))
    assert read(whole + b"x" * LONGEST) is not None
