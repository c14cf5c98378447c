"""Whether we are talking to a machine: two systems that answer one another would do so for ever.

Pure: from what a sender sent before, and what was done with it, the rule that is broken. What people do stays
far below these limits; one who breaks them is not answered for a while, and every message is kept.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from engine.fold import key
from records.inbox import Past

# What was done with a message, as the inbox keeps it.
ANSWERED = "answered"
CONSENT = "consent"  # 11 and 12.
QUIET = "quiet"  # The turn was taken and had nothing to say.
KEPT = "kept"  # Nobody to be answered.
CUT = "cut"  # A rule was broken by this one: from here on the sender is not answered for a while.
SILENT = "silent"  # It came meanwhile.
LATE = "late"
BROKEN = "broken"
UNREADABLE = "unreadable"
OUTCOMES = (ANSWERED, CONSENT, QUIET, KEPT, CUT, SILENT, LATE, BROKEN, UNREADABLE)

REST = "rest"  # The rule that one breaks who is to be left alone.

_TALK = frozenset((ANSWERED, CONSENT))
_DIGITS = re.compile("[0-9]+")


@dataclass(frozen=True, slots=True)
class Limits:
    """``same``: the same words so often within ``same_within``. ``answers``: answers to one sender within
    ``memory``. ``run``: messages in a row, each no later than ``gap`` after our answer to the one before.
    ``flood``: messages of any kind within ``memory``. ``rest``: how long a sender is not answered then.

    Words of up to ``short`` characters are a person's choices from menus: they count for ``answers`` and
    ``flood`` alone, and end a run.
    """

    short: int = 3
    same: int = 5
    same_within: timedelta = timedelta(minutes=10)
    run: int = 8
    gap: timedelta = timedelta(seconds=30)
    answers: int = 30
    flood: int = 120
    memory: timedelta = timedelta(hours=1)
    rest: timedelta = timedelta(hours=1)


LIMITS = Limits()


def skeleton(text: str, limits: Limits = LIMITS) -> str:
    """What two messages of one machine have in common: their words without the numbers, which count up or
    tell the time. "" where there are too few words to tell."""
    words = key(text)
    without = _DIGITS.sub("", words)
    bare = without if len(without) > limits.short else words
    return bare if len(bare) > limits.short else ""


def broken(past: Sequence[Past], said: bytes | None, at: datetime, limits: Limits = LIMITS) -> str:
    """The rule that a message breaks which came ``at`` and says ``said`` (None: too little to tell), by its
    name: ``rest``, ``flood``, ``same``, ``answers``, ``run``; "" when it breaks none. ``past`` is what the
    sender sent within ``limits.memory``, the newest first, at most ``limits.flood``."""
    if any(each.outcome == CUT and at - each.received_at < limits.rest for each in past):
        return REST
    if len(past) >= limits.flood:
        return "flood"
    if said is not None:
        alike = [each for each in past if each.said == said and at - each.received_at < limits.same_within]
        if len(alike) >= limits.same:
            return "same"
    if sum(each.outcome in _TALK for each in past) >= limits.answers:
        return "answers"
    return "run" if said is not None and _run(past, at, limits) >= limits.run else ""


def _run(past: Sequence[Past], at: datetime, limits: Limits) -> int:
    """How many messages with words came in a row before this one, each answered and answered at once."""
    count = 0
    for each in past:
        answered = each.done_at if each.outcome in _TALK else None
        if each.said is None or answered is None or at - answered > limits.gap:
            break
        count, at = count + 1, each.received_at
    return count
