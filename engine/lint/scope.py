"""All that lint looks at together, and what flows tell one another: how each may end, and knowing what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from engine.compile import segments
from engine.findings import Path, Report
from engine.fold import key
from engine.handing import ACCEPTED
from engine.handing import OUTCOMES as GOES_ON
from engine.layout import Layout
from engine.lint.graph import Ending, Graph, Ways
from engine.lint.reach import reached
from engine.needs import FAILED, HAND_OVER, SLOW, NeedSpec
from engine.reader import Source, kind_of
from engine.turn import Language

_FAULTS = {FAILED: Ending(), SLOW: Ending()}


Opening = tuple[str, tuple[str, ...]]  # "keywords" or "codes", and what tells one from another.


class Catalogue(Language, Protocol):
    """A language that tells which texts it has."""

    def has(self, text: str) -> bool:
        """Whether the text of a flow (Persian) is translated."""


class Scope:
    """The flows that are to be live together, with what surrounds them."""

    def __init__(
        self,
        sources: Sequence[Source],
        needs: Mapping[str, NeedSpec],
        languages: Mapping[str, Catalogue],
        layouts: Mapping[str, Layout],
    ) -> None:
        self.sources = sources
        self.needs = needs
        self.languages = languages
        self.by_name: dict[str, Source] = {}
        for source in sources:
            self.by_name.setdefault(source.name, source)
        # The first flow that each word and each code opens.
        self.opened: dict[Opening, Source] = {}
        for source in sources:
            for opening, _word, _place in openings(source):
                self.opened.setdefault(opening, source)
        # What flows take over from one that they ran: (that flow, its variable).
        self.taken_over = {
            (state["run"], theirs)
            for source in sources
            for state in source.data.get("states", {}).values()
            if "run" in state
            for theirs in state.get("save", {}).values()
        }
        self._layouts = layouts
        self._reached: dict[tuple[Source, str], frozenset[str]] = {}
        self._graphs: dict[Source, Graph] = {}
        self._endings: dict[str, Mapping[str, Ending] | None] = {}

    def check_name(self, source: Source, report: Report) -> None:
        """No two flows have one name."""
        first = self.by_name[source.name]
        if first is not source:
            report.add("duplicate-flow", ("flow",), flow=source.name, other=first.path)

    def layouts(self, source: Source) -> Iterator[tuple[str, Layout]]:
        """What a flow's screens must fit, by name."""
        channels = source.data.get("channels")
        for name, layout in self._layouts.items():
            if channels is None or layout.channel in channels:
                yield name, layout

    def layouts_of(self, source: Source, state: str) -> Iterator[tuple[str, Layout]]:
        """What one state's screen must fit: the layouts of the channels on which people come to it."""
        for name, layout in self.layouts(source):
            if state in self.reached(source, layout):
                yield name, layout

    def reached(self, source: Source, layout: Layout) -> frozenset[str]:
        """The states that people come to on a channel."""
        at = source, layout.channel
        if at not in self._reached:
            self._reached[at] = reached(source, layout)
        return self._reached[at]

    def graph(self, source: Source) -> Graph:
        """The ways through a sound flow."""
        graph = self._graphs.get(source)
        if graph is None:
            graph = self._graphs[source] = Graph(source, self.ways)
        return graph

    def endings(self, flow: str) -> Mapping[str, Ending] | None:
        """How a flow may end, by outcome. None where that is not known: there is no such sound flow, or it
        is being found out, that is, flows run one another in a circle."""
        if flow not in self._endings:
            self._endings[flow] = None
            source = self.by_name.get(flow)
            if source is not None and source.sound:
                self._endings[flow] = self.graph(source).endings
        return self._endings[flow]

    def answers(self, need: str) -> Mapping[str, Ending] | None:
        """How a need may be met, by outcome; None for a need that there is not."""
        spec = self.needs.get(need)
        if spec is None:
            return None
        own = {outcome: Ending(frozenset(brings)) for outcome, brings in spec.outcomes.items()}
        return {**own, **_FAULTS}

    def ways(self, state: Mapping[str, Any]) -> Ways:
        """The outcomes of a call, run or handover."""
        kind = kind_of(state)
        if kind == "handover":
            answers = dict(self.answers(HAND_OVER) or _FAULTS)
            accepted = answers.pop(ACCEPTED, Ending())
            return Ways({**answers, **dict.fromkeys(GOES_ON, Ending(accepted.brings, waits=True))})
        if kind == "call":
            return Ways(self.answers(state["call"]))
        save: Mapping[str, str] = state.get("save", {})
        endings = self.endings(state["run"])
        if endings is None:
            return Ways(None, Ending(frozenset(save), waits=True))
        return Ways(
            {
                outcome: Ending(
                    frozenset(mine for mine, theirs in save.items() if theirs in ending.brings), ending.waits
                )
                for outcome, ending in endings.items()
            }
        )


def openings(source: Source) -> Iterator[tuple[Opening, str, Path]]:
    """What opens a flow: what tells it from others, as it is written, and where."""
    opens = source.data.get("opens", {})
    for number, word in enumerate(opens.get("keywords", ())):
        yield ("keywords", (key(word),)), word, ("opens", "keywords", number)
    for number, code in enumerate(opens.get("codes", ())):
        yield ("codes", segments(code)), code, ("opens", "codes", number)
