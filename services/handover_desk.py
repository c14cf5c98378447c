"""What operators do in threads: look at the queue, accept, answer, hand on, close.

Each act is one unit of its own, committed when it returns. Every act is also a post, and a post takes the
next place in its thread: whoever acts on a thread that went on meanwhile acts again on what it is now, and is
told when that can no longer be done. So of two operators who accept at once one wins, in whichever processes.
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from records import threads as records
from records.committer import Committer
from records.database import Database
from records.signals import Signals
from records.tables import presences, threads
from records.threads import Thread
from records.unit import Conflict, Unit
from services import handover_posts as words
from services.handover_acts import Acts, own
from services.handover_errors import Absent, NotYours, Over, Taken, Unread
from services.handover_posts import Line, Postbox
from services.handover_words import AWAY, CLOSED, HERE, REASONS, TYPING, WRITES

log = structlog.get_logger()

PATIENCE = timedelta(minutes=2)
NAME_LENGTH = 64
MOST = 200


@dataclass(frozen=True, slots=True)
class Queued:
    """A thread that waits, and how long it has waited."""

    thread: Thread
    waited: timedelta


class HandoverDesk:
    """``patience``: how long an operator may give no sign of life before what they accepted goes back to the
    queue."""

    def __init__(
        self,
        *,
        database: Database,
        committer: Committer,
        acts: Acts,
        postbox: Postbox,
        signals: Signals,
        patience: timedelta = PATIENCE,
    ) -> None:
        self._database = database
        self._committer = committer
        self._acts = acts
        self._postbox = postbox
        self._signals = signals
        self._patience = patience

    # Looking.

    async def queue(self, *, now: datetime, most: int = MOST) -> list[Queued]:
        """Who waits, the longest first."""
        return [Queued(each, now - each.queued_at) for each in await records.queue(self._database, most)]

    async def mine(self, operator: str) -> list[Thread]:
        """The threads that an operator talks in."""
        return await records.of_operator(self._database, operator)

    async def read(self, thread: bytes, after: int = 0) -> tuple[Thread, list[Line]]:
        """A thread and its posts after the one with this sequence number. Raises ``UnknownThread``."""
        found = await self._acts.find(thread)
        return found, self._postbox.opened(await records.posts_of(self._database, thread, after))

    async def undelivered(self, thread: bytes) -> list[tuple[Line, str]]:
        """Posts of a thread that did not reach the person, and what became of them: failed, blocked,
        expired or cancelled."""
        found = await records.undelivered(self._database, thread)
        lines = self._postbox.opened(post for post, _status in found)
        return [(line, status) for line, (_post, status) in zip(lines, found, strict=True)]

    async def history(self, subscriber: bytes, most: int = MOST) -> list[Thread]:
        """All talks of a person, the newest first; without the threads that only hold notices, which are of
        no session."""
        found = await records.of_subscriber(self._database, subscriber, most)
        return [each for each in found if each.session != each.id]

    async def present(self, *, now: datetime) -> list[str]:
        """The operators who are at a desk."""
        return await records.present(self._database, now)

    # Acting.

    async def accept(self, thread: bytes, *, operator: str, now: datetime) -> None:
        """Takes a thread from the queue. Raises ``Taken`` and ``Over``; accepting one's own again is nothing
        new."""

        async def act(unit: Unit, found: Thread) -> None:
            if found.operator == operator:
                return
            if found.operator is not None:
                raise Taken(found.operator)
            await self._appear(unit, operator, now)
            records.set_values(unit, found, {"operator": operator, "accepted_at": now})
            self._postbox.write(unit, found, now, "operator", "accepted", "", operator=operator)
            self._postbox.notice(unit, found, now, words.ACCEPTED)

        await self._acts.do(thread, act, shows=HERE)
        log.info("thread accepted", operator=operator)

    async def say(
        self, thread: bytes, *, operator: str, text: str, now: datetime, key: bytes, file: bytes | None = None
    ) -> None:
        """Says something to the person. The same ``key`` (16 bytes) again says nothing more: who does not
        know whether it was said asks again. Raises ``NotYours`` and ``Over``."""

        async def act(unit: Unit, found: Thread) -> None:
            if await records.by_key(self._database, found.id, key) is None:
                own(found, operator)
                self._postbox.write(
                    unit, found, now, "operator", "text", text, operator=operator, key=key, file=file
                )

        await self._acts.do(thread, act, over=True)

    async def note(self, thread: bytes, *, operator: str, text: str, now: datetime) -> None:
        """Writes something for operators only."""

        async def act(unit: Unit, found: Thread) -> None:
            self._postbox.write(unit, found, now, "operator", "note", text, operator=operator)

        await self._acts.do(thread, act, over=True)

    async def transfer(self, thread: bytes, *, operator: str, to: str, note: str, now: datetime) -> None:
        """Hands a thread to another operator who is at a desk, with a note for them. Raises ``Absent``."""

        async def act(unit: Unit, found: Thread) -> None:
            own(found, operator)
            until = await records.alive_until(self._database, to)
            if until is None or until <= now or to == operator:
                raise Absent(to, await records.present(self._database, now))
            records.set_values(unit, found, {"operator": to, "accepted_at": now})
            self._postbox.write(unit, found, now, "operator", "transferred", to, operator=operator)
            self._note(unit, found, now, operator, note)
            self._postbox.notice(unit, found, now, words.TRANSFERRED)

        await self._acts.do(thread, act)

    async def give_back(self, thread: bytes, *, operator: str, note: str, now: datetime) -> None:
        """Puts a thread back into the queue, where it keeps the place it had."""

        async def act(unit: Unit, found: Thread) -> None:
            own(found, operator)
            self._return(unit, found, now, "operator", operator)
            self._note(unit, found, now, operator, note)

        await self._acts.do(thread, act, shows=AWAY)

    async def close(self, thread: bytes, *, operator: str, reason: str, seen: int, now: datetime) -> None:
        """Ends a thread; its session goes on to what its flow does then. ``seen``: the sequence number of the
        last post that the operator saw; ``Unread`` when the person has said something since."""
        if reason not in REASONS:
            raise ValueError(f"a reason is one of {', '.join(REASONS)}")

        async def act(unit: Unit, found: Thread) -> None:
            own(found, operator)
            later = await records.posts_of(self._database, found.id, seen)
            if any(post.author == "person" for post in later):
                raise Unread
            records.set_values(unit, found, {"closed_at": now, "reason": reason, "owed": CLOSED})
            self._postbox.write(unit, found, now, "operator", "closed", reason, operator=operator)

        await self._acts.do(thread, act, shows=AWAY)
        log.info("thread closed", operator=operator, reason=reason)

    # Being there.

    async def show_up(self, operator: str, *, now: datetime) -> None:
        """A sign of life."""
        unit = Unit()
        await self._appear(unit, operator, now)
        await self._committer.commit(unit)

    async def go_away(self, operator: str, *, now: datetime) -> None:
        """The operator leaves the desk: what they accepted goes back to the queue with the next sweep."""
        unit = Unit()
        unit.update(presences, {"operator": operator}, {"alive_until": now})
        await self._committer.commit(unit)

    async def sweep(self, *, now: datetime) -> int:
        """Gives back to the queue what operators accepted who are no longer there; how many threads. Several
        processes may try: one does it."""
        lost = await records.lost(self._database, now, MOST)
        returned = 0
        for each in lost:

            async def act(unit: Unit, found: Thread, gone: Thread = each) -> None:
                until = await records.alive_until(self._database, gone.operator or "")
                if found.operator != gone.operator or until is None or until > now:
                    raise NotYours
                self._return(unit, found, now, "system", gone.operator)

            try:
                await self._acts.do(each.id, act, shows=AWAY, tries=1)
            except (Conflict, NotYours, Over):
                continue  # Another process did it, or the operator is back.
            returned += 1
            log.warning("thread returned to the queue", operator=each.operator)
        return returned

    # What sessions are owed.

    async def owed(self) -> list[Thread]:
        """Threads whose sessions have still to be told of something."""
        return await records.owed(self._database, MOST)

    async def settle(self, unit: Unit, thread: bytes, *, now: datetime) -> None:
        """Adds to the unit of the session's turn that it has been told, and that the flow goes on. Nothing
        where somebody told it before."""
        found = await self._acts.find(thread)
        if found.owed is not None:
            records.set_values(unit, found, {"owed": None})
            self._postbox.write(unit, found, now, "system", "resumed", found.owed)

    async def forgive(self, thread: bytes) -> None:
        """The session has moved on by itself: there is nothing to tell it."""
        unit, found = Unit(), await self._acts.find(thread)
        if found.owed is not None:
            records.set_values(unit, found, {"owed": None})
            await self._committer.commit(unit)

    def seen(self, thread: bytes, post: bytes) -> Awaitable[None]:
        """An operator has read up to this post."""
        unit = Unit()
        unit.update(threads, {"id": thread}, {"operator_seen": post})
        return self._committer.commit(unit)

    def typing(self, thread: Thread) -> None:
        """Shows the person that the operator is writing. It is kept nowhere."""
        self._signals.send(thread.party, TYPING)
        self._signals.send(thread.id, WRITES)

    # How.

    def _return(self, unit: Unit, found: Thread, now: datetime, author: str, operator: str | None) -> None:
        records.set_values(unit, found, {"operator": None, "accepted_at": None})
        self._postbox.write(unit, found, now, author, "returned", "", operator=operator)
        self._postbox.notice(unit, found, now, words.RETURNED)

    def _note(self, unit: Unit, found: Thread, now: datetime, operator: str, note: str) -> None:
        if note:
            self._postbox.write(unit, found, now, "operator", "note", note, operator=operator)

    async def _appear(self, unit: Unit, operator: str, now: datetime) -> None:
        if not 0 < len(operator) <= NAME_LENGTH:
            raise ValueError(f"an operator's name has 1 to {NAME_LENGTH} characters")
        until = now + self._patience
        known = await records.alive_until(self._database, operator)
        if known is None:
            unit.insert(presences, {"operator": operator, "alive_until": until})
        else:
            unit.update(presences, {"operator": operator}, {"alive_until": until})
