"""Short messages handed to an SMSC, for whichever channel: what its answers mean to a dispatcher, and when it
is left alone.

Source: SMPP v3.4 §5.1.3 (statuses).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import structlog

from dispatch.errors import (
    Ambiguous,
    Away,
    DispatchError,
    Misconfigured,
    Rejected,
    Throttled,
    Unreachable,
    Unroutable,
)
from records.claims import CLASSES
from smpp.connection import Connection
from smpp.errors import QUEUE_FULL, STATUSES, Advice, BindRefused, NoAnswer, NotSent, Refused, TooMuch
from smpp.pdu import Message, Pdu

# Why a submit was refused, by what its status advises (``smpp.errors.STATUSES``). What this SMSC will never
# take another one may.
ERRORS: Mapping[Advice, type[DispatchError]] = {
    "ok": Unreachable,
    "later": Unreachable,
    "slower": Throttled,
    "never": Unroutable,
    "repair": Misconfigured,
}
SLOWER = timedelta(seconds=1)  # Rates are counted by the second.
FULL = timedelta(seconds=10)  # A queue that is full takes longer.
UNBOUND = timedelta(seconds=2)  # How soon a bind that is lost is looked for again.
PATIENCE = 2.0  # Seconds that a bind is waited for.

Answer = str | DispatchError

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Rest:
    """Until when (of the loop's clock) nothing is submitted, and why."""

    until: float
    error: type[DispatchError]
    why: str


class _Places:
    """So many may be under way at once. Who waits for a place gets it by class, codes first: behind the parts
    of a few hundred advertisements a code would come too late."""

    def __init__(self, free: int) -> None:
        self._free = free
        self._queues: tuple[deque[asyncio.Future[None]], ...] = tuple(deque() for _ in CLASSES)

    async def take(self, klass: str) -> None:
        if self._free:
            self._free -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queues[CLASSES.index(klass)].append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.leave()  # The place came at the same moment.
            raise

    def leave(self) -> None:
        for queue in self._queues:
            while queue:
                turn = queue.popleft()
                if not turn.done():
                    turn.set_result(None)
                    return
        self._free += 1


class _Countdown:
    """``all`` is done once ``one`` was called so many times."""

    def __init__(self, left: int) -> None:
        self.all: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._left = left
        if not left:
            self.all.set_result(None)

    def one(self) -> None:
        self._left -= 1
        if not self._left and not self.all.done():
            self.all.set_result(None)


class Submitter:
    """``name`` is the provider's. As many are under way as the windows of all binds have room for."""

    def __init__(self, name: str, connection: Connection) -> None:
        self._name = name
        self._connection = connection
        self._places = _Places(connection.room)
        self._rest: _Rest | None = None

    async def missing(self) -> DispatchError | None:
        """Why nothing can be submitted, for want of a bind."""
        return None if await self._connection.able(PATIENCE) else self._unbound()

    async def submit(self, message: Message, klass: str) -> Answer:
        """The SMSC's id of the message, or why it was not taken. Once the SMSC asked for fewer, or is gone,
        whatever else waits here is not submitted before that time is over."""
        await self._places.take(klass)
        try:
            return self._left_alone() or await self._ask(message)
        finally:
            self._places.leave()

    async def submit_all(self, messages: Sequence[Message], klass: str) -> Sequence[Answer]:
        """The same of many, in their order and together. (A task for each takes as long as all the rest of a
        submit.)"""
        answers: list[Answer] = [""] * len(messages)
        done = _Countdown(len(messages))
        for place, message in enumerate(messages):
            await self._places.take(klass)
            answer: Answer | None = self._left_alone()
            if answer is None:
                try:
                    posted = self._connection.post(message)
                    if posted is None:
                        answer = await self._ask(message)
                    else:
                        posted.add_done_callback(partial(self._answered, answers, place, done))
                        continue
                except TooMuch as error:
                    answer = Rejected(str(error))
                except BaseException:
                    self._places.leave()
                    raise
            self._places.leave()
            answers[place] = answer
            done.one()
        await done.all
        return answers

    def _answered(
        self, answers: list[Answer], place: int, done: _Countdown, posted: asyncio.Future[Pdu]
    ) -> None:
        self._places.leave()
        try:
            answers[place] = self._connection.read(posted)
        except Refused as error:
            answers[place] = self._refused(error)
        except NoAnswer as error:
            answers[place] = Ambiguous(str(error))
        done.one()

    def _left_alone(self) -> DispatchError | None:
        """Why nothing is submitted now."""
        if self._rest is None:
            return None
        now = asyncio.get_running_loop().time()
        if now < self._rest.until:
            wait = timedelta(seconds=self._rest.until - now)
            return self._rest.error(self._rest.why, retry_after=wait, tried=False)
        self._rest = None
        return None

    async def _ask(self, message: Message) -> Answer:
        try:
            return await self._connection.submit(message, PATIENCE)
        except Refused as error:
            return self._refused(error)
        except NoAnswer as error:
            return Ambiguous(str(error))
        except NotSent:
            unbound = self._unbound()
            return self._resting(type(unbound), UNBOUND, unbound.detail)
        except TooMuch as error:
            return Rejected(str(error))

    def _refused(self, error: Refused) -> DispatchError:
        kind = ERRORS[error.advice]
        if error.status not in STATUSES:
            log.error("smpp.unknown_status", provider=self._name, status=error.status)
        if kind is Throttled:
            return self._resting(kind, FULL if error.status == QUEUE_FULL else SLOWER, str(error))
        return kind(str(error))

    def _resting(self, kind: type[DispatchError], wait: timedelta, why: str) -> DispatchError:
        self._rest = _Rest(asyncio.get_running_loop().time() + wait.total_seconds(), kind, why)
        return kind(why, retry_after=wait)

    def _unbound(self) -> DispatchError:
        trouble = self._connection.trouble
        if isinstance(trouble, BindRefused) and trouble.advice == "repair":
            return Misconfigured(str(trouble))
        return Away(str(trouble or "there is no bind"), retry_after=UNBOUND, tried=False)
