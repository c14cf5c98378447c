"""Tells businesses by webhooks what happened: claim, post, settle.

Each place is worked for itself, one batch at a time (``webhook_batches``), so that a server that hangs holds
up nobody else's. What a killed process had claimed is tried again once its lease is over, with the same id.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog

from dispatch.webhook_batches import Teller
from records import webhook_deliveries as records
from records.database import Database
from records.randomness import randomness
from records.unit import Unavailable
from records.webhook_deliveries import Delivery, Due
from records.woken import woken

PLACES = 200  # That are worked at once in a process.
BATCH = 40
LEASE = timedelta(seconds=20)  # So long a killed process's deliveries wait for the next one.
KEPT = timedelta(days=30)
POLL = 1.0  # Seconds between looks for what is due, unless woken.
GRACE = 20.0  # Seconds that a stop waits for answers.

log = structlog.get_logger(__name__)


class Webhooks:
    """``wake`` is set by whoever wrote deliveries in this process. ``alone``: there is no other one, so that
    what is leased at the start is what a killed one left."""

    def __init__(
        self,
        database: Database,
        teller: Teller,
        *,
        clock: Callable[[], datetime],
        wake: asyncio.Event,
        poll: float = POLL,
        lease: timedelta = LEASE,
        alone: bool = False,
    ) -> None:
        self._database = database
        self._teller = teller
        self._clock = clock
        self._wake = wake
        self._poll = poll
        self._lease = lease
        self._alone = alone
        self._stopping = False
        self._working: dict[bytes, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Tells until ``stop``; then what is under way is ended, and what was not begun is given back."""
        tidying = asyncio.create_task(self._tidy())
        try:
            while not self._stopping:
                self._wake.clear()
                try:
                    if self._alone:
                        await records.forsake(self._database, self._clock())
                        self._alone = False
                    await self._claim()
                except Unavailable as error:
                    log.warning("webhooks.database_away", error=str(error))
                await woken(self._wake, self._poll)
        finally:
            tidying.cancel()
            if self._working:
                _done, late = await asyncio.wait(self._working.values(), timeout=GRACE)
                for task in late:  # Their leases run out, and others take over.
                    task.cancel()

    def stop(self) -> None:
        """Claims nothing more."""
        self._stopping = True
        self._wake.set()

    async def _claim(self) -> None:
        """Claims what is due, and sets each place that is free to work."""
        now = self._clock()
        found = [each for each in await records.due(self._database, now) if each.id not in self._working]
        randomness.shuffle(found)  # Nobody is always first where there is no room for all.
        found = found[: PLACES - len(self._working)]
        if not found or self._stopping:
            return
        lease = os.urandom(16)
        rooms = {each.id: BATCH if each.failing_since is None else 1 for each in found}
        claimed = await records.claim(self._database, rooms, now=now, lease=lease, until=now + self._lease)
        for each in found:
            if batch := claimed.get(each.id):
                self._working[each.id] = asyncio.create_task(self._work(each, lease, batch))

    async def _work(self, due: Due, lease: bytes, batch: list[Delivery]) -> None:
        holding = asyncio.create_task(self._hold(lease, [each.id for each in batch]))
        try:
            await self._teller.tell(due, lease, batch, lambda: self._stopping)
        except Unavailable as error:
            log.warning("webhooks.not_settled", error=str(error))
        except Exception:
            log.exception("webhooks.failed")
        finally:
            holding.cancel()
            del self._working[due.id]
            self._wake.set()  # There may be more for it.

    async def _hold(self, lease: bytes, ids: Sequence[bytes]) -> None:
        """Renews a lease for as long as its batch is worked."""
        while True:
            await asyncio.sleep(self._lease.total_seconds() / 3)
            try:
                await records.renew(self._database, lease, ids, self._clock() + self._lease)
            except Unavailable as error:
                log.warning("webhooks.lease_not_renewed", error=str(error))

    async def _tidy(self) -> None:
        """Deletes what is too old for anybody to ask."""
        while True:
            more = 0
            try:
                more = await records.forget(self._database, self._clock() - KEPT, 1_000)
            except Unavailable as error:
                log.warning("webhooks.not_tidied", error=str(error))
            await asyncio.sleep(1 if more else 3_600)
