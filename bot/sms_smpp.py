"""SMS that people send, over SMPP 3.4: an SMSC delivers them to us.

A deliver_sm is acknowledged once its message is stored; the parts of a long one are each acknowledged when
the whole is. A part whose others never come goes back to the SMSC, which brings it again or gives it up. SMPP
gives a message no id, so a delivery that comes again is known by its sender and words for a minute
(``bot.sms.keys_of``).

Source: SMPP v3.4 §4.6 (deliver_sm), §5.2.12 (esm_class); 3GPP TS 23.040 §9.2.3.24.1.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog

from bot.sms import InboundSms, Taker
from records.unit import Unavailable
from smpp.coding import decode_text
from smpp.delivery import Delivery
from smpp.errors import OK, PERMANENT, TEMPORARY, Unreadable
from smpp.parts import read_part
from smpp.reassembly import Reassembly, Whole

PATIENCE = 60.0  # Seconds that a part waits for its others; an SMSC waits about two minutes for its answer.
LOOK = 5.0  # Seconds between looks for parts that have waited so long.

log = structlog.get_logger()


class SmppSource:
    """What a connection delivers goes to ``take``, between the two ends of ``async with``. ``peer`` is where
    it comes from."""

    def __init__(
        self, taker: Taker, *, clock: Callable[[], datetime], peer: str, patience: float = PATIENCE
    ) -> None:
        self._taker = taker
        self._clock = clock
        self._peer = peer
        self._parts: Reassembly[_Held] = Reassembly(patience)
        self._look = min(LOOK, patience / 2)
        self._leaving = False

    async def __aenter__(self) -> SmppSource:
        self._waiting = asyncio.create_task(self._give_up())
        return self

    async def __aexit__(self, *exception: object) -> None:
        self._leaving = True
        self._waiting.cancel()
        await asyncio.gather(self._waiting, return_exceptions=True)
        for whole in self._parts.expired(float("inf")):
            _answer(whole, TEMPORARY)

    async def take(self, delivery: Delivery) -> None:
        """One delivery. Whoever handles deliveries answers TEMPORARY to what is left open when this returns,
        so a part waits here until its message is stored or given up."""
        message = delivery.message
        if self._leaving:
            delivery.acknowledge(TEMPORARY)
            return
        try:
            part = read_part(message)
        except Unreadable as error:
            log.info("sms refused", problem=str(error))
            delivery.acknowledge(PERMANENT)
            return
        now = asyncio.get_running_loop().time()
        held = _Held(delivery)
        for whole in self._parts.add(message.source_addr, message.destination_addr, part, held, now):
            _answer(whole, TEMPORARY if whole.missing else await self._store(whole, message.data_coding))
        delivery.acknowledge(await held.answer)

    async def _store(self, whole: Whole[_Held], coding: int) -> int:
        """Stores a message; what its deliveries are answered with."""
        try:
            text = decode_text(whole.octets, coding)
        except Unreadable as error:
            log.info("sms refused", problem=str(error))
            return PERMANENT
        # The raw deliveries, one behind the other, as they came.
        raw = b"".join(held.delivery.raw for held in whole.handles)
        sms = InboundSms(whole.destination, whole.source, text, "", self._clock(), raw, self._peer)
        try:
            await self._taker.accept(sms)
        except Unavailable:
            return TEMPORARY
        return OK

    async def _give_up(self) -> None:
        """Parts whose others did not come in time go back."""
        while True:
            await asyncio.sleep(self._look)
            for whole in self._parts.expired(asyncio.get_running_loop().time()):
                log.info("sms incomplete", missing=whole.missing)
                _answer(whole, TEMPORARY)


class _Held:
    """A delivery that waits for what it is answered with."""

    def __init__(self, delivery: Delivery) -> None:
        self.delivery = delivery
        self.answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()


def _answer(whole: Whole[_Held], status: int) -> None:
    for held in whole.handles:
        if not held.answer.done():
            held.answer.set_result(status)
