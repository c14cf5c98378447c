"""How an operator's act is done: on what the thread is when it is committed, or not at all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from records import threads as records
from records.committer import Committer
from records.database import Database
from records.signals import Signals
from records.threads import Thread
from records.unit import Conflict, Unit
from services.handover_errors import NotYours, Over, UnknownThread
from services.handover_words import NEWS

TRIES = 6

Act = Callable[[Unit, Thread], Awaitable[None]]


class Acts:
    """Every act is also a post, and a post takes the next place in its thread: when the thread went on
    meanwhile, the act is looked at again on what it is now."""

    def __init__(self, *, database: Database, committer: Committer, signals: Signals) -> None:
        self._database = database
        self._committer = committer
        self._signals = signals

    async def find(self, thread: bytes) -> Thread:
        found = await records.by_id(self._database, thread)
        if found is None:
            raise UnknownThread
        return found

    async def do(
        self, thread: bytes, act: Act, *, shows: str = "", over: bool = False, tries: int = TRIES
    ) -> None:
        """Does it on what is true when it is committed. ``over``: also in a thread that is closed. ``shows``:
        what the person is signalled."""
        for attempt in range(1, tries + 1):
            unit, found = Unit(), await self.find(thread)
            if not over and found.state == "closed":
                raise Over
            await act(unit, found)
            try:
                await self._committer.commit(unit)
            except Conflict:
                if attempt == tries:
                    raise
                continue
            if unit:
                # Who hears of news is busy reading it, and takes nothing else meanwhile.
                if shows:
                    self._signals.send(found.party, shows)
                self._signals.send(found.party, NEWS)
                self._signals.send(found.id, NEWS)
            return
        raise AssertionError("there was no try")


def own(found: Thread, operator: str) -> None:
    """Raises ``Over`` or ``NotYours`` unless the operator talks in this thread now."""
    if found.state == "closed":
        raise Over
    if found.operator != operator:
        raise NotYours
