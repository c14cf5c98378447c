"""Receipts as they come over a connection that stays open: each is durable before it is acknowledged, and
those that came while others were written are written together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog

from records.database import Database
from records.receipts import Told, keep

MOST = 500  # Receipts that are written together.

log = structlog.get_logger(__name__)


class ReceiptIntake:
    """Those of one ``provider``."""

    def __init__(self, database: Database, provider: str, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._provider = provider
        self._clock = clock
        self._waiting: list[tuple[Told, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def take(self, told: Told) -> None:
        """Keeps a receipt, with its message or as an orphan; it is durable when this returns. Raises
        ``Unavailable``."""
        kept: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((told, kept))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        await kept

    async def _write(self) -> None:
        while self._waiting:
            some, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            try:
                known = await keep(
                    self._database, self._provider, [told for told, _kept in some], self._clock()
                )
            except Exception as error:
                for _told, kept in some:
                    if not kept.done():
                        kept.set_exception(error)
                        kept.exception()  # Whoever waited may have gone; that is no defect to be told of.
                continue
            if known < len(some):
                log.info("receipts.orphans", provider=self._provider, receipts=len(some) - known)
            for _told, kept in some:
                if not kept.done():
                    kept.set_result(None)
        self._writing = None
