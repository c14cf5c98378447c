"""Fetches SMS from a provider that keeps them until they are asked for.

Fetching marks them as read over there, so they are stored before anything else is done, for as long as that
takes. Whoever polls a line holds its lease: one process at a time asks for its messages. Should that one be
killed between the two, what it fetched last is fetched again by whoever takes over its lease; the inbox knows
what was stored.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from bot.sms import InboundSms, Taker
from dispatch.errors import Ambiguous, DispatchError, Unreachable
from records import leases
from records.database import Database
from records.unit import Unavailable

LEASE = timedelta(seconds=15)  # Beyond the pause; it is renewed before each question.
BEFORE = timedelta(hours=1)  # How much older than its fetching a message may be that is fetched again.
STORING = (0.1, 0.5, 1.0, 2.0, 5.0)  # Seconds between attempts to store.
GRACE = 10.0  # Seconds that a stop waits for what was fetched to be stored.
AGAIN = timedelta(minutes=1)  # How long a provider is left alone that refuses us.

log = structlog.get_logger()


class Source(Protocol):
    """A provider that keeps messages."""

    @property
    def most(self) -> int:
        """The most that it hands over at once."""

    async def fetch(self, line: str, now: datetime, *, again: bool = False) -> Sequence[InboundSms]:
        """What came to a line and was not fetched yet, the earliest first; with ``again`` what was fetched
        before. Raises ``DispatchError``."""


class Poller:
    """Asks for the messages of each line every ``every`` seconds."""

    def __init__(
        self,
        source: Source,
        taker: Taker,
        lines: Sequence[str],
        *,
        database: Database,
        clock: Callable[[], datetime],
        every: float,
        lease: timedelta = LEASE,
    ) -> None:
        self._source = source
        self._taker = taker
        self._lines = lines
        self._database = database
        self._clock = clock
        self._every = every
        self._lease = lease + timedelta(seconds=every)
        self._owner = os.urandom(16)
        self._stopping = asyncio.Event()
        # What may have been fetched and not stored, by line: messages since then are fetched again.
        self._doubt: dict[str, datetime] = {}
        self._held: set[str] = set()

    async def run(self) -> None:
        """Polls until ``stop``."""
        await asyncio.gather(*(self._follow(line) for line in self._lines))

    async def stop(self, running: asyncio.Task[None]) -> None:
        """Ends ``running`` (``run``) when what was fetched is stored, or after a while."""
        self._stopping.set()
        _done, late = await asyncio.wait([running], timeout=GRACE)
        for task in late:
            log.error("sms fetched and not stored; the next start fetches them again")
            task.cancel()

    async def _follow(self, line: str) -> None:
        while not self._stopping.is_set():
            pause = self._every
            try:
                if await self._hold(line):
                    await self._poll(line)
            except Unavailable as error:
                log.warning("polling for sms waits for the database", reason=str(error))
            except DispatchError as error:
                if isinstance(error, Ambiguous):
                    self._doubt.setdefault(line, self._clock() - BEFORE)
                log.warning("sms not fetched", error=error.name, why=error.detail)
                if not isinstance(error, Ambiguous | Unreachable):
                    pause = max(pause, (error.retry_after or AGAIN).total_seconds())
            await self._rest(pause)
        await self._let_go(line)

    async def _poll(self, line: str) -> None:
        if (since := self._doubt.get(line)) is not None:
            found = await self._source.fetch(line, self._clock(), again=True)
            await self._store([sms for sms in found if sms.received >= since])
            del self._doubt[line]
        while not self._stopping.is_set():
            # From here until all is stored, a death leaves messages that nobody would ask for again.
            found = await self._source.fetch(line, self._clock())
            await self._store(found)
            if len(found) < self._source.most or not await self._hold(line):
                return

    async def _store(self, found: Sequence[InboundSms]) -> None:
        """Stores messages in their order. They are nowhere else, so it does not give up."""
        attempt = 0
        while True:
            try:
                await asyncio.gather(*(self._taker.accept(sms) for sms in found))
            except Unavailable as error:
                log.warning("sms fetched and not stored yet", messages=len(found), reason=str(error))
                await asyncio.sleep(STORING[min(attempt, len(STORING) - 1)])
                attempt += 1
            else:
                return

    async def _hold(self, line: str) -> bool:
        """Takes the line's lease, or holds it for longer. Whoever takes it over from one that was not given
        back doubts what that one fetched last."""
        now, name = self._clock(), _lease_of(line)
        left = None if line in self._held else await leases.until(self._database, name)
        if not await leases.take(self._database, name, self._owner, now, now + self._lease):
            self._held.discard(line)
            return False
        self._held.add(line)
        if left is not None:
            self._doubt.setdefault(line, left - self._lease - BEFORE)
        return True

    async def _let_go(self, line: str) -> None:
        """Gives the lease back, which says that nothing is in doubt."""
        if line not in self._held or line in self._doubt:
            return
        try:
            await leases.drop(self._database, _lease_of(line), self._owner)
        except Unavailable:
            pass  # It runs out, and whoever comes then looks twice.

    async def _rest(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            pass


def _lease_of(line: str) -> str:
    return f"sms-{line}"[:64]
