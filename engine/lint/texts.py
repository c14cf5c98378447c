"""Texts: placeholders, translations, and what handsets show garbled."""

from __future__ import annotations

import re
from collections.abc import Collection

from engine import template
from engine.findings import Path, Report
from engine.lint.placeholders import mistake, takes, unknown_formats
from engine.lint.scope import Catalogue, Scope
from engine.reader import Source, texts
from engine.shapes import shortened

SOURCE_LANGUAGE = "fa"

_CODE = re.compile(r"\*[0-9*]+#")
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")


def check(scope: Scope, source: Source, report: Report) -> None:
    for text, place in texts(source):
        correct = _check_placeholders(text, place, report)
        for line in text.split("\n"):
            code = _CODE.search(line)
            if code is not None and _RIGHT_TO_LEFT.search(line):
                report.add("code-in-line", place, code=code[0])
        if correct:
            for language in scope.languages.values():
                if language.code != SOURCE_LANGUAGE:
                    _check_translation(text, place, language, report)


def _check_placeholders(text: str, place: Path, report: Report) -> bool:
    problem = mistake(text)
    unknown = list(unknown_formats(text))
    for variable, format in unknown:
        report.add(
            "unknown-format",
            place,
            variable=variable,
            format=format,
            nearest=report.nearest(format, template.FORMATS),
            formats=", ".join(template.FORMATS),
        )
    if problem is not None and not unknown:
        report.add("bad-placeholder", place, problem=problem)
    return problem is None


def _check_translation(text: str, place: Path, language: Catalogue, report: Report) -> None:
    if not language.has(text):
        report.add("missing-translation", place, language=language.code, text=shortened(text))
        return
    translation = language.translate(text)
    ours, theirs = takes(text), takes(translation)
    if ours != theirs or mistake(translation) is not None:
        report.add(
            "translation-placeholders",
            place,
            language=language.code,
            ours=_told(ours),
            theirs=_told(theirs),
            text=shortened(text),
        )


def _told(names: Collection[tuple[str, str]]) -> str:
    return ", ".join(map(_written, sorted(names))) or "–"


def _written(placeholder: tuple[str, str]) -> str:
    name, kind = placeholder
    if kind in template.RETURNING:
        name, kind = kind, name
    return f"{{{name}:{kind}}}" if kind else f"{{{name}}}"
