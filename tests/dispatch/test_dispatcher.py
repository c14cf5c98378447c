"""The dispatcher on both databases, with carriers that do what providers do on bad days."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from dispatch.dispatcher import Dispatcher
from dispatch.errors import Misconfigured, Throttled, Unreachable
from dispatch.provider import Accepted, Outcome, Outgoing, Provider
from dispatch.providers.sandbox import Sandbox
from records.committer import Committer
from records.database import Database
from records.vault import Vault
from tests import servers
from tests.dispatch.outbox import Carrier, Clock, Outbox, until

FINAL = ("sent", "delivered", "failed", "blocked", "expired")


@asynccontextmanager
async def dispatching(
    outbox: Outbox, *providers: Provider, wake: asyncio.Event | None = None, poll: float = 0.02
) -> AsyncIterator[Dispatcher]:
    """A dispatcher at work, stopped at the end as an operator stops it."""
    dispatcher = Dispatcher(
        outbox.database,
        outbox.vault,
        {provider.channel: provider for provider in providers},
        clock=outbox.clock,
        wake=wake or asyncio.Event(),
        poll=poll,
    )
    running = asyncio.create_task(dispatcher.run())
    try:
        yield dispatcher
    finally:
        dispatcher.stop()
        await running


async def finished(outbox: Outbox, *trackings: str) -> list[str]:
    async def all_final() -> bool:
        return all([await outbox.status(each) in FINAL for each in trackings])

    await until(all_final)
    return [await outbox.status(each) for each in trackings]


async def test_the_sandbox_delivers(outbox: Outbox) -> None:
    tracking = await outbox.add(klass="otp")
    async with dispatching(outbox, Sandbox("sms")):
        assert await finished(outbox, tracking) == ["delivered"]
    row = await outbox.row(tracking)
    assert (row.provider, row.attempts, row.sent_at, row.lease_owner) == (
        "sandbox",
        1,
        outbox.clock(),
        None,
    )
    assert await outbox.notes(tracking) == [("attempt", "sent"), ("receipt", "delivered")]


async def test_a_message_of_this_process_goes_at_once(outbox: Outbox) -> None:
    wake = asyncio.Event()
    async with dispatching(outbox, Sandbox("sms"), wake=wake, poll=3_600):
        await asyncio.sleep(0)
        tracking = await outbox.add()
        wake.set()
        assert await finished(outbox, tracking) == ["delivered"]


async def test_notices_are_gathered_and_a_code_waits_for_nothing(outbox: Outbox) -> None:
    wake, hurry, carrier = asyncio.Event(), asyncio.Event(), Carrier()
    dispatcher = Dispatcher(
        outbox.database,
        outbox.vault,
        {"sms": carrier},
        clock=outbox.clock,
        wake=wake,
        hurry=hurry,
        at_once=2,
        poll=3_600,
        gather=3_600,
    )
    await outbox.add("first")
    running = asyncio.create_task(dispatcher.run())
    await carrier.entered.wait()
    notice = await outbox.add("notice")
    wake.set()
    await asyncio.sleep(0.05)
    assert carrier.handed == ["first"]
    code = await outbox.add("code", klass="otp")
    hurry.set()
    assert await finished(outbox, notice, code) == ["sent", "sent"]
    dispatcher.stop()
    await running


async def test_a_stale_code_is_never_sent(outbox: Outbox) -> None:
    stale = await outbox.add("123456", klass="otp", minutes=2)
    outbox.clock.forward(120)
    fresh = await outbox.add("654321", klass="otp", minutes=2)
    carrier = Carrier()
    async with dispatching(outbox, carrier):
        assert await finished(outbox, stale, fresh) == ["expired", "sent"]
    assert carrier.handed == ["654321"]


async def test_a_code_that_becomes_stale_between_attempts_is_not_sent_again(outbox: Outbox) -> None:
    carrier = Carrier(lambda outgoing: Unreachable("no route"))
    tracking = await outbox.add(klass="otp", minutes=2)
    async with dispatching(outbox, carrier):
        await until(lambda: _queued_again(outbox, tracking, 1))
        outbox.clock.forward(121)
        assert await finished(outbox, tracking) == ["expired"]
    assert len(carrier.handed) == 1


async def _queued_again(outbox: Outbox, tracking: str, attempts: int) -> bool:
    row = await outbox.row(tracking)
    return bool(row.status == "queued" and row.attempts == attempts)


async def test_an_unreachable_provider_is_tried_again(outbox: Outbox) -> None:
    outcomes: list[Outcome] = [Unreachable("503"), Unreachable("503"), Accepted("X")]
    carrier = Carrier(lambda outgoing: outcomes.pop(0))
    tracking = await outbox.add()
    async with dispatching(outbox, carrier):
        for attempts, wait in ((1, 5), (2, 15)):
            await until(lambda attempts=attempts: _queued_again(outbox, tracking, attempts))  # type: ignore[misc]
            outbox.clock.forward(wait)
        assert await finished(outbox, tracking) == ["sent"]
    assert await outbox.notes(tracking) == [
        ("attempt", "unreachable"),
        ("attempt", "unreachable"),
        ("attempt", "sent"),
    ]


@pytest.mark.parametrize("error", [Throttled, Misconfigured])
async def test_a_provider_that_asks_for_it_is_left_alone(
    outbox: Outbox, error: type[Throttled | Misconfigured]
) -> None:
    outcomes: list[Outcome] = [error(retry_after=timedelta(seconds=90))]
    carrier = Carrier(lambda outgoing: outcomes.pop() if outcomes else Accepted("X"))
    first = await outbox.add()
    async with dispatching(outbox, carrier):
        await until(lambda: _noted(outbox, first, ("attempt", error().name)))
        second = await outbox.add()
        outbox.clock.forward(89)
        await asyncio.sleep(0.1)  # Time enough to do wrong.
        assert len(carrier.handed) == 1
        outbox.clock.forward(1)
        assert await finished(outbox, first, second) == ["sent", "sent"]


async def test_two_dispatchers_share_without_doubling(outbox: Outbox) -> None:
    trackings = [await outbox.add(f"message {number}") for number in range(250)]
    one, two = Carrier(), Carrier()
    one.open.clear()
    async with dispatching(outbox, one):
        await one.entered.wait()
        async with dispatching(outbox, two):
            await until(lambda: _handed(two, 1))
            one.open.set()
            assert set(await finished(outbox, *trackings)) == {"sent"}
    assert Counter(one.handed + two.handed) == {f"message {number}": 1 for number in range(250)}
    assert one.handed
    assert two.handed


async def _handed(carrier: Carrier, least: int) -> bool:
    return len(carrier.handed) >= least


async def test_a_slow_provider_holds_up_no_other_lane(outbox: Outbox) -> None:
    slow = Carrier(channel="email")
    slow.open.clear()
    letter = await outbox.add("letter", channel="email", to="a@example.ir")
    async with dispatching(outbox, slow, Sandbox("sms")) as dispatcher:
        await slow.entered.wait()
        code, notice = await outbox.add(klass="otp"), await outbox.add(klass="service")
        assert await finished(outbox, code, notice) == ["delivered", "delivered"]
        assert await outbox.status(letter) == "claimed"
        assert list(dispatcher.busy) == [("email", "service")]
        slow.open.set()
        assert await finished(outbox, letter) == ["sent"]


async def test_a_slow_provider_holds_no_connection(outbox: Outbox) -> None:
    slow = Carrier()
    slow.open.clear()
    await outbox.add()
    async with dispatching(outbox, slow):
        await slow.entered.wait()
        # The one connection that writes is free: an order of magnitude more turns than there are connections.
        trackings = await asyncio.gather(*(outbox.add(channel="voice") for _ in range(40)))
        assert len(set(trackings)) == 40
        slow.open.set()


async def test_a_provider_slower_than_the_lease_keeps_its_messages(outbox: Outbox) -> None:
    slow = Carrier()
    slow.open.clear()
    tracking = await outbox.add()
    dispatcher = Dispatcher(
        outbox.database,
        outbox.vault,
        {"sms": slow},
        clock=outbox.clock,
        wake=asyncio.Event(),
        poll=0.02,
        lease=timedelta(seconds=0.3),
    )
    running = asyncio.create_task(dispatcher.run())
    await slow.entered.wait()
    before = (await outbox.row(tracking)).lease_until
    outbox.clock.forward(0.2)

    async def renewed() -> bool:
        return bool((await outbox.row(tracking)).lease_until > before)

    await until(renewed)
    slow.open.set()
    await finished(outbox, tracking)
    dispatcher.stop()
    await running
    assert len(slow.handed) == 1


async def test_a_provider_that_breaks_is_ambiguous(outbox: Outbox) -> None:
    def breaks(outgoing: Outgoing) -> Outcome:
        raise ZeroDivisionError

    advertisement, notice = await outbox.add(klass="bulk"), await outbox.add(klass="service")
    async with dispatching(outbox, Carrier(breaks)):
        assert await finished(outbox, advertisement) == ["failed"]
        await until(lambda: _queued_again(outbox, notice, 1))
    assert await outbox.notes(advertisement) == [("attempt", "ambiguous")]


async def test_a_channel_without_provider_waits_for_one_until_its_time_is_over(outbox: Outbox) -> None:
    tracking = await outbox.add(channel="push", minutes=10)
    async with dispatching(outbox, Sandbox("sms")):
        await until(lambda: _noted(outbox, tracking, ("attempt", "misconfigured")))
        assert await outbox.status(tracking) == "queued"
        outbox.clock.forward(600)
        assert await finished(outbox, tracking) == ["expired"]


async def _noted(outbox: Outbox, tracking: str, note: tuple[str, str]) -> bool:
    return note in await outbox.notes(tracking)


async def test_stop_finishes_the_batch_under_way(outbox: Outbox) -> None:
    slow = Carrier()
    slow.open.clear()
    first = await outbox.add()
    async with dispatching(outbox, slow) as dispatcher:
        await slow.entered.wait()
        dispatcher.stop()
        second = await outbox.add(klass="otp")
        slow.open.set()
    assert await outbox.status(first) == "sent"
    assert await outbox.status(second) == "queued"


async def test_outcomes_are_counted(outbox: Outbox) -> None:
    seen: list[tuple[tuple[str, str], str, timedelta]] = []
    dispatcher = Dispatcher(
        outbox.database,
        outbox.vault,
        {"sms": Sandbox("sms")},
        clock=outbox.clock,
        wake=asyncio.Event(),
        watch=lambda *each: seen.append(each),
        poll=0.02,
    )
    tracking = await outbox.add(klass="otp")
    outbox.clock.forward(3)
    running = asyncio.create_task(dispatcher.run())
    await finished(outbox, tracking)
    dispatcher.stop()
    await running
    assert seen == [(("sms", "otp"), "delivered", timedelta(seconds=3))]


async def test_a_database_away_forgets_no_outcome(
    postgresql: servers.PostgreSQL, postgresql_url: str, vault: Vault, clock: Clock
) -> None:
    database = await Database.open(postgresql_url)
    async with Committer(database) as committer:
        outbox = Outbox(database, committer, vault, clock)
        tracking = await outbox.add()
        slow = Carrier()
        slow.open.clear()
        async with dispatching(outbox, slow):
            await slow.entered.wait()
            await asyncio.to_thread(postgresql.stop)
            slow.open.set()
            await asyncio.sleep(0.2)  # It tries to settle, in vain.
            await asyncio.to_thread(postgresql.start)
            await until(lambda: _is(outbox, tracking, "sent"))
        assert len(slow.handed) == 1
    await database.close()


async def _is(outbox: Outbox, tracking: str, status: str) -> bool:
    return await outbox.status(tracking) == status
