"""Runs flow tests, and writes into them what the engine shows now."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import ndiff
from pathlib import PurePath

from engine.findings import Both, Finding
from engine.layout import Layout
from engine.library import Library
from engine.playing import Player, Stopped
from engine.talks import Step, Test, Written, read_tests
from engine.turn import Language, Turn


@dataclass(frozen=True, slots=True)
class TestResult:
    """How one test went. ``flow`` is the one that the file is named after. ``line`` is the test's, or that of
    the step that went wrong; ``fa`` and ``en`` say what did, ``screens`` how the screens differ: lines that
    begin with ``-`` are the test's, with ``+`` what is shown now."""

    flow: str
    path: str
    name: str
    line: int
    passed: bool
    fa: str = ""
    en: str = ""
    screens: str = ""

    # It is not a test of pytest's.
    __test__ = False

    @property
    def difference(self) -> str:
        """All that there is to say of a failed test, on several lines."""
        return "\n".join(part for part in (self.fa, self.en, self.screens) if part)


def run_tests(
    library: Library,
    text: str,
    path: str,
    languages: Mapping[str, Language],
    layouts: Mapping[str, Layout],
) -> list[TestResult]:
    """Runs the tests of one file. A file that cannot be read gives one failed result for each finding."""
    tests, findings = read_tests(text, path)
    return [_unread(finding) for finding in findings] + [
        _run(library, test, path, languages, layouts) for test in tests
    ]


def record(
    library: Library,
    text: str,
    path: str,
    languages: Mapping[str, Language],
    layouts: Mapping[str, Layout],
) -> str:
    """The file with every ``screen`` that is written in it as the engine shows it now; all else stays as it
    is, letter by letter. Screens from a step on that cannot be taken stay too."""
    tests, _findings = read_tests(text, path)
    screens: list[tuple[Written, str]] = []
    # A test of several channels is written as the first of them shows it.
    recorded: set[int] = set()
    for test in tests:
        player = Player(library, test, languages, layouts)
        try:
            for step in test.steps:
                shown = player.shown(player.take(step))
                if step.written is None or id(step.written) in recorded:
                    continue
                recorded.add(id(step.written))
                if _lines(step.screen or "") != _lines(shown):
                    screens.append((step.written, shown))
        except Stopped:
            pass  # Running the test says why.
    lines = text.split("\n")
    # From the last to the first, so that what is before stays where it was read.
    for written, shown in reversed(screens):
        _write(lines, written, shown)
    return "\n".join(lines)


def _unread(finding: Finding) -> TestResult:
    flow = PurePath(finding.file).stem
    return TestResult(flow, finding.file, finding.code, finding.line, False, finding.fa, finding.en)


def _run(
    library: Library, test: Test, path: str, languages: Mapping[str, Language], layouts: Mapping[str, Layout]
) -> TestResult:
    player = Player(library, test, languages, layouts)
    result = TestResult(PurePath(path).stem, path, test.name, test.line, True)
    for number, step in enumerate(test.steps, 1):
        screens = ""
        try:
            turn = player.take(step)
            shown = player.shown(turn)
            wrong = _compare(step, turn, shown)
            if step.screen is not None:
                screens = _difference(step.screen, shown)
        except Stopped as stopped:
            wrong = stopped.told
        if wrong is not None:
            at = f"{number} ({step.act}: {step.text})"
            fa, en = f"گام {at}: {wrong[0]}.", f"Step {at}: {wrong[1]}."
            return replace(result, line=step.line, passed=False, fa=fa, en=en, screens=screens)
    if player.left:
        unasked = player.left[0]
        fa = f"نیاز {unasked.need} خواسته نشد."
        en = f"The need {unasked.need} was not asked for."
        return replace(result, line=unasked.line, passed=False, fa=fa, en=en)
    return result


def _compare(step: Step, turn: Turn, shown: str) -> Both | None:
    """What is other than the test says, if something is."""
    if step.screen is not None and _lines(step.screen) != _lines(shown):
        return "صفحه با آنچه نوشته شده است یکی نیست", "The screen is not the one that is written"
    if step.ends is not None and step.ends is turn.replies:
        if turn.replies:
            return "گفتگو تمام نشده است", "The conversation is not over"
        return "گفتگو تمام شده است", "The conversation is over"
    if step.outcome is not None and step.outcome != turn.outcome:
        outcome = turn.outcome or "–"
        return f"نتیجه {outcome} است و نه {step.outcome}", f"The outcome is {outcome}, not {step.outcome}"
    return None


def _difference(written: str, shown: str) -> str:
    """Both screens in one: ``-`` lines of the test, ``+`` lines that are shown; nothing when they agree."""
    before, after = _lines(written), _lines(shown)
    if before == after:
        return ""
    return "\n".join(line.rstrip() for line in ndiff(before, after) if not line.startswith("?"))


def _lines(screen: str) -> list[str]:
    """A screen's lines. White space at their ends is not seen on a phone."""
    return [line.rstrip() for line in screen.strip("\n").split("\n")]


def _write(lines: list[str], written: Written, screen: str) -> None:
    """Puts a screen in the place of the one that is written."""
    key, text = written.key, written.text
    end_line, end_column = text.end_line, text.end_column
    head = lines[text.line - 1][: text.column]
    tail = lines[end_line - 1][end_column:]
    if lines[text.line - 1][text.column : text.column + 1] in ("|", ">"):
        end_line = _end_of_block(lines, text.line, key.column)
        tail = lines[text.line - 1][text.column :].lstrip("|>+-0123456789")
    if written.inline:
        # Between braces a text has quotes; what JSON writes is YAML too.
        lines[text.line - 1 : end_line] = [head + json.dumps(screen, ensure_ascii=False) + tail]
        return
    if text.line > key.line:
        # The text begins on a line of its own; what follows the colon is a comment at most.
        head = lines[key.line - 1][: key.end_column] + ":"
        tail = lines[key.line - 1][len(head) :].rstrip() + tail
    carriage = "\r" if lines[key.line - 1].endswith("\r") else ""
    margin = " " * (key.column + 2)
    shown = _lines(screen) if screen.strip() else []
    block = [f"{margin}{line}".rstrip() + carriage for line in shown]
    begin = "|" if shown else '""'
    lines[key.line - 1 : end_line] = [f"{head.rstrip()} {begin}{tail.rstrip()}{carriage}", *block]
    _part_comments(lines, key.line + len(block), key.column)


def _part_comments(lines: list[str], first: int, column: int) -> None:
    """Comments right after a block that stand as deep as its lines would become lines of it: they are moved
    to the depth of its key."""
    for number in range(first, len(lines)):
        words = lines[number].lstrip(" ")
        if words.strip() and not words.startswith("#"):
            break
        if len(lines[number]) - len(words) > column:
            lines[number] = " " * column + words if words.strip() else words


def _end_of_block(lines: list[str], first: int, column: int) -> int:
    """The line, from 1, on which a block ends that begins after line ``first`` and belongs to a key in
    ``column``: blank lines after it are not its own."""
    end = first
    for number in range(first, len(lines)):
        line = lines[number]
        if line.strip():
            if len(line) - len(line.lstrip(" ")) <= column:
                break
            end = number + 1
    return end
