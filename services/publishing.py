"""Brings flow files to life: reads them, lints them, runs their tests, publishes what changed.

A file that does not pass is held back and the version before it stays live; the report says why. What is
examined is always what would be live together: the changed files that are left, those that did not change,
and the live version of whatever is held back or has no file any more.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import structlog

from engine.compile import compile_flow
from engine.findings import Finding
from engine.flow import Flow
from engine.layout import Layout
from engine.library import Library
from engine.lint import Catalogue, lint
from engine.needs import NeedSpec
from engine.reader import Source, read_flow
from engine.transcripts import TestResult, record, run_tests
from records.flows import FlowStore, Published
from records.unit import Unavailable

log = structlog.get_logger()


@dataclass(slots=True)
class Report:
    """What became of the flow files: ``published`` flow names, ``held`` file names with the findings and
    failed tests that held them back."""

    published: list[str] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    failures: list[TestResult] = field(default_factory=list)

    @property
    def errors(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.severity == "error"]


def read_folder(folder: Path) -> tuple[list[Source], list[Finding]]:
    """Every ``*.yaml`` of the folder: the sources that can be read and what is wrong with them and the
    others."""
    sources: list[Source] = []
    findings: list[Finding] = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            text = path.read_bytes()
        except OSError as error:
            findings.append(_not_read(path, error))
            continue
        source, found = read_flow(text, str(path))
        findings += found
        if source is not None:
            sources.append(source)
    return sources, findings


class Publisher:
    """Publishes the flows of a folder into a library and its store. Without a store it only examines."""

    def __init__(
        self,
        *,
        folder: Path,
        library: Library,
        store: FlowStore | None,
        needs: Mapping[str, NeedSpec],
        languages: Mapping[str, Catalogue],
        layouts: Mapping[str, Layout],
        clock: Callable[[], datetime],
    ) -> None:
        self._folder = folder
        self._library = library
        self._store = store
        self._needs = needs
        self._languages = languages
        self._layouts = layouts
        self._clock = clock
        self._published: object = None
        self._refused: set[tuple[str, str]] = set()

    def lint(self) -> list[Finding]:
        """What is wrong with the folder's flows."""
        sources, findings = read_folder(self._folder)
        return findings + lint(sources, self._needs, self._languages, self._layouts)

    def test(self) -> list[TestResult]:
        """Runs the folder's flow tests on the folder's flows, which must be free of errors."""
        return self._test(self._folder_library())

    def record(self) -> list[str]:
        """Writes what the engine shows now into the folder's flow tests; the files that changed."""
        library, changed = self._folder_library(), []
        for path in sorted(self._folder.glob("tests/*.yaml")):
            before = path.read_text("utf-8")
            after = record(library, before, str(path), self._languages, self._layouts)
            if after != before:
                path.write_text(after, "utf-8")
                changed.append(str(path))
        return changed

    def _folder_library(self) -> Library:
        sources, _findings = read_folder(self._folder)
        return Library.of(sources, self._needs)

    async def load(self) -> None:
        """Makes the newest published versions live, as at every start."""
        assert self._store is not None
        published = await self._store.newest()
        news = [each for each in published if not self._is_live(*each[:2]) and each[:2] not in self._refused]
        if news:
            self._library.publish(await asyncio.to_thread(self._compiled, news))

    def _compiled(self, news: Sequence[Published]) -> list[Flow]:
        """What can be compiled of it. A version that an older program published and that is no longer read is
        told once; whatever of that name is live stays so, until a mended file is published."""
        flows: list[Flow] = []
        for name, version, text in news:
            try:
                flows.append(_compile(name, text))
            except ValueError as error:
                self._refused.add((name, version))
                log.error("published flow left out", flow=name, reason=str(error))
        return flows

    async def flow(self, name: str, version: str) -> Flow | None:
        """An older version that a session is pinned to, or None when it was never published."""
        assert self._store is not None
        text = await self._store.version(name, version)
        return None if text is None else _compile(name, text)

    async def publish(self) -> Report:
        """Reads the folder and publishes each file that changed and passes."""
        assert self._store is not None
        seen, report, flows = await asyncio.to_thread(self._examine)
        publish, at = self._store.publish, self._clock()
        await asyncio.gather(*(publish(flow.name, flow.version, flow.source.text, at) for flow in flows))
        self._library.publish(flows)
        self._published = seen
        report.published = [flow.name for flow in flows]
        return report

    async def follow_folder(self, pause: float = 1.0) -> None:
        """Publishes whenever a file of the folder was changed, until cancelled. A file that is still being
        written is left alone: the folder must look the same twice."""
        before: object = None
        while True:
            seen = await asyncio.to_thread(self._snapshot)
            if seen != self._published and seen == before:
                try:
                    tell(await self.publish())
                except Unavailable:
                    log.warning("changed flows wait for the database")
            before = seen
            await asyncio.sleep(pause)

    async def follow_store(self, pause: float = 2.0) -> None:
        """Makes live what another process published, until cancelled."""
        while True:
            await asyncio.sleep(pause)
            try:
                await self.load()
            except Unavailable:
                log.warning("published flows wait for the database")

    def _snapshot(self) -> object:
        """What tells whether a file was changed, made or removed. It is looked at each second, so by the
        quickest way there is."""
        seen: list[tuple[str, int, int]] = []
        for folder in (self._folder, self._folder / "tests"):
            try:
                with os.scandir(folder) as entries:
                    seen += [_looks(entry) for entry in entries if entry.name.endswith(".yaml")]
            except OSError:
                seen.append((str(folder), 0, 0))
        return sorted(seen)

    def _examine(self) -> tuple[object, Report, list[Flow]]:
        """What the folder looks like, the report on it, and which flows may go live."""
        seen = self._snapshot()
        sources, findings = read_folder(self._folder)
        report = Report(findings=findings)
        unread = {finding.file for finding in report.errors}
        same = [source for source in sources if self._is_live(source.name, source.version)]
        changed = [source for source in sources if source not in same and source.path not in unread]
        held = [source for source in sources if source.path in unread]
        while changed:
            wrong, bad = self._look(report, changed, same, held)
            if not wrong:
                break
            # A file that did not change is made wrong by one that did: which one is not known.
            guilty = [source for source in changed if source.path in bad] or changed
            held += guilty
            changed = [source for source in changed if source not in guilty]
        report.held = sorted(unread | {source.path for source in held})
        return seen, report, [compile_flow(source) for source in changed]

    def _look(
        self, report: Report, changed: Sequence[Source], same: Sequence[Source], held: Sequence[Source]
    ) -> tuple[bool, set[str]]:
        """Whether anything is wrong with what would be live with these changes, and with which files."""
        present = [*changed, *same]
        names = {source.name for source in present}
        live = [flow.source for flow in map(self._library.live, self._library.names())]
        together = [*present, *(source for source in live if source.name not in names)]
        found = lint(together, self._needs, self._languages, self._layouts)
        report.findings += [each for each in found if each not in report.findings]
        bad = {each.file for each in found if each.severity == "error"}
        if bad:
            return True, bad
        # The tests of what is held back were changed with it and say nothing of its live version.
        skipped = {source.name for source in held}
        results = self._test(Library.of(together, self._needs))
        failures = [each for each in results if not each.passed and each.flow not in skipped]
        report.failures += failures
        failed = {each.flow for each in failures}
        return bool(failures), {source.path for source in changed if source.name in failed}

    def _is_live(self, name: str, version: str) -> bool:
        live = self._library.find(name)
        return live is not None and live.version == version

    def _test(self, library: Library) -> list[TestResult]:
        results: list[TestResult] = []
        for path in sorted(self._folder.glob("tests/*.yaml")):
            try:
                text = path.read_bytes().decode("utf-8", "replace")
            except OSError as error:
                results.append(_not_run(path, error))
                continue
            results += run_tests(library, text, str(path), self._languages, self._layouts)
        return results


