"""Flows: look at them, list, publish and test them."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import Path

from composition.house import LOCALES, Refused, house, publisher_of
from conversation.needs import SPECS
from engine.findings import Finding
from engine.library import Library
from languages import Languages
from services.publishing import Publisher, Report
from settings import Settings


async def run_lint(settings: Settings, arguments: argparse.Namespace) -> int:
    return print_findings(examiner(settings, arguments.folder).lint())


async def list_flows(settings: Settings, arguments: argparse.Namespace) -> int:
    async with house(settings) as home:
        for name in home.library.names():
            flow = home.library.live(name)
            print(f"{flow.name:20} {flow.version}  {flow.title}")
    return 0


async def publish_flows(settings: Settings, arguments: argparse.Namespace) -> int:
    async with house(settings) as home:
        report = await home.publisher.publish()
    print_report(report)
    print(f"Published: {', '.join(report.published) or 'nothing, all that passed is live already'}")
    return 1 if report.held else 0


async def run_flow_tests(settings: Settings, arguments: argparse.Namespace) -> int:
    publisher = examiner(settings, settings.flows_dir)
    errors = [finding for finding in publisher.lint() if finding.severity == "error"]
    if errors:
        return print_findings(errors)
    if arguments.record:
        print(f"Recorded: {', '.join(publisher.record()) or 'nothing changed'}")
        return 0
    results = publisher.test()
    for result in results:
        if not result.passed:
            print(f"{result.path}:{result.line} {result.name}\n{result.difference}")
    failed = sum(not result.passed for result in results)
    print(f"{len(results) - failed} passed, {failed} failed")
    return 1 if failed else 0


def examiner(settings: Settings, folder: Path) -> Publisher:
    """Who looks at the flows of a folder and publishes nothing."""
    if not any(folder.glob("*.yaml")):
        raise Refused(f"{folder}: there is no flow file (*.yaml)")
    look = dataclasses.replace(settings, flows_dir=folder)
    return publisher_of(look, Library(SPECS), Languages.load(LOCALES), None)


def print_findings(findings: Sequence[Finding]) -> int:
    """Each finding and how many there are; the exit code."""
    for finding in findings:
        print(f"{finding}\n    {finding.fa}")
    errors = sum(finding.severity == "error" for finding in findings)
    print(f"{errors} errors, {len(findings) - errors} warnings")
    return 1 if errors else 0


def print_report(report: Report) -> None:
    for finding in report.findings:
        print(f"{finding}\n    {finding.fa}")
    for failure in report.failures:
        print(f"{failure.path}:{failure.line} {failure.name}\n{failure.difference}")


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    lint = commands.add_parser("lint", help="Check flow files; fails when one has errors.")
    lint.add_argument(
        "folder", type=Path, nargs="?", default=Path("flows"), help="folder of flow files (flows/)"
    )
    lint.set_defaults(run=run_lint)
    flows = commands.add_parser("flows", help="List, publish or test flows.")
    acts = flows.add_subparsers(dest="act", required=True, metavar="ACT")
    acts.add_parser("list", help="The live flows and their versions.").set_defaults(run=list_flows)
    acts.add_parser("publish", help="Lint, test and publish what changed.").set_defaults(run=publish_flows)
    tests = acts.add_parser("test", help="Run the flows' own tests.")
    tests.add_argument("--record", action="store_true", help="write what the engine shows now into the tests")
    tests.set_defaults(run=run_flow_tests)
