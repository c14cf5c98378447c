"""How fast one bot may speak: to everybody together, and to each chat.

The generic cell rate algorithm: of each limit only the time is kept at which its next message is due, so a
limit costs one number, and a chat that was quiet costs none.
"""

from __future__ import annotations

from collections.abc import Callable

KEPT = 10_000  # Chats that are remembered before those that are quiet again are dropped.


class Pace:
    """``rate`` messages a second to all chats and ``chat_rate`` to each, after as many as ``burst`` and
    ``chat_burst`` at once. ``clock`` is in seconds and never goes back. 0 means no limit."""

    def __init__(
        self,
        rate: float,
        chat_rate: float,
        *,
        clock: Callable[[], float],
        burst: int = 30,
        chat_burst: int = 5,
    ) -> None:
        self._every = 1 / rate if rate else 0.0
        self._chat_every = 1 / chat_rate if chat_rate else 0.0
        self._slack = self._every * (burst - 1)
        self._chat_slack = self._chat_every * (chat_burst - 1)
        self._clock = clock
        self._next = 0.0
        self._chats: dict[str, float] = {}

    def place(self, chat: str, patience: float) -> float:
        """Takes the next place for a message to this chat and returns how long it is until then, in seconds.
        When that is longer than ``patience``, no place is taken."""
        now = self._clock()
        due = max(self._next, now)
        chat_due = max(self._chats.get(chat, 0.0), now)
        wait = max(due - self._slack, chat_due - self._chat_slack, now) - now
        if wait > patience:
            return wait
        self._next = due + self._every
        if self._chat_every:
            self._chats[chat] = chat_due + self._chat_every
            if len(self._chats) > KEPT:
                self._chats = {known: until for known, until in self._chats.items() if until > now}
        return wait
