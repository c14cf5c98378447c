"""Rates of providers: the arithmetic, in process, over Redis, and when Redis goes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from dispatch.dispatcher import Dispatcher
from dispatch.limits import Rates, refilled, wait_for
from records.limits import RedisBuckets
from tests import servers
from tests.dispatch.outbox import Carrier, Outbox, until


def test_a_bucket_fills_at_its_rate_up_to_a_second_of_it() -> None:
    assert refilled(0, 10, 0.5) == 5
    assert refilled(0, 10, 60) == 10
    assert refilled(5, 10, -60) == 5  # A clock that was set back.


def test_what_is_there_goes_now_and_the_rest_waits() -> None:
    assert wait_for(10, 10, 10, "otp") == 0
    assert wait_for(0, 10, 5, "otp") == 0.5
    assert wait_for(10, 10, 50, "otp") == 0  # More than a bucket holds, once it is full: a debt.
    assert wait_for(-40, 10, 1, "otp") == pytest.approx(4.1)


def test_advertising_leaves_something_for_codes() -> None:
    assert wait_for(5, 10, 3, "otp") == 0
    assert wait_for(5, 10, 3, "bulk") > 0


class Seconds:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_in_process_no_more_than_the_rate_goes() -> None:
    clock = Seconds()
    rates = Rates({"a": 10}, None, clock)
    taken = 0
    for _tick in range(1_000):
        while not await rates.take("a", 1, "otp"):
            taken += 1
        clock.now += 0.01
    assert 100 <= taken <= 111
    assert await rates.take("without a rate", 1_000_000, "bulk") == 0


@pytest.fixture
async def buckets(redis: servers.Redis) -> AsyncIterator[tuple[RedisBuckets, RedisBuckets]]:
    one, two = RedisBuckets(redis.url), RedisBuckets(redis.url)
    yield one, two
    await one.close()
    await two.close()


async def test_processes_share_one_rate(buckets: tuple[RedisBuckets, RedisBuckets]) -> None:
    clock = Seconds()
    both = [Rates({"a": 100}, each, clock) for each in buckets]
    began = asyncio.get_running_loop().time()
    taken = 0
    while asyncio.get_running_loop().time() < began + 1:
        for each in both:
            if not await each.take("a", 5, "otp"):
                taken += 5
        await asyncio.sleep(0.002)
    passed = asyncio.get_running_loop().time() - began
    assert taken <= 100 * (1 + passed) + 5


async def test_without_redis_each_takes_its_part(
    redis: servers.Redis, buckets: tuple[RedisBuckets, RedisBuckets]
) -> None:
    clock = Seconds()
    both = [Rates({"a": 10}, each, clock) for each in buckets]
    for each in both:
        await each.take("a", 1, "otp")
    await both[0].take("a", 1, "otp")
    redis.kill()
    taken = 0
    for each in both:
        while not await each.take("a", 1, "otp"):
            taken += 1
    assert taken in (15, 10)  # The first asked before it knew of the second, and then again.
    redis.start()


async def test_a_dispatcher_keeps_the_rate_and_every_message_goes(outbox: Outbox) -> None:
    clock = Seconds()
    trackings = [await outbox.add(f"{number}") for number in range(12)]
    carrier = Carrier(batch=4)
    dispatcher = Dispatcher(
        outbox.database,
        outbox.vault,
        {"sms": carrier},
        clock=outbox.clock,
        wake=asyncio.Event(),
        poll=0.02,
        limits=Rates({"carrier": 1}, None, clock),
    )
    running = asyncio.create_task(dispatcher.run())

    async def some_went() -> bool:
        clock.now += 1
        outbox.clock.forward(1)
        return all([await outbox.status(each) == "sent" for each in trackings])

    await until(some_went)
    dispatcher.stop()
    await running
    assert len(carrier.handed) == 12
    assert {(await outbox.row(each)).attempts for each in trackings} == {1}
