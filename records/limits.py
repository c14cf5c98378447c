"""Token buckets in Redis that all processes take from, by Redis' own clock."""

from __future__ import annotations

import asyncio
import logging
import os
import time

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

log = logging.getLogger(__name__)

PATIENCE = 0.15  # Seconds for one answer.
AWAY = 1.0  # Seconds that a Redis that failed is left alone.

# KEYS: the bucket, and who takes from it. ARGV: rate, full, parts, wanted, this process. Who has not asked
# for ten seconds is counted no more.
TAKE = """
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local rate, full, parts, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local kept = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens = tonumber(kept[1]) or full
local passed = math.max(0, now - (tonumber(kept[2]) or now))
tokens = math.min(full, tokens + rate * passed)
local wait = 0
if tokens >= wanted then tokens = tokens - parts else wait = (wanted - tokens) / rate end
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens), 'at', string.format('%.6f', now))
redis.call('PEXPIRE', KEYS[1], math.ceil(1000 * (full + parts) / rate) + 60000)
redis.call('ZADD', KEYS[2], now, ARGV[5])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - 10)
redis.call('PEXPIRE', KEYS[2], 60000)
return {string.format('%.6f', wait), redis.call('ZCARD', KEYS[2])}
"""


class RedisBuckets:
    """``url`` as ``REDIS_URL``. Connects when it is first used, and never raises."""

    def __init__(self, url: str) -> None:
        self._redis = Redis.from_url(
            url,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=PATIENCE,
            socket_connect_timeout=PATIENCE,
            max_connections=4,
        )
        self._take = self._redis.register_script(TAKE)
        self._me = os.urandom(8).hex()
        self._away_until = 0.0

    async def take(
        self, name: str, rate: float, full: float, parts: int, wanted: float
    ) -> tuple[float, int] | None:
        """Takes ``parts`` of the bucket where ``wanted`` are there. Seconds to wait (0: taken), and how many
        processes take from it; None while Redis is away."""
        if time.monotonic() < self._away_until:
            return None
        keys = [f"chapar:rate:{name}", f"chapar:rate:{name}:by"]
        try:
            async with asyncio.timeout(2 * PATIENCE):
                wait, processes = await self._take(keys=keys, args=[rate, full, parts, wanted, self._me])
        except (RedisError, OSError) as error:
            log.warning("rates are kept in process: %s", str(error) or type(error).__name__)
            self._away_until = time.monotonic() + AWAY
            return None
        return float(wait), int(processes)

    async def close(self) -> None:
        await self._redis.aclose()
