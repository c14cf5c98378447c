"""Hands a conversation over to a person: what somebody who waits for an operator, or talks with one, does.

All of it joins the unit of the turn. What operators do is in ``handover_desk.py``. On channels where nobody
can wait (USSD, SMS) a hand-over becomes a call-back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from records import threads as records
from records.changes import as_left_by, waiting
from records.database import Database
from records.ids import new_id
from records.tables import posts, ratings, threads
from records.threads import Thread, Where
from records.unit import Unit
from records.vault import Vault
from services.callbacks import Callbacks
from services.complaint_rules import UnknownComplaint, Unproved
from services.complaints import Complaints
from services.handover_hours import Hours
from services.handover_posts import Line, Postbox
from services.subscribers import Person

TOPIC_LENGTH = 32
SCORES = range(1, 6)
COMING = timedelta(seconds=10)  # Longer than any turn takes to be committed, or to fail.


@dataclass(frozen=True, slots=True)
class Outlook:
    """``place``: the place in the queue of who asks now. ``opens``: when operators are there next, where they
    are not there now (``open`` False); None also where nobody can say."""

    open: bool
    place: int
    opens: datetime | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """Somebody waits for an operator; ``place`` counts from 1, and is 0 for who has one already."""

    thread: bytes
    place: int


class Handover:
    def __init__(
        self,
        *,
        database: Database,
        vault: Vault,
        callbacks: Callbacks,
        complaints: Complaints,
        hours: Hours,
        postbox: Postbox,
    ) -> None:
        self._database = database
        self._vault = vault
        self._callbacks = callbacks
        self._complaints = complaints
        self._hours = hours
        self._postbox = postbox
        # Who was put into the queue a moment ago, and when: the thread may not be in the records yet.
        self._coming: dict[tuple[bytes, str], tuple[datetime, bytes]] = {}

    async def outlook(self, *, now: datetime) -> Outlook:
        """What somebody who asks for an operator now has to expect."""
        opens = self._hours.opens(now)
        place = await records.ahead(self._database, now, b"\xff" * 16) + 1
        return Outlook(opens == now, place, None if opens == now else opens)

    async def request(
        self,
        unit: Unit,
        person: Person,
        *,
        now: datetime,
        topic: str,
        live: bool = False,
        route: str = "",
        complaint: str | None = None,
    ) -> Waiting | None:
        """Puts the person into the queue, or where nobody can wait (not ``live``: None) asks for a call; one
        that waits already is enough in both. ``topic`` is for the operator. ``complaint`` is the number of
        the one that it is about, which the thread joins if it is the person's own."""
        if not live:
            await self._callbacks.ask(unit, person, now=now, topic=topic, time_of_day="any")
            return None
        if len(topic) > TOPIC_LENGTH:
            raise ValueError(f"a topic has at most {TOPIC_LENGTH} characters")
        found = await self._live(unit, person.party, route)
        if found is None:
            await self._forgive(unit, person.session)
            found = self._open(unit, person, now, topic, route)
            self._coming[person.party, route] = found.queued_at, found.id
        elif found.session != person.session:
            # A new dialog of the same chat: it goes on here, and what happens is told to it.
            records.set_values(unit, found, {"session": person.session, "language": person.language})
        if complaint is not None:
            await self._join(unit, person, found, now, complaint)
        place = 0
        if found.state == "waiting":
            place = await self._ahead(found, now) + 1
        return Waiting(found.id, place)

    async def say(
        self,
        unit: Unit,
        person: Person,
        *,
        now: datetime,
        route: str,
        text: str,
        key: bytes | None = None,
        raw: bytes = b"",
        files: Sequence[bytes] = (),
    ) -> bool:
        """Adds the person's words, and files, to their thread; False when it is over: they are kept all the
        same. The same ``key`` again adds nothing. ``LookupError`` when there is no thread."""
        found = await self._live(unit, person.party, route)
        if found is None:
            found = await records.of_session(self._database, person.session)
        if found is None:
            raise LookupError("this person talks with nobody")
        if found.owed is not None:
            # The session learns of it by this very turn.
            records.set_values(unit, found, {"owed": None})
        if key is None or await records.by_key(self._database, found.id, key) is None:
            first = files[0] if files else None
            self._postbox.write(unit, found, now, "person", "text", text, key=key, raw=raw, file=first)
            for file in files[1:]:
                self._postbox.write(unit, found, now, "person", "text", "", file=file)
        return found.state != "closed"

    async def leave(self, unit: Unit, person: Person, *, now: datetime, route: str, reason: str) -> None:
        """The person no longer wants to talk, or was silent for too long. Where there is no thread there is
        nothing to leave."""
        found = await self._live(unit, person.party, route)
        if found is None or found.session != person.session:
            return
        records.set_values(unit, found, {"closed_at": now, "reason": reason, "owed": None})
        self._postbox.write(unit, found, now, "person", "closed", reason)

    async def rate(
        self, unit: Unit, person: Person, *, now: datetime, score: int, comment: str | None = None
    ) -> bool:
        """What the person thought of the last thread of this session; a comment may come later. False when
        there was none. ``score`` is from 1 to 5."""
        if score not in SCORES:
            raise ValueError("a score is from 1 to 5")
        found = await records.of_session(self._database, person.session)
        if found is None:
            return False
        sealed = records.seal_comment(self._vault, found.id, comment) if comment else None
        if await records.rating(self._database, found.id) is not None:
            values = {"score": score} if sealed is None else {"score": score, "sealed": sealed}
            unit.update(ratings, {"thread": found.id}, values)
            return True
        unit.insert(
            ratings,
            {"thread": found.id, "operator": found.operator, "score": score, "sealed": sealed, "at": now},
        )
        return True

    # What a channel that shows posts by itself asks.

    async def posts_to(self, party: bytes, after: bytes, most: int = 100) -> list[Line]:
        """What the person with this address may read after the post with this id."""
        return self._postbox.opened(await records.posts_to(self._database, party, after, most))

    def seen(self, unit: Unit, party: bytes, post: bytes, now: datetime, *, read: bool) -> None:
        """The person's device has a post, or the person has read it. Others' posts stay as they are."""
        unit.update(posts, {"id": post, "party": party}, {"read_at" if read else "delivered_at": now})

    async def _ahead(self, found: Thread, now: datetime) -> int:
        """How many wait before somebody. Those who asked in this process and whose turns are still being
        committed are among them, or two who ask in one instant would be told the same place."""
        self._coming = {
            whose: coming for whose, coming in self._coming.items() if abs(now - coming[0]) < COMING
        }
        mine = (found.queued_at, found.id)
        coming = [id for at, id in self._coming.values() if (at, id) < mine]
        return await records.ahead(self._database, *mine, coming)

    def _queued_at(self, now: datetime, whose: tuple[bytes, str]) -> datetime:
        """Now, but after everybody who asked here before: the clock may tell two the same, or be set back. A
        turn that runs again keeps its place."""
        if whose in self._coming and abs(now - self._coming[whose][0]) < COMING:
            return self._coming[whose][0]
        recent = [at for at, _id in self._coming.values() if abs(now - at) < COMING]
        return max(now, max(recent) + timedelta(microseconds=1)) if recent else now

    async def _live(self, unit: Unit, party: bytes, route: str) -> Thread | None:
        """The person's thread as ``unit`` leaves it."""
        for row in waiting(unit, threads):
            if row["party"] == party and row["route"] == route:
                return Thread(**row)
        found = await records.live(self._database, party, route)
        left = None if found is None else as_left_by(unit, threads, found)
        return None if left is None or left.state == "closed" else left

    async def _join(self, unit: Unit, person: Person, found: Thread, now: datetime, number: str) -> None:
        """Joins the thread to the person's complaint; where it is nobody's or not yet proved to be theirs, it
        stays as it is."""
        try:
            complaint = await self._complaints.find(unit, person, number)
            number, row = await self._complaints.joinable(unit, complaint.subscriber, complaint.number)
        except (UnknownComplaint, Unproved):
            return
        if found.complaint != row:
            records.set_values(unit, found, {"complaint": row})
            self._postbox.write(unit, found, now, "person", "joined", number)
            self._complaints.joined(unit, row, now, "person")

    async def _forgive(self, unit: Unit, session: bytes) -> None:
        """What became of an earlier thread of this session must not be taken for what becomes of the next."""
        before = await records.of_session(self._database, session)
        if before is not None and before.owed is not None:
            records.set_values(unit, before, {"owed": None})

    def _open(self, unit: Unit, person: Person, now: datetime, topic: str, route: str) -> Thread:
        id = new_id(now)
        row = {
            "id": id,
            "subscriber": person.subscriber,
            "party": person.party,
            "channel": person.channel,
            "route": route,
            "sealed": records.seal_where(self._vault, id, Where(person.address)),
            "language": person.language,
            "session": person.session,
            "topic": topic,
            "complaint": None,
            "operator": None,
            "opened_at": now,
            "queued_at": self._queued_at(now, (person.party, route)),
            "accepted_at": None,
            "closed_at": None,
            "reason": None,
            "owed": None,
            "person_seen": None,
            "operator_seen": None,
            "revision": 1,
        }
        unit.insert(threads, row)
        thread = Thread(**row)  # type: ignore[arg-type]
        self._postbox.write(unit, thread, now, "system", "requested", topic)
        return thread
