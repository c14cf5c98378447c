"""Brings flow files to life: reads them, lints them, runs their tests, publishes what changed.

A file that does not pass is held back and the version before it stays live; the report says why.
"""

from __future__ import annotations

import asyncio
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
from records.flows import FlowStore

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
    """Every ``*.yaml`` of the folder: the sources that can be read and what is wrong with the others."""
    sources: list[Source] = []
    findings: list[Finding] = []
    for path in sorted(folder.glob("*.yaml")):
        source, found = read_flow(path.read_bytes(), str(path))
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
        self._seen: object = None

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
        news = [each for each in await self._store.newest() if not self._is_live(each[0], each[1])]
        if news:
            self._library.publish(await asyncio.to_thread(_compile_all, news))

    async def flow(self, name: str, version: str) -> Flow | None:
        """An older version that a session is pinned to, or None when it was never published."""
        assert self._store is not None
        text = await self._store.version(name, version)
        return None if text is None else _compile(name, text)

    async def publish(self) -> Report:
        """Reads the folder and publishes each file that changed and passes."""
        assert self._store is not None
        report, flows = await asyncio.to_thread(self._examine)
        for flow in flows:
            await self._store.publish(flow.name, flow.version, flow.source.text, self._clock())
        self._library.publish(flows)
        report.published = [flow.name for flow in flows]
        return report

    async def follow_folder(self, pause: float = 1.0) -> None:
        """Publishes whenever a file of the folder changes, until cancelled."""
        while True:
            seen = await asyncio.to_thread(self._snapshot)
            if seen != self._seen:
                self._seen = seen
                tell(await self.publish())
            await asyncio.sleep(pause)

    async def follow_store(self, pause: float = 2.0) -> None:
        """Makes live what another process published, until cancelled."""
        while True:
            await asyncio.sleep(pause)
            try:
                await self.load()
            except Exception as error:
                # The database may be away; sessions go on with what is loaded.
                log.warning("published flows not read", error=type(error).__name__)

    def _snapshot(self) -> object:
        paths = sorted([*self._folder.glob("*.yaml"), *self._folder.glob("tests/*.yaml")])
        return [(path, status.st_mtime_ns, status.st_size) for path in paths for status in [path.stat()]]

    def _examine(self) -> tuple[Report, list[Flow]]:
        """Which flows may go live, and the report on all others."""
        sources, findings = read_folder(self._folder)
        report = Report(findings=findings)
        if all(self._is_live(source.name, source.version) for source in sources):
            report.held = sorted({finding.file for finding in report.errors})
            return report, []
        while candidates := {
            source.path for source in sources if not self._is_live(source.name, source.version)
        }:
            found = lint(sources, self._needs, self._languages, self._layouts)
            report.findings += [each for each in found if each not in report.findings]
            bad = {each.file for each in found if each.severity == "error"}
            failures: list[TestResult] = []
            if not bad:
                failures = [each for each in self._test(Library.of(sources, self._needs)) if not each.passed]
                report.failures += [each for each in failures if each not in report.failures]
                bad = {source.path for source in sources for each in failures if each.flow == source.name}
            if not bad and not failures:
                break
            # Where a change breaks what did not change, nobody can tell which change it was: none goes live.
            sources = self._without(sources, bad & candidates or candidates)
        report.held = sorted({each.file for each in report.errors} | {each.path for each in report.failures})
        return report, [
            compile_flow(source) for source in sources if not self._is_live(source.name, source.version)
        ]

    def _is_live(self, name: str, version: str) -> bool:
        live = self._library.find(name)
        return live is not None and live.version == version

    def _without(self, sources: Sequence[Source], bad: set[str]) -> list[Source]:
        """The sources with each bad one replaced by its live version, or left out where there is none."""
        kept: list[Source] = []
        for source in sources:
            if source.path not in bad:
                kept.append(source)
            elif (live := self._library.find(source.name)) is not None:
                kept.append(live.source)
        return kept

    def _test(self, library: Library) -> list[TestResult]:
        results: list[TestResult] = []
        for path in sorted(self._folder.glob("tests/*.yaml")):
            results += run_tests(library, path.read_text("utf-8"), str(path), self._languages, self._layouts)
        return results


def tell(report: Report) -> None:
    """Logs a report: what went live, and each reason why something did not."""
    for finding in report.errors:
        log.error("flow held back", reason=str(finding))
    for failure in report.failures:
        log.error("flow held back", test=failure.name, file=failure.path, reason=failure.difference)
    if report.published:
        log.info("flows published", flows=report.published)


def _compile(name: str, text: bytes) -> Flow:
    source, findings = read_flow(text, f"{name}.yaml")
    if source is None:
        raise ValueError(f"the published flow {name} cannot be read: {findings[0]}")
    return compile_flow(source)


def _compile_all(published: Sequence[tuple[str, str, bytes]]) -> list[Flow]:
    return [_compile(name, text) for name, _version, text in published]
