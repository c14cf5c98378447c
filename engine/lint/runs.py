"""Flows that run others: unknown flows, wrong arguments and outcomes, circles, too long chains."""

from __future__ import annotations

from collections.abc import Mapping

from engine import limits
from engine.findings import Report
from engine.lint.needs import check_arguments, check_outcomes
from engine.lint.scope import Scope
from engine.reader import Source


def check(scope: Scope, source: Source, report: Report) -> None:
    if "takes" in source.data and "opens" in source.data:
        report.add("opens-and-takes", ("takes",))
    for name, state in source.data["states"].items():
        if "run" not in state:
            continue
        place = ("states", name)
        flow = state["run"]
        run = scope.by_name.get(flow)
        if run is None:
            nearest = report.nearest(flow, scope.by_name)
            report.add("unknown-flow", (*place, "run"), flow=flow, nearest=nearest)
            continue
        circle = _way(scope, flow, source.name)
        if circle:
            # Told once for each circle, at the flow whose name comes first.
            if source.name == min(circle):
                report.add("run-recursion", (*place, "run"), flows=" → ".join([source.name, *circle]))
            continue
        chain = [source.name, *_chain(scope, flow, {})]
        if len(chain) == limits.RUN_DEPTH + 1:
            report.add("run-too-deep", (*place, "run"), flows=" → ".join(chain), most=limits.RUN_DEPTH)
        if run.sound:
            takes = dict.fromkeys(run.data.get("takes", ()), True)
            check_arguments(report, place, flow, state.get("with", {}), takes)
            endings = scope.endings(flow)
            if endings is not None:
                check_outcomes(report, place, flow, state["go"], endings)


def _runs(scope: Scope, flow: str) -> list[str]:
    """The flows that a flow runs."""
    source = scope.by_name.get(flow)
    states: Mapping[str, Mapping[str, str]] = source.data.get("states", {}) if source is not None else {}
    return list(dict.fromkeys(state["run"] for state in states.values() if "run" in state))


def _way(scope: Scope, start: str, to: str) -> list[str]:
    """The shortest way of runs from one flow to another, both included, or nothing."""
    ways = {start: [start]}
    waiting = [start]
    for flow in waiting:
        if flow == to:
            return ways[flow]
        for further in _runs(scope, flow):
            if further not in ways:
                ways[further] = [*ways[flow], further]
                waiting.append(further)
    return []


def _chain(scope: Scope, flow: str, chains: dict[str, list[str]]) -> list[str]:
    """The longest chain of flows that run one another from this one on; a circle counts once."""
    if flow not in chains:
        chains[flow] = [flow]
        further = (_chain(scope, run, chains) for run in _runs(scope, flow))
        chains[flow] = [flow, *max(further, key=len, default=[])]
    return chains[flow]
