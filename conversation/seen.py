"""Which updates of a chat were taken already, whatever session took them.

Within a session the database tells (``turns``, one row for each input key). A chat goes on through one
session after another, so what tells a late repetition goes with it (``engine.session.Seen``).
"""

from __future__ import annotations

from datetime import timedelta

from conversation.request import Request
from engine.session import Seen

# Telegram delivers an update for 24 hours, and may number anew after a week without any
# (core.telegram.org/bots/api, Update): between the two a number that does not grow is a repetition.
ORDERED = timedelta(days=3)

# Where updates have no order: the beginnings of so many of the newest keys.
_KEYS = 16
_LENGTH = 8


def was_seen(seen: Seen | None, request: Request) -> bool:
    """Whether the chat has had this update."""
    if seen is None:
        return False
    order = request.incoming.order
    if order is not None and seen.order is not None:
        return order <= seen.order and request.received.timestamp() - seen.at < ORDERED.total_seconds()
    key = request.input_key
    if key is None:
        return False
    return any(seen.keys.startswith(key[:_LENGTH], at) for at in range(0, len(seen.keys), _LENGTH))


def noted(seen: Seen | None, request: Request) -> Seen | None:
    """What is known after this update."""
    order, key = request.incoming.order, request.input_key
    if order is not None:
        return Seen(order, int(request.received.timestamp()))
    if key is None:
        return seen
    before = seen.keys if seen is not None else b""
    return Seen(keys=(before + key[:_LENGTH])[-_KEYS * _LENGTH :])
