"""Asks providers that do not call back what became of the messages that they took."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta

import structlog

from dispatch.errors import DispatchError
from dispatch.provider import Provider, Receipt, ReceiptSource
from dispatch.settling import told
from records.claims import settle
from records.database import Database
from records.receipts import claim_receipts
from records.unit import Unavailable

EVERY = 5.0  # Seconds between looks for messages whose time to be asked about has come.

log = structlog.get_logger(__name__)


class Receipts:
    """The providers among ``providers`` that can be asked are asked ``every`` so many seconds, in batches
    under a lease as messages are sent."""

    def __init__(
        self,
        database: Database,
        providers: Iterable[Provider],
        *,
        clock: Callable[[], datetime],
        lease: timedelta,
        every: float = EVERY,
    ) -> None:
        self._database = database
        self._sources = {each.name: each for each in providers if isinstance(each, ReceiptSource)}
        self._clock = clock
        self._lease = lease
        self._every = every

    async def run(self) -> None:
        """Until it is cancelled; returns at once where nobody can be asked."""
        while self._sources:
            await asyncio.sleep(self._every)
            for name, source in self._sources.items():
                try:
                    while await self.ask(name, source):
                        pass
                except Unavailable as error:
                    log.warning("receipts.database_away", provider=name, error=str(error))
                except Exception:
                    log.exception("receipts.failed", provider=name)

    async def ask(self, provider: str, source: ReceiptSource) -> bool:
        """Asks once; whether there may be more to ask for."""
        now = self._clock()
        lease = os.urandom(16)
        most = source.receipts_batch
        awaited = await claim_receipts(
            self._database, provider, now=now, lease=lease, until=now + self._lease, most=most
        )
        if not awaited:
            return False
        answered: Mapping[str, Receipt] = {}
        try:
            answered = await source.receipts([each.external_id for each in awaited])
        except DispatchError as error:
            log.warning("receipts.refused", provider=provider, error=error.name, why=error.detail)
            most = 0
        now = self._clock()
        settled = [told(each, answered.get(each.external_id), provider, now) for each in awaited]
        await settle(self._database, lease, settled, now)
        return len(awaited) == most
