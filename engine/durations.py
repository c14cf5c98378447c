"""Durations as operators write them: ``90s``, ``10m``, ``24h``."""

from __future__ import annotations

import re

_DURATION = re.compile(r"([1-9][0-9]{0,5})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def seconds(text: str) -> float:
    """The duration in seconds; ``ValueError`` when it is none."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a duration such as 90s, 10m or 24h")
    return float(match[1]) * _SECONDS[match[2]]
