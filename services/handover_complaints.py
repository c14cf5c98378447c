"""Threads that join complaints: what is said in them is a part of the complaint's story."""

from __future__ import annotations

from datetime import datetime

from engine.session import Value
from records import threads as records
from records.threads import Thread
from records.unit import Unit
from services import handover_posts as words
from services.complaints import Complaints, Opened, TooManyOpen
from services.handover_acts import Acts
from services.handover_posts import Postbox
from services.subscribers import Person


class HandoverComplaints:
    def __init__(self, *, acts: Acts, postbox: Postbox, complaints: Complaints) -> None:
        self._acts = acts
        self._postbox = postbox
        self._complaints = complaints

    async def join(self, thread: bytes, *, operator: str, number: str, now: datetime) -> str:
        """Joins a thread to a complaint of the same person, whose story every post is then a part of; the
        complaint's number. Raises ``UnknownComplaint`` and ``OtherPerson``."""
        joined = ""

        async def act(unit: Unit, found: Thread) -> None:
            nonlocal joined
            joined, complaint = await self._complaints.joinable(unit, found.subscriber, number)
            self._join(unit, found, now, operator, complaint, joined)
            self._postbox.notice(unit, found, now, words.JOINED, {"number": joined})

        await self._acts.do(thread, act, over=True)
        return joined

    async def open_complaint(
        self, thread: bytes, *, operator: str, subject: str, text: str, now: datetime
    ) -> Opened | TooManyOpen:
        """Opens a complaint of the person and joins the thread to it. ``text`` says in short what it is
        about."""
        opened: Opened | TooManyOpen = TooManyOpen()

        async def act(unit: Unit, found: Thread) -> None:
            nonlocal opened
            where = self._postbox.destination(found)
            person = Person(
                found.subscriber, where.address, found.party, found.language, found.channel, found.session
            )
            opened = await self._complaints.open(unit, person, now=now, subject=subject, text=text)
            if isinstance(opened, TooManyOpen):
                return
            _number, complaint = await self._complaints.joinable(unit, found.subscriber, opened.number)
            self._join(unit, found, now, operator, complaint, opened.number)
            values: dict[str, Value] = {"number": opened.number, "deadline": opened.deadline}
            self._postbox.notice(unit, found, now, words.COMPLAINT_OPENED, values)

        await self._acts.do(thread, act, over=True)
        return opened

    def _join(
        self, unit: Unit, found: Thread, now: datetime, operator: str, complaint: bytes, number: str
    ) -> None:
        records.set_values(unit, found, {"complaint": complaint})
        self._postbox.write(unit, found, now, "operator", "joined", number, operator=operator)
        self._complaints.joined(unit, complaint, now, "operator", operator)
