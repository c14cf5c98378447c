"""What an SMSC delivers, in the hands of whoever acknowledges it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog

from smpp.errors import OK, TEMPORARY, THROTTLED
from smpp.pdu import Message

log = structlog.get_logger()

INBOUND = 1_000  # Deliveries in the hands of the handler; one more is told to come again.


class Link(Protocol):
    """The session that a delivery came by."""

    @property
    def alive(self) -> bool:
        """Whether it still is."""

    def answer(self, sequence: int, status: int) -> None:
        """Answers a deliver_sm."""

    async def submit(self, message: Message) -> str:
        """See ``Session.submit``."""


class Delivery:
    """One deliver_sm. The handler acknowledges it once, when what it says is durable, and may go on working
    after that. ``raw`` is the body as it came: the same for a repetition, whose header may differ."""

    __slots__ = ("acknowledged", "link", "message", "raw", "sequence")

    def __init__(self, link: Link, sequence: int, message: Message, raw: bytes) -> None:
        self.link = link
        self.sequence = sequence
        self.message = message
        self.raw = raw
        self.acknowledged = False

    def acknowledge(self, status: int = OK) -> None:
        """Answers the SMSC; only the first time counts. With another status than 0 the SMSC keeps the message
        and, by the status, delivers it again. So it does when the session is gone by now."""
        if not self.acknowledged:
            self.acknowledged = True
            self.link.answer(self.sequence, status)


Handler = Callable[[Delivery], Awaitable[None]]


class Deliveries:
    """Those of one session that are being handled: all at once, so that a slow one holds up nobody, and in
    the order of their arrival as far as their first wait. What a handler neither acknowledged nor refused,
    the SMSC is told to bring again."""

    def __init__(self, handler: Handler, most: int = INBOUND) -> None:
        self._handler = handler
        self._most = most
        self._tasks: set[asyncio.Task[None]] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self.leaving = False

    def __len__(self) -> int:
        return len(self._tasks)

    def take(self, delivery: Delivery) -> None:
        """Hands it to the handler, or tells the SMSC to come again."""
        if self.leaving:
            delivery.acknowledge(TEMPORARY)
        elif len(self._tasks) >= self._most:
            # Reading on is what answers to our own messages come by, so the connection is not held up.
            delivery.acknowledge(THROTTLED)
        else:
            task = asyncio.get_running_loop().create_task(self._handle(delivery))
            self._tasks.add(task)
            self._idle.clear()
            task.add_done_callback(self._done)

    async def idle(self) -> None:
        """Waits until none is being handled."""
        await self._idle.wait()

    async def _handle(self, delivery: Delivery) -> None:
        try:
            await self._handler(delivery)
        except Exception:
            log.exception("smpp delivery not handled")
        finally:
            delivery.acknowledge(TEMPORARY)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not self._tasks:
            self._idle.set()
