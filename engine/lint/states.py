"""The way through the states: unknown, unreachable, endless and circling ones."""

from __future__ import annotations

from collections.abc import Iterator

from engine.findings import Report
from engine.lint.graph import Graph, targets
from engine.lint.scope import Scope
from engine.reader import Source


def check(scope: Scope, source: Source, report: Report) -> None:
    graph = scope.graph(source)
    complete = True
    if graph.start not in graph.states:
        complete = False
        report.add(
            "unknown-state", ("start",), state=graph.start, nearest=report.nearest(graph.start, graph.states)
        )
    for name, state in graph.states.items():
        for place, target in targets(state):
            if target not in graph.states:
                complete = False
                nearest = report.nearest(target, graph.states)
                report.add("unknown-state", ("states", name, *place), state=target, nearest=nearest)
        for number, option in enumerate(state.get("options", ())):
            if "go" not in option and "go" not in state:
                complete = False
                report.add("option-without-go", ("states", name, "options", number))
        missing = [key for key in ("save", "go") if "files" in state and key not in state]
        if missing:
            complete = False
            report.add("files-without-key", ("states", name, "files"), keys=", ".join(missing))
    if not complete:
        return  # What is unreachable or endless follows from what was just told.
    for name in graph.states:
        if name not in graph.known:
            report.add("unreachable-state", ("states", name), state=name)
    ending = graph.leading_to_end()
    endless = [name for name in graph.known if name not in ending]
    if endless:
        report.add("no-way-to-end", ("states", endless[0]), states=", ".join(endless))
    for circle in circles(graph):
        report.add("loop-without-wait", ("states", circle[0]), states=" → ".join([*circle, circle[0]]))


def circles(graph: Graph) -> Iterator[list[str]]:
    """A circle of states that wait for nothing, one for each group of states that lead to one another."""
    ahead = {
        name: [edge.target for edge in graph.edges[name] if not edge.waits and edge.target in graph.known]
        for name in graph.known
    }
    knotted = _knotted(ahead)
    ahead = {
        name: [target for target in ahead[name] if target in knotted] for name in ahead if name in knotted
    }
    told: set[str] = set()
    for start in ahead:
        if start in told:
            continue
        circle = _circle(start, ahead)
        if circle:
            told |= _group(start, ahead)
            yield circle


def _knotted(ahead: dict[str, list[str]]) -> set[str]:
    """The states that are left when those that lead nowhere are taken away, again and again."""
    behind: dict[str, list[str]] = {name: [] for name in ahead}
    for name, further in ahead.items():
        for target in further:
            behind[target].append(name)
    left = {name: len(further) for name, further in ahead.items()}
    waiting = [name for name, count in left.items() if not count]
    for name in waiting:
        for source in behind[name]:
            left[source] -= 1
            if not left[source]:
                waiting.append(source)
    return {name for name, count in left.items() if count}


def _circle(start: str, ahead: dict[str, list[str]]) -> list[str]:
    """The shortest way from a state back to itself, or nothing."""
    ways = {name: [start, name] for name in ahead[start]}
    waiting = list(ways)
    for name in waiting:
        if name == start:
            return ways[name][:-1]
        for further in ahead[name]:
            if further not in ways:
                ways[further] = [*ways[name], further]
                waiting.append(further)
    return []


def _group(start: str, ahead: dict[str, list[str]]) -> set[str]:
    """The states that are ahead of a state and lead back to it."""
    behind: dict[str, list[str]] = {name: [] for name in ahead}
    for name, further in ahead.items():
        for target in further:
            behind[target].append(name)
    return _reached(start, ahead) & _reached(start, behind)


def _reached(start: str, ahead: dict[str, list[str]]) -> set[str]:
    seen = {start}
    waiting = [start]
    for name in waiting:
        for target in ahead[name]:
            if target not in seen:
                seen.add(target)
                waiting.append(target)
    return seen
