"""The states that people come to on one channel, as far as its name and its layout decide the way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from engine.conditions import COMBINING, compile_condition
from engine.handing import OUTCOMES as GOES_ON
from engine.layout import Layout
from engine.lint.graph import targets
from engine.reader import Source


def reached(source: Source, layout: Layout) -> frozenset[str]:
    """The states of a sound flow that are reached on this channel."""
    states: Mapping[str, Mapping[str, Any]] = source.data["states"]
    seen: set[str] = set()
    waiting = [source.data["start"]]
    while waiting:
        name = waiting.pop()
        if name not in seen and name in states:
            seen.add(name)
            waiting += _ahead(states[name], layout)
    return frozenset(seen)


def _ahead(state: Mapping[str, Any], layout: Layout) -> Iterator[str]:
    for place, target in targets(state):
        if "handover" in state and not layout.live and place[-1] in GOES_ON:
            continue  # There it is over with its words.
        if place[0] == "options" and holds(state["options"][place[1]].get("if", {}), layout.channel) is False:
            continue
        if place[0] != "branch":
            yield target
            continue
        held = holds(state["branch"][place[1]].get("if", {}), layout.channel)
        if held is not False:
            yield target
        if held:
            return  # The cases behind it never come.


def holds(condition: Mapping[str, Any], channel: str) -> bool | None:
    """Whether a condition holds on this channel; None when it depends on something else."""
    return _all([_key(name, expected, channel) for name, expected in condition.items()])


def _key(name: str, expected: Any, channel: str) -> bool | None:
    if name == "channel":
        try:
            return compile_condition({name: expected})(lambda _name: channel)
        except ValueError:
            return None  # It is not correct, which is told elsewhere.
    if name not in COMBINING:
        return None
    parts = [holds(part, channel) for part in expected]
    if name == "all":
        return _all(parts)
    found = _any(parts)
    return found if name == "any" or found is None else not found


def _all(parts: list[bool | None]) -> bool | None:
    if False in parts:
        return False
    return None if None in parts else True


def _any(parts: list[bool | None]) -> bool | None:
    if True in parts:
        return True
    return None if None in parts else False
