"""What messages cost: import, list and try the tariffs."""

from __future__ import annotations

import argparse
from datetime import datetime
from pathlib import Path

from persiantools.jdatetime import JalaliDate

from composition.house import Refused, house, now
from engine.numbers import mobile
from records.tariffs import Tariff
from records.unit import Conflict
from services.calendar import TEHRAN
from services.tariff_file import day, read_tariffs
from services.tariff_table import BadTariffs
from settings import Settings


async def import_tariffs(settings: Settings, arguments: argparse.Namespace) -> int:
    try:
        new = read_tariffs(arguments.file)
        async with house(settings) as home:
            change = await home.services.tariffs.add(new, now())
    except BadTariffs as error:
        raise Refused(str(error)) from None
    except Conflict:
        raise Refused("somebody else changed the tariffs at the same time; import the file again") from None
    added, ended = len(change.added), len(change.ended)
    print(f"{added} added, {ended} ended, {len(change.removed)} replaced, {len(new) - added} there already")
    return 0


async def list_tariffs(settings: Settings, arguments: argparse.Namespace) -> int:
    async with house(settings) as home:
        moment = now()
        toman = home.languages["en"]
        for tariff in await home.services.tariffs.every():
            if arguments.all or tariff.ends_at is None or tariff.ends_at > moment:
                print(f"{_named(tariff)}  {tariff.rial:,} rial ({toman.format(tariff.rial, 'toman')})")
                print(f"    {_times(tariff, moment)}")
    return 0


async def estimate_cost(settings: Settings, arguments: argparse.Namespace) -> int:
    try:
        at = day(arguments.on) if arguments.on else now()
    except ValueError as error:
        raise Refused(f"--on: {arguments.on!r} is not {error}") from None
    recipients = [mobile(number) or number for number in arguments.to]
    async with house(settings) as home:
        told = await home.services.tariffs.estimate(
            arguments.text, recipients, channel=arguments.channel, klass=arguments.klass, at=at
        )
        toman = home.languages["en"].format(told.rial, "toman")
    print(f"Parts of each message: {told.parts}; for {len(recipients)}: {told.rial:,} rial ({toman})")
    if told.unpriced:
        print(f"Without a tariff, and not in it: {told.unpriced}")
    return 0


def _named(tariff: Tariff) -> str:
    given = {
        "provider": tariff.provider,
        "line": tariff.line,
        "class": tariff.klass,
        "alphabet": tariff.alphabet,
        "numbers": tariff.numbers,
    }
    words = " ".join(f"{name}={value}" for name, value in given.items() if value)
    return f"{tariff.kind:7} {tariff.channel} {words}".rstrip()


def _times(tariff: Tariff, moment: datetime) -> str:
    if tariff.starts_at > moment:
        state = "to come"
    else:
        state = "over" if tariff.ends_at is not None and tariff.ends_at <= moment else "in force"
    until = f" until {_day(tariff.ends_at)}" if tariff.ends_at else ""
    return f"from {_day(tariff.starts_at)}{until} ({state})"


def _day(moment: datetime) -> str:
    """As the file of tariffs takes it."""
    local = JalaliDate(moment.astimezone(TEHRAN).date())  # type: ignore[no-untyped-call]
    return f"{local.year:04}-{local.month:02}-{local.day:02}"


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    tariffs = commands.add_parser("tariffs", help="Import, list or try what messages cost.")
    acts = tariffs.add_subparsers(dest="act", required=True, metavar="ACT")
    taken = acts.add_parser("import", help="Add the prices and ceilings of a YAML file.")
    taken.add_argument("file", type=Path, help="the file; docs/administration.md says what is in it")
    taken.set_defaults(run=import_tariffs)
    listed = acts.add_parser("list", help="The tariffs in force and to come.")
    listed.add_argument("--all", action="store_true", help="those that are over, too")
    listed.set_defaults(run=list_tariffs)
    tried = acts.add_parser("estimate", help="What a message would cost.")
    tried.add_argument("--text", required=True, help="its text")
    tried.add_argument("--to", required=True, nargs="+", help="the numbers that it goes to")
    tried.add_argument("--channel", default="sms", help="sms, voice, … (sms)")
    tried.add_argument("--class", dest="klass", default="service", help="otp, service or bulk (service)")
    tried.add_argument("--on", default="", help="the day that it goes, such as 1405-01-01 (today)")
    tried.set_defaults(run=estimate_cost)
