"""An outbox to dispatch from: messages put in, rows and attempts looked up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select

from dispatch.provider import Accepted, Outcome, Outgoing
from records.committer import Committer
from records.database import Database
from records.outbox import queue
from records.tables import OURSELVES, attempts, outbox
from records.unit import Unit
from records.vault import Vault

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


class Clock:
    """Time that passes when it is told to."""

    def __init__(self, now: datetime = START) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class Outbox:
    database: Database
    committer: Committer
    vault: Vault
    clock: Clock

    async def add(
        self,
        body: str = "سلام",
        *,
        channel: str = "sms",
        klass: str = "service",
        to: str = "+989121234567",
        minutes: float = 60,
        route: str = "",
        sender: bytes = OURSELVES,
        later: float = 0,
    ) -> str:
        """Queues one message, ``later`` seconds from now; its tracking number."""
        unit = Unit()
        tracking = queue(
            unit,
            self.vault,
            now=self.clock(),
            channel=channel,
            klass=klass,
            kind=channel if channel in ("email", "telegram", "bale") else "msisdn",
            to=to,
            subject="موضوع",
            body=body,
            route=route,
            lifetime=timedelta(minutes=minutes),
            sender=sender,
            due=self.clock() + timedelta(seconds=later),
        )
        await self.committer.commit(unit)
        return tracking

    async def row(self, tracking: str) -> Any:
        rows = await self.database.read(select(outbox).where(outbox.c.tracking == tracking))
        return rows[0]

    async def status(self, tracking: str) -> str:
        return str((await self.row(tracking)).status)

    async def notes(self, tracking: str) -> list[tuple[str, str]]:
        """(kind, status) of the message's attempts, as they became known."""
        row = await self.row(tracking)
        found = await self.database.read(
            select(attempts.c.kind, attempts.c.status)
            .where(attempts.c.message == row.id)
            .order_by(attempts.c.id)
        )
        return [(kind, status) for kind, status in found]


def accept(outgoing: Outgoing) -> Outcome:
    return Accepted(f"X{outgoing.tracking}")


@dataclass
class Carrier:
    """A provider that answers as ``answer`` says and remembers what it was handed. While ``open`` is not
    set it keeps its callers waiting."""

    answer: Callable[[Outgoing], Outcome] = accept
    name: str = "carrier"
    channel: str = "sms"
    batch: int = 100
    repeatable: bool = False
    handed: list[str] = field(default_factory=list)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    entered: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.open.set()

    async def send(self, batch: Sequence[Outgoing]) -> Sequence[Outcome]:
        self.handed += [outgoing.body for outgoing in batch]
        self.entered.set()
        await self.open.wait()
        return [self.answer(outgoing) for outgoing in batch]


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Waits for something that will be so; far longer than it can take."""
    async with asyncio.timeout(30):
        while not await condition():
            await asyncio.sleep(0.01)
