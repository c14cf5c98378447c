"""Calls: unknown needs and arguments, missing and unknown outcomes."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from engine.findings import Path, Report
from engine.handing import OUTCOMES as GOES_ON
from engine.lint.graph import ELSE
from engine.lint.scope import Scope
from engine.needs import HAND_OVER
from engine.reader import Source, kind_of


def check(scope: Scope, source: Source, report: Report) -> None:
    for name, state in source.data["states"].items():
        place: Path = ("states", name)
        kind = kind_of(state)
        if kind not in ("call", "handover"):
            continue
        need = state["call"] if kind == "call" else HAND_OVER
        if need not in scope.needs:
            nearest = report.nearest(need, scope.needs)
            report.add("unknown-need", (*place, kind), need=need, nearest=nearest)
            continue
        if kind == "call":
            check_arguments(report, place, need, state.get("with", {}), scope.needs[need].arguments)
        optional = GOES_ON if kind == "handover" else ()
        check_outcomes(report, place, need, state["go"], scope.ways(state).outcomes or (), optional)


def check_arguments(
    report: Report, place: Path, called: str, given: Mapping[str, object], takes: Mapping[str, bool]
) -> None:
    """``takes``: name → whether it is required."""
    for name in given:
        if name not in takes:
            report.add(
                "unknown-argument",
                (*place, "with", name),
                called=called,
                argument=name,
                nearest=report.nearest(name, takes),
                arguments=", ".join(takes) or "–",
            )
    for name, required in takes.items():
        if required and name not in given:
            report.add("missing-argument", (*place, "with"), called=called, argument=name)


def check_outcomes(
    report: Report,
    place: Path,
    called: str,
    go: str | Mapping[str, str],
    outcomes: Collection[str],
    optional: Collection[str] = (),
) -> None:
    """``optional``: the outcomes that need no way."""
    if isinstance(go, str):
        return
    for outcome in go:
        if outcome != ELSE and outcome not in outcomes:
            report.add(
                "unknown-outcome",
                (*place, "go", outcome),
                called=called,
                outcome=outcome,
                nearest=report.nearest(outcome, outcomes),
                outcomes=", ".join(outcomes) or "–",
            )
    for outcome in outcomes:
        if outcome not in go and outcome not in optional and ELSE not in go:
            report.add("missing-outcome", (*place, "go"), outcome=outcome)
