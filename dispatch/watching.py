"""Who is told what became of messages, to count it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from records.claims import Lane

Watcher = Callable[[Lane, str, timedelta], None]


def unwatched(lane: Lane, outcome: str, waited: timedelta) -> None:
    """Nobody counts."""
