"""How healthy each provider is, from what became of what it was handed: arithmetic, with the time passed in.

A provider gets a share of its weight, from 1 (well) down to ``LEAST``: never nothing, or nobody would notice
that it is well again. The share moves towards what the rate of faults of the last minutes deserves, down
within half a minute or so and back within minutes; a provider of whom too little is known is believed well,
so that it drifts back while it is quiet. Only faults of the provider count. What it refuses for its content
is no fault, or who fails fast on nothing but wrong numbers would look ill; how quick it answers counts
nothing, or who fails fast would look well.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from dispatch.errors import Ambiguous, Misconfigured, Throttled, Unreachable, Unroutable
from dispatch.provider import Accepted, Outcome

WINDOW = timedelta(minutes=5)
ENOUGH = 20  # Messages below which nothing is concluded: one fault is no rate.
TOLERATED = 0.05  # Faults among them that everybody has.
HOPELESS = 0.5
LEAST = 0.02
FALL = timedelta(seconds=20)  # In this time a share goes two thirds of the way down,
RISE = timedelta(seconds=120)  # and in this one up.


@dataclass(slots=True)
class Counts:
    """What became of messages: ``taken``, ``faults`` of the provider, ``refused`` for what they are, and
    ``throttled``."""

    taken: int = 0
    faults: int = 0
    refused: int = 0
    throttled: int = 0

    def count(self, outcome: Outcome) -> None:
        if isinstance(outcome, Accepted):
            self.taken += 1
        elif isinstance(outcome, Throttled):
            self.throttled += 1
        elif isinstance(outcome, Unreachable | Ambiguous | Misconfigured | Unroutable):
            self.faults += 1
        else:
            self.refused += 1

    def add(self, other: Counts) -> None:
        self.taken += other.taken
        self.faults += other.faults
        self.refused += other.refused
        self.throttled += other.throttled


def deserved(counts: Counts) -> float:
    """The share that a provider deserves by what it did in the window."""
    known = counts.taken + counts.refused + counts.faults
    if known < ENOUGH:
        return 1.0
    rate = counts.faults / known
    return max(LEAST, min(1.0, 1 - (rate - TOLERATED) / (HOPELESS - TOLERATED)))


def moved(share: float, target: float, passed: timedelta) -> float:
    """The share after ``passed``, on its way to ``target``. A clock that was set back moves nothing."""
    within = FALL if target < share else RISE
    part = 1 - math.exp(-max(passed, timedelta()) / within)
    return share + (target - share) * part


class Health:
    """The shares of this process, and what it has counted since it last said so to the others."""

    def __init__(self) -> None:
        self._shares: dict[str, float] = {}
        self._at: datetime | None = None
        self._fresh: dict[tuple[datetime, str], Counts] = {}

    def count(self, provider: str, outcome: Outcome, now: datetime) -> None:
        key = (now.replace(second=0, microsecond=0), provider)
        counts = self._fresh.get(key)
        if counts is None:
            counts = self._fresh[key] = Counts()
        counts.count(outcome)

    def share(self, provider: str) -> float:
        return self._shares.get(provider, 1.0)

    def fresh(self) -> Mapping[tuple[datetime, str], Counts]:
        """What was counted since the last time, to be told to the others."""
        fresh, self._fresh = self._fresh, {}
        return fresh

    def give_back(self, fresh: Mapping[tuple[datetime, str], Counts]) -> None:
        """It could not be told."""
        for key, counts in fresh.items():
            self._fresh.setdefault(key, Counts()).add(counts)

    def learn(self, told: Iterable[tuple[str, Counts]], now: datetime) -> None:
        """Moves the shares by what all processes counted in the window."""
        window: dict[str, Counts] = {}
        for provider, counts in told:
            window.setdefault(provider, Counts()).add(counts)
        passed = timedelta() if self._at is None else now - self._at
        self._at = now
        for provider in window.keys() | self._shares.keys():
            target = deserved(window.get(provider, Counts()))
            self._shares[provider] = moved(self.share(provider), target, passed)
