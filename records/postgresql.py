"""PostgreSQL by asyncpg, the other of the two below ``records.database``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from records.database import Statement
from records.unit import Unavailable

T = TypeVar("T")

READERS = 6  # Half of them are kept for single statements.
WRITERS = 3  # Two for the committer, one of them kept for single statements, and one for the dispatcher.

# Every statement of ours goes by an index, whatever the tables' size. Plans are made once, since making them
# takes the server longer than running them, and so they must not suit the tables as they are at that moment:
# no scan and no hash of a table that is small today. An analysis of everything needs a connection without
# these.
POSTGRESQL = {
    "application_name": "chapar",
    "jit": "off",
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
}


def runners(where: URL, patience: float) -> tuple[OverNetwork, OverNetwork]:
    """Who reads and who writes."""
    reader = engine_of(where, READERS, patience, isolation_level="AUTOCOMMIT")
    writer = engine_of(where, WRITERS, patience)
    return OverNetwork(reader, patience, READERS // 2), OverNetwork(writer, patience, 1)


class Kept(NamedTuple):
    """A connection that stays out of the pool, and the driver's own one below it."""

    connection: AsyncConnection
    driver: Any


class OverNetwork:
    """Connections to PostgreSQL, a pool of them, of which at most ``kept`` are for single statements."""

    def __init__(self, engine: AsyncEngine, patience: float, kept: int) -> None:
        self._engine = engine
        self._patience = patience
        self._idle: list[Kept] = []
        self._room = asyncio.Semaphore(kept)

    @property
    def engine(self) -> Engine:
        return self._engine.sync_engine

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Cuts the connection when the time is over, so that a server that hangs cannot hold us."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._patience
        async with asyncio.timeout_at(deadline):
            connection = await self._engine.connect()
        driver: Any = (await connection.get_raw_connection()).driver_connection
        # Cancelling would wait for the server to say goodbye; this does not.
        watchdog = loop.call_at(deadline, driver.terminate)
        try:
            return await connection.run_sync(work)
        finally:
            watchdog.cancel()
            await connection.close()

    async def fetch(self, statement: str, values: Sequence[Any]) -> Sequence[Any]:
        """The rows of one statement, which goes to the driver as it is, over a connection that is kept for
        such."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._patience
        async with asyncio.timeout_at(deadline):
            await self._room.acquire()
        try:
            async with asyncio.timeout_at(deadline):
                kept = await self._taken()
            try:
                return await self._fetch(kept.driver, deadline, statement, values)
            finally:
                self._idle.append(kept)
        finally:
            self._room.release()

    async def write(self, statements: Iterable[Statement]) -> None:
        """There is but one, which is a transaction by itself."""
        [(statement, values)] = statements
        await self.fetch(statement, values)

    async def _fetch(
        self, driver: Any, deadline: float, statement: str, values: Sequence[Any]
    ) -> Sequence[Any]:
        loop = asyncio.get_running_loop()
        watchdog = loop.call_at(deadline, driver.terminate)
        try:
            rows: Sequence[Any] = await driver.fetch(statement, *values)
        except Exception as error:
            if driver.is_closed():
                why = "no answer before the timeout" if loop.time() >= deadline else "the connection broke"
                raise Unavailable(why) from error
            # The driver's words quote the values, the server's details the row.
            if getattr(error, "severity", None) is None:
                raise TypeError(f"a value that its column does not take: {type(error).__name__}") from None
            error.detail = None  # type: ignore[attr-defined]
            raise
        finally:
            watchdog.cancel()
        return rows

    async def _taken(self) -> Kept:
        """A connection of those that are kept, or another."""
        while self._idle:
            kept = self._idle.pop()
            if not kept.driver.is_closed():
                return kept
            await kept.connection.invalidate()
            await kept.connection.close()
        connection = await self._engine.connect()
        return Kept(connection, (await connection.get_raw_connection()).driver_connection)

    async def close(self) -> None:
        for kept in self._idle:
            await kept.connection.close()
        await self._engine.dispose()


def engine_of(where: URL, connections: int, patience: float, **options: Any) -> AsyncEngine:
    milliseconds = str(int(patience * 800))  # The server gives up before we hang up on it.
    engine = create_async_engine(
        where,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=patience,
        hide_parameters=True,  # An error's text goes to the log; what people said must not.
        connect_args={
            "timeout": patience,
            "server_settings": POSTGRESQL
            | {"statement_timeout": milliseconds, "idle_in_transaction_session_timeout": milliseconds},
        },
        **options,
    )

    @event.listens_for(engine.sync_engine, "checkout")
    def alive(_adapted: Any, record: Any, _proxy: Any) -> None:
        # After a restart of the server every kept connection is closed; the pool then makes a new one.
        if record.driver_connection.is_closed():
            raise DisconnectionError

    return engine
