"""Businesses that pay in advance: whether what they send is paid for, and what is left.

A message takes what it is expected to cost where it is taken over, and once it is over what it did cost by
the tariffs (nothing where it did not go). Where no tariff is for it, it takes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from time import monotonic

import structlog

from engine import alphabet
from records import accounts
from records import credit as records
from records.credit import Entry
from records.database import Database
from records.unit import Unavailable, Unit
from services.accounts import BadAccount
from services.tariffs import Tariffs

FRESH = 30.0  # Seconds for which the tariffs are taken as they were read.
EVERY = 1.0  # Seconds between looks for messages that are over.
MOST = 10**15  # Rial in one entry.
NOTE = 200  # Characters.

log = structlog.get_logger(__name__)


class NotEnough(Exception):
    """What is to be sent costs more than is left; nothing of it was taken over."""

    def __init__(self, left: int, wanted: int) -> None:
        super().__init__(f"{wanted} rial of {left}")
        self.left = left
        self.wanted = wanted


@dataclass(frozen=True, slots=True)
class Said:
    """What decides the price of a message."""

    channel: str
    klass: str
    to: str
    text: str
    at: datetime


class Credit:
    """``clock`` counts seconds and never goes back."""

    def __init__(
        self, *, database: Database, tariffs: Tariffs, clock: Callable[[], float] = monotonic
    ) -> None:
        self._database = database
        self._tariffs = tariffs
        self._clock = clock
        self._read: float | None = None

    async def prices(self, account: bytes, messages: Iterable[Sequence[Said]]) -> Sequence[int] | None:
        """What each message is expected to cost, by all the channels that it may go by; None where the
        account pays afterwards. Raises ``NotEnough``, ``Unavailable``."""
        left = await records.left(self._database, account)
        if left is None:
            return None
        if self._read is None or self._clock() - self._read > FRESH:
            await self._tariffs.refresh()
            self._read = self._clock()
        prices = [sum(map(self._price, ways)) for ways in messages]
        if sum(prices) > left:
            raise NotEnough(left, sum(prices))
        return prices

    async def left(self, account: bytes) -> int | None:
        """What the account can still spend; None where it pays afterwards. Raises ``Unavailable``."""
        return await records.left(self._database, account)

    async def page(self, account: bytes, before: bytes | None, most: int) -> Sequence[Entry]:
        """What moved it, the newest first. Raises ``Unavailable``."""
        return await records.page(self._database, account, before=before, most=most)

    async def add(self, name: str, rial: int, note: str, now: datetime) -> int:
        """Adds to the credit of the account of this name, or takes from it; what is left. Raises
        ``BadAccount``, ``Unavailable``."""
        if not 0 < abs(rial) <= MOST:
            raise BadAccount("an amount is a number of rial, below zero to take from the credit")
        if len(note) > NOTE:
            raise BadAccount(f"a note has at most {NOTE} characters")
        account = await accounts.find(self._database, name)
        if account is None:
            raise BadAccount(f"there is no account {name!r}")
        return await records.add(self._database, account.id, rial, note, now)

    async def follow(self, clock: Callable[[], datetime]) -> None:
        """Corrects what messages that are over have taken, until it is cancelled."""
        while True:
            more = 0
            try:
                more = await records.correct(self._database, clock())
            except Unavailable as error:
                log.warning("credit waits for the database", error=str(error))
            await asyncio.sleep(0 if more else EVERY)

    def _price(self, said: Said) -> int:
        parts = alphabet.parts(said.text) if said.channel == "sms" else 1
        return self._tariffs.expected(said.channel, said.klass, said.to, said.text, parts, said.at) or 0


def reserve(
    unit: Unit, account: bytes, messages: Sequence[bytes], prices: Sequence[int] | None, now: datetime
) -> None:
    """Keeps what these messages of the unit are expected to cost (``Credit.prices``); the unit is a
    ``Conflict`` where that is not left any more."""
    if prices is not None and messages:
        records.reserve(unit, account, list(zip(messages, prices, strict=True)), now)
