"""Receipts of SMS by SMPP: deliver_sm with TLVs or a text (``smpp.receipts``), acknowledged once durable."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC
from typing import Literal

import structlog

from records.receipts import Told
from records.unit import Unavailable
from smpp.delivery import Delivery
from smpp.errors import TEMPORARY
from smpp.receipts import IdForm, State, normal_id, read_receipt

# What a message is, by the state that its receipt tells.
STATES: Mapping[State, Literal["sent", "delivered", "failed"]] = {
    "enroute": "sent",
    "accepted": "sent",
    "unknown": "sent",
    "delivered": "delivered",
    "expired": "failed",
    "deleted": "failed",
    "undeliverable": "failed",
    "rejected": "failed",
}
NAME = 128  # Characters of a message's name.
DETAIL = 200

Keep = Callable[[Told], Awaitable[None]]

log = structlog.get_logger(__name__)


class SmppReceipts:
    """Those of the connector ``name``, which spells ids in its receipts as ``ids`` says. ``keep`` returns
    once a receipt is durable, or raises ``Unavailable``."""

    def __init__(self, name: str, keep: Keep, ids: IdForm = "text") -> None:
        self._name = name
        self._keep = keep
        self._ids = ids

    async def take(self, delivery: Delivery) -> None:
        said = read_receipt(delivery.message, UTC)
        if said is None:
            log.warning("smpp.receipt_of_nothing", provider=self._name)
            delivery.acknowledge()  # Brought again it would say no more.
            return
        status = STATES[said.state] if said.state is not None else "sent"
        if said.state is None:
            log.error("smpp.unknown_state", provider=self._name, state=said.word)
        detail = f"{said.word or said.state or ''} {said.error}".strip()
        name = normal_id(said.message_id, self._ids)
        try:
            await self._keep(Told(name[:NAME], status, detail[:DETAIL]))
        except Unavailable:
            delivery.acknowledge(TEMPORARY)
        else:
            delivery.acknowledge()
