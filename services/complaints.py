"""The complaint desk. Every word of a complaint is kept; every change tells the person.

What a person does in a conversation (``open``, ``find``, ``add``) joins the unit of its turn. What an
operator does (``answer``, ``close``, ``reopen``, ``assign``, ``merge``) is one unit of its own, committed
when it returns. The operator says which revision was on the page: of two who act at once the second is told
(``Conflict``) instead of undoing what the first one did.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import structlog

from engine.alphabet import units
from engine.numbers import with_check_digit
from engine.session import Value
from records import complaints as records
from records.changes import waiting
from records.committer import Committer
from records.complaints import Complaint
from records.database import Database
from records.gathered import Gathered
from records.ids import new_id
from records.randomness import randomness
from records.tables import complaints
from records.unit import Conflict, Unit
from services import notices
from services.calendar import Calendar
from services.casebook import NUMBER_LENGTH, Casebook, Word
from services.complaint_rules import OtherPerson, UnknownComplaint, Unproved, category, move
from services.subscribers import Person

log = structlog.get_logger()

MOST_OPEN = 5
MOST_ASKED = 128  # Subscribers whose complaints are counted by one statement.
TRACKING_LENGTH = 16


@dataclass(frozen=True, slots=True)
class Opened:
    """A complaint was opened: its number, eight digits, and until when it will be answered."""

    number: str
    deadline: datetime


@dataclass(frozen=True, slots=True)
class TooManyOpen:
    """This person has as many complaints waiting as one may have."""


class Complaints:
    """``days``: working days within which a complaint is answered; ``most_open``: how many one person may
    have waiting at a time."""

    def __init__(
        self,
        *,
        database: Database,
        committer: Committer,
        casebook: Casebook,
        calendar: Calendar,
        days: int = 2,
        most_open: int = MOST_OPEN,
    ) -> None:
        self._database = database
        self._committer = committer
        self._casebook = casebook
        self._calendar = calendar
        self._days = days
        self._most_open = most_open
        self._open = Gathered(partial(records.count_open, database), MOST_ASKED)

    # What a person does; it is committed with the turn.

    async def open(
        self,
        unit: Unit,
        person: Person,
        *,
        now: datetime,
        subject: str,
        text: str,
        tracking: str | None = None,
        files: Sequence[bytes] = (),
    ) -> Opened | TooManyOpen:
        """Files a complaint and confirms it. ``subject`` is a category, or words of the person's own, which
        are then kept with the text; ``files`` are ids of what was sent with it. The number is new at random;
        should it be taken, the unit is a ``Conflict``."""
        before = await self._open.ask(person.subscriber)
        if before + sum(1 for _row in waiting(unit, complaints)) >= self._most_open:
            return TooManyOpen()
        if tracking is not None and len(tracking) > TRACKING_LENGTH:
            raise ValueError(f"a tracking number has at most {TRACKING_LENGTH} characters")
        name, kind = category(subject)
        number, row = _draw(), new_id(now)
        deadline = self._calendar.deadline(now, self._days)
        unit.insert(
            complaints,
            {
                "id": row,
                "number": number,
                "subscriber": person.subscriber,
                "channel": person.channel,
                "session": person.session,
                "category": name,
                "priority": kind.priority,
                "state": "open",
                "tracking": tracking,
                "opened_at": now,
                "deadline": deadline,
                "answered_at": None,
                "closed_at": None,
                "assignee": None,
                "merged_into": None,
                "revision": 1,
                "party": person.party,
            },
        )
        words = text if name == subject else f"{subject}\n{text}"
        self._keep(unit, row, now, "opened", words, files)
        values: dict[str, Value] = {"number": number, "deadline": deadline}
        await self._casebook.tell(unit, now, person.subscriber, notices.COMPLAINT_OPENED, values, person)
        return Opened(number, deadline)

    async def find(self, unit: Unit, person: Person, number: str) -> Complaint:
        """The person's complaint with this number. It may have been filed from another address of theirs, or
        from a number of theirs before it fell silent: then its number is what shows that it is they. Raises
        ``UnknownComplaint`` for others' too, and ``Unproved`` where this address must first be proved."""
        found = await self._casebook.find(unit, number)
        if found is None or not await self._casebook.can_be_of(unit, found, person.subscriber):
            raise UnknownComplaint
        if not person.fresh and found.party != person.party:
            raise Unproved
        return found

    async def answer_to(self, complaint: Complaint) -> str | None:
        """The last answer that was given to a complaint."""
        return await self._casebook.last_answer(complaint)

    async def number_of_merged(self, complaint: Complaint) -> str:
        """The number under which a complaint goes on: its own, or that of the one it was merged into."""
        if complaint.merged_into is None:
            return complaint.number
        into = await self._casebook.find_id(complaint.merged_into)
        return complaint.number if into is None else into.number

    async def add(
        self,
        unit: Unit,
        person: Person,
        *,
        now: datetime,
        number: str,
        text: str,
        files: Sequence[bytes] = (),
    ) -> None:
        """Adds the person's words, and files. An answered complaint waits for an answer again, with a new
        deadline. Raises what ``find`` does, and ``WrongMove`` when it is closed or merged."""
        found = await self.find(unit, person, number)
        state = move("person", "message", found.state)
        deadline = found.deadline if found.state == "open" else self._calendar.deadline(now, self._days)
        records.set_values(unit, found, {"state": state, "deadline": deadline})
        self._keep(unit, found.id, now, "message", text, files)
        values: dict[str, Value] = {"number": found.number, "deadline": deadline}
        await self._casebook.tell(unit, now, found.subscriber, notices.COMPLAINT_ADDED, values, person)

    def _keep(
        self, unit: Unit, complaint: bytes, now: datetime, kind: str, text: str, files: Sequence[bytes]
    ) -> None:
        """What the person says, with the first file; each other one is an event of its own."""
        self._casebook.keep(unit, complaint, now, "person", kind, text, file=files[0] if files else None)
        for file in files[1:]:
            self._casebook.keep(unit, complaint, now, "person", "file", "", file=file)

    # What an operator does; each commits by itself.

    async def read(self, number: str) -> tuple[Complaint, list[Word]]:
        """A complaint and every word of it, the oldest first. Raises ``UnknownComplaint``."""
        found = await self._casebook.find(Unit(), number)
        if found is None:
            raise UnknownComplaint
        return found, await self._casebook.words(found)

    async def joinable(self, unit: Unit, subscriber: bytes, number: str) -> tuple[str, bytes]:
        """(number, id) of the complaint of this subscriber that a thread may join: the one with this number,
        or that it was merged into. Raises ``UnknownComplaint`` and ``OtherPerson``."""
        found = await self._casebook.find(unit, number)
        if found is not None and found.merged_into is not None:
            found = await self._casebook.find_id(found.merged_into)
        if found is None:
            raise UnknownComplaint
        if not await self._casebook.is_of(unit, found, subscriber):
            raise OtherPerson
        return found.number, found.id

    def joined(
        self, unit: Unit, complaint: bytes, now: datetime, author: str, operator: str | None = None
    ) -> None:
        """Notes that a thread joined a complaint: what is said there is a part of its story from then on."""
        self._casebook.keep(unit, complaint, now, author, "joined", "", operator)

    async def answer(self, number: str, *, operator: str, text: str, revision: int, now: datetime) -> None:
        """Answers the person. A short answer goes out whole; of a long one the person is told where to read
        it."""
        short = units(text) <= notices.ANSWER_BY_SMS
        notice = notices.COMPLAINT_ANSWERED if short else notices.COMPLAINT_ANSWERED_LONG
        values = {"answered_at": now}
        await self._act(number, operator, revision, now, "answered", text, values, notice, {"answer": text})

    async def close(
        self, number: str, *, operator: str, revision: int, now: datetime, text: str = ""
    ) -> None:
        """Closes a complaint; ``text`` is a note for the record."""
        values = {"closed_at": now}
        await self._act(number, operator, revision, now, "closed", text, values, notices.COMPLAINT_CLOSED)

    async def reopen(
        self, number: str, *, operator: str, revision: int, now: datetime, text: str = ""
    ) -> None:
        """Takes an answered or closed complaint up again, with a new deadline."""
        values = {"closed_at": None, "deadline": self._calendar.deadline(now, self._days)}
        await self._act(number, operator, revision, now, "reopened", text, values, notices.COMPLAINT_REOPENED)

    async def assign(self, number: str, *, operator: str, to: str, revision: int, now: datetime) -> None:
        """Gives a complaint to an operator, who may be the same one."""
        values = {"assignee": to}
        await self._act(number, operator, revision, now, "assigned", to, values, notices.COMPLAINT_ASSIGNED)

    async def merge(self, number: str, *, into: str, operator: str, revision: int, now: datetime) -> None:
        """Ends a complaint because another one of the same person says the same. Raises ``OtherPerson``, and
        ``WrongMove`` when either is over already."""
        unit = Unit()
        target = await self._casebook.find(unit, into)
        if target is None:
            raise UnknownComplaint
        # A target that is itself closed or merged would leave the person without an answer.
        move("operator", "merged", target.state)
        found = await self._seen(number, revision)
        if found.id == target.id or not await self._casebook.are_one(unit, found, target):
            raise OtherPerson
        records.set_values(unit, target, {})
        self._casebook.keep(unit, target.id, now, "operator", "merged", found.number, operator)
        values = {"merged_into": target.id}
        shown: dict[str, Value] = {"into": target.number}
        await self._act(
            number, operator, revision, now, "merged", target.number, values,
            notices.COMPLAINT_MERGED, shown, unit,
        )  # fmt: skip

    async def _act(
        self,
        number: str,
        operator: str,
        revision: int,
        now: datetime,
        act: str,
        text: str,
        values: Mapping[str, Any],
        notice: str,
        shown: Mapping[str, Value] | None = None,
        unit: Unit | None = None,
    ) -> None:
        """One act of an operator, its record and its notice, committed together. Raises ``UnknownComplaint``,
        ``WrongMove``, ``Conflict`` and ``Unavailable``."""
        unit = Unit() if unit is None else unit
        found = await self._seen(number, revision)
        changed = {**values, "state": move("operator", act, found.state)}
        records.set_values(unit, found, changed)
        self._casebook.keep(unit, found.id, now, "operator", act, text, operator)
        deadline = changed.get("deadline", found.deadline)
        told: dict[str, Value] = {"number": found.number, "deadline": deadline, **(shown or {})}
        await self._casebook.tell(unit, now, found.subscriber, notice, told)
        await self._committer.commit(unit)
        log.info("complaint changed", act=act, state=changed["state"])

    async def _seen(self, number: str, revision: int) -> Complaint:
        """The complaint as the operator saw it; a ``Conflict`` when it has changed since."""
        found = await self._casebook.find(Unit(), number)
        if found is None:
            raise UnknownComplaint
        if found.revision != revision:
            raise Conflict("the complaint has changed since it was read")
        return found


def _draw() -> str:
    """A new number: eight digits of which the first is no zero and the last is the check digit."""
    least = 10 ** (NUMBER_LENGTH - 2)
    return with_check_digit(str(least + randomness.randrange(9 * least)))
