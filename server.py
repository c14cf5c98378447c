"""Chapar's command line: serve, send, migrate, and what operators and developers do with flows.

What a command works with is built once by ``composition/house.py``; ``composition/serving.py`` wires what
answers, ``composition/sending.py`` what sends; ``commands/`` has what else can be asked. A request enters by
a door of ``ussd/``, ``conversation/`` takes the turn with the flows that ``engine/`` advances and the
services that meet their needs, ``records/`` commits it, the door answers.
"""

from __future__ import annotations

import gc

# What is imported lives as long as the process, and looking for garbage in it makes a start a fifth longer.
gc.disable()

import argparse
import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import structlog
import uvloop

import logs
import settings as environment
from commands import accounts, bounces, flows, jobs, messages, tariffs, terminals
from composition.house import Refused, house, keyring, prepare
from composition.sending import dispatching
from composition.serving import serving
from composition.watching import watched
from records import migrate
from records.keyring import KeyringError
from records.unit import Unavailable
from settings import SettingError, Settings

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
    for module in (flows, terminals, messages, jobs, accounts, tariffs, bounces):
        module.add(commands)
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
