"""Sends on channels where people talk: to each person in order, to all of them at once.

A lane's batch would not do here: a chat that is slow would hold up every other one. So what waits is claimed
as there is room, each person's messages are a task of their own, and what became of each message is settled
as soon as it is known, together with whatever else is known by then and with the next claim
(``records.correspondence``). No database connection is held while a provider works.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

import structlog

from dispatch.charging import Charger, unpriced
from dispatch.errors import Ambiguous, Away, DispatchError, Misconfigured, Throttled
from dispatch.opening import opened
from dispatch.provider import Accepted, Correspondent, Outcome, Outgoing
from dispatch.settling import after, expired, lapsed, settlement
from dispatch.steadiness import Steadiness
from dispatch.watching import Watcher, unwatched
from records.claims import Claimed, Settled, release, renew
from records.correspondence import exchange, forsake, waits
from records.database import Database
from records.settlement import Done
from records.unit import Unavailable
from records.vault import Vault
from records.woken import woken

# Short, since a chat stands still until the lease of a process that died is over; renewed while a message is
# under way.
LEASE = timedelta(seconds=15)
BATCH = 200  # Messages claimed at once.
POLL = 0.5  # Seconds between looks at the outbox, unless woken.
GRACE = 30.0  # Seconds that a stop waits for providers.

# What a provider says of itself or of a chat; the bot's own file says it once, not for each message.
QUIET = (Throttled, Away, Misconfigured)

log = structlog.get_logger(__name__)


class Talking:
    """``providers`` by channel. ``wake`` is set by whoever queued a message in this process, and by nobody
    else waited for. ``watch`` is told each outcome and ``charge`` of each message that went, as the
    dispatcher's are; ``steady`` is as there too."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        providers: Mapping[str, Correspondent],
        *,
        clock: Callable[[], datetime],
        wake: asyncio.Event,
        watch: Watcher = unwatched,
        charge: Charger = unpriced,
        lease: timedelta = LEASE,
        poll: float = POLL,
        alone: bool = False,
        steady: Callable[[], float] | None = None,
    ) -> None:
        self._database = database
        self._vault = vault
        self._providers = providers
        self._clock = clock
        self.wake = wake
        self._watch = watch
        self._charge = charge
        self._lease = lease
        self._steadiness = Steadiness(clock, steady, lease)
        self._poll = poll
        self._alone = alone
        self._room = sum(provider.at_once for provider in providers.values())
        self._stopping = False
        self._done: list[Done] = []
        self._again = False  # Some of it may be written already.
        self._doubtful: list[bytes] = []
        self._tasks: set[asyncio.Task[None]] = set()
        # Messages that are leased to us, by lease: to be renewed until they are settled.
        self._held: dict[bytes, set[bytes]] = {}

    async def run(self) -> None:
        """Sends until ``stop``; then what is under way is ended and settled."""
        renewing = asyncio.create_task(self._renew())
        wait, sure = 0.1, False
        try:
            while not self._stopping:
                self.wake.clear()
                try:
                    if self._alone:
                        await forsake(self._database)
                        self._alone = False
                    more = await self._exchange(sure=sure)
                    wait = 0.1
                except Unavailable as error:
                    log.warning("talking.database_away", error=str(error), unsettled=len(self._done))
                    more = False
                    await asyncio.sleep(wait)
                    wait = min(wait * 2, 5.0)
                sure = more or await woken(self.wake, self._poll)
        finally:
            renewing.cancel()
            if self._tasks:
                _ended, late = await asyncio.wait(self._tasks, timeout=GRACE)
                for task in late:  # Their leases run out, and others take over.
                    task.cancel()
            await self._settle_last()

    def stop(self) -> None:
        """Claims nothing more."""
        self._stopping = True
        self.wake.set()

    async def _exchange(self, *, sure: bool) -> bool:
        """Settles what is done and claims what there is room for; whether there may be more. Unless it is
        ``sure`` that there is something to do, looks first: that costs no transaction."""
        while self._doubtful:
            await release(self._database, self._doubtful[-1])
            self._doubtful.pop()
        now = self._clock()
        lapsed_by = self._steadiness.lapsed_by(now)
        room = min(BATCH, self._room - sum(len(ids) for ids in self._held.values()))
        if not self._done and (room <= 0 or not (sure or await waits(self._database, now, lapsed_by))):
            return False
        lease, done = os.urandom(16), self._done
        self._done = []
        self._doubtful.append(lease)
        try:
            claimed, lost = await exchange(
                self._database,
                done,
                now=now,
                lease=lease,
                until=now + self._lease,
                most=room,
                lapsed_by=lapsed_by,
                again=self._again,
            )
        except BaseException:
            self._done = done + self._done  # What a provider said must not be forgotten.
            self._again = True
            raise
        self._again = False
        self._doubtful.pop()
        self._settled(done, lost)
        if self._stopping:
            if claimed:
                await release(self._database, lease)
            return False
        if claimed:
            self._held[lease] = {each.id for each in claimed}
            self._begin(lease, claimed, now)
        return len(claimed) >= room > 0

    def _settled(self, done: Sequence[Done], lost: int) -> None:
        for lease, settled in done:
            if (held := self._held.get(lease)) is not None:
                held.discard(settled.id)
                if not held:
                    del self._held[lease]
        if lost:
            log.error("talking.lease_lost", messages=lost)

    def _begin(self, lease: bytes, claimed: Sequence[Claimed], now: datetime) -> None:
        """Sets each person's messages to work."""
        people: dict[tuple[str, str, str], list[tuple[Claimed, Outgoing]]] = {}
        for each in claimed:
            provider = self._providers.get(each.channel)
            if provider is None:
                self._tell(
                    lease, each, after(each, Misconfigured(f"no provider for {each.channel}"), "none", now)
                )
            elif now >= each.expires_at:
                self._tell(lease, each, expired(each, now))
            elif each.lapsed and (end := lapsed(each, now, repeatable=provider.repeatable)) is not None:
                self._tell(lease, each, end)
            elif (outgoing := opened(self._vault, each)) is None:
                error = Misconfigured("its key is not in the key ring")
                self._tell(lease, each, after(each, error, provider.name, now))
            else:
                people.setdefault((each.channel, outgoing.route, outgoing.to), []).append((each, outgoing))
        for (channel, _route, _to), messages in people.items():
            task = asyncio.create_task(self._speak(lease, self._providers[channel], messages))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _speak(
        self, lease: bytes, provider: Correspondent, messages: Sequence[tuple[Claimed, Outgoing]]
    ) -> None:
        """One person's messages, each after the one before it. Those behind one that has to go again later
        wait with it."""
        for place, (claimed, outgoing) in enumerate(messages):
            outcome = await self._outcome(provider, outgoing)
            now = self._clock()
            went = isinstance(outcome, Accepted)
            cost = self._charge(claimed, outgoing, provider.name, now) if went else None
            settled = settlement(claimed, outcome, provider, now, cost)
            self._count(claimed, outcome, now)
            self._tell(lease, claimed, settled)
            if settled.status == "queued":
                for behind, _outgoing in messages[place + 1 :]:
                    later = Settled(behind.id, "queued", behind.attempts - 1, settled.due_at, provider.name)
                    self._tell(lease, behind, later)
                return

    async def _outcome(self, provider: Correspondent, outgoing: Outgoing) -> Outcome:
        try:
            return await provider.send_one(outgoing)
        except DispatchError as error:
            return error
        except Exception as error:
            log.exception("talking.provider_failed", provider=provider.name)
            return Ambiguous(type(error).__name__)

    def _tell(self, lease: bytes, claimed: Claimed, settled: Settled) -> None:
        self._done.append((lease, settled))
        self.wake.set()

    def _count(self, claimed: Claimed, outcome: Outcome, now: datetime) -> None:
        if isinstance(outcome, Accepted):
            name = "sent"
        else:
            name = outcome.name
            if not isinstance(outcome, QUIET):
                log.warning(
                    "dispatch.not_sent",
                    tracking=claimed.tracking,
                    channel=claimed.channel,
                    error=name,
                    why=outcome.detail,
                )
        self._watch((claimed.channel, claimed.klass), name, now - claimed.due_at)

    async def _renew(self) -> None:
        """Holds the leases of what is still under way."""
        while True:
            await asyncio.sleep(self._lease.total_seconds() / 3)
            for lease, ids in list(self._held.items()):
                try:
                    await renew(self._database, lease, list(ids), self._clock() + self._lease)
                except Unavailable as error:
                    log.warning("talking.lease_not_renewed", messages=len(ids), error=str(error))

    async def _settle_last(self) -> None:
        """What became known after the last exchange."""
        for wait in (0.1, 0.5, 2.0):
            try:
                while self._doubtful:
                    await release(self._database, self._doubtful[-1])
                    self._doubtful.pop()
                if self._done:
                    now = self._clock()
                    await exchange(
                        self._database,
                        self._done,
                        now=now,
                        lease=b"",
                        until=now,
                        most=0,
                        again=self._again,
                    )
                    self._done = []
            except Unavailable as error:
                self._again = True
                log.warning("talking.not_settled_yet", messages=len(self._done), error=str(error))
                await asyncio.sleep(wait)
            else:
                return
