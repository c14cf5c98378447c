"""Random numbers and bytes from the operating system (``os.urandom``), drawn many at once.

Each call to the system lets go of Python's lock; a turn that asks for a few bytes at a time would wait each
time until another thread, such as the one that writes to SQLite, gives it back.
"""

from __future__ import annotations

import os
from random import SystemRandom

PIECE = 16  # Bytes; the most that is given at once.
_DRAWN = 256  # Pieces.


class Randomness(SystemRandom):
    """As ``random.SystemRandom`` and as unpredictable; no piece is given twice, whichever threads ask."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []

    def randbytes(self, n: int) -> bytes:
        """``n`` random bytes, at most 16."""
        try:
            return self._pieces.pop()[:n]  # Of a list, ``pop`` is one step: no two threads get the same.
        except IndexError:
            drawn = os.urandom(PIECE * _DRAWN)
            pieces = [drawn[start : start + PIECE] for start in range(0, len(drawn), PIECE)]
            piece = pieces.pop()
            self._pieces = pieces
            return piece[:n]

    def getrandbits(self, k: int) -> int:
        """``k`` random bits, at most 128."""
        return int.from_bytes(self.randbytes(PIECE)) >> (8 * PIECE - k)


randomness = Randomness()
"""The process's own."""
