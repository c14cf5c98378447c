"""The caches: bounded memory, and a Redis that is killed, emptied or frozen while it is used."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.cache import _ENTRY, MemoryCache, RedisCache
from tests.servers import Redis

KEYS = [bytes([number]) * 16 for number in range(8)]


@pytest.fixture
async def cache(redis: Redis) -> AsyncIterator[RedisCache]:
    cache = await RedisCache.open(redis.url)
    yield cache
    await cache.close()


async def until_back(cache: RedisCache) -> None:
    async with asyncio.timeout(20):
        while cache.away:  # There is nothing else that tells.
            await asyncio.sleep(0.01)


@given(st.lists(st.tuples(st.sampled_from(KEYS), st.binary(max_size=400)), max_size=60))
async def test_memory_holds_what_was_put_last_within_its_limit(puts: list[tuple[bytes, bytes]]) -> None:
    cache = MemoryCache(limit=2_000)
    for key, value in puts:
        cache.put(key, value)
        assert await cache.get(key) == value
        assert cache.size <= 2_000
    kept = {key: await cache.get(key) for key in KEYS}
    assert cache.size == sum(len(value) + 16 + _ENTRY for value in kept.values() if value is not None)
    assert all(value in (None, dict(puts).get(key)) for key, value in kept.items())


async def test_memory_forgets_what_is_dropped() -> None:
    cache = MemoryCache()
    cache.put(KEYS[0], b"v")
    cache.put(KEYS[1], b"w")
    cache.drop(KEYS[0])
    cache.drop(KEYS[2])
    assert [await cache.get(key) for key in KEYS[:3]] == [None, b"w", None]
    assert cache.size == 16 + 1 + _ENTRY


async def test_redis_forgets_what_is_dropped(cache: RedisCache, redis: Redis) -> None:
    other = await RedisCache.open(redis.url)
    for key in KEYS[:2]:
        cache.put(key, b"v")
    assert await cache.get(KEYS[0]) == b"v"
    cache.drop(KEYS[0])
    assert await cache.get(KEYS[0]) is None  # At once.
    assert await cache.get(KEYS[1]) == b"v"  # The round trip that dropped it is over.
    assert [await other.get(key) for key in KEYS[:2]] == [None, b"v"]
    cache.drop(KEYS[1])
    cache.put(KEYS[1], b"w")
    assert await cache.get(KEYS[1]) == b"w"
    assert await other.get(KEYS[1]) == b"w"
    await other.close()


async def test_memory_lets_go_of_what_was_used_longest_ago() -> None:
    cache = MemoryCache(limit=3 * (16 + 1 + _ENTRY))
    for key in KEYS[:3]:
        cache.put(key, b"v")
    await cache.get(KEYS[0])
    cache.put(KEYS[3], b"v")
    assert [await cache.get(key) for key in KEYS[:4]] == [b"v", None, b"v", b"v"]
    assert (cache.hits, cache.misses) == (4, 1)


async def test_memory_drops_a_value_that_is_larger_than_all_of_it() -> None:
    cache = MemoryCache(limit=1_000)
    cache.put(KEYS[0], b"v")
    cache.put(KEYS[1], b"v" * 2_000)
    assert cache.size <= 1_000
    assert await cache.get(KEYS[1]) is None


def test_the_limit_counts_what_python_really_takes() -> None:
    program = """
import os, resource
from records.cache import MemoryCache
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()
cache = MemoryCache(32 * 2**20)
before = resident()
for _ in range(100_000):
    cache.put(os.urandom(16), bytes(700))
print(resident() - before)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 32 * 2**20 * 1.25


async def test_redis_keeps_what_is_put(cache: RedisCache, redis: Redis) -> None:
    assert await cache.get(KEYS[0]) is None
    cache.put(KEYS[0], b"\x00\xff" * 500)
    assert await cache.get(KEYS[0]) == b"\x00\xff" * 500
    await asyncio.gather(*[cache.get(key) for key in KEYS])
    assert redis.keys() == [f"chapar:{KEYS[0].hex()}"]
    other = await RedisCache.open(redis.url)
    assert await other.get(KEYS[0]) == b"\x00\xff" * 500
    await other.close()
    assert (cache.errors, cache.misses, cache.hits) == (0, 8, 2)


async def test_values_do_not_stay_for_ever(redis: Redis) -> None:
    cache = await RedisCache.open(redis.url, lifetime=90)
    cache.put(KEYS[0], b"v")
    await cache.close()
    assert 80 < int(redis.command(f"TTL chapar:{KEYS[0].hex()}")) <= 90


