"""Sends what waits in the outbox: claim, send, settle.

A lane is a channel and a class; each works few batches at a time, so that a provider that is slow, or a great
many advertisements, hold up nothing else. One-time codes are claimed before notices, and those before
advertising; in a lane senders take turns. What becomes of a batch is in ``rounds.py``. No database connection
is held while a provider works. Several dispatchers, in one process or
many, share the outbox through leases (``records.claims``). Channels where people talk are not among the
lanes: ``talking.py`` has them.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import cast

import structlog

from dispatch.carriers import Carriers
from dispatch.charging import Charger, unpriced
from dispatch.gate import Gate, Open
from dispatch.limits import Limits, Unlimited
from dispatch.looks import GATHER, POLL, Looks
from dispatch.provider import Lookup, Provider
from dispatch.receipts import EVERY, Receipts
from dispatch.rounds import Rounds
from dispatch.routes import Routes, plain
from dispatch.steadiness import Steadiness
from dispatch.watching import Watcher, unwatched
from records.claims import (
    CLASSES,
    Claimed,
    Lane,
    Settled,
    claim,
    release,
    renew,
    settle,
)
from records.database import Database
from records.lanes import SENDERS
from records.tables import TALKING
from records.unit import Unavailable
from records.vault import Vault

LEASE = timedelta(seconds=60)
# Messages claimed at once in one lane: larger batches make the slowest wait longer.
BATCH: Mapping[str, int] = {"otp": 100, "service": 200, "bulk": 500}
LEARNING = 2.0  # Seconds between looks at what other processes and operators say of providers.
GRACE = 30.0  # Seconds that a stop waits for providers.

log = structlog.get_logger(__name__)


class Dispatcher:
    """``providers`` carry by ``routes``; without these each carries all of its channel. ``wake`` is set by
    whoever queued a message in this process, and ``hurry`` too for a one-time code. ``watch`` is told each
    outcome (``sent``, ``delivered``, or the error's name) and how long after its due time; ``charge`` says
    what each message that went cost; ``gate`` decides what may go and ``limits`` how much. ``at_once`` is how
    many batches of a lane are worked together; ``steady`` counts seconds whatever is done to the clock."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        providers: Mapping[str, Provider] | Collection[Provider],
        routes: Routes | None = None,
        *,
        clock: Callable[[], datetime],
        wake: asyncio.Event,
        hurry: asyncio.Event | None = None,
        watch: Watcher = unwatched,
        charge: Charger = unpriced,
        gate: Gate | None = None,
        limits: Limits | None = None,
        lease: timedelta = LEASE,
        batch: int | Mapping[str, int] = BATCH,
        at_once: int = 1,
        poll: float = POLL,
        gather: float = GATHER,
        learning: float = LEARNING,
        receipts: float = EVERY,
        steady: Callable[[], float] | None = None,
    ) -> None:
        carriers = list(providers.values() if isinstance(providers, Mapping) else providers)
        self._database = database
        self.carriers = Carriers(
            database,
            carriers,
            routes or plain([(each.channel, each.name) for each in carriers]),
            clock=clock,
        )
        self._rounds = Rounds(
            database,
            vault,
            self.carriers,
            clock=clock,
            gate=gate or Open(),
            limits=limits or Unlimited(),
            watch=watch,
            charge=charge,
        )
        self._clock = clock
        self._looks = Looks(wake, hurry or asyncio.Event(), poll=poll, gather=gather)
        self._lease = lease
        self._steadiness = Steadiness(clock, steady, lease)
        # Of what dies with a process nobody knows what was handed over. Where that cannot be asked back, no
        # more is claimed than is handed over at once.
        once = [each.batch for each in carriers if not each.repeatable and not isinstance(each, Lookup)]
        sizes = dict.fromkeys(CLASSES, batch) if isinstance(batch, int) else batch
        self._batch = {klass: min([size, *once]) for klass, size in sizes.items()}
        self._at_once = at_once
        self._learning = learning
        self._receipts = Receipts(database, vault, self.carriers, clock=clock, lease=lease, every=receipts)
        self._stopping = asyncio.Event()
        self._working: dict[Lane, set[asyncio.Task[None]]] = {}
        self._served: dict[Lane, bytes] = {}
        self._doubtful: list[bytes] = []

    @property
    def busy(self) -> Collection[Lane]:
        """The lanes that work a batch now."""
        return self._working.keys()

    async def run(self) -> None:
        """Dispatches until ``stop``; then finishes the batches under way and returns."""
        beside = [asyncio.create_task(self._receipts.run()), asyncio.create_task(self._learn())]
        sure = False
        try:
            while not self._stopping.is_set():
                self._looks.begin()
                taken = await self._claim(sure)
                sure = self._more(taken) or await self._looks.next()
        finally:
            for task in beside:
                task.cancel()
            tasks = [*beside, *(task for tasks in self._working.values() for task in tasks)]
            _done, late = await asyncio.wait(tasks, timeout=GRACE)
            for task in late:  # Their leases run out, and others take over.
                task.cancel()
            try:
                await self.carriers.learn()  # What was counted last.
            except Unavailable as error:
                log.warning("dispatch.counts_lost", error=str(error))

    def stop(self) -> None:
        """Claims nothing more."""
        self._stopping.set()
        self._looks.again(hurry=True)

    async def _claim(self, sure: bool) -> Mapping[Lane, int]:
        """Claims what is due and sets its lanes to work; how many messages of each. ``sure``: as far as is
        known there is something."""
        now = self._clock()
        busy = {lane for lane, tasks in self._working.items() if len(tasks) >= self._at_once}
        busy |= self.carriers.closed(now)
        busy |= {(channel, klass) for channel in TALKING for klass in CLASSES}
        lease = os.urandom(16)
        try:
            await self._give_back()
            self._doubtful.append(lease)
            claimed = await claim(
                self._database,
                now=now,
                lease=lease,
                until=now + self._lease,
                most=self._batch,
                busy=busy,
                last=self._served,
                lapsed_by=self._steadiness.lapsed_by(now),
                sure=sure,
            )
            if self._stopping.is_set():
                self._doubtful.remove(lease)
                if claimed:
                    await release(self._database, lease, [each.id for each in claimed])
                return {}
        except Unavailable as error:
            log.warning("dispatch.database_away", error=str(error))
            return {}
        self._doubtful.remove(lease)
        lanes: dict[Lane, list[Claimed]] = {}
        for each in claimed:
            lanes.setdefault((each.channel, each.klass), []).append(each)
        for lane, batch in lanes.items():
            before = self._served.get(lane, b"")
            # The last one in the order of turns, which goes round.
            self._served[lane] = max((each.sender for each in batch), key=lambda one: (one <= before, one))
            self._working.setdefault(lane, set()).add(asyncio.create_task(self._work(lane, lease, batch)))
        return {lane: len(batch) for lane, batch in lanes.items()}

    def _more(self, taken: Mapping[Lane, int]) -> bool:
        """Whether a claim that took so many of each lane may have left some: not one that took few."""
        return any(count >= min(SENDERS, self._batch[klass]) for (_channel, klass), count in taken.items())

    async def _give_back(self) -> None:
        """Returns what was claimed and not handed to a provider: when we stop, or when the database did not
        say whether a claim was committed."""
        while self._doubtful:
            await release(self._database, self._doubtful[-1])
            self._doubtful.pop()

    async def _work(self, lane: Lane, lease: bytes, batch: Sequence[Claimed]) -> None:
        """One batch of one lane, from its claim to its settlement."""
        holding = asyncio.create_task(self._hold(lease, [each.id for each in batch]))
        try:
            settled = await self._rounds.carry(lane, batch)
            await self._settle(lease, settled)
        except Unavailable as error:
            log.warning("dispatch.not_begun", channel=lane[0], messages=len(batch), error=str(error))
            await self._return(lease, [each.id for each in batch])
        except Exception:
            # The leases run out, and whoever takes over treats the messages as ambiguous.
            log.exception("dispatch.lane_failed", channel=lane[0], klass=lane[1])
        finally:
            holding.cancel()
            full = len(self._working[lane]) >= self._at_once
            self._working[lane].discard(cast("asyncio.Task[None]", asyncio.current_task()))
            if not self._working[lane]:
                del self._working[lane]
            self._looks.again(hurry=full)  # The lane is free for the next batch.

    async def _return(self, lease: bytes, ids: Sequence[bytes]) -> None:
        """Gives back a batch of which nothing was handed over; otherwise nobody could know that."""
        wait = 0.1
        while True:
            try:
                await release(self._database, lease, ids)
            except Unavailable:
                await asyncio.sleep(wait)
                wait = min(wait * 2, 5.0)
            else:
                return

    async def _learn(self) -> None:
        while True:
            try:
                await self.carriers.learn()
            except Unavailable as error:
                log.warning("dispatch.nothing_learnt", error=str(error))
            except Exception:
                log.exception("dispatch.learning_failed")
            await asyncio.sleep(self._learning)

    async def _settle(self, lease: bytes, settled: Sequence[Settled]) -> None:
        """Keeps at it while the database is away: what a provider said must not be forgotten."""
        wait, again = 0.1, False
        while True:
            try:
                lost = await settle(self._database, lease, settled, self._clock(), again=again)
            except Unavailable as error:
                again = True
                log.warning("dispatch.not_settled_yet", messages=len(settled), error=str(error))
                await asyncio.sleep(wait)
                wait = min(wait * 2, 5.0)
            else:
                if lost:
                    log.error("dispatch.lease_lost", messages=len(lost))
                return

    async def _hold(self, lease: bytes, ids: Sequence[bytes]) -> None:
        """Renews a lease for as long as its batch is worked."""
        while True:
            await asyncio.sleep(self._lease.total_seconds() / 3)
            try:
                await renew(self._database, lease, ids, self._clock() + self._lease)
            except Unavailable as error:
                log.warning("dispatch.lease_not_renewed", messages=len(ids), error=str(error))
