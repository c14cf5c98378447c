"""How many parts each provider may be handed in a second: a token bucket, with the time passed in."""

from __future__ import annotations

from collections.abc import Mapping
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
