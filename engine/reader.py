"""Reads a flow file: bytes in, plain data and findings out. It never raises, whatever the bytes are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from engine.findings import Finding, Path, Report
from engine.nodes import Keyed, compose, decode
from engine.schema import KINDS, Inside
from engine.shapes import Shaper


@dataclass(frozen=True, slots=True)
class Source:
    """A flow file that was read. ``version`` is the first 16 hexadecimal digits of the SHA-256 of its bytes.

    ``data`` is what the file says, by ``engine.schema``: texts without white space around them, whatever does
    not fit left out. When ``sound`` nothing was left out, and every required key is there.
    """

    name: str
    path: str
    text: str = field(repr=False)
    version: str
    data: Mapping[str, Any] = field(repr=False, compare=False)
    sound: bool
    lines: Mapping[Path, int] = field(repr=False, compare=False)

    def line(self, *path: str | int) -> int:
        """The line of a place such as ``("states", "file", "go", "ok")``, or of the nearest place around it;
        it counts from 1."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def read_flow(text: bytes, path: str) -> tuple[Source | None, list[Finding]]:
    """A flow file's source and what is wrong with it. No source where the file tells no flow's name."""
    report = Report(path, lambda *path: 1)
    decoded = decode(text, report)
    root = compose(decoded, report) if decoded is not None else None
    if decoded is None or root is None or not isinstance(root, Keyed):
        if not report.findings:
            report.add("no-flow", ())
        return None, report.findings
    shaper = Shaper(report)
    data = shaper.read(Inside("flow"), root, ())
    findings = sorted(report.findings, key=lambda finding: finding.line)
    if not isinstance(data, dict) or "flow" not in data:
        return None, findings
    sound = all(finding.severity != "error" for finding in findings)
    version = sha256(text).hexdigest()[:16]
    return Source(data["flow"], path, decoded, version, data, sound, shaper.lines), findings


def kind_of(state: Mapping[str, Any]) -> str:
    """The kind of a state: ``menu``, ``ask``, …"""
    return next(place.name for place in KINDS if place.name in state)


def texts(source: Source) -> Iterator[tuple[str, Path]]:
    """All texts of a flow that people see, each with its place: what the catalogues translate."""
    for name, state in source.data.get("states", {}).items():
        for key in ("menu", "ask", "say", "handover", "callback", "end", "invalid"):
            if state.get(key):
                yield state[key], ("states", name, key)
        for place, option in enumerate(state.get("options", ())):
            if "label" in option:
                yield option["label"], ("states", name, "options", place, "label")
