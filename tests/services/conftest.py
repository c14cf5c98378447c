"""The services over a real database, a clock that is set by hand, and people who speak.

Turns are committed by two committers in turns, each with a connection of its own, as those of two processes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import cycle
from typing import TypeVar

import pytest
from sqlalchemy import select

from languages import Language, Languages
from records.committer import Committer
from records.database import Database
from records.ids import new_id
from records.outbox import Content, content
from records.tables import outbox
from records.unit import Conflict, Unit
from records.vault import Vault
from services import Services
from services.calendar import Calendar
from services.identity import Registry
from services.subscribers import Person

T = TypeVar("T")

# Monday, 2 Azar 1405, 12:30 in Tehran.
START = datetime(2026, 11, 23, 9, tzinfo=UTC)


@dataclass(frozen=True)
class Message:
    """A row of the outbox with its words."""

    to: str
    body: str
    channel: str
    klass: str
    tracking: str
    lifetime: timedelta


@dataclass
class Desk:
    """``now`` is what the clock says. ``committer`` is the next of the two each time."""

    database: Database
    committers: Iterator[Committer]
    vault: Vault
    services: Services
    languages: Languages
    now: datetime = START

    @property
    def committer(self) -> Committer:
        return next(self.committers)

    def after(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    async def turn(self, act: Callable[[Unit], Awaitable[T]]) -> T:
        """What ``act`` says, its unit committed; run again after a conflict, as the conversation does."""
        for _try in range(6):
            unit = Unit()
            try:
                result = await act(unit)
                await self.committer.commit(unit)
            except Conflict:
                continue
            return result
        raise AssertionError("a conflict each time")

    async def person(self, number: str = "+989121234567", language: str = "fa") -> Person:
        """Somebody who dials from this number."""
        found = await self.turn(
            lambda unit: self.services.subscribers.find_or_create(
                unit, now=self.now, kind="msisdn", address=number, language=language, by="network"
            )
        )
        return Person(
            found.id, number, self.vault.index("msisdn", number), found.language, "ussd", new_id(self.now)
        )

    async def messages(self, to: str | None = None) -> list[Message]:
        """All that was put into the outbox, the oldest first."""
        rows = await self.database.read(select(outbox).order_by(outbox.c.id))
        found: list[Message] = []
        for row in rows:
            said: Content = content(self.vault, row.id, row.sealed)
            lifetime = row.expires_at - row.due_at
            named = row._mapping["class"]
            found.append(Message(said.to, said.body, row.channel, named, row.tracking, lifetime))
        return [message for message in found if to is None or message.to == to]


@pytest.fixture
async def desk(
    database: Database, database_url: str, committer: Committer, vault: Vault
) -> AsyncIterator[Desk]:
    languages = Languages({"fa": Language("fa", {}), "en": Language("en", {})})
    services = Services.build(
        database=database,
        committer=committer,
        vault=vault,
        languages=languages,
        http=None,
        calendar=Calendar.load(),
        registry=Registry(),
        domain="chapar.example",
    )
    second = await Database.open(database_url)
    async with Committer(second) as other:
        yield Desk(database, cycle((committer, other)), vault, services, languages)
    await second.close()
