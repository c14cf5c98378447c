"""Inbound SMS, whoever brought it: what one is, what it means to the conversation, what an answer is.

A source (a provider's callback, polling, SMPP) makes an ``InboundSms`` and hands it to a ``Taker``; all else
is the same for each. Pure.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Protocol

import msgspec

from conversation.incoming import Caller, Incoming, Reply
from conversation.numbers import e164
from conversation.outgoing import Parcel
from engine.channels import CHANNELS
from engine.fold import fold

CHANNEL = "sms"

# Of a route's name, which a column of 32 characters keeps.
LINE_DIGITS = 24

# What no short message can carry: control characters but the line feed, halves of surrogate pairs.
_UNUSABLE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
# No mobile number of Iran begins with 098: that is a line of eight digits behind the country's prefix.
_MOBILE = re.compile(r"\+989(?!8)[0-9]{9}")


class InboundSms(msgspec.Struct, frozen=True, array_like=True):
    """One SMS that somebody sent us, whole.

    ``line`` is the number of ours that it came to, "" where the source does not say; ``sender`` is theirs:
    both as the source writes them. ``id`` is the same for a repetition and for no other message, with the
    source's name before it (``kavenegar:35850015``), "" where there is no such thing. ``received`` (aware) is
    when it reached the source, where that tells, else us. ``raw`` is what came, unchanged, from ``peer``.
    """

    line: str
    sender: str
    text: str
    id: str
    received: datetime
    raw: bytes
    peer: str = ""


class Taker(Protocol):
    """Who takes an SMS from its source."""

    async def accept(self, sms: InboundSms) -> bool:
        """Returns once the message is durable and the source may forget it; False when it was known already.
        Raises ``Unavailable``: then the source must bring it again."""


def parse(sms: InboundSms, lines: Sequence[str] = ()) -> Incoming | None:
    """What it is to the conversation. None when nobody is to be answered: the sender is no mobile number of
    Iran (a bank's name, a short code, a number abroad that would cost), or the line is none of ``lines``.
    Without ``lines`` every line is ours.

    The network's word on the sender is not taken for a verified number: who sends SMS through a gateway
    abroad can write there what they like.
    """
    address, line = number_of(sms.sender), line_of(sms.line, lines)
    if address is None or line is None:
        return None
    route = f"{CHANNEL}-{line}" if line else CHANNEL
    caller = Caller(CHANNEL, route, address, address, CHANNELS[CHANNEL], sms.peer, verified=False)
    return Incoming(caller, _UNUSABLE.sub("", sms.text), sms.raw, key=key_of(sms), chat=True)


def render(reply: Reply, caller: Caller) -> Sequence[Parcel]:
    """One message; its layout has kept it within two parts."""
    return (Parcel(_UNUSABLE.sub("", reply.text).strip()),)


def number_of(sender: str) -> str | None:
    """The mobile number of Iran (E.164) that somebody can be answered at, or None."""
    number = e164(fold(sender))
    return number if number is not None and _MOBILE.fullmatch(number) else None


def line_of(written: str, lines: Sequence[str]) -> str | None:
    """Which of our lines is meant; the first where the source does not say; None for one that is not ours."""
    if not lines:
        return _bare(written)[:LINE_DIGITS]
    if not written:
        return lines[0]
    return next((line for line in lines if _bare(line) == _bare(written)), None)


def key_of(sms: InboundSms) -> str:
    """What tells a repetition: the source's id, else who said what to which line in which minute."""
    return sms.id or _key_in(sms, _minute(sms))


def keys_of(sms: InboundSms) -> tuple[str, ...]:
    """The keys under which it may be known already: a repetition a few seconds later can fall into the next
    minute."""
    return (sms.id,) if sms.id else (_key_in(sms, _minute(sms)), _key_in(sms, _minute(sms) - 1))


def _minute(sms: InboundSms) -> int:
    return int(sms.received.astimezone(UTC).timestamp() // 60)


def _key_in(sms: InboundSms, minute: int) -> str:
    said = f"{_bare(sms.line)}\x1f{fold(sms.sender)}\x1f{sms.text}\x1f{minute}"
    return hashlib.blake2b(said.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _bare(line: str) -> str:
    """A line by its digits, without the prefix of the country: ``+9810004346`` is ``10004346``."""
    digits = "".join(character for character in fold(line) if "0" <= character <= "9")
    return digits.removeprefix("00").removeprefix("98").removeprefix("0")