def tell(report: Report) -> None:
    """Logs a report: what went live, and each reason why something did not."""
    for finding in report.errors:
        log.error("flow held back", reason=str(finding))
    for failure in report.failures:
        log.error("flow held back", test=failure.name, file=failure.path, reason=failure.difference)
    if report.published:
        log.info("flows published", flows=report.published)


def _not_read(path: Path, error: OSError) -> Finding:
    """A flow file that is there and cannot be read."""
    why = error.strerror or type(error).__name__
    fa = f"فایل خوانده نشد ({why}). دسترسی آن را درست کنید."
    en = f"The file cannot be read ({why}). Mend its permissions."
    return Finding("error", "not-read", str(path), 1, "", fa, en)


def _not_run(path: Path, error: OSError) -> TestResult:
    """The same for a file of tests."""
    found = _not_read(path, error)
    return TestResult(path.stem, found.file, found.code, found.line, False, found.fa, found.en)


def _compile(name: str, text: bytes) -> Flow:
    source, findings = read_flow(text, f"{name}.yaml")
    if source is None or not source.sound:
        raise ValueError(f"the published flow {name} cannot be read: {findings[0]}")
    return compile_flow(source)


def _looks(entry: os.DirEntry[str]) -> tuple[str, int, int]:
    """What a file looks like from outside."""
    try:
        status = entry.stat()
    except OSError:  # It was removed just now, or points nowhere.
        return entry.path, 0, 0
    return entry.path, status.st_mtime_ns, status.st_size
