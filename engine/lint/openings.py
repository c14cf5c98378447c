"""Words and codes that open more than one flow."""

from __future__ import annotations

from engine.findings import Report
from engine.lint.scope import Scope, openings
from engine.reader import Source


def check(scope: Scope, source: Source, report: Report) -> None:
    for opening, word, place in openings(source):
        first = scope.opened[opening]
        if first is not source:
            code = "ambiguous-keyword" if opening[0] == "keywords" else "ambiguous-code"
            report.add(code, place, word=word, other=first.name, file=first.path)
