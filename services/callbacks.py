"""Call-backs: somebody rings the person at the time of day that they chose."""

from __future__ import annotations

from datetime import datetime

from records import callbacks as records
from records.changes import place, waiting
from records.database import Database
from records.tables import callbacks
from records.unit import Unit
from services.subscribers import Person

TOPIC_LENGTH = 32
TIMES_OF_DAY = ("any", "morning", "afternoon", "evening")


class UnknownTime(ValueError):
    """Not a time of day that people can choose."""


class Callbacks:
    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def ask(self, unit: Unit, person: Person, *, now: datetime, topic: str, time_of_day: str) -> bool:
        """Asks for a call about ``topic``; False when one is waiting already. Two requests at the same time
        take the same place after the last one, so that only one of them can be kept."""
        if time_of_day not in TIMES_OF_DAY:
            raise UnknownTime(time_of_day)
        if len(topic) > TOPIC_LENGTH:
            raise ValueError(f"a topic has at most {TOPIC_LENGTH} characters")
        if any(
            row["subscriber"] == person.subscriber and row["topic"] == topic
            for row in waiting(unit, callbacks)
        ):
            return False
        last = await records.last(self._database, person.subscriber, topic)
        if last is not None and last.state == "waiting":
            return False
        unit.insert(
            callbacks,
            {
                "id": place("callback", person.subscriber, topic.encode(), last.id if last else b""),
                "subscriber": person.subscriber,
                "topic": topic,
                "time_of_day": time_of_day,
                "asked_at": now,
                "session": person.session,
                "state": "waiting",
                "finished_at": None,
            },
        )
        return True
