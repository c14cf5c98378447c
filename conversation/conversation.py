"""Takes turns: the one way in for every channel."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from time import perf_counter

import structlog

from conversation import measures
from conversation.continuing import Anew, Earlier, Over, Repeated, Step, read_request
from conversation.fallback import BUSY, LATER, OVER, SORRY, fallback
from conversation.incoming import Caller, Departure, Incoming, Reply
from conversation.lease import Leases
from conversation.meeting import Needs
from conversation.opening import dialled, resumable
from conversation.request import Request, session_key
from engine.advance import advance
from engine.faults import Fault, UnknownVersion
from engine.flow import Flow
from engine.layout import Layout
from engine.library import Library
from engine.session import Session
from engine.turn import Input, Language, Screen, Turn
from records.committer import Committer
from records.ids import new_id
from records.sessions import Arrival, Opened, SessionStore, TurnRecord
from records.tables import microseconds
from records.unit import Conflict, Unavailable, Unit
from records.vault import Vault
from services.subscribers import Subscribers

log = structlog.get_logger()

# A turn that meets a conflict runs again on what the other one left; more often than this is a defect.
TRIES = 6

FlowLoader = Callable[[str, str], Awaitable[Flow | None]]


class Conversation:
    """Runs turns. ``load_flow`` finds an older flow version that a session is pinned to."""

    def __init__(
        self,
        *,
        library: Library,
        load_flow: FlowLoader,
        sessions: SessionStore,
        committer: Committer,
        vault: Vault,
        needs: Needs,
        subscribers: Subscribers,
        languages: Mapping[str, Language],
        clock: Callable[[], datetime],
        measured: measures.Measures,
        deadline: float,
        in_flight: int,
    ) -> None:
        self._library = library
        self._load_flow = load_flow
        self._sessions = sessions
        self._committer = committer
        self._vault = vault
        self._needs = needs
        self._subscribers = subscribers
        self._languages = languages
        self._clock = clock
        self._measured = measured
        self._deadline = deadline
        self._most = in_flight
        self._running = 0
        self._leases = Leases()
        self._flights: dict[tuple[bytes, bytes], asyncio.Future[Reply]] = {}
        self._idle = asyncio.Event()
        self._idle.set()

    # What channels call.

    async def take_turn(self, incoming: Incoming) -> Reply:
        """The screen for one request, after everything that the turn wrote is durable.

        Never raises: what cannot be done is said on a last screen. Turns beyond the limit are refused at
        once, so that those under way end in time.
        """
        if self._running >= self._most:
            self._measured.turns[measures.BUSY].inc()
            return fallback(BUSY, self._languages)
        began = perf_counter()
        self._running += 1
        self._idle.clear()
        request = Request.of(incoming, self._vault, self._clock())
        try:
            async with asyncio.timeout(self._deadline):
                return await self._once(request)
        except TimeoutError:
            self._measured.turns[measures.SLOW].inc()
            return fallback(LATER, self._languages, request.language)
        except Unavailable:
            self._measured.turns[measures.UNAVAILABLE].inc()
            return fallback(LATER, self._languages, request.language)
        except Exception:
            # The person is owed an answer whatever went wrong; the operator finds the reason in the log.
            log.exception("turn failed", route=incoming.caller.route)
            self._measured.turns[measures.BROKEN].inc()
            return fallback(SORRY, self._languages, request.language)
        finally:
            self._running -= 1
            if not self._running:
                self._idle.set()
            self._measured.seconds.observe(perf_counter() - began)

    async def depart(self, departure: Departure) -> None:
        """The dialog is over on the gateway's side. The session stays as it is, to be gone on with."""
        log.info("dialog left", route=departure.caller.route, reason=departure.reason)

    async def is_open(self, caller: Caller) -> bool:
        """Whether the dialog goes on. Where the gateway does not name the number the session cannot be
        found; then it is left to the gateway's own time-out."""
        if not caller.address:
            return True
        key = session_key(caller, self._vault)
        last = await self._sessions.last_turn(key)
        return last is not None and not last.session.finished

    async def time_out(self, last: TurnRecord, key: bytes, route: str, party: bytes, layout: Layout) -> None:
        """Fires the time-out that a session waits for. Of several processes that try, one does it."""
        session, was_due = last.session, last.session.due
        async with self._leases.hold(key):
            unit = Unit()
            now = self._clock()
            try:
                turn = await self._advance(session, Input("timeout"), unit, now, party, layout)
            except UnknownVersion as missing:
                await self._learn(missing)
                return
            except Fault:
                log.exception("time-out failed", route=route)
                unit = Unit()
                session.finished = True
                session.sequence += 1
                turn = Turn(Screen("", ""), False, (), "broken")
            record = self._record(session, turn, now, None, "", b"", "")
            sealed = self._sessions.write(
                unit, key=key, record=record, was_due=was_due, closed=session.finished
            )
            try:
                await self._committer.commit(unit)
            except Conflict:
                return  # Another process fired it, or the person answered just then.
            self._sessions.remember(key, sealed)

    async def settled(self) -> None:
        """Waits until no turn is under way."""
        await self._idle.wait()

    # One request.

    async def _once(self, request: Request) -> Reply:
        """Takes the turn, holding the session. A copy of a request under way gets the same screen."""
        if request.input_key is not None:
            async with self._leases.hold(request.key):
                return await self._take(request)
        flight = (request.key, request.incoming.raw)
        if (running := self._flights.get(flight)) is not None:
            reply = await asyncio.shield(running)
            self._measured.turns[measures.STORED].inc()
            return reply
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._flights[flight] = answer
        try:
            async with self._leases.hold(request.key):
                reply = await self._take(request)
            answer.set_result(reply)
            return reply
        except BaseException as error:
            answer.set_exception(error if isinstance(error, Exception) else Unavailable("turn cancelled"))
            answer.exception()  # Retrieved here: there may be no copy that waits for it.
            raise
        finally:
            del self._flights[flight]

    async def _take(self, request: Request) -> Reply:
        for attempt in range(TRIES):
            try:
                return await self._try(request, fresh=attempt > 0)
            except Conflict:
                self._measured.conflicts.inc()
            except UnknownVersion as missing:
                await self._learn(missing)
        raise Unavailable("a turn met a conflict each time")

    async def _try(self, request: Request, *, fresh: bool) -> Reply:
        """Takes the turn on what is known now; with ``fresh`` on what the database knows."""
        channel = request.incoming.caller.channel
        arrival: Arrival | None = None
        last = None if fresh else await self._sessions.cached(request.key)
        if last is None:
            arrival = await self._sessions.arrival(request.key, request.kind, request.party, channel)
            last = arrival.turn
        if last is not None:
            request.language = last.session.language
            found = read_request(last, request)
            if isinstance(found, Step):
                return await self._step(request, last.session, found)
            if not isinstance(found, Anew):
                return await self._again(request, last, found)
        elif request.incoming.begins is False:
            self._measured.turns[measures.OVER].inc()
            return fallback(OVER, self._languages, _spoken(arrival))
        if arrival is None:
            arrival = await self._sessions.arrival(request.key, request.kind, request.party, channel)
        return await self._open(request, arrival)

    async def _again(self, request: Request, last: TurnRecord, found: Repeated | Earlier | Over) -> Reply:
        """A request that is no new step: the screen that is stored for it."""
        if isinstance(found, Over):
            self._measured.turns[measures.OVER].inc()
            return fallback(OVER, self._languages, last.session.language)
        if isinstance(found, Earlier) and request.input_key is not None:
            last = await self._sessions.answered(last.session.id, request.input_key) or last
        self._measured.turns[measures.STORED].inc()
        return _reply(last)

    async def _step(self, request: Request, session: Session, step: Step) -> Reply:
        session.cursor = step.cursor
        return await self._commit(request, session, Input("text", step.text), step.text, Unit(), None)

    async def _open(self, request: Request, arrival: Arrival) -> Reply:
        incoming, caller = request.incoming, request.incoming.caller
        unit = Unit()
        subscriber = arrival.subscriber
        if subscriber is None:
            by = "network" if caller.verified else None
            owner = self._subscribers.create(
                unit,
                now=request.received,
                kind=request.kind,
                address=caller.address,
                language=request.language,
                by=by,
            ).id
        else:
            owner, request.language = subscriber.id, subscriber.language
        session = Session(
            id=new_id(request.received),
            language=request.language,
            subscriber=owner,
            verified=caller.verified,
            caller=caller.address,
            channel=caller.channel,
            code=incoming.code,
            cursor=incoming.text if incoming.cumulative else "",
        )
        if arrival.parked is not None:
            session.parked = resumable(arrival.parked, request)
            self._sessions.close(unit, arrival.parked.session.id, "superseded", request.received)
        replaced = arrival.turn.session.id if arrival.turn is not None else None
        opened = Opened(caller.channel, caller.route, incoming.code, request.party, replaced)
        text = dialled(incoming)
        return await self._commit(request, session, Input("start", text), text, unit, opened)

    async def _commit(
        self, request: Request, session: Session, input: Input, text: str, unit: Unit, opened: Opened | None
    ) -> Reply:
        """Advances the session and commits all that came of it; only then is there a reply."""
        incoming, caller = request.incoming, request.incoming.caller
        was_due = session.due
        if incoming.note is not None:
            session.note = incoming.note
        turn = await self._advance(session, input, unit, request.received, request.party, caller.layout)
        request.language = session.language
        record = self._record(
            session, turn, request.received, request.input_key, text, incoming.raw, caller.peer
        )
        sealed = self._sessions.write(
            unit, key=request.key, record=record, was_due=was_due, opened=opened, closed=session.finished
        )
        await self._committer.commit(unit)
        self._sessions.remember(request.key, sealed)
        self._measured.turns[measures.ANSWERED].inc()
        if turn.outcome:
            self._measured.ended.labels(turn.outcome).inc()
        return _reply(record)

    def _record(
        self,
        session: Session,
        turn: Turn,
        received: datetime,
        input_key: bytes | None,
        text: str,
        raw: bytes,
        peer: str,
    ) -> TurnRecord:
        return TurnRecord(
            session=session,
            key=input_key,
            received=microseconds(received),
            answered=microseconds(self._clock()),
            text=text,
            raw=raw,
            peer=peer,
            screen=turn.screen,
            replies=turn.replies,
            trail=turn.trail,
            outcome=turn.outcome,
        )

    # The engine and what it needs.

    async def _advance(
        self, session: Session, input: Input, unit: Unit, now: datetime, party: bytes, layout: Layout
    ) -> Turn:
        """Runs the engine to the end of the turn, meeting its needs; their writes join ``unit``."""
        steps = advance(self._library, session, input, now, self._languages, layout)
        try:
            need = next(steps)
            while True:
                need = steps.send(await self._needs.meet(need, session, unit, now, party))
        except StopIteration as stop:
            turn: Turn = stop.value
            return turn

    async def _learn(self, missing: UnknownVersion) -> None:
        """Loads a flow version that an older session stands in."""
        flow = await self._load_flow(missing.flow, missing.version)
        if flow is None:
            raise missing
        self._library.keep(flow)


def _reply(record: TurnRecord) -> Reply:
    session = record.session
    return Reply(record.screen, record.replies, session.language, session.note)


def _spoken(arrival: Arrival | None) -> str:
    return arrival.subscriber.language if arrival is not None and arrival.subscriber is not None else "fa"
