"""Turns that no request asks for: time-outs, and what happens to the thread of a handover."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

import msgspec
import structlog

from conversation.incoming import Caller, Reply
from conversation.outgoing import Replies
from conversation.request import digest
from conversation.turns import TRIES, Turns, reply_of
from engine.channels import CHANNELS
from engine.faults import Fault, NotHandedOver, UnknownVersion
from engine.layout import USSD, Layout
from engine.turn import Input, Screen, Turn
from records.committer import Committer
from records.sessions import Due, SessionStore, TurnRecord
from records.tables import microseconds
from records.unit import Conflict, Unavailable, Unit

log = structlog.get_logger()

Writes = Callable[[Unit], Awaitable[None]]


class Unasked:
    """Takes such turns of sessions that the caller holds. Their screens leave through the outbox, on channels
    whose replies do."""

    def __init__(
        self,
        *,
        turns: Turns,
        sessions: SessionStore,
        committer: Committer,
        clock: Callable[[], datetime],
        replies: Replies | None = None,
    ) -> None:
        self._turns = turns
        self._sessions = sessions
        self._committer = committer
        self._clock = clock
        self._replies = replies

    async def fire(self, due: Due, layout: Layout) -> None:
        """Fires the time-out that a session waits for. Of several processes that try, one does it."""
        try:
            await self._take(due, Input("timeout"), layout)
        except Conflict:
            return  # Another process fired it, or the person answered just then: the next sweep sees.

    async def post(self, session: bytes, event: str, *, key: str, also: Writes | None = None) -> Reply | None:
        """Moves a session on by what happened to its thread, ``also`` committed with it: both or neither.

        ``key`` names this very event: a second one with it changes nothing, and its reply is ``repeated``.
        None when the session does not stand in a handover (any more); then ``also`` was not written.
        Raises ``Unavailable`` and what ``also`` raises.
        """
        input_key = digest(key)
        for _attempt in range(TRIES):
            before = await self._sessions.answered(session, input_key)
            if before is not None:
                return msgspec.structs.replace(reply_of(before), repeated=True)
            due = await self._sessions.standing(session)
            if due is None or due.turn is None:
                return None
            layout = CHANNELS.get(due.turn.session.channel, USSD)
            try:
                return await self._take(due, Input("event", event), layout, input_key, also)
            except NotHandedOver:
                return None
            except Conflict:
                pass  # Somebody else moved it: look again.
        raise Unavailable("an event met a conflict each time")

    async def say(self, reply: Reply, caller: Caller) -> None:
        """Queues words that belong to no turn, where the channel has an outbox. Should that fail too, there
        is nothing more to be done for the person now."""
        unit = Unit()
        if self._replies is None:
            return
        self._replies.queue(unit, reply, caller, self._clock())
        if unit:
            try:
                await self._committer.commit(unit)
            except (Conflict, Unavailable):
                log.warning("nothing could be said", route=caller.route)

    async def _take(
        self, due: Due, input: Input, layout: Layout, key: bytes | None = None, also: Writes | None = None
    ) -> Reply:
        """Takes the turn and commits it. ``Conflict``: look at the session anew."""
        assert due.turn is not None
        session, unit, now = due.turn.session, Unit(), self._clock()
        was_due, sequence = session.due, session.sequence
        try:
            turn = await self._turns.advance(session, input, unit, now, due.party, due.route, layout)
        except NotHandedOver:
            raise
        except Fault as fault:
            if isinstance(fault, UnknownVersion) and await self._learned(fault):
                raise Conflict("the session's flow was not known here") from None
            # It would fail each time from now on, so the session ends here.
            log.exception("a turn failed that nobody asked for", route=due.route, input=input.kind)
            unit, session.finished, session.sequence = Unit(), True, sequence + 1
            turn = Turn(Screen("", ""), False, (), "broken")
        if also is not None:
            await also(unit)
        record = TurnRecord(
            session=session,
            key=key,
            received=microseconds(now),
            answered=microseconds(self._clock()),
            text="",
            raw=b"",
            peer="",
            screen=turn.screen,
            replies=turn.replies,
            trail=turn.trail,
            outcome=turn.outcome,
        )
        value = self._sessions.write(
            unit, key=due.key, record=record, was_due=was_due, closed=session.finished
        )
        reply = reply_of(record)
        if self._replies is not None:
            # A person's own chat is named as they are, on every channel that has an outbox.
            caller = Caller(session.channel, due.route, session.caller, session.caller, layout)
            self._replies.queue(unit, reply, caller, now)
        await self._committer.commit(unit)
        self._sessions.remember(due.key, value, record)
        return reply

    async def _learned(self, missing: UnknownVersion) -> bool:
        """Whether the version could be loaded."""
        try:
            await self._turns.learn(missing)
        except UnknownVersion:
            return False
        return True
