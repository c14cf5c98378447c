"""Words of the hand-over that programs read: reasons, events of sessions, signals between processes."""

from __future__ import annotations

# Why an operator closed a thread. Those that people leave are ``left`` and ``late``.
REASONS = ("resolved", "unresolved", "silent")

CLOSED = "closed"  # The event that a session is owed when its thread was closed.

# Signals about a person (their party), or with ``NEWS`` also about a thread. For who talks with the person:
PERSON_TYPES = "person types"
PERSON_HERE = "person here"
PERSON_AWAY = "person away"
# For the person:
TYPING = "typing"
HERE = "here"
AWAY = "away"
# About a thread, for who speaks for us in its chat:
WRITES = "writes"
# For both: there is something new in the records.
NEWS = "news"
