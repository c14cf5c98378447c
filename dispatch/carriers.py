"""The providers of a process, by what is known of each: what operators said, who asked to be left alone, how
healthy it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime, timedelta

from dispatch.errors import Away, Misconfigured, Throttled
from dispatch.health import WINDOW, Counts, Health
from dispatch.provider import Outcome, Provider
from dispatch.retry import MISCONFIGURED, THROTTLED
from dispatch.routes import Routes
from records import routes as records
from records.claims import CLASSES, Lane
from records.database import Database
from records.routes import Minute

CLOSED = timedelta(seconds=5)  # How soon one that an operator paused is looked at again.


class Carriers:
    """``clock`` is the wall clock. Several providers of a channel differ in their names."""

    def __init__(
        self,
        database: Database,
        providers: Iterable[Provider],
        routes: Routes,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._providers = {(each.channel, each.name): each for each in providers}
        self.routes = routes
        self._clock = clock
        self._health = Health()
        self._states: Mapping[str, str] = {}
        self._resting: dict[tuple[str, str], datetime] = {}

    def all(self) -> Collection[Provider]:
        return self._providers.values()

    def get(self, channel: str, name: str) -> Provider:
        return self._providers[channel, name]

    def named(self, channel: str, names: Collection[str]) -> list[Provider]:
        """Those of these names that there are."""
        return [self._providers[channel, name] for name in names if (channel, name) in self._providers]

    def shares(self, channel: str, names: Collection[str], now: datetime) -> dict[str, float]:
        """What share of its weight each gets that can be handed something new now."""
        return {
            name: self._health.share(name)
            for name in names
            if (channel, name) in self._providers and self._free_at(channel, name, now) <= now
        }

    def asked(self, name: str) -> bool:
        """Whether it may be asked what became of messages."""
        return self._states.get(name) != "paused"

    def free_at(self, channel: str, names: Collection[str], now: datetime) -> datetime | None:
        """When the first of these can be handed something; None where there is none of them."""
        there = [name for name in names if (channel, name) in self._providers]
        return min((self._free_at(channel, name, now) for name in there), default=None)

    def closed(self, now: datetime) -> set[Lane]:
        """The lanes all of whose providers are left alone now."""
        closed: set[Lane] = set()
        rests = any(until > now for until in self._resting.values())
        if not rests and all(state == "on" for state in self._states.values()):
            return closed  # The usual answer to what is asked before each look.
        for channel in {channel for channel, _name in self._providers}:
            for klass in CLASSES:
                free = self.free_at(channel, self.routes.carriers(channel, klass), now)
                if free is not None and free > now:
                    closed.add((channel, klass))
        return closed

    def heed(self, provider: Provider, outcome: Outcome, now: datetime) -> None:
        """Counts, and leaves a provider alone that asks for it, or that is not there."""
        self._health.count(provider.name, outcome, now)
        if isinstance(outcome, Throttled | Misconfigured | Away):
            usual = MISCONFIGURED if isinstance(outcome, Misconfigured) else THROTTLED
            key = (provider.channel, provider.name)
            until = now + (outcome.retry_after or usual)
            self._resting[key] = max(until, self._resting.get(key, until))

    async def learn(self) -> None:
        """Tells the other processes what this one counted, and hears from them and from operators. Raises
        ``Unavailable``."""
        now = self._clock()
        fresh = self._health.fresh()
        try:
            if fresh:
                some = [
                    Minute(provider, minute, each.taken, each.faults, each.refused, each.throttled)
                    for (minute, provider), each in fresh.items()
                ]
                # A stop that comes meanwhile does not take it back, or it would be counted twice.
                await asyncio.shield(records.count(self._database, some))
        except Exception:
            self._health.give_back(fresh)
            raise
        self._states = await records.states(self._database)
        told = await records.counted(self._database, now - WINDOW)
        self._health.learn(
            [
                (each.provider, Counts(each.taken, each.faults, each.refused, each.throttled))
                for each in told
                if each.minute <= now  # Of another's clock that is ahead.
            ],
            now,
        )

    def _free_at(self, channel: str, name: str, now: datetime) -> datetime:
        if self._states.get(name, "on") != "on":
            return now + CLOSED
        return self._resting.get((channel, name), now)
