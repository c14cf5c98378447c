"""Who people are to us: subscribers, their addresses, the language they read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import structlog

from engine.turn import Language
from records import subscribers as records
from records.changes import waiting
from records.database import Database
from records.ids import new_id
from records.subscribers import Address
from records.tables import addresses, subscribers
from records.unit import Unit
from records.vault import Vault
from services.notices import Recipient

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Person:
    """Who speaks in this turn. ``address`` is an msisdn in E.164 or the channel's own id of the person,
    ``party`` its blind index."""

    subscriber: bytes
    address: str
    party: bytes
    language: str
    channel: str
    session: bytes

    @property
    def recipient(self) -> Recipient | None:
        """Where an SMS reaches this person at once; None on a channel that gave no number."""
        return Recipient(self.address, self.language) if self.address.startswith("+") else None


@dataclass(frozen=True, slots=True)
class Subscriber:
    id: bytes
    language: str


class UnknownLanguage(ValueError):
    """There is no catalogue for this language."""


class Subscribers:
    def __init__(self, *, database: Database, vault: Vault, languages: Mapping[str, Language]) -> None:
        self._database = database
        self._vault = vault
        self._languages = languages

    async def find(self, kind: str, address: str) -> Subscriber | None:
        """The subscriber who has this address."""
        found = await records.address(self._database, kind, self._vault.index(kind, address))
        if found is None:
            return None
        language = await records.language(self._database, found.subscriber)
        return None if language is None else Subscriber(found.subscriber, language)

    async def find_or_create(
        self, unit: Unit, *, now: datetime, kind: str, address: str, language: str, by: str | None
    ) -> Subscriber:
        """The subscriber who has this address, else a new one with it. ``by`` says what vouches for the
        address (``network``, ``contact``), None when nothing does."""
        found = await self.find(kind, address)
        if found is not None:
            return found
        return self.create(unit, now=now, kind=kind, address=address, language=language, by=by)

    def create(
        self, unit: Unit, *, now: datetime, kind: str, address: str, language: str, by: str | None
    ) -> Subscriber:
        """A new subscriber with this address, for who knows already that nobody has it; should somebody come
        first, the unit is a ``Conflict``."""
        new = Subscriber(new_id(now), language)
        unit.insert(subscribers, {"id": new.id, "language": language, "created_at": now})
        self._insert(unit, now, new.id, kind, address, by)
        return new

    def set_language(self, unit: Unit, subscriber: bytes, language: str) -> None:
        """What the person is written in from now on; raises ``UnknownLanguage``."""
        if language not in self._languages:
            raise UnknownLanguage(language)
        records.set_language(unit, subscriber, language)

    async def link(self, unit: Unit, *, now: datetime, subscriber: bytes, number: str, by: str) -> None:
        """Gives ``number`` (E.164), which the subscriber has just proved to hold, to them.

        When somebody else had it, it moves: numbers change hands, and the one who reads its messages now is
        who proved it last. What the former holder said and was told stays theirs."""
        index = self._vault.index("msisdn", number)
        for row in waiting(unit, addresses):
            if row["kind"] == "msisdn" and row["index"] == index:
                return
        found = await records.address(self._database, "msisdn", index)
        if found is None:
            self._insert(unit, now, subscriber, "msisdn", number, by)
            return
        if found.subscriber != subscriber:
            log.info("address moved to who proved it", kind="msisdn")
        records.set_owner(unit, found, subscriber, now, by)

    async def recipient(self, subscriber: bytes) -> Recipient | None:
        """Where an SMS reaches a subscriber who is not speaking now: the verified number they had first, else
        any. None when they have none."""
        language = await records.language(self._database, subscriber)
        numbers = await records.addresses_of(self._database, subscriber, "msisdn")
        if language is None or not numbers:
            return None
        return Recipient(self._open(numbers[0]), language)

    def _open(self, address: Address) -> str:
        return self._vault.open(address.sealed, records.context(address.index)).decode()

    def _insert(
        self, unit: Unit, now: datetime, subscriber: bytes, kind: str, address: str, by: str | None
    ) -> None:
        index = self._vault.index(kind, address)
        unit.insert(
            addresses,
            {
                "kind": kind,
                "index": index,
                "sealed": self._vault.seal(address.encode(), records.context(index)),
                "subscriber": subscriber,
                "verified_at": now if by else None,
                "verified_by": by,
                "created_at": now,
            },
        )
