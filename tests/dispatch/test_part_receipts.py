"""Receipts of the parts of messages, on both databases."""

from __future__ import annotations

import asyncio

from dispatch.dispatcher import Dispatcher
from dispatch.provider import Accepted
from records import dead_letters
from records.receipts import Told, keep, match_orphans
from tests.dispatch.outbox import Carrier, Outbox, until


async def send(outbox: Outbox, *names: str, tracking: str = "") -> str:
    """A message whose parts a carrier calls so; its tracking number."""
    tracking = tracking or await outbox.add()
    carrier = Carrier(answer=lambda _outgoing: Accepted(names[0], "pending", parts=names))
    dispatcher = Dispatcher(
        outbox.database, outbox.vault, [carrier], clock=outbox.clock, wake=asyncio.Event(), poll=0.02
    )
    running = asyncio.create_task(dispatcher.run())

    async def sent() -> bool:
        return await outbox.status(tracking) == "sent"

    await until(sent)
    dispatcher.stop()
    await running
    return tracking


async def tell(outbox: Outbox, status: str, *names: str) -> None:
    await keep(outbox.database, "carrier", [Told(name, status) for name in names], outbox.clock())


async def test_all_of_them_delivered(outbox: Outbox) -> None:
    tracking = await send(outbox, "a1", "a2", "a3")
    await tell(outbox, "delivered", "a3", "a1")
    await tell(outbox, "sent", "a2")
    assert await outbox.status(tracking) == "sent"
    await tell(outbox, "delivered", "a2")
    assert await outbox.status(tracking) == "delivered"


async def test_in_one_batch(outbox: Outbox) -> None:
    tracking, other = await send(outbox, "a1", "a2"), await send(outbox, "b1", "b2")
    await tell(outbox, "delivered", "b1", "a1", "a2")
    assert [await outbox.status(each) for each in (tracking, other)] == ["delivered", "sent"]


async def test_one_failed_and_what_is_worse_changes_nothing(outbox: Outbox) -> None:
    tracking = await send(outbox, "a1", "a2")
    await tell(outbox, "delivered", "a1")
    await tell(outbox, "failed", "a1")
    assert await outbox.status(tracking) == "sent"
    await tell(outbox, "failed", "a2")
    assert await outbox.status(tracking) == "failed"
    assert [each.tracking for each in await dead_letters.listed(outbox.database)] == [tracking]


async def test_before_the_answer_to_the_submit(outbox: Outbox) -> None:
    await tell(outbox, "delivered", "a1", "a2")
    tracking = await send(outbox, "a1", "a2")
    assert await match_orphans(outbox.database, outbox.clock()) == (2, b"")
    assert await outbox.status(tracking) == "delivered"


async def test_what_failed_goes_once_more(outbox: Outbox) -> None:
    """Its new parts count, and the old ones where they come after all."""
    tracking = await send(outbox, "a1", "a2")
    await tell(outbox, "failed", "a2")
    row = await outbox.row(tracking)
    assert await dead_letters.replay(outbox.database, [row.id], outbox.clock()) == 1
    await send(outbox, "b1", "b2", tracking=tracking)
    await tell(outbox, "delivered", "b1")
    assert await outbox.status(tracking) == "sent"
    await tell(outbox, "delivered", "a2")
    assert await outbox.status(tracking) == "delivered"


async def test_a_name_that_is_given_out_again_is_the_newer_ones(outbox: Outbox) -> None:
    old = await send(outbox, "1", "2")
    outbox.clock.forward(60)
    new, short = await send(outbox, "2", "3"), await send(outbox, "1")
    await tell(outbox, "delivered", "1", "2", "3")
    assert [await outbox.status(each) for each in (old, new, short)] == ["sent", "delivered", "delivered"]
