"""A message of the outbox as the bytes of an e-mail: plain text and the same as HTML, in its direction.

The bytes are put together here: ``email.message`` takes ten times as long, which is most of the time that a
mail over a kept connection takes.
"""

from __future__ import annotations

import html
import re
import unicodedata
from base64 import b64encode, encodebytes
from datetime import datetime
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.utils import format_datetime

from dispatch.provider import Outgoing
from dispatch.providers.email.dkim import Signer

# Runs that read from left to right inside a Persian line: words, numbers, codes (``*733#``), addresses.
# A full stop after one belongs to the Persian sentence.
_WORD = r"[A-Za-z0-9*#+@](?:[A-Za-z0-9*#+@._:/?=&%-]*[A-Za-z0-9*#/=])?"
_LATIN = re.compile(f"{_WORD}(?: {_WORD})*")

# A name without quotes (RFC 5322, section 3.2.3) at a host of ASCII labels: most addresses there are.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_PLAIN = re.compile(rf"({_ATOM}(?:\.{_ATOM})*)@({_LABEL}(?:\.{_LABEL})*)")

_STYLE = "font-family: Vazirmatn, Tahoma, sans-serif; font-size: 16px; line-height: 1.9; color: #1c1c1c"

# Bytes of one encoded word (RFC 2047, section 2), so that a line with a header's name has no more than 76.
_ENCODED = 39
_UNENCODED = 60


def address(text: str) -> Address:
    """``name@host`` as a header's address, a host in letters other than Latin as IDNA writes it. Raises
    ``ValueError`` where it is no address, or where its name needs SMTPUTF8, which few servers speak."""
    if plain := _PLAIN.fullmatch(text):
        return Address(username=plain[1], domain=plain[2])
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


def letter(
    outgoing: Outgoing, sender: Address, now: datetime, *, unsubscribe: str = "", signer: Signer | None = None
) -> bytes:
    """The whole message as it goes over the wire, no line of it beginning with a full stop. ``unsubscribe``:
    the https URL that ends such mails on a POST (RFC 8058). Raises ``ValueError`` where ``to`` is no
    address."""
    boundary = f"={outgoing.id.hex()}"  # No line of base64 begins with =.
    headers = [
        ("From", mailbox(sender)),
        ("To", address(outgoing.to).addr_spec),
        ("Subject", encoded(outgoing.subject)),
        ("Date", format_datetime(now)),
        ("Message-ID", message_id(outgoing, sender.domain)),
        ("Auto-Submitted", "auto-generated"),
        ("MIME-Version", "1.0"),
        ("Content-Type", f'multipart/alternative; boundary="{boundary}"'),
    ]
    if unsubscribe:
        headers += [
            ("List-Unsubscribe", f"<{unsubscribe}>"),
            ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        ]
    body = b"".join(
        (
            _part(boundary, "plain", outgoing.body.rstrip("\n") + "\n"),
            _part(boundary, "html", page(outgoing.body)),
            f"--{boundary}--\r\n".encode(),
        )
    )
    if signer is not None:
        headers.insert(0, ("DKIM-Signature", signer.signature(headers, body, now)))
    head = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return head.encode("ascii") + b"\r\n" + body


def mailbox(sender: Address) -> str:
    """A name, in whatever letters, and its address as a header says them."""
    if sender.display_name.isascii():
        return str(sender)
    return f"{encoded(sender.display_name)} <{sender.addr_spec}>"


def encoded(text: str) -> str:
    """Words as a header says them, in one line of the reader's; what is not short and plain ASCII in encoded
    words (RFC 2047)."""
    line = " ".join(text.split())
    if line.isascii() and line.isprintable() and len(line) <= _UNENCODED and "=?" not in line:
        return line
    words: list[str] = []
    word = b""
    for character in line:
        octets = character.encode("utf-8", "replace")
        if len(word) + len(octets) > _ENCODED:
            words.append(_encoded(word))
            word = b""
        word += octets
    return "\r\n ".join([*words, _encoded(word)])


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


def _part(boundary: str, kind: str, text: str) -> bytes:
    lines = "\r\n".join(text.splitlines()) + "\r\n"
    head = (
        f"--{boundary}\r\n"
        f"Content-Type: text/{kind}; charset=utf-8\r\n"
        "Content-Transfer-Encoding: base64\r\n\r\n"
    )
    octets = encodebytes(lines.encode("utf-8", "replace"))
    return head.encode("ascii") + octets.replace(b"\n", b"\r\n")


def _encoded(word: bytes) -> str:
    return f"=?utf-8?b?{b64encode(word).decode()}?="


def _isolated(line: str) -> str:
    parts: list[str] = []
    end = 0
    for match in _LATIN.finditer(line):
        parts += [html.escape(line[end : match.start()]), f'<bdi dir="ltr">{html.escape(match[0])}</bdi>']
        end = match.end()
    return "".join([*parts, html.escape(line[end:])])
