"""From a message as the API takes it to what the outbox is given, with what only we can know is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import zip_longest

from api import models
from api.problems import Wrong
from engine.alphabet import fits, parts
from engine.layout import USSD
from services.submissions import Draft
from services.tariff_file import line_of
from services.verification import BadNumber, e164

KINDS: Mapping[str, str] = {
    "sms": "msisdn",
    "voice": "msisdn",
    "email": "email",
    "telegram": "telegram",
    "bale": "bale",
    "push": "msisdn",
    "ussd": "msisdn",
}


# What is one of several channels of a message, as a message of its own.
SINGLE: Mapping[str, type[models.PushMessage | models.SmsMessage | models.VoiceMessage]] = {
    "push": models.PushMessage,
    "sms": models.SmsMessage,
    "voice": models.VoiceMessage,
}


def lines_of(lines: Sequence[str]) -> Mapping[str, str]:
    """Lines of an account by what they are called in any way of writing them."""
    return {line_of(line): line for line in lines}


def drafted(
    message: models.Message, route: str | None, own: Mapping[str, str], now: datetime
) -> tuple[Draft, Sequence[Wrong]]:
    """The draft of a message by ``route`` (None: nobody sends its channel), from one of the account's ``own``
    lines; and what is wrong with it, with which it is good for nothing. Pointers are into the message."""
    if isinstance(message, models.OrderMessage):
        return _ordered(message, route, own, now)
    wrong: list[Wrong] = []
    if route is None:
        wrong.append(Wrong("/channel", "channel"))
    to, subject = message.to, ""
    if isinstance(message, models.SmsMessage | models.VoiceMessage | models.PushMessage | models.UssdMessage):
        try:
            to = e164(to)
        except BadNumber:
            wrong.append(Wrong("/to", "number"))
    if isinstance(message, models.SmsMessage):
        if parts(message.text) > models.MOST_PARTS:
            wrong.append(Wrong("/text", "parts", {"most": models.MOST_PARTS}))
        if message.line is not None:
            line = own_line(message.line, own)
            if line is None:
                wrong.append(Wrong("/line", "line"))
            route = f"sms-{line}"
    if isinstance(message, models.UssdMessage) and not fits(message.text, USSD.septets, USSD.units):
        wrong.append(Wrong("/text", "long"))
    if isinstance(message, models.EmailMessage):
        subject = message.subject
    if isinstance(message, models.PushMessage):
        subject = message.title or ""
    if message.send_at is not None and message.send_at > now + timedelta(days=models.DAYS_AHEAD):
        wrong.append(Wrong("/send_at", "late", {"days": models.DAYS_AHEAD}))
    draft = Draft(
        channel=message.channel,
        kind=KINDS[message.channel],
        to=to,
        text=message.text,
        klass=message.klass,
        lifetime=timedelta(seconds=message.expires_in),
        subject=subject,
        route=route or "",
        due=None if message.send_at is None else max(message.send_at, now),
        reference=message.reference,
    )
    return draft, wrong


def _ordered(
    order: models.OrderMessage, route: str | None, own: Mapping[str, str], now: datetime
) -> tuple[Draft, Sequence[Wrong]]:
    """The draft for its first channel, with those for the others."""
    drafts: list[Draft] = []
    wrong: list[Wrong] = []
    within = order.within or [models.WITHIN] * (len(order.channels) - 1)
    if len(set(order.channels)) != len(order.channels):
        wrong.append(Wrong("/channels", "twice"))
    elif len(within) != len(order.channels) - 1 or sum(within) >= order.expires_in:
        wrong.append(Wrong("/within", "within"))
    for channel, seconds in zip_longest(order.channels, within[: len(order.channels) - 1], fillvalue=0):
        single = SINGLE[str(channel)].model_construct(channel=channel, **dict(order))
        draft, faults = drafted(single, route, own, now)
        drafts.append(replace(draft, within=int(seconds)))
        wrong += [fault for fault in faults if fault not in wrong]
    return replace(drafts[0], then=tuple(drafts[1:])), wrong


def own_line(line: str, own: Mapping[str, str]) -> str | None:
    """The account's line of this number; None where it is not theirs."""
    try:
        return own.get(line_of(line))
    except ValueError:
        return None
