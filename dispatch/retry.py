"""What to do after a failed attempt: data in, decision out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from dispatch.errors import (
    Ambiguous,
    Away,
    DispatchError,
    Misconfigured,
    Rejected,
    Throttled,
    Unreachable,
    Unroutable,
    Unsubscribed,
)

# Waits after the first, second, … failed attempt, by class. One attempt more than there are waits.
# A one-time code lives two minutes, so its waits are short; advertising can wait for the provider.
WAITS: Mapping[str, tuple[int, ...]] = {
    "otp": (2, 4, 8, 15, 30),
    "service": (5, 15, 60, 300, 900, 3_600),
    "bulk": (60, 300, 900, 3_600),
}
THROTTLED = timedelta(seconds=5)  # Where the provider did not say for how long.
MISCONFIGURED = timedelta(seconds=60)  # How soon a repaired provider is noticed.

# Whether a message that may have gone is sent again where the provider cannot tell a repetition. A code or
# a notice that never comes costs a person more than one that comes twice; with advertising it is the reverse.
AGAIN_WHEN_AMBIGUOUS: Mapping[str, bool] = {"otp": True, "service": True, "bulk": False}


# A provider that asks to be left alone for longer than this is passed over where another one may carry.
LONG = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Again:
    """Try again at ``at``. ``spent``: whether the failed attempt counts."""

    at: datetime
    spent: bool = True


@dataclass(frozen=True, slots=True)
class Stop:
    """Nothing more will be tried; the message ends as ``status``."""

    status: str


Decision = Again | Stop


def decide(
    error: type[DispatchError],
    klass: str,
    attempts: int,
    now: datetime,
    expires_at: datetime,
    *,
    repeatable: bool = False,
    retry_after: timedelta | None = None,
) -> Decision:
    """The next step after ``error``, the ``attempts``-th attempt (from 1) of a message of class ``klass``.

    ``repeatable``: the provider does not send a second time what it took already. A message whose next
    attempt would come after ``expires_at`` ends as ``expired``, now.
    """
    if issubclass(error, Unsubscribed):
        return Stop("blocked")
    if issubclass(error, (Rejected, Unroutable)):
        return Stop("failed")
    if issubclass(error, Ambiguous) and not repeatable and not AGAIN_WHEN_AMBIGUOUS[klass]:
        return Stop("failed")
    if issubclass(error, (Throttled, Misconfigured, Away)):
        usual = MISCONFIGURED if issubclass(error, Misconfigured) else THROTTLED
        return _again(now + (retry_after or usual), expires_at, spent=False)
    if issubclass(error, (Unreachable, Ambiguous)):
        waits = WAITS[klass]
        if attempts > len(waits):
            return Stop("failed")
        wait = timedelta(seconds=waits[max(attempts, 1) - 1])
        return _again(now + max(wait, retry_after or wait), expires_at, spent=True)
    raise TypeError(f"no rule for {error.__name__}")


def elsewhere(error: DispatchError, klass: str) -> bool:
    """Whether another provider is tried at once after ``error``. Not for what no provider will carry, and not
    where this one may have taken it."""
    if isinstance(error, Throttled):
        return klass == "otp" or (error.retry_after or THROTTLED) > LONG
    return isinstance(error, Unreachable | Misconfigured | Unroutable)


def _again(at: datetime, expires_at: datetime, *, spent: bool) -> Decision:
    return Again(at, spent) if at < expires_at else Stop("expired")
