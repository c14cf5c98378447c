"""Whether the clock on the wall can be trusted with others' leases.

Leases end at a time of day. Where the clock is set forward by more than they last, all of them look as if
they had run out, and what others are sending at this moment would be sent again. So whoever notices that its
clock was set leaves leases alone for as long as one lasts: who is alive renews them meanwhile, by the clock
as it is now. Between machines it is their clocks that must agree (NTP).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog

SET = 2.0  # Seconds that the clock may be corrected by between two looks before it counts as set.
GIVEN_UP = datetime(1970, 1, 1, 0, 0, 0, 1, UTC)  # After a lease that was ended, before any other.

log = structlog.get_logger(__name__)


class Steadiness:
    """``clock`` is the one on the wall, ``steady`` counts seconds and is never set (None: the wall clock is
    never set either); ``lease`` is how long leases last."""

    def __init__(
        self, clock: Callable[[], datetime], steady: Callable[[], float] | None, lease: timedelta
    ) -> None:
        self._clock = clock
        self._steady = steady
        self._lease = lease.total_seconds()
        self._apart = self._measure()
        self._patient_until = 0.0

    def lapsed_by(self, now: datetime) -> datetime:
        """The time by which others' leases must have ended to be taken over."""
        if self._steady is None:
            return now
        apart = self._measure()
        if abs(apart - self._apart) > SET:
            self._patient_until = self._steady() + self._lease
            log.warning("dispatch.clock_set", seconds=round(apart - self._apart, 1))
        self._apart = apart
        return GIVEN_UP if self._steady() < self._patient_until else now

    def _measure(self) -> float:
        return self._clock().timestamp() - (self._steady() if self._steady is not None else 0.0)
