"""The requests of one session that wait for their answers: at most so many, each for so long."""

from __future__ import annotations

import asyncio
from collections import deque

from smpp.errors import NoAnswer, NotSent, SmppError
from smpp.pdu import Pdu

LAST_SEQUENCE = 0x7FFFFFFF  # §3.2: from 1 to here, then from 1 again.


class Window:
    """``size`` requests may wait at once; who comes then waits for a place, in order. Signs of life and the
    goodbye need none (``inside=False``). An answer that takes longer than ``patience`` seconds is given up;
    all wait equally long, so the request that was sent first is the first to be given up."""

    def __init__(self, size: int, patience: float) -> None:
        self.size = size
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[int, tuple[asyncio.Future[Pdu], int, float, bool]] = {}
        self._queue: deque[asyncio.Future[None]] = deque()
        self._inside = 0
        self._sequence = 0
        self._alarm: asyncio.TimerHandle | None = None
        self._closed: SmppError | None = None
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def load(self) -> int:
        """Requests that have a place or wait for one."""
        return self._inside + len(self._queue)

    def take(self) -> bool:
        """Takes a place where one is free; whether it did. Who got one calls ``ask`` before anything is
        awaited, or ``leave``."""
        if self._closed is not None or self._inside >= self.size or self._queue:
            return False
        self._inside += 1
        self._idle.clear()
        return True

    async def place(self) -> None:
        """Waits for a place, as of ``take``."""
        if self._closed is not None:
            raise NotSent(str(self._closed))
        if self.take():
            return
        turn: asyncio.Future[None] = self._loop.create_future()
        self._queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self.leave()  # The place came at the same moment.
            else:
                turn.cancel()
            raise

    def leave(self) -> None:
        """Gives a place to the next who waits, or back."""
        while self._queue:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._inside -= 1
        if not self._inside:
            self._idle.set()

    def ask(self, command: int, *, inside: bool = True) -> tuple[int, asyncio.Future[Pdu]]:
        """The sequence number for a request of this command, and its answer to come. The future has
        ``NoAnswer`` when there is none."""
        sequence = self._sequence
        while True:
            sequence = sequence + 1 if sequence < LAST_SEQUENCE else 1
            if sequence not in self._waiting:
                break
        self._sequence = sequence
        answer: asyncio.Future[Pdu] = self._loop.create_future()
        end = self._loop.time() + self._patience
        self._waiting[sequence] = (answer, command, end, inside)
        if self._alarm is None:
            self._alarm = self._loop.call_at(end, self._ring)
        return sequence, answer

    def answered(self, pdu: Pdu) -> bool:
        """Hands an answer to whoever waits for it; False when nobody does, or not for this command."""
        found = self._waiting.get(pdu.sequence)
        if found is None or pdu.command not in (found[1] | 0x80000000, 0x80000000):
            return False
        self._settle(pdu.sequence, pdu)
        return True

    def unreadable(self, sequence: int, error: SmppError) -> None:
        """The answer to a request arrived and could not be read."""
        if sequence in self._waiting:
            self._settle(sequence, NoAnswer(f"its answer cannot be read: {error}"))

    def shut(self, why: SmppError) -> None:
        """No more places; what was asked already may still be answered."""
        if self._closed is None:
            self._closed = why
        while self._queue:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_exception(NotSent(str(why)))

    def lose(self, why: SmppError) -> None:
        """Nothing will be answered any more."""
        self.shut(why)
        for sequence in list(self._waiting):
            self._settle(sequence, NoAnswer(str(why)))
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    async def idle(self) -> None:
        """Waits until nobody has a place."""
        await self._idle.wait()

    def _settle(self, sequence: int, outcome: Pdu | SmppError) -> None:
        answer, _command, _end, inside = self._waiting.pop(sequence)
        if not answer.done():
            if isinstance(outcome, SmppError):
                answer.set_exception(outcome)
                answer.exception()  # Whoever asked may have gone; that is no defect to be told of.
            else:
                answer.set_result(outcome)
        if inside:
            self.leave()

    def _ring(self) -> None:
        self._alarm = None
        now = self._loop.time()
        for sequence, (_answer, _command, end, _inside) in list(self._waiting.items()):
            if end > now:
                self._alarm = self._loop.call_at(end, self._ring)
                break
            self._settle(sequence, NoAnswer(f"not answered within {self._patience:g} seconds"))
