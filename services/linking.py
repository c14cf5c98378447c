"""One person on several channels: numbers proved from chats, addresses let go, numbers that changed hands.

Who proves a number that somebody else has may be that person on another channel, or somebody whose number it
is now. The rule, from what we can know (docs/decisions/0013-one-person.md):

- The registry has the number under the same national ID as before: the same person, whatever else is known.
  Under another one: it changed hands.
- Nothing was heard from the number for ``Trust.silence``: it changed hands, as far as we know.
- Who proves it has another number already: they are somebody else, or else their two numbers were two people
  to us until now, which no proof can tell from the first.
- Otherwise it is one person, and the two become one.

A number that changed hands goes to who proved it, and nothing else does. What a person does joins the unit of
their turn; what an operator does commits by itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from records import subscribers as records
from records.changes import waiting
from records.committer import Committer
from records.database import Database
from records.subscribers import Address, Event
from records.tables import addresses
from records.unit import Conflict, Unit
from records.vault import Vault
from services.subscribers import NUMBER, Person, Subscribers

log = structlog.get_logger()

TRIES = 6


class LinkingError(Exception):
    """Nothing was changed.

    LinkingError
    ├── UnknownAddress   nobody has this address, or not this person
    └── LastAddress      it is the only one that is left, and what the person has could not be found again
    """


class UnknownAddress(LinkingError):
    """Nobody has this address, or not this person."""


class LastAddress(LinkingError):
    """It is the last address of this person."""


@dataclass(frozen=True, slots=True)
class Held:
    """An address of a person. ``number`` is an msisdn in E.164, "" for a chat. ``here``: it is the one that
    they speak from. ``reference`` names it among the person's addresses, for who chooses one."""

    kind: str
    number: str
    here: bool
    reference: str


