"""Variables that are read before every way sets them, or that nothing sets; saves that nothing reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from engine.findings import Path, Report
from engine.handing import ACCEPTED
from engine.lint.conditions import proved, reads
from engine.lint.graph import Graph
from engine.lint.placeholders import placeholders
from engine.lint.scope import Scope
from engine.needs import HAND_OVER
from engine.reader import Source, kind_of

# (variable, place, whether it may be unset there)
Read = tuple[str, Path, bool]


def check(scope: Scope, source: Source, report: Report) -> None:
    graph = scope.graph(source)
    if any("call" in state and state["call"] not in scope.needs for state in graph.states.values()):
        return  # What an unknown need brings is not known.
    somewhere = graph.takes | _set_somewhere(scope, graph)
    read: set[str] = set()
    for name, state in graph.states.items():
        known = graph.known.get(name)
        for variable, place, may_be_unset in _reads(scope, state, known or somewhere):
            read.add(variable)
            path = ("states", name, *place)
            if variable not in somewhere:
                nearest = report.nearest(variable, somewhere)
                report.add("unknown-variable", path, variable=variable, nearest=nearest)
            elif known is not None and variable not in known and not may_be_unset:
                way = " → ".join(graph.way_without(variable, name))
                report.add("unset-variable", path, variable=variable, way=way)
    _check_saves(scope, source, report, read)


def _set_somewhere(scope: Scope, graph: Graph) -> set[str]:
    """All variables that some state of the flow sets."""
    names: set[str] = set()
    for state in graph.states.values():
        if "call" in state:
            for brings in scope.needs[state["call"]].outcomes.values():
                names |= set(brings)
        elif "handover" in state and HAND_OVER in scope.needs:
            for brings in scope.needs[HAND_OVER].outcomes.values():
                names |= set(brings)
        elif "run" in state:
            names |= set(state.get("save", ()))
        elif "save" in state:
            names.add(state["save"])
    return names


def _reads(scope: Scope, state: Mapping[str, Any], known: frozenset[str] | set[str]) -> Iterator[Read]:
    """All that a state reads; ``known`` is what is set on every way to it."""
    known = frozenset(known)
    if "handover" in state and (spec := scope.needs.get(HAND_OVER)) is not None:
        known |= frozenset(spec.outcomes.get(ACCEPTED, ()))
    for key in ("menu", "ask", "say", "handover", "callback", "end", "invalid"):
        if key in state:
            yield from _text(state[key], known, (key,))
    for number, option in enumerate(state.get("options", ())):
        place: Path = ("options", number)
        shown = known
        if "if" in option:
            yield from reads(option["if"], known, (*place, "if"))
            shown |= proved(option["if"], True)
        yield from _text(option["label"], shown, (*place, "label"))
    for number, case in enumerate(state.get("branch", ())):
        if "if" in case:
            yield from reads(case["if"], known, ("branch", number, "if"))
            known |= proved(case["if"], False)
    optional: set[str] = set()
    if "call" in state:
        takes = scope.needs[state["call"]].arguments
        optional = {name for name, required in takes.items() if not required}
    for name, value in state.get("with", {}).items():
        if isinstance(value, str) and value.startswith("$"):
            yield value[1:], ("with", name), name in optional or value[1:] in known


def _text(text: str, known: frozenset[str], place: Path) -> Iterator[Read]:
    for variable in dict.fromkeys(name for name, _format in placeholders(text)):
        yield variable, place, variable in known


def _check_saves(scope: Scope, source: Source, report: Report, read: set[str]) -> None:
    """``read``: all variables that the flow reads."""
    for name, state in source.data["states"].items():
        place = ("states", name, "save")
        if kind_of(state) != "run":
            saved = state.get("save")
            if saved is not None and saved not in read and (source.name, saved) not in scope.taken_over:
                report.add("unused-save", place, variable=saved)
            continue
        run = scope.by_name.get(state["run"])
        theirs_known = _of_flow(scope, run) if run is not None and run.sound else None
        for mine, theirs in state.get("save", {}).items():
            if mine not in read and (source.name, mine) not in scope.taken_over:
                report.add("unused-save", (*place, mine), variable=mine)
            if theirs_known is not None and theirs not in theirs_known:
                nearest = report.nearest(theirs, theirs_known)
                report.add(
                    "unknown-run-variable",
                    (*place, mine),
                    flow=state["run"],
                    variable=theirs,
                    nearest=nearest,
                )


def _of_flow(scope: Scope, source: Source) -> frozenset[str] | None:
    """All variables of another flow, or None where they are not all known."""
    graph = scope.graph(source)
    if any("call" in state and state["call"] not in scope.needs for state in graph.states.values()):
        return None
    return frozenset(source.data.get("takes", ())) | _set_somewhere(scope, graph)
