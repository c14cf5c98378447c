"""Asking for receipts, on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from dispatch.carriers import Carriers
from dispatch.dispatcher import Dispatcher
from dispatch.errors import Unreachable
from dispatch.provider import Accepted, Receipt
from dispatch.receipts import Receipts
from dispatch.routes import plain
from tests.dispatch.outbox import Carrier, Outbox, until


@dataclass
class Answering(Carrier):
    """A carrier that tells later what became of its messages."""

    receipts_batch: int = 500
    known: dict[str, Receipt] = field(default_factory=dict)
    asked: list[list[str]] = field(default_factory=list)
    away: bool = False

    async def receipts(self, external_ids: Sequence[str]) -> Mapping[str, Receipt]:
        self.asked.append(sorted(external_ids))
        if self.away:
            raise Unreachable("503")
        return {each: self.known[each] for each in external_ids if each in self.known}


def carrier() -> Answering:
    return Answering(answer=lambda outgoing: Accepted(f"X{outgoing.body}", "pending"))


async def send(outbox: Outbox, provider: Answering, *bodies: str) -> list[str]:
    trackings = [await outbox.add(body) for body in bodies]
    dispatcher = Dispatcher(
        outbox.database,
        outbox.vault,
        {"sms": provider},
        clock=outbox.clock,
        wake=asyncio.Event(),
        poll=0.02,
    )
    running = asyncio.create_task(dispatcher.run())
    await until(lambda: _all_sent(outbox, trackings))
    dispatcher.stop()
    await running
    return trackings


async def _all_sent(outbox: Outbox, trackings: Sequence[str]) -> bool:
    return all([await outbox.status(each) == "sent" for each in trackings])


def receipts(outbox: Outbox, provider: Answering) -> Receipts:
    carriers = Carriers(outbox.database, [provider], plain([("sms", provider.name)]), clock=outbox.clock)
    return Receipts(
        outbox.database, outbox.vault, carriers, clock=outbox.clock, lease=timedelta(seconds=60), every=0.01
    )


async def test_what_the_provider_says_is_kept(outbox: Outbox) -> None:
    provider = carrier()
    arrived, lost, quiet = await send(outbox, provider, "arrived", "lost", "quiet")
    provider.known = {"Xarrived": Receipt("delivered", "10"), "Xlost": Receipt("failed", "11")}
    outbox.clock.forward(5)
    asked = receipts(outbox, provider)
    assert not await asked.ask(provider)
    assert provider.asked == [["Xarrived", "Xlost", "Xquiet"]]
    assert [await outbox.status(each) for each in (arrived, lost, quiet)] == ["delivered", "failed", "sent"]
    assert await outbox.notes(arrived) == [("attempt", "sent"), ("receipt", "delivered")]
    outbox.clock.forward(5)
    await asked.ask(provider)
    assert provider.asked[1:] == [["Xquiet"]]


async def test_before_its_time_nobody_is_asked(outbox: Outbox) -> None:
    provider = carrier()
    await send(outbox, provider, "one")
    assert not await receipts(outbox, provider).ask(provider)
    assert provider.asked == []


async def test_a_provider_away_is_asked_later(outbox: Outbox) -> None:
    provider = carrier()
    (tracking,) = await send(outbox, provider, "one")
    provider.away = True
    outbox.clock.forward(5)
    asked = receipts(outbox, provider)
    await asked.ask(provider)
    assert await outbox.status(tracking) == "sent"
    provider.away, provider.known = False, {"Xone": Receipt("delivered")}
    outbox.clock.forward(5)
    await asked.ask(provider)
    assert await outbox.status(tracking) == "delivered"


async def test_it_asks_by_itself_and_goes_on_while_there_is_more(outbox: Outbox) -> None:
    provider = carrier()
    provider.receipts_batch = 2
    trackings = await send(outbox, provider, *"abcde")
    provider.known = {f"X{each}": Receipt("delivered") for each in "abcde"}
    outbox.clock.forward(5)
    running = asyncio.create_task(receipts(outbox, provider).run())

    async def all_delivered() -> bool:
        return all([await outbox.status(each) == "delivered" for each in trackings])

    await until(all_delivered)
    running.cancel()
    assert sorted(len(each) for each in provider.asked) == [1, 2, 2]
