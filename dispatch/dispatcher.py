"""Sends what waits in the outbox: claim, send, settle.

A lane is a channel and a class; each works one batch at a time, so that a provider that is slow, or a great
many advertisements, hold up nothing else. One-time codes are claimed before notices, and those before
advertising. No database connection is held while a provider works. Several dispatchers, in one process or
many, share the outbox through leases (``records.claims``).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog

from dispatch.errors import Ambiguous, DispatchError, Misconfigured, Throttled
from dispatch.provider import Accepted, Outcome, Outgoing, Provider, ReceiptSource
from dispatch.retry import MISCONFIGURED, THROTTLED
from dispatch.settling import after, expired, lapsed, settlement, told
from records.claims import (
    CLASSES,
    Claimed,
    Lane,
    Settled,
    claim,
    claim_receipts,
    release,
    renew,
    settle,
)
from records.database import Database
from records.outbox import content
from records.unit import Unavailable
from records.vault import Unreadable, Vault

LEASE = timedelta(seconds=60)
BATCH = 100  # Messages claimed at once in one class: larger batches make the slowest wait longer.
POLL = 0.5  # Seconds between looks at the outbox, unless woken.
RECEIPTS = 5.0  # Seconds between questions for receipts.
GRACE = 30.0  # Seconds that a stop waits for providers.

Watcher = Callable[[Lane, str, timedelta], None]

log = structlog.get_logger(__name__)


def unwatched(lane: Lane, outcome: str, waited: timedelta) -> None:
    """Nobody counts."""


class Dispatcher:
    """``providers`` by channel. ``wake`` is set by whoever queued a message in this process. ``watch`` is
    told each outcome (``sent``, ``delivered``, or the error's name) and how long after its due time."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        providers: Mapping[str, Provider],
        *,
        clock: Callable[[], datetime],
        wake: asyncio.Event,
        watch: Watcher = unwatched,
        lease: timedelta = LEASE,
        batch: int = BATCH,
        poll: float = POLL,
        receipts: float = RECEIPTS,
    ) -> None:
        self._database = database
        self._vault = vault
        self._providers = providers
        self._clock = clock
        self._wake = wake
        self._watch = watch
        self._lease = lease
        self._batch = batch
        self._poll = poll
        self._receipts = receipts
        self._stopping = asyncio.Event()
        self._working: dict[Lane, asyncio.Task[None]] = {}
        self._resting: dict[str, datetime] = {}

    @property
    def busy(self) -> Collection[Lane]:
        """The lanes that work a batch now."""
        return self._working.keys()

    async def run(self) -> None:
        """Dispatches until ``stop``; then finishes the batches under way and returns."""
        asking = asyncio.create_task(self._ask_for_receipts())
        try:
            while not self._stopping.is_set():
                self._wake.clear()
                if not await self._claim():
                    await _within(self._wake, self._poll)
        finally:
            asking.cancel()
            tasks = [asking, *self._working.values()]
            _done, late = await asyncio.wait(tasks, timeout=GRACE)
            for task in late:  # Their leases run out, and others take over.
                task.cancel()

    def stop(self) -> None:
        """Claims nothing more."""
        self._stopping.set()
        self._wake.set()
