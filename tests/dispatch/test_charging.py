"""What each message cost, written when it went: by the dispatcher on both databases, and where people
talk."""

from __future__ import annotations

import asyncio
from datetime import datetime

import pytest

from dispatch.dispatcher import Dispatcher
from dispatch.errors import Rejected, Unreachable
from dispatch.provider import Accepted, Outcome, Outgoing, Provider
from dispatch.talking import Talking
from records.claims import Claimed
from tests.dispatch.outbox import Carrier, Outbox, until
from tests.dispatch.test_talking import Correspondent


class Till:
    """Charges 100 rial for a part, and remembers whom it charged for what."""

    def __init__(self) -> None:
        self.charged: list[tuple[str, str, str, int]] = []

    def __call__(self, claimed: Claimed, outgoing: Outgoing, provider: str, at: datetime) -> int | None:
        self.charged.append((claimed.tracking, claimed.klass, provider, outgoing.parts))
        return None if outgoing.to.startswith("+49") else 100 * outgoing.parts


async def dispatched(outbox: Outbox, providers: list[Provider], till: Till, *trackings: str) -> None:
    """Works until all of them are done with."""
    dispatcher = Dispatcher(
        outbox.database,
        outbox.vault,
        {provider.channel: provider for provider in providers},
        clock=outbox.clock,
        wake=asyncio.Event(),
        charge=till,
        poll=0.02,
    )
    running = asyncio.create_task(dispatcher.run())

    async def settled() -> bool:
        return all([await outbox.status(each) not in ("queued", "claimed") for each in trackings])

    try:
        await until(settled)
    finally:
        dispatcher.stop()
        await running


async def test_what_went_is_charged_by_its_parts(outbox: Outbox) -> None:
    till = Till()
    short, long = await outbox.add(), await outbox.add("س" * 135)
    abroad = await outbox.add(to="+4915112345678")
    voice = await outbox.add("س" * 135, channel="voice")
    await dispatched(outbox, [Carrier(), Carrier(channel="voice")], till, short, long, abroad, voice)
    rows = [await outbox.row(each) for each in (short, long, abroad, voice)]
    assert [row.parts for row in rows] == [1, 3, 1, None]
    assert [row.cost for row in rows] == [100, 300, None, 100]
    assert sorted(till.charged) == sorted(
        (tracking, "service", "carrier", parts)
        for tracking, parts in zip((short, long, abroad, voice), (1, 3, 1, 1), strict=True)
    )


async def test_what_did_not_go_is_not_charged(outbox: Outbox) -> None:
    till = Till()
    tracking = await outbox.add()
    await dispatched(outbox, [Carrier(answer=lambda outgoing: Rejected("411"))], till, tracking)
    assert (await outbox.row(tracking)).cost is None
    assert till.charged == []


async def test_a_message_that_goes_the_second_time_is_charged_once(outbox: Outbox) -> None:
    till = Till()
    answers: list[Outcome] = [Unreachable("down"), Accepted("1", "pending")]
    tracking = await outbox.add()
    carrier = Carrier(answer=lambda outgoing: answers.pop(0))

    def clock() -> datetime:  # It runs, so that the second attempt comes due.
        outbox.clock.forward(1)
        return outbox.clock.now

    dispatcher = Dispatcher(
        outbox.database,
        outbox.vault,
        {"sms": carrier},
        clock=clock,
        wake=asyncio.Event(),
        charge=till,
        poll=0.02,
    )
    running = asyncio.create_task(dispatcher.run())

    async def sent() -> bool:
        return await outbox.status(tracking) == "sent"

    await until(sent)
    dispatcher.stop()
    await running
    assert [each[0] for each in till.charged] == [tracking]
    assert (await outbox.row(tracking)).cost == 100


@pytest.mark.parametrize("klass", ["service", "bulk"])
async def test_where_people_talk(outbox: Outbox, klass: str) -> None:
    till = Till()
    tracking = await outbox.add("س" * 500, channel="telegram", to="77", klass=klass)
    talks = Talking(
        outbox.database,
        outbox.vault,
        {"telegram": Correspondent()},
        clock=outbox.clock,
        wake=asyncio.Event(),
        charge=till,
        poll=0.02,
    )
    running = asyncio.create_task(talks.run())

    async def sent() -> bool:
        return await outbox.status(tracking) == "sent"

    try:
        await until(sent)
    finally:
        talks.stop()
        await running
    assert till.charged == [(tracking, klass, "telegram", 1)]
    assert (await outbox.row(tracking)).cost == 100
