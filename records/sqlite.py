"""SQLite in threads, one of the two below ``records.database``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL

T = TypeVar("T")

READERS = 2  # Threads of one process share its interpreter: more would only wait for one another.


def runners(where: URL, patience: float) -> tuple[InThreads, InThreads]:
    """Who reads and who writes."""
    reader = InThreads(engine_of(where, patience), READERS, patience)
    return reader, InThreads(engine_of(where, patience, writes=True), 1, patience)


class InThreads:
    """SQLite in threads of ours: a whole transaction is one trip to a thread, where an asynchronous driver
    makes three for each statement."""

    def __init__(self, engine: Engine, threads: int, patience: float) -> None:
        self.engine = engine
        self._patience = patience
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="sqlite")

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Waits a little longer than SQLite itself waits for a lock; then what the thread does is left to
        end by itself, and whether it was done is not known."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(self._patience):
            return await loop.run_in_executor(self._threads, self._work, work)

    async def fetch(self, statement: str, values: Sequence[Any]) -> Sequence[Any]:
        """The rows of one statement by itself, without SQLAlchemy's results."""

        def one(connection: Connection) -> Sequence[Any]:
            driver: Any = connection.connection.driver_connection
            rows: Sequence[Any] = driver.execute(statement, values).fetchall()
            return rows

        return await self.run(one)

    def _work(self, work: Callable[[Connection], T]) -> T:
        with self.engine.connect() as connection:
            return work(connection)

    async def close(self) -> None:
        # A thread that is stuck in the file system must not hold up the end of the program.
        self._threads.shutdown(wait=False, cancel_futures=True)
        self.engine.dispose()


def engine_of(where: URL, patience: float, *, writes: bool = False) -> Engine:
    engine = create_engine(
        where,
        pool_size=READERS,
        max_overflow=0,
        pool_timeout=patience,
        pool_reset_on_return=None,  # Nothing is left open.
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,
        connect_args={"check_same_thread": False},  # The pool gives a connection to one thread at a time.
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        for pragma in (
            f"busy_timeout = {int(patience * 800)}",
            "journal_mode = WAL",
            "synchronous = FULL",  # In WAL mode only FULL makes a commit survive a power cut.
            "foreign_keys = ON",
            # A checkpoint copies pages into the file and waits for the disk: rarely, and pages that were
            # written many times meanwhile once.
            "wal_autocheckpoint = 16000",
            "cache_size = -16000" if writes else "cache_size = -4000",  # KiB.
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    if writes:

        @event.listens_for(engine, "begin")
        def begin(connection: Connection) -> None:
            # A transaction that begins by reading and then writes fails when another wrote in between.
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine
