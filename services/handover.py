"""Hands a conversation over to a person."""

from __future__ import annotations

from datetime import datetime

from records.unit import Unit
from services.callbacks import Callbacks
from services.subscribers import Person


class Handover:
    """A USSD dialog cannot wait for anybody, so there it becomes a call-back; as long as operators do not
    talk in chats, every other channel does the same."""

    def __init__(self, *, callbacks: Callbacks) -> None:
        self._callbacks = callbacks

    async def request(self, unit: Unit, person: Person, *, now: datetime, topic: str) -> None:
        """Somebody will ring the person about ``topic``. One call that waits already is enough."""
        await self._callbacks.ask(unit, person, now=now, topic=topic, time_of_day="any")
