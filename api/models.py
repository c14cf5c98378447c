"""What the API takes and gives. These models validate requests, and the OpenAPI document is made of them.

JSON is read strictly: a number is no text, and a field that is not known is an error and not ignored.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    TypeAdapter,
)

MOST_MESSAGES = 1_000
MOST_PARTS = 10
DAYS_AHEAD = 90
DAY = 86_400
MOST_DAYS = 31
WITHIN = 60

_EMAIL = r"^[A-Za-z0-9._%+-]{1,64}@([A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,63}$"
_NUMBER = r"^(\+[1-9][0-9]{6,14}|(0098|0)?9([139][0-9]|0[0-5]|2[0-3])[0-9]{7})$"
# Control characters have no place in a message, but for tabs and ends of lines.
_TEXT = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]+$"
TEMPLATE_NAME = r"^[A-Za-z0-9_-]{1,64}$"
_CURSOR = r"^[A-Za-z0-9_-]{22}$"

Number = Annotated[
    str,
    Field(
        pattern=_NUMBER,
        description="A phone number: E.164 (+989121234567), or as it is dialled in Iran (09121234567).",
        examples=["09121234567"],
    ),
]
Reference = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9._:/-]{1,64}$",
        description="Your own name of the message.",
        examples=["order-1204"],
    ),
]
Channel = Literal["sms", "voice", "email", "telegram", "bale", "push", "ussd"]
Status = Literal["queued", "sending", "sent", "delivered", "failed", "blocked", "expired", "cancelled"]


def _plain_number(value: Any) -> Any:
    """Of a query all is text; Python would read more as a number than JSON Schema does."""
    return int(value) if isinstance(value, str) and re.fullmatch("[0-9]{1,4}", value) else value


def _plain_date(value: Any) -> Any:
    """A day as the query has it, and in no other form that Python would take."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        return date.fromisoformat(value)
    return value


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, populate_by_name=False)


class _Timing(Model):
    klass: Literal["service", "bulk"] = Field(
        default="service",
        alias="class",
        description="bulk is advertising: it goes to those who agreed to it, in its hours.",
    )
    send_at: AwareDatetime | None = Field(
        default=None,
        description=f"When to send it, with its time zone; at most {DAYS_AHEAD} days ahead.",
    )
    expires_in: int = Field(
        default=2 * DAY,
        ge=60,
        le=7 * DAY,
        description="Seconds after which it is not sent any more, from when it is due.",
    )


class _Message(_Timing):
    reference: Reference | None = None


class SmsMessage(_Message):
    channel: Literal["sms"]
    to: Number
    text: str = Field(min_length=1, max_length=2_000, pattern=_TEXT, examples=["سفارش شما ارسال شد."])
    line: str | None = Field(
        default=None, pattern="^[0-9]{3,20}$", description="The line that it goes from, one of your own."
    )


class VoiceMessage(_Message):
    channel: Literal["voice"]
    to: Number
    text: str = Field(min_length=1, max_length=1_000, pattern=_TEXT, description="What is read out.")


class EmailMessage(_Message):
    channel: Literal["email"]
    to: str = Field(
        max_length=254,
        pattern=_EMAIL,
        examples=["sara@example.ir"],
    )
    subject: str = Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")
    text: str = Field(min_length=1, max_length=50_000, pattern=_TEXT)


class ChatMessage(_Message):
    channel: Literal["telegram", "bale"]
    to: str = Field(pattern="^[1-9][0-9]{3,18}$", description="The person's id on the messenger.")
    text: str = Field(min_length=1, max_length=4_000, pattern=_TEXT)


_Title = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]


class PushMessage(_Message):
    channel: Literal["push"]
    to: Number = Field(description="Whom you registered the devices to that it goes to.")
    title: _Title | None = None
    text: str = Field(min_length=1, max_length=1_000, pattern=_TEXT)


class UssdMessage(_Message):
    """A screen on the person's handset, which nobody asked for and nobody can answer."""

    channel: Literal["ussd"]
    to: Number
    text: str = Field(
        min_length=1,
        max_length=182,
        pattern=_TEXT,
        description="A screen holds 182 Latin characters, or 80 of which one is another.",
    )


