"""What flows may ask for: the signature of each need, so that lint can check a ``call`` before it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

# Outcomes that every need has beside its own: it could not be met, or not in time.
FAILED = "failed"
SLOW = "slow"

# What the engine itself asks for in a handover.
HAND_OVER = "handover.request"
SAY = "handover.say"
LEAVE = "handover.leave"

# And where files come with an answer.
TAKE = "files.take"


@dataclass(frozen=True, slots=True)
class NeedSpec:
    """``arguments``: name → whether it is required. ``outcomes``: name → the variables that this outcome
    sets in the flow. ``writes``: "back" cannot return to before it. ``fa`` and ``en`` say what it does, for
    the reference that operators read."""

    name: str
    fa: str
    en: str
    arguments: Mapping[str, bool] = field(default_factory=dict)
    outcomes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    writes: bool = False
