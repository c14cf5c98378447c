"""What people agreed to. Nothing is agreed to that nobody was asked (Electronic Commerce Law, art. 55)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from records import consents as records
from records.changes import waiting
from records.database import Database
from records.ids import new_id
from records.tables import consents
from records.unit import Unit
from services.subscribers import Person

PURPOSES = ("advertising",)


class UnknownPurpose(ValueError):
    """Nobody is asked for a consent to this."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person said last, and when."""

    given: bool
    at: datetime


class Consents:
    """Every answer is a row of its own and none is changed: when what was agreed can be shown later."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def given(self, unit: Unit, subscriber: bytes, purpose: str) -> bool:
        """Whether the subscriber agrees now; False when never asked."""
        _check(purpose)
        for row in waiting(unit, consents):
            if row["subscriber"] == subscriber and row["purpose"] == purpose:
                return bool(row["given"])
        last = await self.last(subscriber, purpose)
        return last is not None and last.given

    async def last(self, subscriber: bytes, purpose: str) -> Answer | None:
        """What the records say that the subscriber answered last; None when never asked."""
        _check(purpose)
        found = await records.last(self._database, subscriber, purpose)
        return None if found is None else Answer(*found)

    def set(self, unit: Unit, person: Person, *, now: datetime, purpose: str, given: bool) -> None:
        """Keeps the person's answer, also when it is the one they gave before."""
        _check(purpose)
        unit.insert(
            consents,
            {
                "id": new_id(now),
                "subscriber": person.subscriber,
                "purpose": purpose,
                "given": given,
                "at": now,
                "channel": person.channel,
                "session": person.session,
            },
        )


def _check(purpose: str) -> None:
    if purpose not in PURPOSES:
        raise UnknownPurpose(purpose)
