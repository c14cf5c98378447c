"""The database: SQLite in a file or PostgreSQL, behind one door for reading and one for writing.

Writes go through one connection (SQLite has but one writer; on PostgreSQL the dispatcher has a second),
reads through a few others. Nothing here waits longer than ``patience``: a database that is away is
``Unavailable``, and the next call tries it afresh.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

from sqlalchemy import Connection, Engine, Executable, Row, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DisconnectionError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from records.driver_errors import meaning
from records.unit import Unavailable

T = TypeVar("T")
Dialect = Literal["postgresql", "sqlite"]

READERS = 4
SQLITE_READERS = 2  # Threads of one process share its interpreter: more would only wait for one another.
WRITERS = 3  # On PostgreSQL: two for the committer (one of them for commands), one for the dispatcher.
WANTED = "a database URL is postgresql://user:password@host/name or sqlite:///path"
PATIENCE = 2.5  # Seconds that one read or one transaction may take, with connecting.

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


class Runner(Protocol):
    """Runs work with a connection of one kind, reading or writing."""

    @property
    def engine(self) -> Engine:
        """SQLAlchemy's engine below."""

    async def run(self, work: Callable[[Connection], T]) -> T:
        """What ``work`` returns, in time or not at all."""

    async def command(self, statement: str, values: Sequence[Any]) -> None:
        """Runs one writing statement by itself."""

    async def close(self) -> None:
        """Lets the connections go."""


class Database:
    """Made by ``open``. ``read`` and ``look`` see what is committed; ``transaction`` writes."""

    def __init__(self, dialect: Dialect, reader: Runner, writer: Runner) -> None:
        self.dialect = dialect
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, url: str, *, patience: float = PATIENCE) -> Database:
        """``postgresql://user:password@host/name`` or ``sqlite:///path``. Connects when it is first used;
        ``ValueError`` when the URL is none of these."""
        where = read_url(url)
        if where.get_backend_name() == "postgresql":
            reader = _postgresql(where, READERS, patience, isolation_level="AUTOCOMMIT")
            writer = _postgresql(where, WRITERS, patience)
            return cls("postgresql", OverNetwork(reader, patience), OverNetwork(writer, patience))
        Path(str(where.database)).parent.mkdir(parents=True, exist_ok=True)
        return cls(
            "sqlite",
            InThreads(_sqlite(where, patience), SQLITE_READERS, patience),
            InThreads(_sqlite(where, patience, writes=True), 1, patience),
        )

    async def read(
        self, statement: Executable, parameters: Mapping[str, Any] | None = None
    ) -> Sequence[Row[*tuple[Any, ...]]]:
        """All rows of one SELECT; ``Unavailable`` when there is no answer in time."""
        return await self.look(lambda connection: connection.execute(statement, parameters).all())

    async def look(self, work: Callable[[Connection], T]) -> T:
        """What ``work`` reads with one connection, each statement for itself."""
        return await self._run(self.reader, work)

    async def transaction(self, work: Callable[[Connection], T]) -> T:
        """Runs ``work`` in one transaction of the writing connection, which waits its turn; durable when
        this returns. Raises ``Conflict`` and ``Unavailable``, and what ``work`` raises, after a rollback."""

        def whole(connection: Connection) -> T:
            with connection.begin():
                return work(connection)

        return await self._run(self.writer, whole)

    async def command(self, statement: str, values: Sequence[Any]) -> None:
        """One writing statement in the driver's own words, a transaction by itself; durable when this
        returns. Raises as ``transaction`` does."""
        await self._meant(self.writer.command(statement, values))

    async def touch(self) -> None:
        """Writes what nobody reads, durably: whether the database takes writes, where reading tells nothing
        of it (a full disk, a standby). Raises ``Unavailable``."""

        def write(connection: Connection) -> None:
            if self.dialect == "sqlite":
                version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
                connection.exec_driver_sql(f"PRAGMA user_version = {(int(version) + 1) % 2**31}")
            else:
                connection.exec_driver_sql("SELECT pg_logical_emit_message(true, 'chapar', '')")

        await self.transaction(write)

    async def close(self) -> None:
        await self.reader.close()
        await self.writer.close()

    async def _run(self, runner: Runner, work: Callable[[Connection], T]) -> T:
        return await self._meant(runner.run(work))

    async def _meant(self, running: Awaitable[T]) -> T:
        try:
            return await running
        except Exception as error:
            said = meaning(error)
            if said is error:
                raise
            raise said from error


