"""What conditions read, and what they prove to be set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from engine.conditions import COMBINING
from engine.findings import Path

Condition = Mapping[str, Any]


def proved(condition: Condition, holds: bool) -> frozenset[str]:
    """The variables that are certainly set when the condition holds, or when it does not."""
    parts = [_proved(name, expected, holds) for name, expected in condition.items()]
    return _either(parts, every=holds)


def _proved(name: str, expected: Any, holds: bool) -> frozenset[str]:
    """The same of one key of a condition."""
    if name == "none":
        return _either([proved(part, not holds) for part in expected], every=holds)
    if name in COMBINING:
        return _either([proved(part, holds) for part in expected], every=(name == "all") == holds)
    if not isinstance(expected, Mapping):
        return frozenset()
    tells = expected.get("set") is holds and (holds or len(expected) == 1)
    return frozenset((name,)) if tells else frozenset()


def _either(parts: list[frozenset[str]], every: bool) -> frozenset[str]:
    """What is proved when every part is so, or when some part is and nobody knows which."""
    if not parts:
        return frozenset()
    return frozenset.union(*parts) if every else frozenset.intersection(*parts)


def reads(condition: Condition, known: frozenset[str], path: Path) -> Iterator[tuple[str, Path, bool]]:
    """(variable, place, whether it may be unset there) of each variable that the condition reads, in the
    order in which the engine tries its parts. ``known`` is what is set before."""
    for name, expected in condition.items():
        place = (*path, name)
        if name in COMBINING:
            reached = known
            for number, part in enumerate(expected):
                yield from reads(part, reached, (*place, number))
                reached |= proved(part, name == "all")
        else:
            asks = isinstance(expected, Mapping) and "set" in expected
            yield name, place, asks or name in known
        known |= _proved(name, expected, True)
