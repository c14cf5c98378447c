"""Mails that say what became of mails: delivery status notifications (RFC 3464). Pure.

Which mail it is about is told by the Message-ID of ours in what of it was returned (RFC 3462), or where
nothing was in the notification's own References. Nobody can guess such an id, so whoever says it has seen the
mail.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes, message_from_string
from email.message import Message

from dispatch.providers.email.smtp import GONE

LONGEST = 1 << 20  # Bytes of a notification; the mails that it returns are ours, and short.
DETAIL = 200

_OURS = re.compile(r"<([0-9]{10})\.([0-9a-f]{32})@[^<>\s]+>")
_STATUS = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")


@dataclass(frozen=True, slots=True)
class Bounce:
    """A mail of ours that did not arrive. ``recipient``: who it was for, as the server that gave up names
    them; ``gone``: there is no such mailbox. ``detail`` does not name the recipient."""

    id: bytes
    tracking: str
    recipient: str
    gone: bool
    detail: str


def read(mail: bytes) -> Bounce | None:
    """What a mail says of one of ours; None where it says of none that it did not arrive. It never raises."""
    if len(mail) > LONGEST:
        mail = mail[:LONGEST]
    told = message_from_bytes(mail)
    if told.get_content_type() != "multipart/report":
        return None
    parts = [part for part in told.walk() if part is not told]
    acts = (each for part in parts for each in _recipients(part))
    failed = next((each for each in acts if _header(each, "Action").strip().lower() == "failed"), None)
    ours = next((found for part in parts for found in _returned(part)), None) or _mentioned(told)
    if failed is None or ours is None:
        return None
    status = _STATUS.search(_header(failed, "Status"))
    named = _header(failed, "Original-Recipient") or _header(failed, "Final-Recipient")
    recipient = named.rpartition(";")[2].strip().strip("<>")
    words = " ".join(_header(failed, "Diagnostic-Code").rpartition(";")[2].split())
    if recipient:
        words = re.sub(re.escape(recipient), "…", words, flags=re.IGNORECASE)
    code = status[1] if status else ""
    return Bounce(
        bytes.fromhex(ours[2]), ours[1], recipient, code in GONE, f"bounce: {code} {words}".strip()[:DETAIL]
    )


def _recipients(part: Message) -> Iterator[Message]:
    """The fields of each recipient, in a part that has them."""
    if part.get_content_type() == "message/delivery-status":
        payload = part.get_payload()
        if isinstance(payload, list):
            yield from (each for each in payload if isinstance(each, Message) and "Action" in each)


def _returned(part: Message) -> Iterator[re.Match[str]]:
    """Our Message-ID in what was returned of the mail: all of it, or its headers."""
    kind, payload = part.get_content_type(), part.get_payload()
    head: object = None
    if kind == "message/rfc822" and isinstance(payload, list):
        head = payload[0]
    elif kind == "text/rfc822-headers":
        content = part.get_payload(decode=True)
        head = message_from_string(content.decode("latin-1")) if isinstance(content, bytes) else None
    if isinstance(head, Message) and (found := _OURS.search(_header(head, "Message-ID"))):
        yield found


def _mentioned(told: Message) -> re.Match[str] | None:
    return _OURS.search(f"{_header(told, 'In-Reply-To')} {_header(told, 'References')}")


def _header(fields: Message, name: str) -> str:
    return str(fields.get(name, ""))
