"""What messages cost, in rial: before they are sent, and when they went."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import structlog

from engine import alphabet
from records import tariffs as records
from records.database import Database
from records.tariffs import Change, Tariff
from records.unit import Unavailable
from services.tariff_file import line_of
from services.tariff_table import Priced, Table, following

EVERY = 60.0  # Seconds after which a process knows of new tariffs.

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Carrier:
    """Who carries a channel's messages: the provider's name, and the line that they go from."""

    provider: str
    line: str = ""


@dataclass(frozen=True, slots=True)
class Estimate:
    """``parts`` of one message; ``rial`` for all of them together; ``unpriced``: for how many of the
    recipients no tariff is, which ``rial`` leaves out."""

    parts: int
    rial: int
    unpriced: int


class Tariffs:
    """``carriers`` by channel. What is looked up without waiting is as of the last ``refresh``."""

    def __init__(self, *, database: Database, carriers: Mapping[str, Carrier]) -> None:
        self._database = database
        self._carriers = carriers
        self._table = Table(())

    async def follow(self) -> None:
        """Keeps up with the table, until it is cancelled."""
        while True:
            await asyncio.sleep(EVERY)
            try:
                await self.refresh()
            except Unavailable as error:
                log.warning("tariffs wait for the database", error=str(error))

    async def refresh(self) -> None:
        """Reads the table. Raises ``Unavailable``."""
        self._table = Table(await records.every(self._database))

    def cost(
        self, channel: str, provider: str, line: str, klass: str, to: str, text: str, parts: int, at: datetime
    ) -> int | None:
        """The price of one message of ``parts`` at that time; None where no tariff is for it."""
        if not self._table.prices(channel):
            return None
        return self._rial(_priced(channel, provider, line, klass, to, text), parts, at)

    def expected(self, channel: str, klass: str, to: str, text: str, parts: int, at: datetime) -> int | None:
        """The price of a message that will go by who carries its channel; None where no tariff is for it."""
        by = self._carriers.get(channel, Carrier(""))
        return self.cost(channel, by.provider, by.line, klass, to, text, parts, at)

    async def estimate(
        self,
        text: str,
        recipients: Sequence[str],
        *,
        at: datetime,
        channel: str = "sms",
        klass: str = "service",
        carrier: Carrier | None = None,
    ) -> Estimate:
        """What the text would cost to these addresses (numbers in E.164), sent at ``at`` by ``carrier``, else
        by who carries the channel. Raises ``Unavailable``."""
        await self.refresh()
        by = carrier or self._carriers.get(channel, Carrier(""))
        parts = alphabet.parts(text) if channel == "sms" else 1
        priced = _priced(channel, by.provider, by.line, klass, "", text)
        costs = [self._rial(priced._replace(to=to), parts, at) for to in recipients]
        known = [cost for cost in costs if cost is not None]
        return Estimate(parts, sum(known), len(costs) - len(known))

    async def every(self) -> Sequence[Tariff]:
        """All tariffs that there are and were. Raises ``Unavailable``."""
        return await records.every(self._database)

    async def add(self, new: Sequence[Tariff], now: datetime) -> Change:
        """Adds tariffs; those before them end. Raises ``BadTariffs``, ``Conflict``, ``Unavailable``."""
        change = await records.change(self._database, lambda there: following(there, new, now), now)
        await self.refresh()
        return change

    def _rial(self, message: Priced, parts: int, at: datetime) -> int | None:
        tariff = self._table.find("price", message, at)
        return None if tariff is None else tariff.rial * parts


def _priced(channel: str, provider: str, line: str, klass: str, to: str, text: str) -> Priced:
    kind = alphabet.size(text).alphabet if channel == "sms" else ""
    return Priced(channel, provider, _digits(line), klass, kind, to)


@lru_cache(maxsize=256)
def _digits(line: str) -> str:
    """The line as tariffs name it; "" for a name, which none can name."""
    try:
        return line_of(line)
    except ValueError:
        return ""
