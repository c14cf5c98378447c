"""What the API takes and gives of devices that are pushed to."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import Field

from api.models import Model, Number

Service = Literal["fcm", "apns", "webpush"]


class Keys(Model):
    p256dh: str = Field(pattern=r"^[A-Za-z0-9_+/-]{86,88}={0,2}$", description="The browser's public key.")
    auth: str = Field(pattern=r"^[A-Za-z0-9_+/-]{22,24}={0,2}$")


class Subscription(Model):
    """What a browser's `PushManager.subscribe` gives."""

    endpoint: str = Field(max_length=1_000, pattern=r"^https://[!-~]{4,}$")
    keys: Keys
    expirationTime: float | None = None  # As browsers spell it.


class Registration(Model):
    service: Service
    to: Number = Field(description="Whose device it is.")
    token: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9:_-]{8,512}$",
        description="What FCM or APNs calls the device.",
    )
    subscription: Subscription | None = Field(default=None, description="Of a browser (`webpush`).")


class Registered(Model):
    id: UUID = Field(description="The same whenever this device is registered.")
    service: Service


class Forgotten(Model):
    id: UUID
