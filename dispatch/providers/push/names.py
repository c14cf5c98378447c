"""Whom a push goes to: an address of the channel is ``<service>:<what the service calls the device>``, so
that several services can be had at once and a route can tell them apart by how addresses begin."""

from __future__ import annotations

from datetime import datetime

from dispatch.errors import Unroutable
from dispatch.provider import Outgoing

SERVICES = ("fcm", "webpush", "apns")


def device(outgoing: Outgoing, service: str) -> str:
    """What the service calls it. Raises ``Unroutable`` for an address of another service."""
    named, colon, rest = outgoing.to.partition(":")
    if not colon or named not in SERVICES:
        return outgoing.to
    if named != service:
        raise Unroutable(f"an address of {named}")
    return rest


def seconds_left(outgoing: Outgoing, now: datetime, most: int) -> int:
    """How long the service may keep it for a device that is away."""
    return max(0, min(most, int((outgoing.expires_at - now).total_seconds())))
