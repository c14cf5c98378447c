"""What a channel says to a person beside the conversation, in its own words: through the outbox, once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from conversation.incoming import Caller
from conversation.outgoing import Parcel
from engine.turn import Language
from records.committer import Committer
from records.outbox import queue
from records.unit import Conflict, Unit
from records.vault import Vault
from services.subscribers import Subscribers

LIFETIME = timedelta(hours=24)


class Asides:
    """Says things in the language that the person is spoken to in, else in Persian."""

    def __init__(
        self,
        *,
        committer: Committer,
        vault: Vault,
        subscribers: Subscribers,
        languages: Mapping[str, Language],
        clock: Callable[[], datetime],
    ) -> None:
        self._committer = committer
        self._vault = vault
        self._subscribers = subscribers
        self._languages = languages
        self._clock = clock

    async def language(self, caller: Caller) -> Language:
        """What this person reads. Raises ``Unavailable``."""
        found = await self._subscribers.find(caller.channel, caller.address)
        code = found.language if found is not None else "fa"
        return self._languages.get(code) or self._languages["fa"]

    async def say(self, caller: Caller, text: str, key: str) -> None:
        """One of our texts, translated. Said once for each ``key`` of this route, which is not longer than 30
        characters. Raises ``Unavailable``."""
        words = (await self.language(caller)).translate(text)
        await self.send(caller, [Parcel(words)], key)

    async def send(self, caller: Caller, parcels: Sequence[Parcel], key: str) -> None:
        """The same with words that are ready."""
        unit, now = Unit(), self._clock()
        for place, parcel in enumerate(parcels):
            queue(
                unit,
                self._vault,
                now=now,
                channel=caller.channel,
                klass="service",
                kind=caller.channel,
                to=caller.address,
                body=parcel.body,
                payload=parcel.payload,
                route=caller.route,
                lifetime=LIFETIME,
                idempotency_key=f"{caller.route}:{key}:{place}",
            )
        try:
            await self._committer.commit(unit)
        except Conflict:
            pass  # It was said already.
