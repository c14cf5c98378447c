"""Kavenegar's inbound SMS: what its callback posts, and what ``sms/receive`` returns.

Callback: POST ``application/x-www-form-urlencoded``: ``from`` and ``message``, and as a rule ``to`` (the
line) and ``messageid``. ``sms/receive``: ``linenumber`` and ``isread`` (0: those not read yet, which are
marked as read by that; 1: those read before), at most 100 a call; entries ``messageid, message, sender,
receptor, date`` (seconds since 1970).

Source: kavenegar.com/rest.html, "Receive"; the vendor's Java client, ``ReceiveResult``. Not confirmed: the
callback's ``to`` and ``messageid``, that this is the ``messageid`` of ``sms/receive`` as well, and which
hundred ``isread=1`` lists.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import parse_qsl

import msgspec

from bot.sms import InboundSms
from dispatch.providers.sms.kavenegar_api import Api

NAME = "kavenegar"
MOST = 100  # Messages of one call.

FIELDS = 64
SENDER_LENGTH = 64
ID_LENGTH = 64


class BadCallback(Exception):
    """What was posted is no SMS; the text says why, for the provider's developers."""


class _Entry(msgspec.Struct):
    messageid: int
    sender: str
    message: str | None = None
    receptor: str | None = None
    date: int | None = None


class _Received(msgspec.Struct):
    entries: list[msgspec.Raw] | None = None


def parse(body: bytes, received: datetime, peer: str) -> InboundSms:
    """The SMS of a callback. Fields that we do not know are left alone."""
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=FIELDS)
    except UnicodeDecodeError:
        raise BadCallback("the form is not UTF-8") from None
    except ValueError:
        raise BadCallback("the form has too many fields") from None
    fields = dict(pairs)
    sender, text, id = fields.get("from", ""), fields.get("message"), fields.get("messageid", "")
    if not 0 < len(sender.strip()) <= SENDER_LENGTH:
        raise BadCallback("the field from is missing or too long")
    if text is None:
        raise BadCallback("the field message is missing")
    if len(id) > ID_LENGTH:
        raise BadCallback("the field messageid is too long")
    line = fields.get("to", "")[:SENDER_LENGTH]
    return InboundSms(line, sender, text, _named(id.strip()), received, body, peer)


class Received:
    """The messages that wait at Kavenegar."""

    most = MOST

    def __init__(self, api: Api) -> None:
        self._api = api

    async def fetch(self, line: str, now: datetime, *, again: bool = False) -> Sequence[InboundSms]:
        """What came to a line and was not fetched yet, the earliest first, at most ``MOST``; with ``again``
        what was fetched before. Raises ``DispatchError``."""
        form = {"linenumber": line, "isread": "1" if again else "0"}
        found = await self._api.post("sms/receive", form, _Received)
        return sorted((_message(raw, line, now) for raw in found.entries or ()), key=lambda sms: sms.received)


def _message(raw: msgspec.Raw, line: str, now: datetime) -> InboundSms:
    """One entry. One that cannot be read is kept too: it is marked as read over there, and nobody would ever
    see it again."""
    octets = bytes(raw)
    try:
        entry = msgspec.json.decode(octets, type=_Entry, strict=False)
        came = now if entry.date is None else datetime.fromtimestamp(entry.date, UTC)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, OverflowError, OSError):
        id = _named("?" + hashlib.blake2b(octets, digest_size=16).hexdigest())
        return InboundSms(line, "", "", id, now, octets)
    return InboundSms(
        entry.receptor or line, entry.sender, entry.message or "", _named(str(entry.messageid)), came, octets
    )


def _named(id: str) -> str:
    return f"{NAME}:{id}" if id else ""
