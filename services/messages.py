"""What became of a message, as its recipient may know it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from engine.fold import fold
from records.database import Database
from records.messages import received
from records.outbox import is_tracking
from services.subscribers import Person


@dataclass(frozen=True, slots=True)
class Status:
    """``status``: queued, claimed, sent, delivered, failed, blocked, expired or cancelled, since ``at``;
    ``by``: the channel."""

    status: str
    at: datetime
    by: str


class Messages:
    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def status(self, person: Person, tracking: str) -> Status | None:
        """The status of a message that went to the number that speaks, or to another one of the same person.
        None for everybody else's, and for a number with a wrong check digit."""
        number = fold(tracking)
        if not is_tracking(number):
            return None
        found = await received(self._database, number, person.subscriber, person.party)
        if found is None:
            return None
        if found.status == "sent":
            at = found.sent_at or found.finished_at
        else:
            at = found.finished_at or found.sent_at
        return Status(found.status, at or found.created_at, found.channel)
