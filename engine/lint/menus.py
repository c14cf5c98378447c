"""Options that cannot be told apart, words that are keys of navigation, labels that read badly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from engine.findings import Both, Path, Report
from engine.fold import key
from engine.layout import Layout, Turning
from engine.lint.scope import Scope, openings
from engine.reader import Source
from engine.walk import MAIN

BACK: Both = ("بازگشت", "back")
HOME: Both = ("منوی اصلی", "the main menu")
MORE: Both = ("ادامه", "more")

_USES: Mapping[Turning, Both] = {"back": BACK, "home": HOME, "more": MORE}


def check(scope: Scope, source: Source, report: Report) -> None:
    keys = navigation(layout for _name, layout in scope.layouts(source))
    for (kind, _key), word, place in openings(source):
        use = keys.get(key(word)) if kind == "keywords" else None
        # A word that leads to the main menu may open it.
        if use is not None and not (use is HOME and source.name == MAIN):
            report.add("navigation-word", place, word=word, use=use)
    for name, state in source.data["states"].items():
        if "options" not in state:
            continue
        place = ("states", name, "options")
        _check_words(scope, state["options"], report, place, keys)
        _check_values(state, report, place)
        for number, option in enumerate(state["options"]):
            if option["label"][0].isdigit():
                report.add("label-begins-with-digit", (*place, number, "label"))


def navigation(layouts: Iterator[Layout]) -> dict[str, Both]:
    """What people type for navigation, as ``engine.fold.key`` spells it, and its use."""
    keys: dict[str, Both] = {}
    for layout in layouts:
        for word, turning in (*layout.keys.items(), *layout.words.items()):
            keys[word] = _USES[turning]
    return keys


def _check_words(
    scope: Scope, options: list[Mapping[str, Any]], report: Report, place: Path, keys: Mapping[str, Both]
) -> None:
    """Each word, as the engine compares them, chooses one option."""
    chosen: dict[str, int] = {}
    for number, option in enumerate(options):
        for word, where in _words(scope, option):
            folded, path = key(word), (*place, number, *where)
            first = chosen.setdefault(folded, number)
            if folded.isdecimal() and 0 < int(folded) <= len(options):
                first = int(folded) - 1
            if first != number:
                report.add("duplicate-option", path, word=word, first=first + 1, second=number + 1)
            elif folded in keys:
                report.add("navigation-word", path, word=word, use=keys[folded])


def _words(scope: Scope, option: Mapping[str, Any]) -> Iterator[tuple[str, Path]]:
    """What chooses an option beside its number: its label in every language, and its keywords."""
    label = option["label"]
    labels = [label, *(language.translate(label) for language in scope.languages.values())]
    for word in dict.fromkeys(labels):
        yield word, ("label",)
    for number, keyword in enumerate(option.get("keywords", ())):
        yield keyword, ("keywords", number)


def _check_values(state: Mapping[str, Any], report: Report, place: Path) -> None:
    """Options that are shown together save different values, or one of them is there in vain."""
    if "save" not in state:
        return
    first: dict[tuple[type, object], int] = {}
    for number, option in enumerate(state["options"]):
        if "value" not in option or "if" in option:
            continue
        value = option["value"]
        same = first.setdefault((type(value), value), number)
        if same != number:
            report.add(
                "duplicate-value",
                (*place, number, "value"),
                word=str(value),
                first=same + 1,
                second=number + 1,
            )
