"""A message of the outbox as the bytes of an e-mail: plain text and the same as HTML, in its direction."""

from __future__ import annotations

import html
import re
import unicodedata
from datetime import datetime
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from dispatch.provider import Outgoing

# Runs that read from left to right inside a Persian line: words, numbers, codes (``*733#``), addresses.
# A full stop after one belongs to the Persian sentence.
_WORD = r"[A-Za-z0-9*#+@](?:[A-Za-z0-9*#+@._:/?=&%-]*[A-Za-z0-9*#/=])?"
_LATIN = re.compile(f"{_WORD}(?: {_WORD})*")

_STYLE = "font-family: Vazirmatn, Tahoma, sans-serif; font-size: 16px; line-height: 1.9; color: #1c1c1c"


def address(text: str) -> Address:
    """``name@host`` as a header's address, a host in letters other than Latin as IDNA writes it. Raises
    ``ValueError`` where it is no address, or where its name needs SMTPUTF8, which few servers speak."""
    name, _, host = text.strip().rpartition("@")
    if not name.isascii():
        raise ValueError("the name before @ is not ASCII")
    try:
        return Address(addr_spec=f"{name}@{host.encode('idna').decode()}")
    except (HeaderParseError, IndexError, ValueError) as error:
        raise ValueError("not an e-mail address") from error


def rtl(text: str) -> bool:
    """Whether the first letter of ``text`` that has a direction reads from right to left."""
    for character in text:
        direction = unicodedata.bidirectional(character)
        if direction in ("R", "AL"):
            return True
        if direction == "L":
            return False
    return False


def message_id(outgoing: Outgoing, host: str) -> str:
    """The same at every attempt, so that a mailbox can tell a repetition."""
    return f"<{outgoing.tracking}.{outgoing.id.hex()}@{host}>"


def letter(outgoing: Outgoing, sender: Address, now: datetime) -> bytes:
    """The whole message as it goes over the wire. Raises ``ValueError`` where ``to`` is no address."""
    mail = EmailMessage(policy=SMTP)
    mail["From"] = sender
    mail["To"] = address(outgoing.to)
    mail["Subject"] = " ".join(outgoing.subject.split())
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = message_id(outgoing, sender.domain)
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(outgoing.body, charset="utf-8", cte="base64")
    mail.add_alternative(page(outgoing.body), subtype="html", charset="utf-8", cte="base64")
    return bytes(mail)


def page(body: str) -> str:
    """``body`` as HTML: its lines, its direction, and Latin runs and numbers isolated."""
    right = rtl(body)
    lines = "<br>\n".join(_isolated(line) if right else html.escape(line) for line in body.splitlines())
    language = ' lang="fa"' if right else ""
    return (
        f'<!doctype html>\n<html dir="{"rtl" if right else "ltr"}"{language}>\n'
        f'<head><meta charset="utf-8"></head>\n'
        f'<body dir="{"rtl" if right else "ltr"}" style="{_STYLE}">\n<p>{lines}</p>\n</body>\n</html>\n'
    )


def _isolated(line: str) -> str:
    parts: list[str] = []
    end = 0
    for match in _LATIN.finditer(line):
        parts += [html.escape(line[end : match.start()]), f'<bdi dir="ltr">{html.escape(match[0])}</bdi>']
        end = match.end()
    return "".join([*parts, html.escape(line[end:])])
