"""Takes turns: the one way in for every channel."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from time import perf_counter

import structlog

from conversation import measures
from conversation.deadlines import Deadlines
from conversation.fallback import BUSY, LATER, SORRY, fallback
from conversation.incoming import Caller, Departure, Incoming, Reply
from conversation.lease import Leases
from conversation.request import Request, session_key
from conversation.turns import Turns
from conversation.unasked import Unasked, Writes
from engine.layout import Layout
from engine.turn import Language
from records.sessions import Due, SessionStore
from records.unit import Unavailable
from records.vault import Vault

log = structlog.get_logger()

PAUSE = 5.0  # Seconds between log lines that say the same of turns.


class Conversation:
    """``turns`` and ``unasked`` do the work; here is what surrounds it: no more turns at once than
    ``in_flight``, one at a time for each session, an answer within ``deadline`` seconds, a last screen for
    whatever goes wrong."""

    def __init__(
        self,
        *,
        turns: Turns,
        unasked: Unasked,
        sessions: SessionStore,
        vault: Vault,
        languages: Mapping[str, Language],
        clock: Callable[[], datetime],
        measured: measures.Measures,
        deadline: float,
        in_flight: int,
    ) -> None:
        self._turns = turns
        self._unasked = unasked
        self._sessions = sessions
        self._vault = vault
        self._languages = languages
        self._clock = clock
        self._measured = measured
        self._deadlines = Deadlines(deadline)
        self._most = in_flight
        self._running = 0
        self._leases = Leases()
        self._flights: dict[tuple[bytes, bytes], asyncio.Future[Reply]] = {}
        self._told = -PAUSE
        self._idle = asyncio.Event()
        self._idle.set()

    async def take_turn(self, incoming: Incoming) -> Reply:
        """The screen for one request, after everything that the turn wrote is durable.

        Never raises: what cannot be done is said on a last screen. Turns beyond the limit are refused at
        once, so that those under way end in time.
        """
        if self._running >= self._most:
            self._measured.turns[measures.BUSY] += 1
            return fallback(BUSY, self._languages, chat=incoming.chat)
        began = perf_counter()
        self._running += 1
        self._idle.clear()
        request = Request.of(incoming, self._vault, self._clock())
        try:
            with self._deadlines.bound():
                return await self._once(request)
        except TimeoutError:
            self._measured.turns[measures.SLOW] += 1
            return fallback(LATER, self._languages, request.language, chat=incoming.chat)
        except Unavailable as error:
            if began - self._told > PAUSE:
                # One line for many people: an outage must not fill the log too.
                self._told = began
                log.warning("turns not taken", route=incoming.caller.route, reason=str(error))
            self._measured.turns[measures.UNAVAILABLE] += 1
            return fallback(LATER, self._languages, request.language, chat=incoming.chat)
        except Exception:
            # The person is owed an answer whatever went wrong; the operator finds the reason in the log.
            log.exception("turn failed", route=incoming.caller.route)
            self._measured.turns[measures.BROKEN] += 1
            sorry = fallback(SORRY, self._languages, request.language, chat=incoming.chat)
            if incoming.chat:
                await self._unasked.say(sorry, incoming.caller)
            return sorry
        finally:
            self._running -= 1
            if not self._running:
                self._idle.set()
            self._measured.took(perf_counter() - began)

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

    async def time_out(self, due: Due, layout: Layout) -> None:
        """Fires the time-out that a session waits for, unless the person answers first."""
        async with self._leases.hold(due.key):
            await self._unasked.fire(due, layout)

    async def post_event(
        self, session: bytes, event: str, *, key: str, also: Writes | None = None
    ) -> Reply | None:
        """Tells a session (its id) what happened to the thread that it stands in, and moves it on by that
        outcome: ``closed``, ``late``. What ``also`` adds to the unit, which may run more than once, is
        committed with it, both or neither. ``key`` names this very event: a second one with it changes
        nothing.

        The reply is queued already where its channel has an outbox; elsewhere it is to be pushed. None when
        the session does not stand in a handover any more: then ``also`` was not written either. Raises
        ``Unavailable``, and what ``also`` raises.
        """
        standing = await self._sessions.standing(session)
        async with self._leases.hold(session if standing is None else standing.key):
            return await self._unasked.post(session, event, key=key, also=also)

    async def settled(self) -> None:
        """Waits until no turn is under way."""
        await self._idle.wait()

    async def _once(self, request: Request) -> Reply:
        """Takes the turn, holding the session. A copy of a request under way gets the same screen."""
        if request.input_key is not None:
            async with self._leases.hold(request.key):
                return await self._turns.take(request)
        flight = (request.key, request.incoming.raw)
        if (running := self._flights.get(flight)) is not None:
            reply = await asyncio.shield(running)
            self._measured.turns[measures.STORED] += 1
            return reply
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._flights[flight] = answer
        try:
            async with self._leases.hold(request.key):
                reply = await self._turns.take(request)
            answer.set_result(reply)
            return reply
        except BaseException as error:
            answer.set_exception(error if isinstance(error, Exception) else Unavailable("turn cancelled"))
            answer.exception()  # Retrieved here: there may be no copy that waits for it.
            raise
        finally:
            del self._flights[flight]
