"""Shows people on a messenger that the operator is writing.

That is a signal between processes and kept nowhere (``records.signals``): one that is lost, or that the
messenger does not take, is not missed. Of the processes that send, which share a database, one shows it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from records import leases, threads
from records.database import Database
from records.unit import Unavailable
from records.vault import Unreadable, Vault
from services.handover_words import WRITES

log = structlog.get_logger()

EVERY = timedelta(seconds=3.5)  # Between two signs to one chat; a messenger shows each for five.
LEASE = timedelta(seconds=30)  # For so long nothing is shown after the one that shows it has died.
KEPT = 1_000  # Threads that are remembered before those that were quiet are dropped.


class Shows(Protocol):
    """Who can show it in a messenger's chats."""

    async def show_typing(self, route: str, chat: str) -> None:
        """Shows it, if that is possible at this moment. Never raises."""


class Typing:
    """``messengers`` by channel. ``alone``: no other process sends."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        messengers: Mapping[str, Shows],
        *,
        clock: Callable[[], datetime],
        alone: bool,
    ) -> None:
        self._database = database
        self._vault = vault
        self._messengers = messengers
        self._clock = clock
        self._alone = alone
        self._owner = os.urandom(16)
        self._until: dict[bytes, datetime] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def heard(self, about: bytes, word: str) -> None:
        """A signal: in the thread ``about`` the operator is writing, or something else."""
        now = self._clock()
        if word != WRITES or now < self._until.get(about, now):
            return
        if len(self._until) >= KEPT:
            self._until = {known: until for known, until in self._until.items() if until > now}
        self._until[about] = now + EVERY
        task = asyncio.create_task(self._show(about))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def settled(self) -> None:
        """Ends what is under way; nobody waits for it."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _leads(self) -> bool:
        now = self._clock()
        return self._alone or await leases.take(self._database, "typing", self._owner, now, now + LEASE)

    async def _show(self, about: bytes) -> None:
        try:
            if not await self._leads():
                return
            thread = await threads.by_id(self._database, about)
            if thread is None or thread.operator is None:
                return
            messenger = self._messengers.get(thread.channel)
            if messenger is not None:
                await messenger.show_typing(thread.route, threads.where(self._vault, thread).address)
        except (Unavailable, Unreadable) as error:
            log.info("typing not shown", reason=type(error).__name__)