async def test_a_put_is_never_overtaken_by_an_older_one(cache: RedisCache, redis: Redis) -> None:
    async def talk(key: bytes) -> None:
        for number in range(200):
            value = number.to_bytes(4)
            cache.put(key, value)
            if number % 3 == 0:
                await asyncio.sleep(0)
            assert await cache.get(key) == value

    await asyncio.gather(*map(talk, KEYS))
    await cache.close()
    other = await RedisCache.open(redis.url)
    assert {await other.get(key) for key in KEYS} == {(199).to_bytes(4)}
    await other.close()


async def test_closing_waits_for_what_was_put(redis: Redis) -> None:
    cache = await RedisCache.open(redis.url)
    for key in KEYS:
        cache.put(key, b"v")
    await cache.close()
    assert len(redis.keys()) == 8


async def test_an_emptied_redis_is_a_miss(cache: RedisCache, redis: Redis) -> None:
    cache.put(KEYS[0], b"v")
    await cache.get(KEYS[1])
    redis.empty()
    assert await cache.get(KEYS[0]) is None
    assert not cache.away


async def test_redis_is_killed_under_load_and_returns(cache: RedisCache, redis: Redis) -> None:
    stop = asyncio.Event()
    rounds = 0

    async def talk(key: bytes) -> None:
        nonlocal rounds
        while not stop.is_set():
            cache.put(key, b"v")
            assert await cache.get(key) in (b"v", None)
            rounds += 1
            await asyncio.sleep(0.001)

    talking = [asyncio.create_task(talk(key)) for key in KEYS]
    await asyncio.sleep(0.05)
    await asyncio.to_thread(redis.kill)
    async with asyncio.timeout(20):
        while not cache.away:
            await asyncio.sleep(0.01)
    before = rounds
    await asyncio.sleep(0.05)
    assert rounds > before
    await asyncio.to_thread(redis.start)
    await until_back(cache)
    stop.set()
    await asyncio.gather(*talking)
    cache.put(KEYS[0], b"after")
    assert await cache.get(KEYS[0]) == b"after"
    assert cache.errors > 0


async def test_a_frozen_redis_holds_nobody_for_long(cache: RedisCache, redis: Redis) -> None:
    cache.put(KEYS[0], b"v")
    assert await cache.get(KEYS[0]) == b"v"
    await cache.get(KEYS[1])
    redis.freeze()
    try:
        async with asyncio.timeout(5):
            assert await asyncio.gather(*[cache.get(key) for key in KEYS]) == [None] * 8
        assert cache.away
        for _ in range(1_000):  # Were each of these to wait for Redis, this would take minutes.
            assert await cache.get(KEYS[0]) is None
            cache.put(KEYS[0], b"lost")
    finally:
        redis.thaw()
    await until_back(cache)
    assert await cache.get(KEYS[0]) == b"v"


async def test_a_redis_that_comes_later_is_used_then(redis: Redis) -> None:
    redis.kill()
    cache = await RedisCache.open(redis.url)
    assert cache.away
    assert await cache.get(KEYS[0]) is None
    await asyncio.to_thread(redis.start)
    await until_back(cache)
    cache.put(KEYS[0], b"v")
    assert await cache.get(KEYS[0]) == b"v"
    await cache.close()


async def test_a_full_redis_is_still_read(cache: RedisCache, redis: Redis) -> None:
    cache.put(KEYS[0], b"v")
    await cache.get(KEYS[1])
    redis.command("CONFIG SET maxmemory 1")
    try:
        cache.put(KEYS[1], b"w")
        assert await cache.get(KEYS[0]) == b"v"
        assert cache.errors == 1
        assert not cache.away
    finally:
        redis.command("CONFIG SET maxmemory 0")


async def test_a_cancelled_get_harms_no_other(cache: RedisCache) -> None:
    cache.put(KEYS[0], b"v")
    for _ in range(20):
        tasks = [asyncio.create_task(cache.get(KEYS[0])) for _ in range(10)]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert results[1::2] == [b"v"] * 5
    assert not cache.away


async def test_closing_while_redis_is_away_ends_the_search(redis: Redis) -> None:
    redis.kill()
    cache = await RedisCache.open(redis.url)
    await cache.close()
    assert len(asyncio.all_tasks()) == 1


async def test_a_url_that_is_none_is_told() -> None:
    with pytest.raises(ValueError, match="scheme"):
        await RedisCache.open("http://localhost")
