"""What messages cost: what dispatching asks of the tariffs, and the commands of whoever keeps them."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Iterable
from datetime import datetime

import structlog
from persiantools.jdatetime import JalaliDate
from prometheus_client import CollectorRegistry, Counter, Gauge

import carriers
from dispatch.charging import Charger
from dispatch.errors import DispatchError
from dispatch.provider import Account, Outgoing, Provider
from dispatch.providers.sms import names
from engine.numbers import mobile
from house import House, Refused, house, now
from records.claims import Claimed
from records.tariffs import Tariff
from records.unit import Conflict
from services.calendar import TEHRAN
from services.tariff_file import day, read_tariffs
from services.tariff_table import BadTariffs
from settings import Settings

CREDIT_EVERY = 300.0  # Seconds between two questions to a provider about what is left.

log = structlog.get_logger()


def charger(home: House) -> Charger:
    """Counts what goes, and says what it cost by the tariffs."""
    parts = Counter(
        "chapar_message_parts",
        "Parts (short messages, of SMS) of messages that providers took",
        ["channel", "provider", "class"],
        registry=home.registry,
    )
    spent = Counter(
        "chapar_message_cost_rial",
        "Cost of messages that providers took, by the tariffs",
        ["channel", "provider", "class"],
        registry=home.registry,
    )
    lines = carriers.lines(home.settings)
    tariffs = home.services.tariffs

    def charge(claimed: Claimed, outgoing: Outgoing, provider: str, at: datetime) -> int | None:
        labels = (claimed.channel, provider, claimed.klass)
        parts.labels(*labels).inc(outgoing.parts)
        line = names.line(outgoing, lines.get(provider, ()))
        cost = tariffs.cost(
            claimed.channel, provider, line, claimed.klass, outgoing.to, outgoing.body, outgoing.parts, at
        )
        if cost is not None:
            spent.labels(*labels).inc(cost)
        return cost

    return charge


def credit_left(registry: CollectorRegistry) -> Gauge:
    """What ``watch_credit`` keeps up to date."""
    return Gauge(
        "chapar_provider_credit",
        "What is left on our account with a provider",
        ["provider", "unit"],
        registry=registry,
    )


async def watch_credit(providers: Iterable[Provider], left: Gauge) -> None:
    """Every five minutes, what is left on the accounts of those providers that tell."""
    accounts = [(each.name, each) for each in providers if isinstance(each, Account)]
    while accounts:
        for name, account in accounts:
            try:
                credit = await account.credit()
            except DispatchError as error:
                log.warning("credit unknown", provider=name, error=error.name, why=error.detail)
            else:
                left.labels(name, credit.unit).set(credit.amount)
        await asyncio.sleep(CREDIT_EVERY)


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
