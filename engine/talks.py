"""Flow tests as data: what people do step by step, what the outside answers, what the phone shows.

``flows/tests/*.yaml`` are read by ``engine.schema.TESTS``, in the same way as flows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from engine.findings import Finding, Path, Report
from engine.nodes import Elements, Keyed, Node, Word, compose, decode
from engine.schema import TESTS, Inside
from engine.session import Value
from engine.shapes import Shaper

ACTS = ("dial", "start", "say", "phone", "press", "file", "contact", "wait", "event")
OPENING = ("dial", "start", "say", "file", "contact")

# Where a person is known by a number, for which the channel vouches; elsewhere by an id of the channel's.
_BY_NUMBER = ("ussd", "sms", "voice")

# A Monday noon in Tehran, for tests that name no time.
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Answered:
    """A need that a test expects: the arguments that are compared, and how the outside answers."""

    need: str
    arguments: Mapping[str, Value]
    outcome: str
    values: Mapping[str, Value]
    line: int


@dataclass(frozen=True, slots=True)
class Written:
    """Where the screen of a step is written: its key, its text, and whether both stand in braces."""

    key: Word
    text: Word
    inline: bool


@dataclass(frozen=True, slots=True)
class Step:
    """``act`` is one of ``ACTS``, with its ``text``. What is None is not compared."""

    act: str
    text: str
    screen: str | None
    ends: bool | None
    outcome: str | None
    line: int
    written: Written | None


@dataclass(frozen=True, slots=True)
class Test:
    """One conversation on one channel. A test of several channels is one of these for each, with the same
    steps; ``name`` tells the channel then."""

    name: str
    language: str
    channel: str
    caller: str
    verified: bool
    now: datetime
    needs: tuple[Answered, ...]
    steps: tuple[Step, ...]
    line: int

    # It is not a test of pytest's.
    __test__ = False


def read_tests(text: str, path: str) -> tuple[list[Test], list[Finding]]:
    """The tests of a file, or what is wrong with it."""
    report = Report(path, lambda *path: 1)
    data = text.encode("utf-8", errors="replace")
    decoded = decode(data, report)
    root = compose(decoded, report) if decoded is not None else None
    if not isinstance(root, Keyed):
        if not report.findings:
            report.add("no-tests", ())
        return [], report.findings
    shaper = Shaper(report, TESTS)
    read = shaper.read(Inside("tests"), root, ())
    if not report.findings:
        _check_steps(read, shaper)
    if report.findings:
        return [], report.findings
    return [
        test
        for number, node in enumerate(_elements(root.values["tests"]))
        for test in _tests(read["tests"][number], node, shaper, number)
    ], []


def _check_steps(read: Mapping[str, Any], shaper: Shaper) -> None:
    for number, test in enumerate(read["tests"]):
        for place, step in enumerate(test["talk"]):
            acts = [act for act in ACTS if act in step]
            if len(acts) != 1 or (place == 0 and acts[0] not in OPENING):
                shaper.found("step-kind", ("tests", number, "talk", place), kinds=", ".join(ACTS))


def _tests(data: Mapping[str, Any], node: Node, shaper: Shaper, number: int) -> Iterator[Test]:
    place: Path = ("tests", number)
    talk = node.values["talk"] if isinstance(node, Keyed) else None
    needs = tuple(
        _answered(need, met, shaper.lines[*place, "needs", order])
        for order, needs in enumerate(data.get("needs", ()))
        for need, met in needs.items()
    )
    steps = tuple(map(_step, data["talk"], _elements(talk)))
    for channel in data.get("channels", (data.get("channel", "ussd"),)):
        numbered = channel in _BY_NUMBER
        yield Test(
            f"{data['test']} ({channel})" if "channels" in data else data["test"],
            data.get("language", "fa"),
            channel,
            data.get("caller", "+989121234567" if numbered else "70001"),
            data.get("verified", numbered),
            data.get("now", NOW),
            needs,
            steps,
            shaper.lines[place],
        )


def _answered(need: str, met: Mapping[str, Any], line: int) -> Answered:
    values = {name: value for name, value in met.items() if name not in ("with", "outcome")}
    return Answered(need, met.get("with", {}), met["outcome"], values, line)


def _step(data: Mapping[str, Any], node: Node) -> Step:
    act = next(act for act in ACTS if act in data)
    written = None
    if isinstance(node, Keyed) and isinstance(shown := node.values.get("screen"), Word):
        written = Written(node.keys["screen"], shown, node.inline)
    return Step(act, data[act], data.get("screen"), data.get("ends"), data.get("outcome"), node.line, written)


def _elements(node: Node | None) -> list[Node]:
    return node.nodes if isinstance(node, Elements) else []
