"""What every act on a complaint does: find it, keep the words, tell the person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import structlog

from engine.fold import fold
from engine.numbers import has_check_digit
from engine.session import Value
from records import complaints as records
from records.changes import as_left_by, waiting
from records.complaints import Complaint, Event
from records.database import Database
from records.ids import new_id
from records.tables import complaint_events, complaints
from records.threads import Post, of_complaint, posts_of, said
from records.unit import Unit
from records.vault import Vault
from services.subscribers import Person, Subscribers
from services.telling import Telling

log = structlog.get_logger()

NUMBER_LENGTH = 8


@dataclass(frozen=True, slots=True)
class Word:
    """One thing that was said or done. ``author``: person, operator, system. ``kind``: that of an event, or
    for a post of a thread that joined the complaint ``chat`` (words), ``chat:note``, ``chat:accepted`` …
    ``file`` is the id of one that came with it."""

    at: datetime
    author: str
    operator: str | None
    kind: str
    text: str
    file: bytes | None = None


class Casebook:
    def __init__(
        self, *, database: Database, vault: Vault, telling: Telling, subscribers: Subscribers
    ) -> None:
        self._database = database
        self._vault = vault
        self._telling = telling
        self._subscribers = subscribers

    async def find(self, unit: Unit, number: str) -> Complaint | None:
        """The complaint with this number as ``unit`` leaves it. The number may be written in groups and in
        Persian digits; one with a wrong check digit is not looked for."""
        digits = "".join(character for character in fold(number) if character not in " -")
        if len(digits) != NUMBER_LENGTH or not has_check_digit(digits):
            return None
        for row in waiting(unit, complaints):
            if row["number"] == digits:
                return Complaint(**row)
        found = await records.by_number(self._database, digits)
        return None if found is None else as_left_by(unit, complaints, found)

    async def find_id(self, row: bytes) -> Complaint | None:
        return await records.by_id(self._database, row)

    async def words(self, complaint: Complaint) -> list[Word]:
        """Everything that was said and done, in threads that joined it too, the oldest first."""
        events = await records.events(self._database, complaint.id)
        words = [
            Word(each.at, each.author, each.operator, each.kind, self._open(each), each.file)
            for each in events
        ]
        for thread in await of_complaint(self._database, complaint.id):
            words += [self._said(post) for post in await posts_of(self._database, thread.id)]
        return sorted(words, key=lambda word: word.at)

    async def last_answer(self, complaint: Complaint) -> str | None:
        """What an operator answered last."""
        event = await records.last_answer(self._database, complaint.id)
        return None if event is None else self._open(event)

    def keep(
        self,
        unit: Unit,
        complaint: bytes,
        now: datetime,
        author: str,
        kind: str,
        text: str,
        operator: str | None = None,
        file: bytes | None = None,
    ) -> None:
        """Adds an event; its words are sealed. ``file`` is the id of one that came with them."""
        row = new_id(now)
        sealed = self._vault.seal(text.encode("utf-8", "replace"), records.context(row)) if text else None
        unit.insert(
            complaint_events,
            {
                "id": row,
                "complaint": complaint,
                "at": now,
                "author": author,
                "operator": operator,
                "kind": kind,
                "sealed": sealed,
                "file": file,
            },
        )

    async def tell(
        self,
        unit: Unit,
        now: datetime,
        subscriber: bytes,
        text: str,
        values: Mapping[str, Value],
        speaking: Person | None = None,
    ) -> None:
        """Queues a notice to the person, wherever they are reached (``services.telling``)."""
        await self._telling.tell(unit, now, subscriber, text, values, speaking)

    async def are_one(self, unit: Unit, one: Complaint, other: Complaint) -> bool:
        """Whether two complaints are of one person."""
        return await self._subscribers.same(unit, one.subscriber, other.subscriber)

    async def is_of(self, unit: Unit, complaint: Complaint, subscriber: bytes) -> bool:
        """Whether a complaint is this person's."""
        return await self._subscribers.same(unit, complaint.subscriber, subscriber)

    async def can_be_of(self, unit: Unit, complaint: Complaint, person: bytes) -> bool:
        """Whether it is, or may be: somebody's who had their number before it fell silent."""
        return await self.is_of(unit, complaint, person) or await self._subscribers.knew(
            unit, person, complaint.subscriber
        )

    def _said(self, post: Post) -> Word:
        kind = "chat" if post.kind == "text" else f"chat:{post.kind}"
        return Word(post.at, post.author, post.operator, kind, said(self._vault, post).text, post.file)

    def _open(self, event: Event) -> str:
        if event.sealed is None:
            return ""
        return self._vault.open(event.sealed, records.context(event.id)).decode()
