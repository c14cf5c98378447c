"""The flows that a process knows: what is live, what older sessions are pinned to, what opens which."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from engine.compile import compile_flow, segments
from engine.faults import UnknownFlow, UnknownVersion
from engine.flow import Flow
from engine.fold import key
from engine.needs import NeedSpec
from engine.reader import Source


class Library:
    """Flows by name (the live version) and by (name, version)."""

    def __init__(self, needs: Mapping[str, NeedSpec]) -> None:
        self.needs = needs
        self._live: dict[str, Flow] = {}
        self._versions: dict[tuple[str, str], Flow] = {}
        self._codes: dict[tuple[str, ...], str] = {}
        self._keywords: dict[str, str] = {}

    @classmethod
    def of(cls, sources: Iterable[Source], needs: Mapping[str, NeedSpec]) -> Library:
        """A library in which every source is live; the sources must be free of errors."""
        library = cls(needs)
        library.publish(compile_flow(source) for source in sources)
        return library

    def publish(self, flows: Iterable[Flow]) -> None:
        """Makes these versions live; sessions in older ones go on in theirs."""
        for flow in flows:
            self.keep(flow)
            self._live[flow.name] = flow
        self._codes = {code: flow.name for flow in self._live.values() for code in flow.codes}
        self._keywords = {word: flow.name for flow in self._live.values() for word in flow.keywords}

    def withdraw(self, name: str) -> None:
        """Nothing opens this flow any more; sessions inside it go on."""
        self._live.pop(name, None)
        self.publish(())

    def keep(self, flow: Flow) -> None:
        """Knows a version without making it live."""
        self._versions[flow.name, flow.version] = flow

    def live(self, name: str) -> Flow:
        """The live version; ``UnknownFlow`` when there is none."""
        try:
            return self._live[name]
        except KeyError:
            raise UnknownFlow(name) from None

    def find(self, name: str) -> Flow | None:
        """The live version, or None."""
        return self._live.get(name)

    def version(self, name: str, version: str) -> Flow:
        """One version; ``UnknownVersion`` when this process has not loaded it."""
        try:
            return self._versions[name, version]
        except KeyError:
            raise UnknownVersion(name, version) from None

    def names(self) -> list[str]:
        """The names of the live flows, sorted."""
        return sorted(self._live)

    def dialled(self, code: str, channel: str) -> tuple[Flow, tuple[str, ...]] | None:
        """The flow, of those that are open on the channel, that a dialled string opens, and the answers that
        follow its code: with ``*733#`` and ``*733*2#`` known, ``*733*2*1#`` opens the second and answers
        ``1``. None for an unknown code."""
        parts = segments(code)
        for length in range(len(parts), 0, -1):
            name = self._codes.get(parts[:length])
            if name is not None and self._live[name].open_on(channel):
                return self._live[name], parts[length:]
        return None

    def named(self, word: str, channel: str) -> Flow | None:
        """The flow that a word opens on the channel, or None."""
        name = self._keywords.get(key(word))
        return self._live[name] if name is not None and self._live[name].open_on(channel) else None
