"""Looks after hand-overs while nobody asks: what a thread owes its session, and operators who have gone.

Operators work in processes of their own, which write threads and posts and know nothing of sessions. What
they do to a thread that its session must learn of is owed there until one of the processes that take turns
has told it: at once where it hears the signal, else with its next look.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog

from conversation.conversation import Conversation
from records.signals import Signals
from records.threads import Thread
from records.unit import Conflict, Unavailable, Unit
from records.woken import woken
from services.handover_desk import HandoverDesk
from services.handover_errors import HandoverError
from services.handover_words import NEWS

log = structlog.get_logger()

PAUSE = 1.0


class Handovers:
    """Several processes may look at once: the database lets one of them tell, and one give back."""

    def __init__(
        self,
        conversation: Conversation,
        desk: HandoverDesk,
        signals: Signals,
        clock: Callable[[], datetime],
    ) -> None:
        self._conversation = conversation
        self._desk = desk
        self._signals = signals
        self._clock = clock

    async def run(self, pause: float = PAUSE) -> None:
        """Sweeps until cancelled, every ``pause`` seconds and with each piece of news."""
        news = asyncio.Event()

        def heard(_about: bytes, word: str) -> None:
            if word == NEWS:
                news.set()

        silence = self._signals.listen(heard)
        try:
            while True:
                news.clear()
                try:
                    await self.sweep()
                except Unavailable:
                    log.warning("hand-overs wait for the database")
                await woken(news, pause)  # Without news it looks all the same.
        finally:
            silence()

    async def sweep(self) -> int:
        """Tells sessions what they are owed and gives back what lost operators had; how many of both."""
        done = await self._desk.sweep(now=self._clock())
        for thread in await self._desk.owed():
            try:
                await self._tell(thread)
            except (Conflict, HandoverError):
                continue  # Another process was first, or the next look finds what is true then.
            done += 1
        return done

    async def _tell(self, thread: Thread) -> None:
        """Moves the thread's session on. The debt is settled in the unit of that turn, so it is paid once;
        a session that stands elsewhere by now is owed nothing."""
        assert thread.owed is not None

        async def settle(unit: Unit) -> None:
            await self._desk.settle(unit, thread.id, now=self._clock())

        told = await self._conversation.post_event(
            thread.session, thread.owed, key=f"thread {thread.id.hex()} {thread.owed}", also=settle
        )
        if told is None or told.repeated:
            await self._desk.forgive(thread.id)
