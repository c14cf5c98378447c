"""SMS by SMPP as the tests send them: the provider on a bind to an SMSC of the test, a dispatcher over it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from dispatch.dispatcher import Dispatcher
from dispatch.providers.sms.smpp import Manner, Smpp
from dispatch.providers.sms.smpp_receipts import SmppReceipts
from dispatch.receipts_intake import ReceiptIntake
from smpp.backoff import Backoff
from smpp.connection import Connection
from smpp.delivery import Delivery
from smpp.endpoint import BindKind, Endpoint, Timing
from smpp.receipts import IdForm
from smpp.sharing import Shared
from tests.dispatch.outbox import Clock, Outbox, until
from tests.smpp.smsc import Smsc


def wall_clock() -> datetime:
    return datetime.now(UTC)


class WallClock(Clock):
    def __call__(self) -> datetime:
        return wall_clock()


QUICK = Timing(connect=5, response=10, enquire=30, goodbye=2)
LINE = "10004346"


@dataclass
class Lines:
    """What a test has in hand."""

    outbox: Outbox
    shared: Shared
    provider: Smpp
    dispatcher: Dispatcher
    said: list[Delivery] = field(default_factory=list)

    async def becomes(self, status: str, *trackings: str) -> None:
        async def so() -> bool:
            return all([await self.outbox.status(each) == status for each in trackings])

        await until(so)


def connected(
    port: int, binds: Sequence[BindKind] = ("transceiver",), window: int = 10, timing: Timing = QUICK
) -> Shared:
    return Shared(
        lambda handler: Connection(
            Endpoint("127.0.0.1", port, "chapar", "secret"),
            binds,
            handler,
            window=window,
            timing=timing,
            backoff=lambda: Backoff(first=0.02, most=0.1),
        )
    )


@asynccontextmanager
async def lines(
    outbox: Outbox,
    port: int,
    *,
    manner: Manner | None = None,
    receipt_ids: IdForm = "text",
    binds: Sequence[BindKind] = ("transceiver",),
    window: int = 10,
    timing: Timing = QUICK,
) -> AsyncIterator[Lines]:
    """A dispatcher at work by one connector."""
    shared = connected(port, binds, window, timing)
    intake = ReceiptIntake(outbox.database, "smpp", outbox.clock)
    provider = Smpp("smpp", shared.connection, (LINE,), clock=outbox.clock, manner=manner)
    dispatcher = Dispatcher(
        outbox.database,
        outbox.vault,
        [provider],
        clock=outbox.clock,
        wake=asyncio.Event(),
        poll=0.02,
        receipts=0.05,
    )
    made = Lines(outbox, shared, provider, dispatcher)

    async def takes(delivery: Delivery) -> None:
        made.said.append(delivery)
        delivery.acknowledge()

    receipts = SmppReceipts("smpp", intake.take, receipt_ids).take
    async with shared.used(receipts=receipts, messages=takes):
        running = asyncio.create_task(dispatcher.run())
        try:
            yield made
        finally:
            dispatcher.stop()
            await running


async def receipt(
    center: Smsc, name: str, id: str, word: str = "DELIVRD", *, tlv: int | None = None, number: str = "98912"
) -> None:
    """A receipt as an SMSC delivers it: by a text, or by TLVs (``tlv`` is the state) as well."""
    text = (
        f"id:{id} sub:001 dlvrd:001 submit date:2611230800 done date:2611230801 stat:{word} err:000 text:id:9"
    )
    more: dict[str, Any] = {} if tlv is None else {"receipted_message_id": id, "message_state": tlv}
    await center.deliver(
        name,
        source_addr=number,
        destination_addr=LINE,
        esm_class=4,
        short_message=b"" if tlv is not None else text.encode(),
        **more,
    )
