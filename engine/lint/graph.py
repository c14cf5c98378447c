"""The ways through one flow: which states lead where, and which variables are set on every way to a state."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from engine.findings import Path
from engine.lint.conditions import Condition, proved
from engine.reader import Source, kind_of
from engine.schema import BUILT_IN

ELSE = "else"
DONE = "done"
NOTHING: frozenset[str] = frozenset()

# Kinds of state that lead to the next one without an answer; a ``run`` may, a ``handover`` that fails does.
PASSING = ("say", "call", "branch", "run", "handover")
LAST = ("end", "handover")


@dataclass(frozen=True, slots=True)
class Ending:
    """One outcome of a need or flow: the variables that it brings, and whether an answer was waited for."""

    brings: frozenset[str] = NOTHING
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Ways:
    """The outcomes of a call, run or handover; ``outcomes`` is None when nothing is known of them, and each
    is then taken for ``unknown``."""

    outcomes: Mapping[str, Ending] | None
    unknown: Ending = Ending()

    def of(self, go: str | Mapping[str, str]) -> Iterator[tuple[str, Ending]]:
        """(next state, ending) of every way that may be taken."""
        keys = {ELSE: go} if isinstance(go, str) else go
        known = self.outcomes or {}
        for key, target in keys.items():
            if key != ELSE:
                yield target, known.get(key, self.unknown)
                continue
            rest = [ending for outcome, ending in known.items() if outcome not in keys]
            for ending in rest or [self.unknown]:
                yield target, ending


@dataclass(frozen=True, slots=True)
class Edge:
    """A way from one state to the next. It sets ``brings``; ``waits`` tells whether an answer comes first."""

    source: str
    target: str
    brings: frozenset[str] = NOTHING
    waits: bool = False


class Graph:
    """The ways through a sound flow. States that do not exist are left out of ``edges``."""

    def __init__(self, source: Source, ways: Callable[[Mapping[str, Any]], Ways]) -> None:
        self.source = source
        self.states: Mapping[str, Mapping[str, Any]] = source.data["states"]
        self.start: str = source.data["start"]
        self.edges: dict[str, list[Edge]] = {
            name: [edge for edge in _edges(name, state, ways) if edge.target in self.states]
            for name, state in self.states.items()
        }
        self.takes = frozenset(source.data.get("takes", ())) | frozenset(BUILT_IN)
        self.known = self._known()

    @property
    def endings(self) -> Mapping[str, Ending]:
        """How the flow ends, by the outcome of its ends."""
        silent = self.passed()
        endings: dict[str, Ending] = {}
        for name, known in self.known.items():
            state = self.states[name]
            if "end" not in state:
                continue
            outcome = state.get("outcome", DONE)
            other = endings.get(outcome, Ending(known, waits=True))
            endings[outcome] = Ending(other.brings & known, other.waits and name not in silent)
        return endings

    def _known(self) -> dict[str, frozenset[str]]:
        """For each state that can be reached: the variables that are set on every way to it."""
        known: dict[str, frozenset[str]] = {}
        waiting = [(self.start, self.takes)] if self.start in self.states else []
        while waiting:
            name, arriving = waiting.pop()
            before = known.get(name)
            now = arriving if before is None else before & arriving
            if now != before:
                known[name] = now
                waiting += [(edge.target, now | edge.brings) for edge in self.edges[name]]
        return {name: known[name] for name in self.states if name in known}

    def passed(self) -> set[str]:
        """The states that are reached from the start without an answer."""
        seen: set[str] = set()
        waiting = [self.start] if self.start in self.states else []
        while waiting:
            name = waiting.pop()
            if name not in seen:
                seen.add(name)
                waiting += [edge.target for edge in self.edges[name] if not edge.waits]
        return seen

    def leading_to_end(self) -> set[str]:
        """The states from which some way leads to an end or a handover."""
        before: dict[str, list[str]] = {}
        for edges in self.edges.values():
            for edge in edges:
                before.setdefault(edge.target, []).append(edge.source)
        waiting = [name for name, state in self.states.items() if kind_of(state) in LAST]
        seen: set[str] = set()
        while waiting:
            name = waiting.pop()
            if name not in seen:
                seen.add(name)
                waiting += before.get(name, ())
        return seen

    def way_without(self, variable: str, to: str) -> list[str]:
        """The shortest way to a state on which the variable is never set, as names of states."""
        ways: dict[str, list[str]] = {self.start: [self.start]}
        waiting = [self.start]
        for name in waiting:
            if name == to:
                break
            for edge in self.edges[name]:
                if variable not in edge.brings and edge.target not in ways:
                    ways[edge.target] = [*ways[name], edge.target]
                    waiting.append(edge.target)
        return ways.get(to, [to])


def targets(state: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """Every state that a state names, with the place where it does."""
    go = state.get("go")
    if isinstance(go, str):
        yield ("go",), go
    elif go is not None:
        for outcome, target in go.items():
            yield ("go", outcome), target
    for key in ("options", "branch"):
        for number, part in enumerate(state.get(key, ())):
            if "go" in part:
                yield (key, number, "go"), part["go"]
    for key in ("attempts", "timeout"):
        if key in state:
            yield (key, "go"), state[key]["go"]


def _edges(name: str, state: Mapping[str, Any], ways: Callable[[Mapping[str, Any]], Ways]) -> Iterator[Edge]:
    kind = kind_of(state)
    if kind in ("menu", "ask"):
        kept = frozenset((state["save"],)) if "save" in state else NOTHING
        saved = NOTHING if "files" in state else kept
        for option in state.get("options", ({},)):
            target = option.get("go", state.get("go"))
            if target is not None:
                shown = proved(option["if"], True) if "if" in option else NOTHING
                yield Edge(name, target, saved | shown, waits=True)
        if "files" in state and "go" in state:
            yield Edge(name, state["go"], kept, waits=True)
        for key in ("attempts", "timeout"):
            if key in state:
                yield Edge(name, state[key]["go"], waits=True)
    elif kind == "say":
        yield Edge(name, state["go"])
    elif kind == "branch":
        yield from _cases(name, state["branch"])
    elif kind != "end":
        for target, ending in ways(state).of(state["go"]):
            yield Edge(name, target, ending.brings, ending.waits)


def _cases(name: str, cases: list[Mapping[str, Any]]) -> Iterator[Edge]:
    """The edges of a branch: each knows that its condition holds and those before it do not."""
    failed = NOTHING
    for case in cases:
        condition: Condition = case.get("if", {})
        yield Edge(name, case["go"], failed | proved(condition, True))
        failed |= proved(condition, False) if condition else NOTHING
