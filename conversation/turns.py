"""One turn from what is known of the session to its commit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime

import msgspec

from conversation import measures
from conversation.continuing import (
    REPETITION,
    Anew,
    Earlier,
    Late,
    Over,
    Repeated,
    Step,
    read_chat,
    read_request,
)
from conversation.fallback import OVER, fallback
from conversation.incoming import Reply
from conversation.meeting import Needs
from conversation.opening import dialled, resumable
from conversation.outgoing import Replies
from conversation.request import Request
from conversation.seen import noted
from engine.advance import advance
from engine.faults import UnknownVersion
from engine.flow import Flow
from engine.fold import fold
from engine.handing import LEFT
from engine.layout import Layout
from engine.library import Library
from engine.needs import LEAVE
from engine.session import Session
from engine.turn import Input, Language, Need, Screen, Turn
from records.committer import Committer
from records.ids import next_id
from records.sessions import Arrival, Opened, SessionStore, TurnRecord
from records.tables import microseconds
from records.unit import Conflict, Unavailable, Unit
from services.subscribers import Subscribers

# A turn that meets a conflict runs again on what the other one left; more often than this is a defect.
TRIES = 6

FlowLoader = Callable[[str, str], Awaitable[Flow | None]]


class Turns:
    """Takes turns of sessions that the caller holds. ``load_flow`` finds an older flow version that a
    session is pinned to."""

    def __init__(
        self,
        *,
        library: Library,
        load_flow: FlowLoader,
        sessions: SessionStore,
        committer: Committer,
        needs: Needs,
        subscribers: Subscribers,
        languages: Mapping[str, Language],
        clock: Callable[[], datetime],
        measured: measures.Measures,
        replies: Replies | None = None,
    ) -> None:
        self._replies = replies
        self._library = library
        self._load_flow = load_flow
        self._sessions = sessions
        self._committer = committer
        self._needs = needs
        self._subscribers = subscribers
        self._languages = languages
        self._clock = clock
        self._measured = measured

    async def take(self, request: Request) -> Reply:
        """The reply to one request, stored before it returns. Raises ``Unavailable``, and a ``Fault`` when a
        flow is at fault; then nothing was written, or it is not known."""
        for attempt in range(TRIES):
            try:
                return await self._try(request, fresh=attempt > 0)
            except Conflict:
                self._measured.conflicts += 1
            except UnknownVersion as missing:
                await self.learn(missing)
        raise Unavailable("a turn met a conflict each time")

    async def _try(self, request: Request, *, fresh: bool) -> Reply:
        """Takes the turn on what is known now; with ``fresh`` on what the database knows."""
        if request.incoming.chat:
            return await self._try_chat(request, fresh=fresh)
        channel = request.incoming.caller.channel
        arrival: Arrival | None = None
        last = None if fresh else await self._sessions.cached(request.key)
        if last is None:
            arrival = await self._sessions.arrival(request.key, request.kind, request.party, channel)
            last = arrival.turn
        if last is not None:
            request.language = last.session.language
            found = read_request(last, request)
            # It may be a copy of a request from before the last turn: after a conflict, or when it would
            # begin a dialog anew or comes to one that is over.
            if fresh or isinstance(found, Anew | Over):
                before = await self._taken(request, last)
                if before is not None and (isinstance(found, Step) or before.raw == request.incoming.raw):
                    self._measured.turns[measures.STORED] += 1
                    return reply_of(before)
            if isinstance(found, Step):
                return await self._step(request, last.session, found)
            if not isinstance(found, Anew):
                return await self._again(request, last, found)
        elif request.incoming.begins is False:
            self._measured.turns[measures.OVER] += 1
            return fallback(OVER, self._languages, _spoken(arrival))
        if arrival is None:
            arrival = await self._sessions.arrival(request.key, request.kind, request.party, channel)
        return await self._open(request, arrival)

    async def _try_chat(self, request: Request, *, fresh: bool) -> Reply:
        """The same on a chat, where one dialog follows another."""
        caller = request.incoming.caller
        last = None if fresh else await self._sessions.cached(request.key)
        if last is None or isinstance(read_chat(last, request), Anew | Late):
            # The cache may not know of a turn that another process took meanwhile, in this dialog or in one
            # that it began.
            arrival = await self._sessions.arrival(
                request.key, request.kind, request.party, caller.channel, lost=True
            )
            last = arrival.turn
            if last is None and request.incoming.answers is not None:
                # A press on a menu of a dialog that the records do not know any more.
                self._measured.turns[measures.OVER] += 1
                return Reply(Screen("", ""), False, _spoken(arrival), repeated=True)
            if last is None or isinstance(read_chat(last, request), Anew):
                return await self._open(request, arrival)
        request.language = last.session.language
        found = read_chat(last, request)
        before = None
        if request.input_key is not None and (isinstance(found, Earlier) or fresh):
            before = await self._sessions.answered(last.session.id, request.input_key)
        if isinstance(found, Step) and before is None:
            return await self._step(request, last.session, found)
        self._measured.turns[measures.STORED] += 1
        return msgspec.structs.replace(reply_of(before or last), repeated=True)

    async def _again(self, request: Request, last: TurnRecord, found: Repeated | Earlier | Over) -> Reply:
        """A request that is no new step: the screen that is stored for it."""
        if isinstance(found, Over):
            self._measured.turns[measures.OVER] += 1
            return fallback(OVER, self._languages, last.session.language)
        if isinstance(found, Earlier):
            last = await self._taken(request, last) or last
        self._measured.turns[measures.STORED] += 1
        return reply_of(last)

    async def _taken(self, request: Request, last: TurnRecord) -> TurnRecord | None:
        """The turn of this session that took this very request, where requests can be told apart."""
        if request.input_key is None:
            return None
        before = await self._sessions.answered(last.session.id, request.input_key)
        recent = before is not None and request.at - before.answered < REPETITION
        return before if recent else None

    def _step(self, request: Request, session: Session, step: Step) -> Awaitable[Reply]:
        session.cursor = step.cursor
        given = Input("text", step.text)
        if request.incoming.chat:
            incoming = request.incoming
            given = Input(
                "text",
                step.text,
                key=incoming.key or "",
                files=incoming.files,
                refused=incoming.refused,
                contact=incoming.contact,
            )
        return self._commit(request, session, given, Unit(), None)

    async def _open(self, request: Request, arrival: Arrival) -> Reply:
        incoming, caller = request.incoming, request.incoming.caller
        unit = Unit()
        who = self._subscribers.arrived(
            unit,
            arrival.subscriber,
            now=request.received,
            kind=request.kind,
            address=caller.address,
            party=request.party,
            language=request.language,
            by="network" if caller.verified else None,
            route=caller.route,
        )
        request.language = who.language
        replaced = arrival.turn.session.id if arrival.turn is not None else arrival.lost
        session = Session(
            # Dialogs that follow one another under one key have ids that do, whatever the processes' clocks
            # say: by them a channel shows a person's turns in order.
            id=next_id(request.received, replaced or b""),
            language=request.language,
            subscriber=who.id,
            verified=caller.verified,
            caller=caller.address,
            channel=caller.channel,
            code=incoming.code,
            cursor=incoming.text if incoming.cumulative else "",
        )
        if incoming.chat:
            await self._leave(request, arrival, session, unit)
        elif arrival.parked is not None:
            session.parked = resumable(arrival.parked, request)
            self._sessions.close(unit, arrival.parked.session.id, "superseded", request.received)
        opened = Opened(caller.channel, caller.route, incoming.code, request.party, replaced)
        start = Input("start", dialled(incoming))
        if incoming.chat:
            start = Input(
                "start",
                start.text,
                files=incoming.files,
                refused=incoming.refused,
                contact=incoming.contact,
            )
        return await self._commit(request, session, start, unit, opened)

    async def _leave(self, request: Request, arrival: Arrival, session: Session, unit: Unit) -> None:
        """A chat begins another dialog in place of its last, which may still be open."""
        if arrival.lost is not None:
            self._sessions.close(unit, arrival.lost, "unreadable", request.received)
        if arrival.turn is None:
            return
        left = arrival.turn.session
        session.seen = left.seen
        if left.handed:
            leave = Need(LEAVE, {"reason": LEFT})
            route = request.incoming.caller.route
            await self._needs.meet(leave, left, unit, request.received, request.party, route)
        if not left.finished:
            self._sessions.close(unit, left.id, "superseded", request.received)

    async def _commit(
        self, request: Request, session: Session, input: Input, unit: Unit, opened: Opened | None
    ) -> Reply:
        """Advances the session and commits all that came of it; only then is there a reply."""
        incoming, caller = request.incoming, request.incoming.caller
        was_due = session.due
        if incoming.note is not None:
            session.note = incoming.note
        if incoming.contact:
            session.contact = incoming.contact
        turn = await self.advance(
            session, input, unit, request.received, request.party, caller.route, caller.layout, incoming.raw
        )
        request.language = session.language
        if incoming.chat:
            session.seen = noted(session.seen, request)
        text = fold(input.text)
        record = TurnRecord(
            session=session,
            key=request.input_key,
            received=request.at,
            answered=microseconds(self._clock()),
            # Who reads the records later has no need of people's one-time codes.
            text="•" * len(text) if turn.secret else text,
            raw=incoming.raw,
            peer=caller.peer,
            screen=turn.screen,
            replies=turn.replies,
            trail=turn.trail,
            outcome=turn.outcome,
        )
        value = self._sessions.write(
            unit, key=request.key, record=record, was_due=was_due, opened=opened, closed=session.finished
        )
        reply = reply_of(record)
        if incoming.chat and self._replies is not None:
            self._replies.queue(unit, reply, caller, request.received)
        await self._committer.commit(unit)
        self._sessions.remember(request.key, value, record)
        if incoming.chat and self._replies is not None:
            self._replies.committed(caller.channel, request.party, record)
        self._measured.turns[measures.ANSWERED] += 1
        if turn.outcome:
            self._measured.ended[turn.outcome] += 1
        return reply

    # The engine and what it needs.

    async def advance(
        self,
        session: Session,
        input: Input,
        unit: Unit,
        now: datetime,
        party: bytes,
        route: str,
        layout: Layout,
        raw: bytes = b"",
    ) -> Turn:
        """Runs the engine to the end of the turn, meeting its needs; their writes join ``unit``."""
        steps = advance(self._library, session, input, now, self._languages, layout)
        try:
            need = next(steps)
            while True:
                need = steps.send(await self._needs.meet(need, session, unit, now, party, route, raw))
        except StopIteration as stop:
            turn: Turn = stop.value
            return turn

    async def learn(self, missing: UnknownVersion) -> None:
        """Loads a flow version that an older session stands in."""
        flow = await self._load_flow(missing.flow, missing.version)
        if flow is None:
            raise missing
        self._library.keep(flow)


def reply_of(record: TurnRecord) -> Reply:
    """What a turn that is in the records was answered with."""
    session = record.session
    return Reply(
        record.screen,
        record.replies,
        session.language,
        session.note,
        session=session.id,
        sequence=session.sequence,
    )


def _spoken(arrival: Arrival | None) -> str:
    return arrival.subscriber.language if arrival is not None and arrival.subscriber is not None else "fa"
