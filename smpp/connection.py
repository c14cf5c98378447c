"""Several binds to one SMSC, each bound again when it is lost."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

import structlog

from smpp.backoff import Backoff
from smpp.delivery import Delivery, Handler, Link
from smpp.endpoint import BindKind, Endpoint, Timing
from smpp.errors import PERMANENT, BindRefused, NoAnswer, NotBound, NotSent, Refused
from smpp.pdu import Message, Pdu
from smpp.session import Session
from smpp.session import message_id as session_message_id

log = structlog.get_logger()


@dataclass(slots=True)
class Counts:
    """What happened since the start. ``lost``: sessions that ended. ``failed``: binds that did not
    succeed."""

    accepted: int = 0
    refused: int = 0
    unanswered: int = 0
    delivered: int = 0
    lost: int = 0
    failed: int = 0


async def nobody(delivery: Delivery) -> None:
    """The handler of who only sends: what is delivered all the same stays with the SMSC no longer."""
    delivery.acknowledge(PERMANENT)


class Connection:
    """``async with`` keeps the binds; on the way out each is unbound. ``binds`` are the kinds, one for each
    session: two ``transceiver``, or a ``transmitter`` and a ``receiver``. ``window`` is for each of them.
    ``trouble``: why the last try to bind failed; None since one succeeded."""

    def __init__(
        self,
        endpoint: Endpoint,
        binds: Sequence[BindKind] = ("transceiver",),
        handler: Handler = nobody,
        *,
        window: int = 10,
        timing: Timing | None = None,
        backoff: Callable[[], Backoff] = Backoff,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.counts = Counts()
        self._endpoint = endpoint
        self._binds = tuple(binds)
        self._handler = handler
        self._window = window
        self._timing = timing or Timing()
        self._backoff = backoff
        self._chance = chance
        self._log = log.bind(smsc=endpoint.name)
        self._sessions: list[Session] = []
        self._changed = asyncio.Event()
        self._stack = AsyncExitStack()
        self._closing = False
        self.trouble: NotBound | None = None

    async def __aenter__(self) -> Connection:
        self._closing = False
        keepers = [asyncio.create_task(self._keep(kind)) for kind in self._binds]

        async def stop() -> None:
            self._closing = True
            for keeper in keepers:
                keeper.cancel()
            await asyncio.gather(*keepers, return_exceptions=True)
            await asyncio.gather(*(session.close() for session in self._sessions))
            self._change()

        self._stack.push_async_callback(stop)
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._stack.aclose()

    @property
    def bound(self) -> int:
        """Sessions that are bound now."""
        return sum(session.alive for session in self._sessions)

    async def ready(self) -> None:
        """Waits until every bind is bound."""
        while self.bound < len(self._binds):
            await self._wait()

    @property
    def room(self) -> int:
        """Messages that may be under way at once while every bind is bound."""
        return self._window * sum(kind != "receiver" for kind in self._binds)

    async def able(self, patience: float) -> bool:
        """Whether some bind can submit, within so many seconds."""
        try:
            async with asyncio.timeout(patience):
                while not any(session.can_submit for session in self._sessions):
                    await self._wait()
        except TimeoutError:
            return False
        return True

    async def submit(self, message: Message, patience: float = 30.0, first: Link | None = None) -> str:
        """Sends a message by the session that has most room, by ``first`` while that can; the SMSC's id of
        it. Where none is bound it waits so many seconds for one. Errors as those of ``Session.submit``; after
        ``NotSent`` nothing has gone by any session."""
        try:
            message_id = await self._submit(message, patience, first)
        except Refused:
            self.counts.refused += 1
            raise
        except NoAnswer:
            self.counts.unanswered += 1
            raise
        self.counts.accepted += 1
        return message_id

    def post(self, message: Message) -> asyncio.Future[Pdu] | None:
        """Sends a message by the session that has most room, where nothing has to be waited for, as
        ``Session.post`` does; ``read`` is what its answer says."""
        able = [session for session in self._sessions if session.can_submit]
        return min(able, key=_load).post(message) if able else None

    def read(self, answered: asyncio.Future[Pdu]) -> str:
        """What became of a message that was posted, once that is known; errors as of ``submit``."""
        try:
            message_id = session_message_id(answered.result())
        except Refused:
            self.counts.refused += 1
            raise
        except NoAnswer:
            self.counts.unanswered += 1
            raise
        self.counts.accepted += 1
        return message_id

    async def _submit(self, message: Message, patience: float, first: Link | None) -> str:
        end = asyncio.get_running_loop().time() + patience
        while True:
            session = await self._choose(end, first)
            try:
                return await session.submit(message)
            except NotSent:
                if session.can_submit or self._closing:
                    raise
                # It ended while the message waited for its place there; another one may take it.

    async def _choose(self, end: float, first: Link | None) -> Session:
        while True:
            able = [session for session in self._sessions if session.can_submit]
            for session in able:
                if session is first and session.load < 1:
                    return session
            if able:
                return min(able, key=_load)
            if self._closing:
                raise NotSent("the connection is closed")
            try:
                async with asyncio.timeout_at(end):
                    await self._wait()
            except TimeoutError:
                raise NotSent("there is no bind") from None

    async def _keep(self, kind: BindKind) -> None:
        """One bind, again and again."""
        loop, backoff = asyncio.get_running_loop(), self._backoff()
        told = ""
        while True:
            try:
                session = await Session.open(
                    self._endpoint, kind, self._deliver, window=self._window, timing=self._timing
                )
            except NotBound as error:
                self.counts.failed += 1
                self.trouble = error
                hopeless = isinstance(error, BindRefused) and error.advice == "repair"
                pause = backoff.failed(self._chance(), hopeless=hopeless)
                if str(error) != told:
                    # Once for each reason: an SMSC that is away for a night must not fill the log.
                    told = str(error)
                    (self._log.error if hopeless else self._log.warning)(
                        "smpp not bound", bind=kind, reason=told
                    )
            except Exception:
                # A defect of ours or a setting that nobody foresaw; the other binds have work to do.
                self._log.exception("smpp not bound", bind=kind)
                pause = backoff.failed(self._chance(), hopeless=True)
            else:
                began, told, self.trouble = loop.time(), "", None
                self._log.info("smpp bound", bind=kind)
                self._sessions.append(session)
                self._change()
                why = await asyncio.shield(session.lost)
                self._sessions.remove(session)
                self.counts.lost += 1
                self._log.warning("smpp session lost", bind=kind, reason=str(why))
                pause = backoff.ended(loop.time() - began, self._chance())
            await asyncio.sleep(pause)

    async def _deliver(self, delivery: Delivery) -> None:
        self.counts.delivered += 1
        await self._handler(delivery)

    def _change(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _wait(self) -> None:
        """Waits for a change of the sessions."""
        await self._changed.wait()


def _load(session: Session) -> float:
    return session.load
