"""Walks a person through flows given as text; every step serialises the session and reads it again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from textwrap import dedent

from engine.advance import advance
from engine.layout import USSD, Layout
from engine.library import Library
from engine.needs import NeedSpec
from engine.reader import read_flow
from engine.session import Session, Value, read, serialise
from engine.turn import Input, Language, Met, Need, Turn

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)

# Pages of any length, for tests that are not about pages.
ROOMY = replace(USSD, units=None, septets=None)


class Plain:
    """A language that says everything as it is, or as its words say."""

    def __init__(self, code: str = "fa", words: Mapping[str, str] | None = None) -> None:
        self.code = code
        self.words = words or {}

    def translate(self, text: str) -> str:
        return self.words.get(text, text)

    def format(self, value: Value, kind: str) -> str:
        return f"{kind}:{value}" if kind else str(value)


def library(*flows: str, needs: Mapping[str, NeedSpec] | None = None) -> Library:
    """A library of flow files given as text."""
    sources = []
    for text in flows:
        source, findings = read_flow(dedent(text).encode(), "test.yaml")
        assert source is not None, findings
        assert not [each for each in findings if each.severity == "error"], findings
        sources.append(source)
    return Library.of(sources, needs or {})


class Walker:
    """One person. ``meet`` answers needs; ``asked`` keeps them."""

    def __init__(
        self,
        library: Library,
        meet: Callable[[Need], Met] = lambda need: Met("ok"),
        layout: Layout = ROOMY,
        languages: Mapping[str, Language] | None = None,
    ) -> None:
        self.library = library
        self.meet = meet
        self.layout = layout
        self.languages = languages or {"fa": Plain(), "en": Plain("en", {"بازگشت": "Back"})}
        self.asked: list[Need] = []
        self.session = Session(
            id=b"s", language="fa", verified=True, caller="+989121234567", channel="ussd", code="*733#"
        )
        self.turn: Turn | None = None

    def give(self, input: Input, now: datetime = NOW) -> str:
        steps = advance(self.library, self.session, input, now, self.languages, self.layout)
        try:
            need = next(steps)
            while True:
                self.asked.append(need)
                need = steps.send(self.meet(need))
        except StopIteration as stop:
            turn: Turn = stop.value
        self.turn = turn
        before = self.session
        self.session = read(serialise(before))
        assert self.session == before
        return turn.screen.text

    def dial(self, code: str = "*733#", *answers: str) -> str:
        return self.give(Input("start", code, answers))

    def say(self, text: str) -> str:
        return self.give(Input("text", text))

    def time_out(self) -> str:
        return self.give(Input("timeout"))

    @property
    def over(self) -> bool:
        assert self.turn is not None
        assert self.turn.replies is not self.session.finished
        return self.session.finished

    @property
    def outcome(self) -> str:
        assert self.turn is not None
        return self.turn.outcome
