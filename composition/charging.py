"""What messages cost: what dispatching asks of the tariffs, and the commands of whoever keeps them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from composition import carriers
from composition.house import House
from dispatch.charging import Charger
from dispatch.errors import DispatchError
from dispatch.provider import Account, Outgoing, Provider
from dispatch.providers.sms import names
from records.claims import Claimed

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

    # Finding a metric by its labels takes longer than counting.
    found: dict[tuple[str, str, str], Counter] = {}

    def charge(claimed: Claimed, outgoing: Outgoing, provider: str, at: datetime) -> int | None:
        labels = (claimed.channel, provider, claimed.klass)
        counted = found.get(labels)
        if counted is None:
            counted = found[labels] = parts.labels(*labels)
        counted.inc(outgoing.parts)
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
