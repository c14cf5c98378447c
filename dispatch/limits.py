"""How many parts each provider may be handed in a second: a token bucket, with the time passed in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

BURST = 1.0  # Seconds' worth that may go at once after silence.
# What advertising and notices leave of the burst to those who are in more of a hurry.
KEPT: Mapping[str, float] = {"otp": 0.0, "service": 0.1, "bulk": 0.25}


def refilled(tokens: float, rate: float, passed: float) -> float:
    """What is in a bucket after ``passed`` seconds; a clock that was set back takes nothing out."""
    return min(max(rate * BURST, 1.0), tokens + rate * max(passed, 0.0))


def wait_for(tokens: float, rate: float, parts: int, klass: str) -> float:
    """Seconds until ``parts`` may be taken; 0 where they may be taken now. More than a bucket holds may go
    when it is full, and leaves a debt."""
    full = max(rate * BURST, 1.0)
    wanted = min(parts + full * KEPT[klass], full)
    return max(0.0, (wanted - tokens) / rate)


class Limits(Protocol):
    async def take(self, provider: str, parts: int, klass: str) -> float:
        """Takes so many parts of what the provider may be handed, and returns 0; or takes nothing, and
        returns how many seconds to wait. Never raises."""


class Unlimited:
    """Nobody has a rate."""

    async def take(self, provider: str, parts: int, klass: str) -> float:
        return 0.0


class SharedBuckets(Protocol):
    """Buckets that all processes take from."""

    async def take(
        self, name: str, rate: float, full: float, parts: int, wanted: float
    ) -> tuple[float, int] | None:
        """Takes ``parts`` where ``wanted`` are there. Seconds to wait (0: taken), and how many processes take
        from this bucket; None when that cannot be done now."""


class Rates:
    """Buckets by ``rates`` (parts a second by provider): shared ones, and while these are away ones of this
    process, each with its part of the rate among as many processes as were there last. ``clock`` counts
    seconds and never goes back."""

    def __init__(
        self, rates: Mapping[str, float], shared: SharedBuckets | None, clock: Callable[[], float]
    ) -> None:
        self._rates = rates
        self._shared = shared
        self._clock = clock
        self._processes: dict[str, int] = {}
        self._buckets: dict[str, tuple[float, float]] = {}

    async def take(self, provider: str, parts: int, klass: str) -> float:
        rate = self._rates.get(provider)
        if rate is None:
            return 0.0
        if self._shared is not None:
            full = max(rate * BURST, 1.0)
            wanted = min(parts + full * KEPT[klass], full)
            said = await self._shared.take(provider, rate, full, parts, wanted)
            if said is not None:
                wait, self._processes[provider] = said
                return wait
        return self._take(provider, rate / max(self._processes.get(provider, 1), 1), parts, klass)

    def _take(self, provider: str, rate: float, parts: int, klass: str) -> float:
        now = self._clock()
        tokens, at = self._buckets.get(provider, (rate * BURST, now))
        tokens = refilled(tokens, rate, now - at)
        wait = wait_for(tokens, rate, parts, klass)
        self._buckets[provider] = (tokens if wait else tokens - parts, now)
        return wait
