"""Chapar's command line: serve, send, migrate, and what operators and developers do with flows.

What each command works with is built once in ``house.py``; ``serving.py`` wires what answers, ``sending.py``
what sends. A request enters by a door of ``ussd/``, ``conversation/`` takes the turn with the flows that
``engine/`` advances and the services that meet their needs, ``records/`` commits it, the door answers.
"""

from __future__ import annotations

import gc

# What is imported lives as long as the process, and looking for garbage in it makes a start a fifth longer.
gc.disable()

import argparse
import asyncio
import dataclasses
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import structlog
import uvloop
from aiohttp import ClientSession

import charging
import desk
import jobbing
import logs
import mailing
import outgoing
import sandbox
import settings as environment
import submitting
from conversation.needs import SPECS
from engine.findings import Finding
from engine.library import Library
from house import LOCALES, Refused, house, keyring, now, prepare, publisher_of
from languages import Languages
from records import migrate
from records.keyring import KeyringError
from records.unit import Unavailable
from sending import dispatching
from services.accounts import RATE, SCOPES
from services.handover_desk import NAME_LENGTH
from services.publishing import Publisher, Report
from serving import serving
from settings import SettingError, Settings
from watching import watched

Command = Callable[[Settings, argparse.Namespace], Coroutine[Any, Any, int]]

log = structlog.get_logger()


async def stopped() -> None:
    """Returns when an operator asks the process to stop."""
    asked = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked.set)
    await asked.wait()


async def serve(settings: Settings, arguments: argparse.Namespace) -> int:
    async with house(settings) as home, serving(home) as port:
        where = "SQLite" if settings.embedded else "DATABASE_URL"
        sessions = "Redis" if settings.redis_url else "in process"
        log.info("serving", url=f"http://{settings.host}:{port}/", records=where, sessions=sessions)
        if settings.embedded and sys.stderr.isatty():
            print(
                f"\n  Chapar is open: http://{settings.host}:{port}/ — dial *733#\n"
                f"  Nothing is set: records are in SQLite ({settings.data_dir}/), sessions in this process.\n"
                "  Stop with Ctrl-C.\n"
            )
        await stopped()
        log.info("stopping")
    return 0


async def dispatch(settings: Settings, arguments: argparse.Namespace) -> int:
    async with house(settings) as home, dispatching(home), watched(home) as port:
        log.info("dispatching", watched=port)
        await stopped()
        log.info("stopping")
    return 0


async def run_migrations(settings: Settings, arguments: argparse.Namespace) -> int:
    prepare(settings)
    wanted = await migrate.pending(settings.database)
    await migrate.upgrade(settings.database)
    print(f"Migrated: {', '.join(wanted)}" if wanted else "The tables are up to date.")
    return 0


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


async def dial(settings: Settings, arguments: argparse.Namespace) -> int:
    async with AsyncExitStack() as stack:
        http, url = await at_hand(settings, stack)
        return await sandbox.dial(http, url, arguments.code, arguments.number)


async def chat(settings: Settings, arguments: argparse.Namespace) -> int:
    async with AsyncExitStack() as stack:
        http, url = await at_hand(settings, stack)
        return await sandbox.chat(http, url, arguments.language)


async def at_hand(settings: Settings, stack: AsyncExitStack) -> tuple[ClientSession, str]:
    """The server that runs on this machine, else one of our own."""
    url = f"http://127.0.0.1:{settings.port}"
    http = await stack.enter_async_context(ClientSession())
    if not await sandbox.answers(http, url):
        logs.start("error", "text")
        own = dataclasses.replace(settings, port=0, webchat=True)
        home = await stack.enter_async_context(house(own))
        url = f"http://127.0.0.1:{await stack.enter_async_context(serving(home))}"
    return http, url


async def work_at_desk(settings: Settings, arguments: argparse.Namespace) -> int:
    logs.start("error", "text")  # The terminal is the operator's.
    if not 0 < len(arguments.name) <= NAME_LENGTH:
        raise Refused(f"--name: an operator's name has 1 to {NAME_LENGTH} characters")
    async with AsyncExitStack() as stack:
        home = await stack.enter_async_context(house(settings))
        language = home.languages.get(arguments.language)
        if language is None:
            raise Refused(f"--language: there is {', '.join(home.languages)}, not {arguments.language}")
        keyboard = desk.keyboard(sys.stdin, sys.stdout)
        stack.callback(keyboard.close)
        for number in (signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, keyboard.end)
        shift = desk.Shift(
            name=arguments.name,
            service=home.services.handover_desk,
            complaints=home.services.handover_complaints,
            files=home.services.handover_files,
            signals=home.signals,
            keyboard=keyboard,
            say=desk.Words(language),
            clock=now,
            patience=settings.handover_patience,
        )
        return await shift.run()


async def print_config(settings: Settings, arguments: argparse.Namespace) -> int:
    for name, value, source, meaning in environment.describe(settings):
        print(f"{name}={value}\n    {meaning} ({source})")
    return 0


async def rotate_keys(settings: Settings, arguments: argparse.Namespace) -> int:
    if settings.keys:
        raise Refused("KEYS: the key ring comes from the environment; rotate it where it is kept")
    prepare(settings)
    print(f"New records are sealed with {keyring(settings).rotate()} from the next start on.")
    return 0


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


