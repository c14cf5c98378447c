"""Ids: UUID version 7 (RFC 9562, section 5.7) as 16 bytes, so that rows made together lie together."""

from __future__ import annotations

from datetime import datetime

from records.randomness import randomness
from records.tables import microseconds

_RANDOM = 74  # Bits of an id that are neither time, version nor variant.
_MASK_B = (1 << 62) - 1


class IdMaker:
    """Makes ids that grow: within one millisecond, or when the clock goes back, the random part counts on
    from the last id by a random step (RFC 9562, section 6.2, method 2)."""

    def __init__(self) -> None:
        self._milliseconds = -1
        self._random = 0

    def __call__(self, now: datetime) -> bytes:
        milliseconds = microseconds(now) // 1000
        if milliseconds > self._milliseconds:
            self._milliseconds = milliseconds
            self._random = randomness.getrandbits(_RANDOM - 1)  # The top bit stays free for counting on.
        else:
            self._random += 1 + randomness.getrandbits(32)
            if self._random >> _RANDOM:
                self._milliseconds += 1
                self._random = randomness.getrandbits(_RANDOM - 1)
        upper, lower = self._random >> 62, self._random & _MASK_B
        return (self._milliseconds << 80 | 7 << 76 | upper << 64 | 2 << 62 | lower).to_bytes(16)


new_id = IdMaker()
"""``new_id(now)``: an id greater than all that this process made before, 16 bytes."""


def next_id(now: datetime, last: bytes) -> bytes:
    """An id greater than ``last``, whatever the clocks of two processes say."""
    made = new_id(now)
    return made if made > last else (int.from_bytes(last) + 1).to_bytes(16)


def least_id(now: datetime) -> bytes:
    """Less than every id made at this moment, greater than every earlier one (RFC 9562, section 5.7)."""
    return (microseconds(now) // 1000).to_bytes(6) + bytes(10)