class OverNetwork:
    """PostgreSQL by asyncpg."""

    def __init__(self, engine: AsyncEngine, patience: float) -> None:
        self._engine = engine
        self._patience = patience
        self._kept: tuple[AsyncConnection, Any] | None = None
        self._commanding = asyncio.Lock()

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

    async def command(self, statement: str, values: Sequence[Any]) -> None:
        """The same for one statement, which goes to the driver as it is, over a connection that is kept for
        such, one after another."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._patience
        async with asyncio.timeout_at(deadline):
            await self._commanding.acquire()
        try:
            async with asyncio.timeout_at(deadline):
                driver = await self._commanded()
            await self._command(driver, deadline, statement, values)
        finally:
            self._commanding.release()

    async def _command(self, driver: Any, deadline: float, statement: str, values: Sequence[Any]) -> None:
        watchdog = asyncio.get_running_loop().call_at(deadline, driver.terminate)
        try:
            await driver.fetch(statement, *values)
        except Exception as error:
            if driver.is_closed():
                raise Unavailable("the connection to the database broke") from error
            # The driver's words quote the values, the server's details the row.
            if getattr(error, "severity", None) is None:
                raise TypeError(f"a value that its column does not take: {type(error).__name__}") from None
            error.detail = None  # type: ignore[attr-defined]
            raise
        finally:
            watchdog.cancel()

    async def _commanded(self) -> Any:
        """The driver's connection for commands."""
        if self._kept is not None:
            connection, driver = self._kept
            if not driver.is_closed():
                return driver
            self._kept = None
            await connection.invalidate()
            await connection.close()
        connection = await self._engine.connect()
        driver = (await connection.get_raw_connection()).driver_connection
        self._kept = connection, driver
        return driver

    async def close(self) -> None:
        if self._kept is not None:
            await self._kept[0].close()
        await self._engine.dispose()


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

    async def command(self, statement: str, values: Sequence[Any]) -> None:
        """The same for one statement."""

        def one(connection: Connection) -> None:
            with connection.begin():
                connection.exec_driver_sql(statement, tuple(values))

        await self.run(one)

    def _work(self, work: Callable[[Connection], T]) -> T:
        with self.engine.connect() as connection:
            return work(connection)

    async def close(self) -> None:
        # A thread that is stuck in the file system must not hold up the end of the program.
        self._threads.shutdown(wait=False, cancel_futures=True)
        self.engine.dispose()


def read_url(url: str) -> URL:
    """The URL as SQLAlchemy needs it, with our driver; ``ValueError`` says what is wrong with it."""
    try:
        where = make_url(url)
    except ArgumentError:
        raise ValueError(
            "not a database URL: postgresql://user:password@host/name or sqlite:///path"
        ) from None
    backend = where.get_backend_name()
    if backend in ("postgresql", "postgres"):
        query = dict(where.query)
        if "sslmode" in query:  # libpq's name of what asyncpg calls ssl.
            query["ssl"] = query.pop("sslmode")
        if unknown := query.keys() - {"host", "port", "ssl"}:
            raise ValueError(f"a database URL takes host, port and sslmode, not {', '.join(sorted(unknown))}")
        return where.set(drivername="postgresql+asyncpg", query=query)
    if backend == "sqlite" and where.database and where.database != ":memory:":
        return where.set(drivername="sqlite+pysqlite")
    raise ValueError(WANTED)


def _postgresql(where: URL, connections: int, patience: float, **options: Any) -> AsyncEngine:
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


def _sqlite(where: URL, patience: float, *, writes: bool = False) -> Engine:
    engine = create_engine(
        where,
        pool_size=SQLITE_READERS,
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
