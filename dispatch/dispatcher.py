"""Sends what waits in the outbox: claim, send, settle.

A lane is a channel and a class; each works one batch at a time, so that a provider that is slow, or a great
many advertisements, hold up nothing else. One-time codes are claimed before notices, and those before
advertising. No database connection is held while a provider works. Several dispatchers, in one process or
many, share the outbox through leases (``records.claims``). Channels where people talk are not among the
lanes: ``talking.py`` has them.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta

import structlog

from dispatch.charging import Charger, unpriced
from dispatch.errors import Ambiguous, DispatchError, Misconfigured, Throttled
from dispatch.opening import opened
from dispatch.provider import Accepted, Outcome, Outgoing, Provider
from dispatch.receipts import EVERY, Receipts
from dispatch.retry import MISCONFIGURED, THROTTLED
from dispatch.settling import after, expired, lapsed, settlement
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
from records.tables import TALKING
from records.unit import Unavailable
from records.vault import Vault

LEASE = timedelta(seconds=60)
BATCH = 100  # Messages claimed at once in one class: larger batches make the slowest wait longer.
POLL = 0.5  # Seconds between looks at the outbox, unless woken.
GRACE = 30.0  # Seconds that a stop waits for providers.

log = structlog.get_logger(__name__)


class Dispatcher:
    """``providers`` by channel. ``wake`` is set by whoever queued a message in this process. ``watch`` is
    told each outcome (``sent``, ``delivered``, or the error's name) and how long after its due time;
    ``charge`` says what each message that went cost."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        providers: Mapping[str, Provider],
        *,
        clock: Callable[[], datetime],
        wake: asyncio.Event,
        watch: Watcher = unwatched,
        charge: Charger = unpriced,
        lease: timedelta = LEASE,
        batch: int = BATCH,
        poll: float = POLL,
        receipts: float = EVERY,
    ) -> None:
        self._database = database
        self._vault = vault
        self._providers = providers
        self._clock = clock
        self._wake = wake
        self._watch = watch
        self._charge = charge
        self._lease = lease
        self._batch = batch
        self._poll = poll
        self._receipts = Receipts(database, providers.values(), clock=clock, lease=lease, every=receipts)
        self._stopping = asyncio.Event()
        self._working: dict[Lane, asyncio.Task[None]] = {}
        self._resting: dict[str, datetime] = {}
        self._doubtful: list[bytes] = []

    @property
    def busy(self) -> Collection[Lane]:
        """The lanes that work a batch now."""
        return self._working.keys()

    async def run(self) -> None:
        """Dispatches until ``stop``; then finishes the batches under way and returns."""
        asking = asyncio.create_task(self._receipts.run())
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

    async def _claim(self) -> bool:
        """Claims what is due and sets its lanes to work; whether there was anything."""
        now = self._clock()
        self._resting = {channel: until for channel, until in self._resting.items() if until > now}
        left_alone = (*TALKING, *self._resting)
        busy = [*self._working, *((channel, klass) for channel in left_alone for klass in CLASSES)]
        lease = os.urandom(16)
        try:
            await self._give_back()
            self._doubtful.append(lease)
            claimed = await claim(
                self._database, now=now, lease=lease, until=now + self._lease, most=self._batch, busy=busy
            )
            if self._stopping.is_set():
                await self._give_back()
                return False
        except Unavailable as error:
            log.warning("dispatch.database_away", error=str(error))
            return False
        self._doubtful.remove(lease)
        lanes: dict[Lane, list[Claimed]] = {}
        for each in claimed:
            lanes.setdefault((each.channel, each.klass), []).append(each)
        for lane, batch in lanes.items():
            self._working[lane] = asyncio.create_task(self._work(lane, lease, batch))
        return bool(claimed)

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
            settled = await self._send(lane, batch)
            await self._settle(lease, settled)
        except Exception:
            # The leases run out, and whoever takes over treats the messages as ambiguous.
            log.exception("dispatch.lane_failed", channel=lane[0], klass=lane[1])
        finally:
            holding.cancel()
            del self._working[lane]
            self._wake.set()  # The lane is free for the next batch.

    async def _send(self, lane: Lane, batch: Sequence[Claimed]) -> Sequence[Settled]:
        provider = self._providers.get(lane[0])
        now = self._clock()
        settled: list[Settled] = []
        ready: list[tuple[Claimed, Outgoing]] = []
        for each in batch:
            if now >= each.expires_at:
                settled.append(expired(each, now))
            elif provider is None:
                settled.append(after(each, Misconfigured(f"no provider for {lane[0]}"), "none", now))
            elif each.lapsed and (end := lapsed(each, now, repeatable=provider.repeatable)) is not None:
                settled.append(end)
            elif (outgoing := opened(self._vault, each)) is None:
                settled.append(
                    after(each, Misconfigured("its key is not in the key ring"), provider.name, now)
                )
            else:
                ready.append((each, outgoing))
        if provider is None:
            log.error("dispatch.no_provider", channel=lane[0], messages=len(batch))
            return settled
        for start in range(0, len(ready), provider.batch):
            part = ready[start : start + provider.batch]
            outcomes = await self._outcomes(provider, [outgoing for _claimed, outgoing in part])
            now = self._clock()
            for (each, outgoing), outcome in zip(part, outcomes, strict=True):
                went = isinstance(outcome, Accepted)
                cost = self._charge(each, outgoing, provider.name, now) if went else None
                settled.append(settlement(each, outcome, provider, now, cost))
                self._heed(lane, each, outcome, now)
        return settled

    async def _outcomes(self, provider: Provider, batch: Sequence[Outgoing]) -> Sequence[Outcome]:
        """One outcome for each message, whatever the provider does."""
        try:
            outcomes = await provider.send(batch)
        except DispatchError as error:
            return [error] * len(batch)
        except Exception as error:
            log.exception("dispatch.provider_failed", provider=provider.name)
            return [Ambiguous(type(error).__name__)] * len(batch)
        if len(outcomes) != len(batch):
            log.error("dispatch.outcomes_missing", provider=provider.name, sent=len(batch), got=len(outcomes))
            return [Ambiguous("the provider's file gave too few outcomes")] * len(batch)
        return outcomes

    def _heed(self, lane: Lane, claimed: Claimed, outcome: Outcome, now: datetime) -> None:
        """Leaves a provider alone that asks for it, and counts."""
        if isinstance(outcome, Accepted):
            name = "delivered" if outcome.receipt == "delivered" else "sent"
        else:
            name = outcome.name
            log.warning(
                "dispatch.not_sent",
                tracking=claimed.tracking,
                channel=lane[0],
                error=name,
                why=outcome.detail,
            )
        if isinstance(outcome, Throttled | Misconfigured):
            usual = THROTTLED if isinstance(outcome, Throttled) else MISCONFIGURED
            until = now + (outcome.retry_after or usual)
            self._resting[lane[0]] = max(until, self._resting.get(lane[0], until))
        self._watch(lane, name, now - claimed.due_at)

    async def _settle(self, lease: bytes, settled: Sequence[Settled]) -> None:
        """Keeps at it while the database is away: what a provider said must not be forgotten."""
        wait = 0.1
        while True:
            try:
                lost = await settle(self._database, lease, settled, self._clock())
            except Unavailable as error:
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


async def _within(event: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        pass  # Nobody woke us: time to look again.
