"""Who people are to us: subscribers, their addresses, the language they read.

A person is whoever has an address now. What they said stays with them when an address goes to somebody else,
and what two subscribers said is one person's once they were merged (``services.linking``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

import msgspec
import structlog

from engine.turn import Language
from records import subscribers as records
from records.changes import as_left_by
from records.database import Database
from records.gathered import Gathered
from records.ids import new_id
from records.subscribers import Address, Owner
from records.tables import addresses, subscribers
from records.unit import Unit
from records.vault import Vault
from services.notices import Recipient

log = structlog.get_logger()

NUMBER = "msisdn"
MOST_ASKED = 128  # Addresses whose owners are looked up by one statement.
HOPS = 8  # Merges that are followed; there are two at the most, of which one is still in a unit.

# A contact is noted once in this time: the row of somebody who dials all day is written once.
NOTED = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Trust:
    """``proof``: how long a chat may show what came by a number after the person proved the number from it.
    ``silence``: after how long without a contact from a number whoever uses it next may be somebody else."""

    proof: timedelta = timedelta(days=180)
    silence: timedelta = timedelta(days=365)


class Person(msgspec.Struct, frozen=True):
    """Who speaks in this turn. ``address`` is an msisdn in E.164 or the channel's own id of the person,
    ``party`` its blind index. ``fresh``: the address is the person's beyond doubt, so that what came by their
    other addresses may be shown; a chat is, for some time after a number was proved from it."""

    subscriber: bytes
    address: str
    party: bytes
    language: str
    channel: str
    session: bytes
    fresh: bool = True

    @property
    def recipient(self) -> Recipient | None:
        """Where an SMS reaches this person at once; None on a channel that gave no number."""
        return Recipient(self.address, self.language) if self.kind == NUMBER else None

    @property
    def kind(self) -> str:
        """The kind of the address."""
        return NUMBER if self.address.startswith("+") else self.channel


class Subscriber(msgspec.Struct, frozen=True):
    id: bytes
    language: str


class Known(Protocol):
    """Whose an address is, as it was found when they came. ``seen_at``: the contact before this one."""

    @property
    def id(self) -> bytes: ...

    @property
    def language(self) -> str: ...

    @property
    def seen_at(self) -> datetime | None: ...


class UnknownLanguage(ValueError):
    """There is no catalogue for this language."""


class Subscribers:
    def __init__(
        self,
        *,
        database: Database,
        vault: Vault,
        languages: Mapping[str, Language],
        trust: Trust | None = None,
    ) -> None:
        self._database = database
        self._vault = vault
        self._languages = languages
        self.trust = trust or Trust()
        self._owners: Gathered[tuple[str, bytes], Owner | None] = Gathered(
            partial(records.owners, database), MOST_ASKED
        )

    # Who comes.

    async def find(self, kind: str, address: str) -> Subscriber | None:
        """The subscriber who has this address."""
        found = await self._owners.ask((kind, self._vault.index(kind, address)))
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
        self,
        unit: Unit,
        *,
        now: datetime,
        kind: str,
        address: str,
        language: str,
        by: str | None,
        route: str = "",
    ) -> Subscriber:
        """A new subscriber with this address, for who knows already that nobody has it; should somebody come
        first, the unit is a ``Conflict``."""
        new = Subscriber(new_id(now), language)
        unit.insert(subscribers, {"id": new.id, "language": language, "created_at": now})
        self.add(unit, now=now, subscriber=new.id, kind=kind, address=address, by=by, route=route)
        return new

    def arrived(
        self,
        unit: Unit,
        known: Known | None,
        *,
        now: datetime,
        kind: str,
        address: str,
        party: bytes,
        language: str,
        by: str | None,
        route: str,
    ) -> Subscriber:
        """Who comes by this address now, a dialog beginning. Somebody new where it is nobody's, or where it
        is a number from which nothing was heard for so long that it may have been given to somebody else."""
        if known is None:
            return self.create(
                unit, now=now, kind=kind, address=address, language=language, by=by, route=route
            )
        away = None if known.seen_at is None else now - known.seen_at
        if kind == NUMBER and away is not None and away >= self.trust.silence:
            return self._succeed(unit, known.id, now, address, party, language, by, route)
        if away is None or away >= NOTED:
            records.touch(unit, kind, party, now, route)
        return Subscriber(known.id, known.language)

    async def speaking(
        self,
        unit: Unit,
        *,
        now: datetime,
        kind: str,
        address: str,
        party: bytes,
        language: str,
        by: str | None,
        route: str,
    ) -> tuple[bytes, bool]:
        """Who speaks from an address in a dialog under way, and whether it is theirs beyond doubt
        (``Person.fresh``). The dialog may have begun before the address was unlinked, before it went to
        somebody else, or before the person became one with another: the address says, not the dialog."""
        new = records.waits(unit, kind, party)
        if new is not None:
            return records.merged_in(unit, new.subscriber), self._fresh(kind, by, new.proved_at, now)
        owner = await self._owners.ask((kind, party))
        if owner is None:
            created = self.create(
                unit, now=now, kind=kind, address=address, language=language, by=by, route=route
            )
            return created.id, self._fresh(kind, by, None, now)
        proved_at = owner.proved_at
        for guard in unit.guards:
            if isinstance(guard, records.AddressChange) and (guard.kind, guard.index) == (kind, party):
                proved_at = (guard.values or {}).get("proved_at", proved_at)
        return records.merged_in(unit, owner.subscriber), self._fresh(kind, by, proved_at, now)

    def _fresh(self, kind: str, by: str | None, proved_at: datetime | None, now: datetime) -> bool:
        """A number is its caller's where the network vouches for it; anybody can write a sender on an SMS."""
        if kind == NUMBER:
            return by is not None
        return proved_at is not None and now - proved_at < self.trust.proof

    # Who is whom.

    async def root(self, unit: Unit, subscriber: bytes) -> bytes:
        """The person that a subscriber is, or was merged into, as ``unit`` leaves it."""
        for _hop in range(HOPS):
            found = await records.merging(self._database, subscriber)
            found = records.Merging(subscriber, None) if found is None else found
            into = as_left_by(unit, subscribers, found).merged_into
            if into is None:
                return subscriber
            subscriber = into
        raise RuntimeError("merges go round")

    async def same(self, unit: Unit, one: bytes, other: bytes) -> bool:
        """Whether two subscribers are one person."""
        return one == other or await self.root(unit, one) == await self.root(unit, other)

    async def knew(self, unit: Unit, person: bytes, subscriber: bytes) -> bool:
        """Whether ``subscriber`` had one of this person's numbers before it fell silent: it may be them, and
        who can name one of their complaints is taken for them."""
        before = await records.silent_before(self._database, person)
        for each in before:
            if await self.same(unit, each, subscriber):
                return True
        return False

    def set_language(self, unit: Unit, subscriber: bytes, language: str) -> None:
        """What the person is written in from now on; raises ``UnknownLanguage``."""
        if language not in self._languages:
            raise UnknownLanguage(language)
        records.set_language(unit, subscriber, language)

    # Where people are.

    async def recipient(self, subscriber: bytes, now: datetime | None = None) -> Recipient | None:
        """Where an SMS reaches a subscriber who is not speaking now: the verified number they had first, else
        any. None when they have none, or at ``now`` none that was not silent for too long."""
        person = await self.root(Unit(), subscriber)
        found = await records.addresses_of(self._database, person)
        numbers = [each for each in found if each.kind == NUMBER and not self.silent(each, now)]
        language = await records.language(self._database, person)
        if language is None or not numbers:
            return None
        return Recipient(self.open(min(numbers, key=_preferred)), language)

    def silent(self, found: Address, now: datetime | None) -> bool:
        """Whether nothing was heard from a number for so long that it may be somebody else's."""
        if found.kind != NUMBER or found.seen_at is None or now is None:
            return False
        return now - found.seen_at >= self.trust.silence

    def open(self, found: Address) -> str:
        """The address itself; ``Unreadable`` when its key is gone."""
        return self._vault.open(found.sealed, records.context(found.index)).decode()

    def add(
        self,
        unit: Unit,
        *,
        now: datetime,
        subscriber: bytes,
        kind: str,
        address: str,
        by: str | None,
        route: str = "",
        owner: bytes | None = None,
    ) -> None:
        """Gives an address that is nobody's to a subscriber."""
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
                "blocked_at": None,
                "seen_at": now,
                "route": route or None,
                "owner": owner,
                "number": None,
                "proved_at": None,
            },
        )

    def _succeed(
        self,
        unit: Unit,
        before: bytes,
        now: datetime,
        number: str,
        party: bytes,
        language: str,
        by: str | None,
        route: str,
    ) -> Subscriber:
        """Gives a number that was silent for too long to whoever uses it now. They are asked for nothing and
        shown nothing of what was before; what they can name of it they are shown (``knew``)."""
        log.info("a number is heard from again after long, and taken for somebody new")
        records.take_away(unit, Address(NUMBER, party, b"", before, None, None, now))
        new = self.create(unit, now=now, kind=NUMBER, address=number, language=language, by=by, route=route)
        records.note(unit, now, NUMBER, party, "moved", "silence", previous=before, subscriber=new.id)
        return new


def _preferred(number: Address) -> tuple[bool, datetime, bool]:
    return number.verified_at is None, number.created_at, number.verified_by != "network"
