"""Screens that cannot be split into pages of a route, in any language, with the longest values they show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from engine import limits, template
from engine.alphabet import units
from engine.findings import Both, Path, Report
from engine.layout import Layout
from engine.lint.placeholders import placeholders, returning
from engine.lint.scope import Scope
from engine.lint.texts import SOURCE_LANGUAGE
from engine.pages import ZWNJ, DoesNotFit, Navigation, paginate
from engine.reader import Source
from engine.returning import AGAIN, dial, send, word_of
from engine.session import Value
from engine.shapes import shortened
from engine.turn import Language, Option
from engine.words import BACK, HOME, MORE

# The longest value of each format, and the length assumed of a value of which nothing is known.
_LATE = datetime(2026, 12, 30, 20, 59, tzinfo=UTC)
_LONGEST: dict[str, Value] = {
    "date": _LATE,
    "time": _LATE,
    "number": 999_999_999_999,
    "digits": "9" * 16,
    "toman": 9_999_999_999_990,
    "phone": "+989121234567",
}
_UNKNOWN = 40

# The texts from which nobody goes back.
LAST = ("end", "handover", "callback")


class Untranslated:
    """The source language where no catalogues are given: values as they are."""

    code = SOURCE_LANGUAGE

    def translate(self, text: str) -> str:
        return text

    def format(self, value: Value, kind: str) -> str:
        if isinstance(value, datetime):
            return value.strftime("%H:%M" if kind == "time" else "%Y/%m/%d")
        return f"{value:,}" if kind in ("number", "toman") else str(value)


def check(scope: Scope, source: Source, report: Report) -> None:
    lengths = _lengths(scope, source)
    languages: list[Language] = list(scope.languages.values()) or [Untranslated()]
    for name, layout in scope.layouts(source):
        if layout.units is None or layout.septets is None:
            continue
        for language in languages:
            fitter = _Fitter(layout, language, lengths, scope, source)
            there = scope.reached(source, layout)
            for state, key, text, labels in _screens(source):
                if state not in there:
                    continue
                for where, problem in fitter.problems(text, labels, last=key in LAST):
                    place = ("states", state, *(where or (key,)))
                    code = language.code
                    report.add("screen-does-not-fit", place, layout=name, language=code, problem=problem)


def _screens(source: Source) -> Iterator[tuple[str, str, str, list[str]]]:
    """(state, key of its text, text, labels of its options) of each state that shows something."""
    for name, state in source.data["states"].items():
        for key in ("menu", "ask", "say", "handover", "callback", "end"):
            if key in state:
                labels = [option["label"] for option in state.get("options", ())]
                yield name, key, state[key], labels


def _lengths(scope: Scope, source: Source) -> dict[str, int]:
    """The longest text that each variable of a flow may hold, in characters, where that is known."""
    lengths: dict[str, int] = {}
    for state in source.data["states"].values():
        if "ask" in state:
            lengths[state["save"]] = max(
                lengths.get(state["save"], 0), _answer_length(state.get("check", {}))
            )
        elif "menu" in state and "save" in state:
            values = [str(option.get("value", option["label"])) for option in state["options"]]
            lengths[state["save"]] = max(lengths.get(state["save"], 0), *map(len, values))
    return lengths


def _answer_length(check: Mapping[str, Any]) -> int:
    """The longest answer that passes a check."""
    for kind, parameters in check.items():
        match kind:
            case "digits" | "length":
                most: int = parameters if isinstance(parameters, int) else parameters[1]
                return most
            case "choice":
                return max(map(len, parameters))
            case "number":
                return max(len(str(bound)) for bound in parameters)
            case "mobile" | "national_id" | "date":
                return 13
            case "email":
                return 254
    return limits.ANSWER_LENGTH


class _Fitter:
    """Screens on one layout in one language."""

    def __init__(
        self, layout: Layout, language: Language, lengths: Mapping[str, int], scope: Scope, source: Source
    ) -> None:
        self.layout = layout
        self.scope = scope
        self.source = source
        self.language = language
        self.lengths = lengths
        back, home, more = (language.translate(word) for word in (BACK, HOME, MORE))
        self.navigation = Navigation(back, home, more)
        self.last = Navigation(None, None, more)  # Nobody goes back from the last screen.
        # What a page holds beside "back" and "more", counted in units, of which there are always fewer.
        taken = sum(2 + units(key) + units(word) for key, word in ((layout.back, back), (layout.more, more)))
        self.room = (layout.units or 0) - taken - (4 if layout.rlm else 0)

    def problems(self, text: str, labels: list[str], last: bool) -> Iterator[tuple[Path, Both]]:
        """(place in the state, what is wrong) of what does not fit; the place is empty for the text."""
        navigation = self.last if last else self.navigation
        shown = self.rendered(text)
        options = tuple(Option(str(number), self.rendered(label)) for number, label in enumerate(labels, 1))
        words = [word for word in shown.split() if units(word) > self.room]
        wide = [number for number, option in enumerate(options) if units(option.label) + 4 > self.room]
        # Any two pages that follow one another hold more than one page's room, so that nothing but what is
        # really long needs to be split to see how many pages it takes.
        length = units(shown) + sum(units(option.label) + 4 for option in options)
        if not words and not wide and length <= self.room * limits.PAGES // 3:
            return
        try:
            pages = paginate(shown, options, self.layout, navigation)
        except DoesNotFit:
            most = limits.PAGES
            yield (), (f"بیش از {most} صفحه می‌شود", f"it takes more than {most} pages")
            return
        if len(pages) == 1:
            return
        for word in words:
            if not self.whole(f"{word} {word}", (), word, navigation):
                yield (), _one_page(word)
        for number in wide:
            if not self.whole("", (options[number],) * 2, options[number].label, navigation):
                yield ("options", number, "label"), _one_page(labels[number])

    def whole(self, body: str, options: tuple[Option, ...], text: str, navigation: Navigation) -> bool:
        """Whether ``text``, of which the screen has two, is in one piece on a page that another follows."""
        try:
            pages = paginate(body, options, self.layout, navigation)
        except DoesNotFit:
            return False
        return (text.replace(ZWNJ, "") if self.layout.strip_zwnj else text) in pages[0].text

    def rendered(self, text: str) -> str:
        """A text with its longest values."""
        translated = self.language.translate(text)
        values = {name: self.longest(name, kind) for name, kind in placeholders(translated)}
        values |= {name: self.way(name) for name in returning(translated)}
        try:
            return template.parse(translated).render(values, self.language)
        except ValueError:
            return translated  # A placeholder is wrong, which is told elsewhere.

    def way(self, name: str) -> str:
        """What ``{again}`` or ``{way}`` says, by the flow's longest code."""
        built_in, _, flow = name.partition(":")
        target = self.scope.by_name.get(flow or self.source.name)
        opens = target.data.get("opens", {}) if target is not None else {}
        if self.layout.again:
            return send(word_of(opens.get("keywords", ()), self.language) or self.layout.again, self.language)
        code: str = max(opens.get("codes", ()), key=len, default="")
        return dial(code, self.language) if built_in == AGAIN else code

    def longest(self, name: str, kind: str) -> Value:
        if kind:
            return _LONGEST[kind]
        length = self.lengths.get(name, _UNKNOWN)
        # As many characters of prose, in words of nine letters.
        return ("ن" * 9 + " ") * (length // 10) + "ن" * (length % 10)


def _one_page(text: str) -> Both:
    quoted = shortened(text)
    return f"«{quoted}» در یک صفحه جا نمی‌شود", f'"{quoted}" does not fit one page'
