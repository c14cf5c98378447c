"""SQLite in threads, one of the two below ``records.database``."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL

from records.database import Statement
from records.row_by_row import buffers
from records.sqlite_threads import Threads

T = TypeVar("T")

READERS = 2  # Threads of one process share its interpreter: more would only wait for one another.


def runners(where: URL, patience: float) -> tuple[InThreads, InThreads]:
    """Who reads and who writes."""
    reader = InThreads(engine_of(where, patience), READERS, patience)
    return reader, InThreads(engine_of(where, patience, writes=True), 1, patience)


class InThreads:
    """SQLite in threads of ours, each with one connection: a whole transaction is one trip to a thread, where
    an asynchronous driver makes three for each statement."""

    def __init__(self, engine: Engine, threads: int, patience: float) -> None:
        self.engine = engine
        self._threads = Threads(engine.connect, threads, patience)

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Waits a little longer than SQLite itself waits for a lock; then what the thread does is left to
        end by itself, and whether it was done is not known."""
        return await self._threads.do(work)

    async def fetch(self, statement: str, values: Sequence[Any]) -> Sequence[Any]:
        """The rows of one statement by itself, without SQLAlchemy's results."""
        return await self._threads.do(partial(_fetched, statement, buffers(values)))

    async def write(self, statements: Iterable[Statement]) -> None:
        """Without SQLAlchemy's transactions and results, which cost half of what SQLite itself does."""
        await self._threads.do(partial(_write, statements))

    async def close(self) -> None:
        await self._threads.close()
        self.engine.dispose()


def _fetched(statement: str, values: Sequence[Any], connection: Connection) -> Sequence[Any]:
    rows: Sequence[Any] = _driver(connection).execute(statement, values).fetchall()
    return rows


def _write(statements: Iterable[Statement], connection: Connection) -> None:
    driver = _driver(connection)
    cursor = driver.cursor()
    prepared = list(statements)  # While others may still write.
    cursor.execute("BEGIN IMMEDIATE")
    try:
        for statement, values in prepared:
            cursor.executemany(statement, values)
        cursor.execute("COMMIT")
    except BaseException:
        if driver.in_transaction:  # Some errors, such as a full disk, have rolled it back already.
            try:
                cursor.execute("ROLLBACK")
            except sqlite3.Error:
                connection.invalidate()  # What it leaves open, it alone has open.
        raise


def _driver(connection: Connection) -> Any:
    return connection.connection.driver_connection


def engine_of(where: URL, patience: float, *, writes: bool = False) -> Engine:
    engine = create_engine(
        where,
        pool_size=READERS,
        max_overflow=0,
        pool_timeout=patience,
        pool_reset_on_return=None,  # Nothing is left open.
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,
        connect_args={"check_same_thread": False},
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
