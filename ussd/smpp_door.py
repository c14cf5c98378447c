"""The door for USSD over SMPP: what ``door.py`` is for HTTP.

deliver_sm → ``take_turn`` → durable → deliver_sm_resp → submit_sm with the screen. Every dialog goes its own
way, so one that is stuck holds up nobody. A process that is killed before it acknowledged gets the delivery
again, and the conversation knows it (``smpp_dialogs``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType

import msgspec
import structlog

from conversation.incoming import Caller, Departure, Incoming
from smpp.delivery import Delivery
from smpp.errors import OK, PERMANENT, TEMPORARY, NoAnswer, NotSent, Refused
from smpp.pdu import Message
from smpp.sharing import Shared as Connected
from ussd import smpp
from ussd.door import Conversation
from ussd.exchange import BadRequest, Route
from ussd.smpp_dialogs import Dialogs, Shared
from ussd.smpp_vendors import Vendor

log = structlog.get_logger()

# Seconds before a screen is tried again that the SMSC was too busy for; the person waits meanwhile.
PAUSES = (0.3, 1.0, 2.0)
PATIENCE = 5.0  # Seconds that a screen waits for a bind, when the last one broke just then.


class SmppDoor:
    """``async with`` serves by ``link``, which is bound then; on the way out the turns under way are ended.
    ``peer`` is where requests come from. ``name`` makes the keys under which ``shared`` keeps what several
    processes remember of their dialogs."""

    def __init__(
        self,
        conversation: Conversation,
        link: Connected,
        route: Route,
        vendor: Vendor,
        *,
        peer: str = "",
        shared: Shared | None = None,
        name: Callable[[Caller], bytes] | None = None,
    ) -> None:
        self._conversation = conversation
        self._route = route
        self._vendor = vendor
        self._peer = peer
        self._dialogs = Dialogs(shared, name)
        self.connection = link.connection
        self._used = link.used(receipts=self._take, messages=self._take)

    async def __aenter__(self) -> SmppDoor:
        await self._used.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._used.__aexit__(kind, error, trace)

    async def _take(self, delivery: Delivery) -> None:
        """One delivery. What raises here is not acknowledged, and so comes again."""
        try:
            parsed = smpp.parse(delivery.message, delivery.raw, self._route, self._vendor, self._peer)
        except BadRequest as error:
            log.info("delivery refused", route=self._route.name, problem=str(error))
            delivery.acknowledge(PERMANENT)
            return
        if parsed is None:
            delivery.acknowledge()
        elif isinstance(parsed, Departure):
            self._dialogs.forget(parsed.caller)
            await self._conversation.depart(parsed)
            delivery.acknowledge()
        else:
            await self._turn(delivery, parsed)

    async def _turn(self, delivery: Delivery, incoming: Incoming) -> None:
        caller = incoming.caller
        if incoming.begins:
            number = self._dialogs.begin(caller, delivery)
        else:
            met = await self._dialogs.answer(caller, delivery)
            number = met.number
            incoming = msgspec.structs.replace(incoming, key=met.key, doubtful=met.doubtful)
        reply = await self._conversation.take_turn(incoming)
        screen = smpp.render(reply, delivery.message, self._route, self._vendor)
        if self._vendor.order == "acknowledge":
            delivery.acknowledge()
            self._dialogs.acknowledged(caller, number)
        failure = await self._show(delivery, screen)
        if failure is None:
            self._dialogs.shown(caller, number)
        elif failure == "unsent" and not delivery.acknowledged:
            delivery.acknowledge(TEMPORARY)  # It comes again by the next bind, and the screen is stored.
        elif failure != "unknown":
            await self._conversation.depart(Departure(caller, "failed", delivery.raw))
        delivery.acknowledge(OK)

    async def _show(self, delivery: Delivery, screen: Message) -> str | None:
        """Submits a screen; None when the SMSC took it. ``refused``: it never will. ``unsent``: there was no
        bind. ``unknown``: it may have; showing it once more would end the dialog on some gateways."""
        for pause in (*PAUSES, None):
            try:
                await self.connection.submit(screen, PATIENCE, delivery.link)
            except Refused as error:
                if pause is None or error.advice not in ("later", "slower"):
                    log.warning("screen refused", route=self._route.name, reason=str(error))
                    return "refused"
                await asyncio.sleep(pause)
            except NotSent as error:
                log.warning("screen not sent", route=self._route.name, reason=str(error))
                return "unsent"
            except NoAnswer as error:
                log.warning("screen not answered for", route=self._route.name, reason=str(error))
                return "unknown"
            else:
                return None
        return "refused"
