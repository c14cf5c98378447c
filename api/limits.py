"""How much each key may ask for: a bucket of messages that fills by its rate. A call counts as one message,
and one that sends as many as it sends.

Where all processes share their buckets (Redis), what is left in one is not known here, and is not told.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from time import monotonic

from dispatch.limits import SharedBuckets
from services.accounts import Holder

SECONDS = 10  # What a key may save up.
LEAST = 1_000  # A bucket holds the largest call, or that could never be made.
MOST_KNOWN = 4_096


def full(holder: Holder) -> float:
    """What the bucket of a key holds."""
    return float(max(LEAST, holder.rate * SECONDS))


class Limits:
    """``clock`` counts seconds and never goes back."""

    def __init__(self, shared: SharedBuckets | None = None, clock: Callable[[], float] = monotonic) -> None:
        self._shared = shared
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}
        self._away = True  # Whether the shared ones are, if there are any.

    async def take(self, holder: Holder, messages: int) -> float:
        """Takes so many of what the key may send, and returns 0; or nothing, and the seconds to wait."""
        if self._shared is not None:
            said = await self._shared.take(
                f"api:{holder.prefix}", holder.rate, full(holder), messages, messages
            )
            self._away = said is None
            if said is not None:
                return said[0]
        tokens = self._tokens(holder)
        if tokens < messages:
            return (messages - tokens) / holder.rate
        self._keep(holder, tokens - messages)
        return 0.0

    def headers(self, holder: Holder) -> Mapping[str, str]:
        """``RateLimit-*``: what the bucket holds at most, what is left, seconds until it is full."""
        most = full(holder)
        if not self._away:
            return {"RateLimit-Limit": str(int(most))}
        tokens = self._tokens(holder)
        return {
            "RateLimit-Limit": str(int(most)),
            "RateLimit-Remaining": str(int(tokens)),
            "RateLimit-Reset": str(math.ceil((most - tokens) / holder.rate)),
        }

    def _tokens(self, holder: Holder) -> float:
        most, now = full(holder), self._clock()
        tokens, at = self._buckets.get(holder.prefix, (most, now))
        return min(most, tokens + holder.rate * max(now - at, 0.0))

    def _keep(self, holder: Holder, tokens: float) -> None:
        if len(self._buckets) >= MOST_KNOWN and holder.prefix not in self._buckets:
            self._buckets.clear()
        self._buckets[holder.prefix] = (tokens, self._clock())
