"""What the API takes and gives of webhooks, and what is posted to them."""

from __future__ import annotations

from typing import Literal, get_args
from uuid import UUID

from pydantic import AwareDatetime, Field

from api.models import Model, PageQuery, Status

MessageEvent = Literal[
    "message.sent",
    "message.delivered",
    "message.failed",
    "message.blocked",
    "message.expired",
    "message.cancelled",
]
Event = MessageEvent | Literal["inbound.received"]
DeliveryStatus = Literal["waiting", "delivered", "failed"]

_EVENTS: tuple[Event, ...] = (*get_args(MessageEvent), "inbound.received")


class WebhookRequest(Model):
    url: str = Field(
        max_length=2_000,
        pattern=r"^https?://[A-Za-z0-9\[][!-~]*$",
        description="https, a name or an address that everybody can reach, without a user and a fragment.",
        examples=["https://shop.example.ir/chapar"],
    )
    events: list[Event] = Field(
        default=list(_EVENTS), min_length=1, max_length=len(_EVENTS), description="All without it."
    )
    description: str = Field(default="", max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")


class Paused(Model):
    at: AwareDatetime
    why: Literal["failing", "gone"] = Field(
        description="failing: nothing went well for a day. gone: it answered 410."
    )


class Webhook(Model):
    id: UUID
    url: str | None = Field(description="null where it cannot be read any more.")
    events: list[Event]
    description: str
    created_at: AwareDatetime
    failing_since: AwareDatetime | None = Field(description="Nothing went well since then.")
    paused: Paused | None = Field(description="Nothing is tried until it is resumed; events wait.")


class WebhookCreated(Webhook):
    secret: str = Field(description="What is signed with. It is shown this once.")


class WebhookSecret(Model):
    secret: str = Field(description="What is signed with. It is shown this once.")


class WebhookList(Model):
    items: list[Webhook]


class Delivery(Model):
    id: UUID = Field(description="The same as the header webhook-id, however often it is tried.")
    event: Event | Literal["webhook.test"]
    subject: UUID | None = Field(description="The message's id.")
    at: AwareDatetime = Field(description="When it happened.")
    status: DeliveryStatus
    attempts: int
    next_at: AwareDatetime | None = Field(description="When it is tried again.")
    tried_at: AwareDatetime | None
    answered: int | None = Field(description="The HTTP status of the last answer.")
    problem: Literal["status", "redirect", "address", "connection", "time", "broken", "gone"] | None = Field(
        description="Of the last try. address: not a public one. gone: the message is not kept any more."
    )
    finished_at: AwareDatetime | None


class DeliveryPage(Model):
    items: list[Delivery]
    next: str | None = Field(description="The cursor of the next page; null on the last one.")


class DeliveryQuery(PageQuery):
    status: DeliveryStatus | None = None


class ReplayRequest(Model):
    since: AwareDatetime = Field(description="Events from then on, with its time zone.")


class Replayed(Model):
    replayed: int
    more: bool = Field(description="There are others: ask again.")


class MessageData(Model):
    id: UUID
    tracking: str
    status: Status
    channel: str
    klass: str = Field(alias="class")
    parts: int | None
    reference: str | None


class MessageChanged(Model):
    """A message of yours has another status."""

    type: MessageEvent
    timestamp: AwareDatetime
    data: MessageData


class InboundData(Model):
    id: UUID
    line: str
    sender: str
    text: str
    received_at: AwareDatetime


class InboundReceived(Model):
    """Somebody wrote to a line of yours."""

    type: Literal["inbound.received"]
    timestamp: AwareDatetime
    data: InboundData


class TestData(Model):
    webhook: UUID


class WebhookTest(Model):
    """You asked for it."""

    type: Literal["webhook.test"]
    timestamp: AwareDatetime
    data: TestData


POSTED = (MessageChanged, InboundReceived, WebhookTest)