def command_line() -> argparse.ArgumentParser:
    """All commands and their arguments."""
    parser = argparse.ArgumentParser(
        prog="server.py",
        description="Chapar (چاپار): USSD menus, chat-bot dialogs and outbound messages of a licensed "
        "provider. Settings come from the environment; `server.py config` lists them.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, run: Command, says: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=says, description=says)
        made.set_defaults(run=run)
        return made

    command("serve", serve, "Answer gateways; in the embedded default also send messages.")
    command("dispatch", dispatch, "Send what waits in the outbox.")
    command("migrate", run_migrations, "Bring the database's tables up to date.")
    lint = command("lint", run_lint, "Check flow files; fails when one has errors.")
    lint.add_argument(
        "folder", type=Path, nargs="?", default=Path("flows"), help="folder of flow files (flows/)"
    )
    phone = command("dial", dial, "A phone in the terminal, on the running server or on one of its own.")
    phone.add_argument("code", nargs="?", default="*733#", help="what to dial (*733#)")
    phone.add_argument("--number", default="09121234567", help="the number that dials (09121234567)")
    seat = command("desk", work_at_desk, "Answer people who wait for an operator, in the terminal.")
    seat.add_argument("--name", required=True, help="the operator's name")
    seat.add_argument("--language", default="fa", help="language of the desk itself (fa)")
    talk = command("chat", chat, "A chat in the terminal, on the running server or on one of its own.")
    talk.add_argument("--language", choices=("fa", "en"), default="fa", help="what to be spoken to in (fa)")
    flows = commands.add_parser("flows", help="List, publish or test flows.")
    acts = flows.add_subparsers(dest="act", required=True, metavar="ACT")
    acts.add_parser("list", help="The live flows and their versions.").set_defaults(run=list_flows)
    acts.add_parser("publish", help="Lint, test and publish what changed.").set_defaults(run=publish_flows)
    tests = acts.add_parser("test", help="Run the flows' own tests.")
    tests.add_argument("--record", action="store_true", help="write what the engine shows now into the tests")
    tests.set_defaults(run=run_flow_tests)
    tariffs = commands.add_parser("tariffs", help="Import, list or try what messages cost.")
    acts = tariffs.add_subparsers(dest="act", required=True, metavar="ACT")
    taken = acts.add_parser("import", help="Add the prices and ceilings of a YAML file.")
    taken.add_argument("file", type=Path, help="the file; docs/administration.md says what is in it")
    taken.set_defaults(run=charging.import_tariffs)
    listed = acts.add_parser("list", help="The tariffs in force and to come.")
    listed.add_argument("--all", action="store_true", help="those that are over, too")
    listed.set_defaults(run=charging.list_tariffs)
    tried = acts.add_parser("estimate", help="What a message would cost.")
    tried.add_argument("--text", required=True, help="its text")
    tried.add_argument("--to", required=True, nargs="+", help="the numbers that it goes to")
    tried.add_argument("--channel", default="sms", help="sms, voice, … (sms)")
    tried.add_argument("--class", dest="klass", default="service", help="otp, service or bulk (service)")
    tried.add_argument("--on", default="", help="the day that it goes, such as 1405-01-01 (today)")
    tried.set_defaults(run=charging.estimate_cost)
    accounts = commands.add_parser("accounts", help="Accounts of businesses, and their keys of the API.")
    acts = accounts.add_subparsers(dest="act", required=True, metavar="ACT")
    opened = acts.add_parser("add", help="Open an account.")
    opened.add_argument("name", help="the name of the business")
    opened.add_argument("--line", action="append", default=[], help="a line of ours that is theirs; again")
    opened.set_defaults(run=submitting.add_account)
    acts.add_parser("list", help="All accounts and their keys.").set_defaults(run=submitting.list_accounts)
    issued = acts.add_parser("key", help="Make a key. It is shown once.")
    issued.add_argument("name", help="the account")
    issued.add_argument("--scope", action="append", choices=SCOPES, help="what it may do; again (all)")
    issued.add_argument("--sandbox", action="store_true", help="what it sends goes to nobody")
    issued.add_argument("--address", action="append", default=[], help="where it may be used from; again")
    issued.add_argument("--rate", type=int, default=RATE, help=f"messages a second ({RATE})")
    issued.set_defaults(run=submitting.issue_key)
    paid = acts.add_parser("credit", help="Add what a business paid in advance, or take from it.")
    paid.add_argument("name", help="the account; from the first time on it can spend no more than it has")
    paid.add_argument("rial", type=int, help="how much; below zero to take")
    paid.add_argument("--note", default="", help="why, for the business to see")
    paid.set_defaults(run=submitting.add_credit)
    ended = acts.add_parser("revoke", help="End a key.")
    ended.add_argument("prefix", help="what stands between its second and third _")
    ended.set_defaults(run=submitting.revoke_key)
    outgoing.add_commands(commands)
    returned = command("bounces", mailing.take_bounces, "Take a mail that came back, piped in.")
    returned.add_argument(
        "--maildir", type=Path, help="a folder with new/, all mails of which are taken instead"
    )
    jobbing.add_commands(commands)
    command("config", print_config, "Print every setting, where it comes from and what it means.")
    keys = commands.add_parser("keys", help="Rotate the keys that records are sealed with.")
    acts = keys.add_subparsers(dest="act", required=True, metavar="ACT")
    acts.add_parser("rotate", help="Make a new key; older ones go on reading.").set_defaults(run=rotate_keys)
    return parser


def main() -> int:
    """Runs one command; its exit code. A setting that cannot be used ends it with one line and code 2."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    gc.enable()
    arguments = command_line().parse_args()
    try:
        settings = environment.load()
        logs.start(settings.log_level, settings.log_format or ("text" if sys.stderr.isatty() else "json"))
        code: int = uvloop.run(arguments.run(settings, arguments))
    except (SettingError, Refused, KeyringError, Unavailable) as error:
        print(f"server.py: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"server.py: {error.strerror or error}: {error.filename or ''}".rstrip(": "), file=sys.stderr)
        return 2
    return code


if __name__ == "__main__":
    sys.exit(main())