class OrderMessage(_Message):
    """One message by several channels: each is tried when the one before it failed, or had no receipt in its
    time; never one after a receipt."""

    channels: list[Literal["push", "sms", "voice"]] = Field(
        min_length=2, max_length=3, description="Each once, in their order.", examples=[["push", "sms"]]
    )
    within: list[Annotated[int, Field(ge=30, le=DAY)]] = Field(
        default=[],
        max_length=2,
        description="Seconds without a receipt after which the next channel is tried, of each but the last; "
        f"without them {WITHIN} each. Together less than `expires_in`.",
    )
    to: Number
    title: _Title | None = Field(default=None, description="Of the push.")
    text: str = Field(min_length=1, max_length=1_000, pattern=_TEXT)
    line: str | None = Field(default=None, pattern="^[0-9]{3,20}$", description="Of the SMS.")

    @property
    def channel(self) -> str:
        """The one that it begins with."""
        return self.channels[0]


def _which(message: Any) -> str | None:
    """By what a message is told from the others: its channel, or that it has several."""
    if isinstance(message, dict) and "channels" in message and "channel" not in message:
        return "order"
    channel = message.get("channel") if isinstance(message, dict) else getattr(message, "channel", None)
    return channel if isinstance(channel, str) else None if channel is None else "?"


Message = Annotated[
    Annotated[SmsMessage, Tag("sms")]
    | Annotated[VoiceMessage, Tag("voice")]
    | Annotated[EmailMessage, Tag("email")]
    | Annotated[ChatMessage, Tag("telegram")]
    | Annotated[ChatMessage, Tag("bale")]
    | Annotated[PushMessage, Tag("push")]
    | Annotated[UssdMessage, Tag("ussd")]
    | Annotated[OrderMessage, Tag("order")],
    Discriminator(_which),
]
one: TypeAdapter[Message] = TypeAdapter(Message)
"""Reads a message that is no JSON any more."""


class SendRequest(Model):
    """Messages to send: all of them are taken over, or none."""

    messages: list[Message] = Field(min_length=1, max_length=MOST_MESSAGES)


class TemplateText(Model):
    text: str = Field(
        min_length=1,
        max_length=2_000,
        pattern=_TEXT,
        description="{name} is filled for each message; {{ and }} are braces.",
        examples=["سلام {name}، سفارش {order} ارسال شد."],
    )


class Template(Model):
    name: str
    version: int
    text: str
    placeholders: list[str]
    created_at: AwareDatetime


class TemplateList(Model):
    items: list[Template]
    next: str | None = Field(description="`after` of the next page; null on the last one.")


class TemplateQuery(Model):
    limit: Annotated[int, BeforeValidator(_plain_number)] = Field(default=50, ge=1, le=100)
    after: str | None = Field(default=None, pattern=TEMPLATE_NAME, description="`next` of the page before.")


class Recipient(Model):
    to: str = Field(
        max_length=254,
        pattern=f"{_NUMBER}|{_EMAIL}",
        description="A number, or for e-mail an address.",
        examples=["09121234567"],
    )
    values: dict[str, Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]] = Field(
        default={}, max_length=50, description="One for each placeholder, by its name."
    )
    reference: Reference | None = None


class TemplateSend(_Timing):
    """Messages by a template: all of them are taken over, or none. What a channel has beside its text is as
    in a message of its own."""

    version: int | None = Field(default=None, ge=1, le=2**31 - 1, description="The last one without it.")
    channel: Literal["sms", "voice", "email", "push"] | None = Field(
        default=None, description="sms where neither this nor `channels` is given."
    )
    channels: list[Literal["push", "sms", "voice"]] | None = Field(default=None, min_length=2, max_length=3)
    within: list[Annotated[int, Field(ge=30, le=DAY)]] | None = Field(default=None, max_length=2)
    subject: _Title | None = Field(default=None, description="Of an e-mail.")
    title: _Title | None = Field(default=None, description="Of a push.")
    line: str | None = Field(default=None, pattern="^[0-9]{3,20}$", description="Of an SMS.")
    recipients: list[Recipient] = Field(min_length=1, max_length=MOST_MESSAGES)


class EstimateRequest(Model):
    channel: Literal["sms"] = "sms"
    klass: Literal["service", "bulk"] = Field(default="service", alias="class")
    to: list[Number] = Field(min_length=1, max_length=MOST_MESSAGES)
    text: str = Field(min_length=1, max_length=2_000, pattern=_TEXT)


class Estimated(Model):
    parts: int = Field(description="Of each message.")
    cost: int = Field(description="Rial, of all messages together.")
    unpriced: int = Field(description="Recipients that no tariff is for; `cost` is without them.")


class UsageQuery(Model):
    since: Annotated[date, BeforeValidator(_plain_date)] = Field(description="The first day (UTC).")
    until: Annotated[date, BeforeValidator(_plain_date)] = Field(
        description=f"The last day; at most {MOST_DAYS} days."
    )


