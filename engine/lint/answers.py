"""Checks of answers: wrong parameters, patterns that RE2 does not know, answers that cannot arrive."""

from __future__ import annotations

from typing import Any

from engine.checks import CHOICES, DIGITS, NUMBER, compile_check
from engine.findings import Report
from engine.fold import fold, key
from engine.limits import ANSWER_LENGTH
from engine.lint.menus import navigation
from engine.lint.scope import Scope
from engine.reader import Source

# What each check takes, for those that can be wrong in what the reader lets pass.
_TAKES = {
    "digits": f"digits یک عدد یا [کمترین, بیشترین] می‌گیرد، از 1 تا {DIGITS}",
    "length": f"length دو عدد [کمترین, بیشترین] می‌گیرد، از 1 تا {ANSWER_LENGTH}",
    "number": f"number دو عدد [کمترین, بیشترین] می‌گیرد، از -{NUMBER} تا {NUMBER}",
    "date": "date دو تاریخ شمسی درست می‌گیرد که نخستین پیش از دومی باشد، مانند [1300/01/01, 1405/12/29]",
    "file": "file یا true است یا فهرستی از image و audio و document که هیچ دو تایی یکی نباشند",
    "choice": f"choice فهرستی از 1 تا {CHOICES} کلمه می‌گیرد که هیچ دو تایی یکی نباشند",
}


def check(scope: Scope, source: Source, report: Report) -> None:
    for name, state in source.data["states"].items():
        if "check" not in state:
            continue
        ((kind, parameters),) = state["check"].items()
        place = ("states", name, "check", kind)
        try:
            compile_check({kind: parameters})
        except ValueError as error:
            said = str(error)
            if kind == "pattern":
                report.add("bad-pattern", place, problem=said)
            else:
                report.add("bad-check", place, problem=(_TAKES.get(kind, said), said))
            continue
        keys = navigation(layout for _name, layout in scope.layouts(source))
        for answer in _lost(kind, parameters):
            if key(answer) in keys:
                report.add("navigation-answer", place, word=answer, use=keys[key(answer)])


def _lost(kind: str, parameters: Any) -> list[str]:
    """Answers that fit the check and that might be keys of navigation."""
    if kind == "choice":
        return [fold(word) for word in parameters]
    if kind == "number" and parameters[0] <= 0 <= parameters[1]:
        return ["0"]
    return []
