"""Looks after jobs beside the work at them: what became of the rows that were queued, and what is left over.

One process does it for all, as long as it has the lease.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from records import job_states, jobs
from records.committer import Committer
from records.database import Database
from records.job_states import Batch
from records.jobs import PAUSED, RUNNING, Tally
from records.unit import Unit

MOST_LOOKS = 40  # Batches that are looked at together.
SOON = timedelta(seconds=0.5)
LAST = timedelta(days=10)  # After which nothing is expected of a batch any more.
TIDY = timedelta(seconds=10)  # Between looks at what is left over.
STALLED = timedelta(hours=1)  # After which an upload of which nothing comes is given up.
DROPPED = 20  # Parts that are taken away together.


class Looks:
    """``ours``: whether the lease of looking after jobs is this process's, or becomes it now."""

    def __init__(
        self,
        database: Database,
        committer: Committer,
        clock: Callable[[], datetime],
        ours: Callable[[], Awaitable[bool]],
    ) -> None:
        self._database = database
        self._committer = committer
        self._clock = clock
        self._ours = ours
        self._tidied: datetime | None = None

    def untidy(self) -> None:
        """Something may be left over."""
        self._tidied = None

    async def look(self) -> None:
        """Learns what became of batches whose time has come."""
        unit, now = Unit(), self._clock()
        batches = await job_states.to_look(self._database, now, MOST_LOOKS)
        if not batches or not await self._ours():
            return
        for batch in batches:
            if batch.state == PAUSED:
                await job_states.hold(self._database, batch, now)
            tally = await job_states.count(self._database, batch)
            job_states.looked(unit, batch, tally, next_look(batch, tally, now))
        await self._committer.commit(unit)

    async def tidy(self) -> None:
        """Takes away what is not needed any more, some at a time."""
        now = self._clock()
        if self._tidied is not None and now - self._tidied < TIDY:
            return
        id = await jobs.left_over(self._database, now - STALLED)
        if id is None:
            self._tidied = now
        elif await self._ours():
            await jobs.drop_content(self._database, id, DROPPED)


def next_look(batch: Batch, tally: Tally, now: datetime) -> datetime | None:
    """When a batch is looked at again: soon while its rows wait, or its receipts are young; None when nothing
    can change."""
    age = now - batch.fed_at
    if tally.waiting and batch.state in (RUNNING, PAUSED):
        most = timedelta(seconds=2 if batch.state == PAUSED else 10)
        return now + min(max(age / 60, SOON), most)
    if tally.waiting or tally.sent:
        if age > LAST:
            return None
        return now + min(max(age / 10, timedelta(seconds=1)), timedelta(minutes=10))
    return None