class UsageRow(Model):
    day: date
    channel: str
    status: Status
    messages: int
    parts: int
    cost: int


class Usage(Model):
    items: list[UsageRow]


class TakenMessage(Model):
    id: UUID
    tracking: str = Field(description="Ten digits that people can be told.")
    status: Status
    parts: int | None = Field(description="Short messages that an SMS is.")
    reference: str | None


class SendResponse(Model):
    messages: list[TakenMessage]


class Step(Model):
    """One thing that became known of a message."""

    at: AwareDatetime
    kind: Literal["attempt", "receipt"]
    status: str


class Way(Model):
    """A channel of a message that has several. waiting: it was not tried yet; unused: nor will it be;
    unreceipted: nobody told in time that it arrived. The one that is tried now has the message's status."""

    channel: str
    status: Literal[Status, "waiting", "unused", "unreceipted"]
    since: AwareDatetime | None = Field(description="null before it is tried.")


class SentMessage(TakenMessage):
    channel: str
    klass: str = Field(alias="class")
    to: str | None = Field(description="null where it cannot be read any more.")
    cost: int | None = Field(description="Rial; null before it went, and where no tariff is.")
    created_at: AwareDatetime
    due_at: AwareDatetime
    expires_at: AwareDatetime
    sent_at: AwareDatetime | None
    finished_at: AwareDatetime | None


class MessageDetail(SentMessage):
    steps: list[Step]
    channels: list[Way] = Field(description="Of a message that has several, each; `status` is of all of it.")


class Arrivals(Model):
    """Pushes that your app says are there: services of push have no receipts."""

    tracking: list[Annotated[str, Field(pattern="^[0-9]{10}$")]] = Field(
        min_length=1, max_length=MOST_MESSAGES, description="As the push has it."
    )


class Arrived(Model):
    known: int = Field(description="How many of them are pushes of yours.")


class MessagePage(Model):
    items: list[SentMessage]
    next: str | None = Field(description="The cursor of the next page; null on the last one.")


class InboundMessage(Model):
    id: UUID
    line: str
    sender: str
    text: str
    received_at: AwareDatetime


class InboundPage(Model):
    items: list[InboundMessage] = Field(description="A page may be empty and not be the last one.")
    next: str | None


class PageQuery(Model):
    limit: Annotated[int, BeforeValidator(_plain_number)] = Field(default=50, ge=1, le=100)
    cursor: str | None = Field(default=None, pattern=_CURSOR, description="`next` of the page before.")


class MessageQuery(PageQuery):
    reference: Reference | None = None


class VerificationRequest(Model):
    """A one-time code for this number. The one before it, of the same purpose, ends."""

    to: Number
    purpose: str = Field(default="login", pattern="^[a-z0-9_-]{1,32}$")
    language: Literal["fa", "en"] = "fa"


class VerificationStarted(Model):
    id: str = Field(description="What the code is checked with.")
    by: Literal["sms", "voice"]
    expires_in: int = Field(description="Seconds for which the code is good.")


class CodeCheck(Model):
    code: str = Field(pattern="^[0-9۰-۹٠-٩]{4,8}$", examples=["123456"])


class CodeChecked(Model):
    """verified: once for each code. expired: there is no code to check any more. exhausted: it was tried too
    often."""

    status: Literal["verified", "wrong", "expired", "exhausted"]
    left: int | None = Field(description="Checks that are left, of a wrong one.")


class Balance(Model):
    prepaid: bool = Field(description="Whether you pay in advance; else there is no limit here.")
    left: int | None = Field(description="Rial, without what is kept for messages under way.")


class CreditEntry(Model):
    """added: by us. reserved: what messages are expected to cost, when they are taken over. corrected: what
    was kept for messages that are over, less what they did cost."""

    id: UUID
    at: AwareDatetime
    kind: Literal["added", "reserved", "corrected"]
    rial: int = Field(description="Below zero where it was taken.")
    messages: int = Field(description="How many it is for.")
    note: str


class CreditPage(Model):
    items: list[CreditEntry]
    next: str | None = Field(description="The cursor of the next page; null on the last one.")


class FieldError(Model):
    pointer: str = Field(description="A JSON Pointer into the body, or the name of a parameter.")
    code: str
    detail: str


class ProblemBody(Model):
    """RFC 9457."""

    type: str
    title: str
    status: int
    errors: list[FieldError] | None = None