class Linking:
    def __init__(
        self, *, database: Database, committer: Committer, vault: Vault, subscribers: Subscribers
    ) -> None:
        self._database = database
        self._committer = committer
        self._vault = vault
        self._subscribers = subscribers

    # What a person does.

    async def link(
        self, unit: Unit, person: Person, *, now: datetime, number: str, by: str, national_id: str = ""
    ) -> bytes:
        """Gives ``number`` (E.164), which the person has just proved to hold, to them; the subscriber that
        they are from then on. ``by``: code, contact. ``national_id``: whose the registry says it is, where it
        was asked. Doing it again is only a newer proof."""
        index, owner = self._vault.index(NUMBER, number), self._owner(national_id)
        me = await self._subscribers.root(unit, person.subscriber)
        found = await self._found(unit, NUMBER, index)
        proof = {"verified_at": now, "verified_by": by, "seen_at": now} | ({"owner": owner} if owner else {})
        if found is None:
            records.stays_apart(unit, me)
            self._subscribers.add(
                unit, now=now, subscriber=me, kind=NUMBER, address=number, by=by, owner=owner
            )
            records.note(unit, now, NUMBER, index, "linked", by, subscriber=me)
        elif await self._subscribers.same(unit, found.subscriber, me):
            records.set_values(unit, found, proof)
            records.note(unit, now, NUMBER, index, "proved", by, subscriber=me)
        elif changed := await self._changed_hands(unit, me, found, owner, now):
            log.info("a number goes to who proved it", reason=changed)
            records.stays_apart(unit, me)
            records.take_away(unit, found)
            self._subscribers.add(
                unit, now=now, subscriber=me, kind=NUMBER, address=number, by=by, owner=owner
            )
            records.note(unit, now, NUMBER, index, "moved", changed, previous=found.subscriber, subscriber=me)
        else:
            records.set_values(unit, found, proof)
            other = await self._subscribers.root(unit, found.subscriber)
            me = await self._become_one(unit, me, other, NUMBER, index, by, now)
        await self._proved_from(unit, person, index, by, now, me)
        if await records.language(self._database, me) != person.language:
            # They are written in what they read now, on every channel.
            self._subscribers.set_language(unit, me, person.language)
        return me

    async def held(self, unit: Unit, person: Person) -> list[Held]:
        """The person's addresses: the one that they speak from first, then the oldest."""
        found = await self._addresses(unit, person.subscriber)
        here = [each for each in found if (each.kind, each.index) == (person.kind, person.party)]
        return [
            Held(
                each.kind,
                self._subscribers.open(each) if each.kind == NUMBER else "",
                each in here,
                each.index[:8].hex(),
            )
            for each in [*here, *(each for each in found if each not in here)]
        ]

    async def unlink(self, unit: Unit, person: Person, *, now: datetime, reference: str) -> None:
        """Lets an address of the person's go: nothing more is sent there, and who uses it next is somebody
        new. What came by it stays with the person. Raises ``UnknownAddress`` and ``LastAddress``."""
        found = await self._addresses(unit, person.subscriber)
        chosen = [each for each in found if each.index[:8].hex() == reference]
        if not chosen:
            raise UnknownAddress
        if len(found) == 1:
            raise LastAddress
        # One after the other: of two who let go of the last two at once the second finds one.
        records.stays_apart(unit, person.subscriber)
        self._let_go(unit, chosen[0], now, "person")
        records.stays_reachable(unit, person.subscriber)

    # What an operator does.

    async def unlink_for(self, kind: str, address: str, *, operator: str, now: datetime) -> None:
        """The same for a person, at their word: also their last address, which is then nobody's and whose
        past is found by its complaints' numbers only. Raises ``UnknownAddress``."""

        async def act(unit: Unit) -> None:
            self._let_go(unit, await self._of(unit, kind, address), now, "operator", operator)

        await self._act(act)

    async def changed_hands(self, number: str, *, operator: str, now: datetime) -> None:
        """Somebody else has this number now, as the operator knows for certain. Who had it keeps their other
        addresses and all that is theirs; who uses the number next is somebody new, and can reach nothing of
        it, not even what they can name. Raises ``UnknownAddress``."""

        async def act(unit: Unit) -> None:
            found = await self._of(unit, NUMBER, number)
            records.take_away(unit, found)
            records.note(
                unit, now, NUMBER, found.index, "moved", "operator",
                previous=found.subscriber, operator=operator,
            )  # fmt: skip

        await self._act(act)
        log.info("a number changed hands", operator=operator)

    async def join(
        self, kept: tuple[str, str], other: tuple[str, str], *, operator: str, now: datetime
    ) -> None:
        """The owners of two addresses (kind, address) are one person, as the operator knows for certain.
        ``other`` is proved to be theirs where it is a chat. Raises ``UnknownAddress``."""

        async def act(unit: Unit) -> None:
            first, second = await self._of(unit, *kept), await self._of(unit, *other)
            here = await self._subscribers.root(unit, first.subscriber)
            there = await self._subscribers.root(unit, second.subscriber)
            if second.kind != NUMBER:
                number = first.index if first.kind == NUMBER else None
                records.set_values(unit, second, {"number": number, "proved_at": now})
            if here != there:
                records.merge(unit, there, here)
                records.note(
                    unit, now, second.kind, second.index, "merged", "operator",
                    previous=there, subscriber=here, operator=operator,
                )  # fmt: skip

        await self._act(act)
        log.info("two were one person", operator=operator)

    async def history(self, kind: str, address: str) -> Sequence[Event]:
        """How an address came to whom it belongs to, the oldest first."""
        return await records.history(self._database, kind, self._vault.index(kind, address))

    # How.

    async def _changed_hands(
        self, unit: Unit, me: bytes, found: Address, owner: bytes | None, now: datetime
    ) -> str | None:
        """Why the number that I proved is not any more that of who has it; None where they may be me."""
        if owner is not None and found.owner is not None:
            return None if owner == found.owner else "registry"
        if self._subscribers.silent(found, now):
            return "silence"
        mine = await self._addresses(unit, me)
        return "another" if any(each.kind == NUMBER for each in mine) else None

    async def _become_one(
        self, unit: Unit, me: bytes, other: bytes, kind: str, index: bytes, by: str, now: datetime
    ) -> bytes:
        """Merges two subscribers, into the one who had the number unless only the other has a past."""
        gone, kept = me, other
        if await records.has_history(self._database, me) and not await records.has_history(
            self._database, other
        ):
            gone, kept = other, me
        records.merge(unit, gone, kept)
        records.note(unit, now, kind, index, "merged", by, previous=gone, subscriber=kept)
        return kept

    async def _proved_from(
        self, unit: Unit, person: Person, number: bytes, by: str, now: datetime, me: bytes
    ) -> None:
        """The person has proved their number from this chat."""
        if person.kind == NUMBER:
            return
        chat = await self._found(unit, person.kind, person.party)
        if chat is None:
            raise UnknownAddress  # The conversation knows every caller before they can ask for anything.
        records.set_values(unit, chat, {"number": number, "proved_at": now})
        records.note(unit, now, person.kind, person.party, "proved", by, subscriber=me)

    def _let_go(
        self, unit: Unit, found: Address, now: datetime, reason: str, operator: str | None = None
    ) -> None:
        records.take_away(unit, found)
        records.note(
            unit, now, found.kind, found.index, "unlinked", reason,
            previous=found.subscriber, operator=operator,
        )  # fmt: skip

    async def _addresses(self, unit: Unit, person: bytes) -> list[Address]:
        """The person's addresses as ``unit`` leaves them, the oldest first."""
        before = await records.addresses_of(self._database, person)
        kept = [left for each in before if (left := records.left(unit, each)) is not None]
        new = [Address(**row) for row in waiting(unit, addresses) if row["subscriber"] == person]
        return [*kept, *reversed([each for each in new if each not in kept])]

    async def _found(self, unit: Unit, kind: str, index: bytes) -> Address | None:
        """The address as ``unit`` leaves it."""
        new = records.waits(unit, kind, index)
        if new is not None:
            return new
        found = await records.address(self._database, kind, index)
        return None if found is None else records.left(unit, found)

    async def _of(self, unit: Unit, kind: str, address: str) -> Address:
        found = await self._found(unit, kind, self._vault.index(kind, address))
        if found is None:
            raise UnknownAddress
        return found

    def _owner(self, national_id: str) -> bytes | None:
        """What of a national ID is kept: enough to tell it from another one, and not what it is."""
        return self._vault.digest("owner", national_id)[:16] if national_id else None

    async def _act(self, act: Callable[[Unit], Awaitable[None]]) -> None:
        for attempt in range(TRIES):
            unit = Unit()
            await act(unit)
            try:
                await self._committer.commit(unit)
            except Conflict:
                if attempt + 1 == TRIES:
                    raise
                continue
            return
