"""What stands in front of the database: the last turn of each live session, by the session's key.

Nothing depends on it. A value that is missing is read from the database; one that is old makes the commit
that is built on it a ``Conflict``, and the turn is run again on what the database says. So a cache never
raises, and one that is slow or away is passed over.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from typing import Any, Protocol

from hiredis import pack_command
from redis.asyncio import Connection, ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ReadOnlyError, RedisError, ResponseError

log = logging.getLogger(__name__)

MEMORY = 64 * 1024 * 1024
_ENTRY = 260  # What Python adds to the bytes of one key and value.

PATIENCE = 0.15  # Seconds for one round trip to Redis, and so the longest that a turn waits for it.
CONNECT_PATIENCE = 1.0  # No turn waits for a connection.
PAUSES = (0.1, 0.5, 1.0, 2.0, 5.0)  # Seconds between attempts to reach a Redis that is away.
LIFETIME = 3_600  # Seconds that a value is kept there.
MOST_COMMANDS = 256  # In one round trip.
MOST_PUTS = 10_000  # Waiting for one.


class Cache(Protocol):
    """``hits``, ``misses`` and ``errors`` count; an error is also a miss where it was a ``get``."""

    hits: int
    misses: int
    errors: int

    async def get(self, key: bytes) -> bytes | None:
        """What was put last, as far as it is known."""

    def put(self, key: bytes, value: bytes) -> None:
        """Keeps a value, soon. The next ``get`` in this process sees it."""

    def drop(self, key: bytes) -> None:
        """Forgets a value, as soon."""

    async def close(self) -> None:
        """Waits for what was put."""


class MemoryCache:
    """The values used last, as many as ``limit`` bytes hold."""

    def __init__(self, limit: int = MEMORY) -> None:
        self._limit = limit
        self._values: OrderedDict[bytes, bytes] = OrderedDict()
        self.size = 0
        self.hits = self.misses = self.errors = 0

    async def get(self, key: bytes) -> bytes | None:
        value = self._values.get(key)
        if value is None:
            self.misses += 1
            return None
        self.hits += 1
        self._values.move_to_end(key)
        return value

    def put(self, key: bytes, value: bytes) -> None:
        old = self._values.pop(key, None)
        if old is not None:
            self.size -= _cost(key, old)
        self._values[key] = value
        self.size += _cost(key, value)
        while self.size > self._limit:
            dropped = self._values.popitem(last=False)
            self.size -= _cost(*dropped)

    def drop(self, key: bytes) -> None:
        old = self._values.pop(key, None)
        if old is not None:
            self.size -= _cost(key, old)

    async def close(self) -> None:
        self._values.clear()
        self.size = 0


class RedisCache:
    """Redis by one connection. Gets and puts that arrive while one round trip is under way share the next:
    5 to 15 µs each, where a redis-py call of its own costs 150.

    When Redis fails or takes longer than ``PATIENCE``, it is left alone until a connection made beside the
    turns has answered again; until then every get is a miss at once and puts are dropped.
    """

    def __init__(self, pool: ConnectionPool, lifetime: int = LIFETIME) -> None:
        self._pool = pool
        self._lifetime = str(lifetime).encode()
        self._connection: Any = None
        self._puts: dict[bytes, bytes | None] = {}  # None: to be dropped.
        self._gets: list[tuple[bytes, asyncio.Future[bytes | None]]] = []
        self._task: asyncio.Task[None] | None = None
        self._return: asyncio.Task[None] | None = None
        self.hits = self.misses = self.errors = 0

    @classmethod
    async def open(cls, url: str, *, lifetime: int = LIFETIME) -> RedisCache:
        """``redis://…``, ``rediss://…`` or ``unix://…``. A Redis that is away now may come later."""
        # A lost connection is our own affair, see above: redis-py must not try again within a turn.
        pool = ConnectionPool.from_url(
            url, protocol=2, socket_timeout=None, retry=Retry(NoBackoff(), 0), max_connections=2
        )
        cache = cls(pool, lifetime)
        try:
            cache._connection = await cache._connected()
        except (RedisError, OSError) as error:
            cache._lose(error)
        return cache

    @property
    def away(self) -> bool:
        """Whether Redis is passed over at present."""
        return self._connection is None

    async def get(self, key: bytes) -> bytes | None:
        value = self._puts.get(key)
        if value is None and self._connection is not None and key not in self._puts:
            answer: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
            self._gets.append((key, answer))
            self._start()
            value = await answer
        if value is None:
            self.misses += 1
        else:
            self.hits += 1
        return value

    def put(self, key: bytes, value: bytes) -> None:
        self._write(key, value)

    def drop(self, key: bytes) -> None:
        self._write(key, None)

    def _write(self, key: bytes, value: bytes | None) -> None:
        if self._connection is None or len(self._puts) >= MOST_PUTS:
            self.errors += 1
            return
        self._puts[key] = value
        self._start()

    async def close(self) -> None:
        if self._task is not None:
            await self._task
        if self._return is not None:
            self._return.cancel()
            await asyncio.wait([self._return])
        if self._connection is not None:
            await self._connection.disconnect()
            self._connection = None

    def _start(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        try:
            while self._puts or self._gets:
                await self._exchange()
        finally:
            self._task = None

    async def _exchange(self) -> None:
        """One round trip: first what was put, so that a get after it sees it, then what is asked for."""
        puts, self._puts = self._puts, {}
        gets, self._gets = self._gets[:MOST_COMMANDS], self._gets[MOST_COMMANDS:]
        values: list[bytes | None] = []
        try:
            if self._connection is not None:
                async with asyncio.timeout(PATIENCE):
                    values = await self._ask(self._connection, puts, [key for key, _answer in gets])
        except (RedisError, OSError) as error:
            self.errors += len(puts) + len(gets)
            self._lose(error)
        finally:
            for place, (_key, answer) in enumerate(gets):
                if not answer.done():
                    answer.set_result(values[place] if values else None)

    async def _ask(
        self, connection: Connection, puts: dict[bytes, bytes | None], gets: list[bytes]
    ) -> list[bytes | None]:
        commands: list[tuple[bytes, ...]] = [
            (b"DEL", _name(key)) if value is None else (b"SET", _name(key), value, b"EX", self._lifetime)
            for key, value in puts.items()
        ]
        if gets:
            commands.append((b"MGET", *map(_name, gets)))
        # Packed by hiredis: redis-py's own packing takes as long as all the rest of the round trip. Its stub
        # allows commands of one word only.
        packed = b"".join(pack_command(command) for command in commands)  # type: ignore[arg-type]
        await connection.send_packed_command(packed, check_health=False)
        for _put in puts:
            try:
                await connection.read_response()
            except ReadOnlyError:
                raise  # This one became a replica: connect again, to whichever is the primary now.
            except ResponseError:
                self.errors += 1  # Its memory is full, say. What is there can still be read.
        return list(await connection.read_response()) if gets else []

    async def _connected(self) -> Any:
        connection = self._pool.make_connection()  # type: ignore[no-untyped-call]
        try:
            async with asyncio.timeout(CONNECT_PATIENCE):
                await connection.connect()
                await connection.send_command("PING", check_health=False)
                await connection.read_response()
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        return connection

    def _lose(self, error: Exception) -> None:
        """Leaves Redis alone and begins to wait for its return."""
        log.warning("Redis is passed over: %s", str(error) or type(error).__name__)
        self._connection, lost = None, self._connection
        self._return = asyncio.create_task(self._come_back(lost))

    async def _come_back(self, lost: Any) -> None:
        if lost is not None:
            await lost.disconnect(nowait=True)
        attempt = 0
        while self._connection is None:
            await asyncio.sleep(PAUSES[min(attempt, len(PAUSES) - 1)])
            attempt += 1
            try:
                self._connection = await self._connected()
            except (RedisError, OSError):
                continue
        self._return = None
        log.warning("Redis is back")


def _name(key: bytes) -> bytes:
    return b"chapar:" + key.hex().encode()


def _cost(key: bytes, value: bytes) -> int:
    return len(key) + len(value) + _ENTRY
