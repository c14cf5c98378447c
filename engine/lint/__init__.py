"""Lint: what is wrong with flows before anyone dials them. One module for each family of findings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from engine.findings import Finding, Report
from engine.layout import USSD, Layout
from engine.lint import answers, channels, menus, needs, openings, runs, screens, states, texts, variables
from engine.lint.scope import Catalogue, Scope
from engine.needs import NeedSpec
from engine.reader import Source

# The order is that of the findings of one line.
_FAMILIES: tuple[Callable[[Scope, Source, Report], None], ...] = (
    states.check,
    needs.check,
    runs.check,
    channels.check,
    menus.check,
    answers.check,
    variables.check,
    texts.check,
    screens.check,
    openings.check,
)


def lint(
    sources: Sequence[Source],
    needs: Mapping[str, NeedSpec],
    languages: Mapping[str, Catalogue] | None = None,
    layouts: Mapping[str, Layout] | None = None,
) -> list[Finding]:
    """The findings of flows that are to be live together, by file and line.

    ``needs``: what flows may call. ``languages``: those that every text must be there in. ``layouts``: by
    channel, what screens must fit; USSD's default where it is not given. A source that the reader found
    unsound counts as present and is not looked into.
    """
    layouts = {"ussd": USSD} if layouts is None else layouts
    scope = Scope(sources, needs, languages or {}, layouts)
    findings: list[Finding] = []
    for source in sources:
        report = Report(source.path, source.line)
        scope.check_name(source, report)
        if source.sound:
            for check in _FAMILIES:
                check(scope, source, report)
        findings += sorted(report.findings, key=lambda finding: finding.line)
    return findings


def errors(findings: Iterable[Finding]) -> list[Finding]:
    """Those findings that block a publication."""
    return [finding for finding in findings if finding.severity == "error"]


__all__ = ["Catalogue", "errors", "lint"]
