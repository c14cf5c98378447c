"""The database: SQLite in a file or PostgreSQL, behind one door for reading and one for writing.

Writes go through one connection (SQLite has but one writer; on PostgreSQL the dispatcher has a second),
reads through a few others. Nothing here waits longer than ``patience``: a database that is away is
``Unavailable``, and the next call tries it afresh.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal, TypeVar

from sqlalchemy import Connection, Executable, Row, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DisconnectionError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from records.driver_errors import meaning

T = TypeVar("T")
Dialect = Literal["postgresql", "sqlite"]

READERS = 4
WRITERS = 2  # On PostgreSQL: one for the committer, one for the dispatcher.
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


class Database:
    """Made by ``open``. ``read`` and ``look`` see what is committed; ``transaction`` writes."""

    def __init__(self, dialect: Dialect, reader: AsyncEngine, writer: AsyncEngine, patience: float) -> None:
        self.dialect = dialect
        self._reader = reader
        self._writer = writer
        self._patience = patience

    @classmethod
    async def open(cls, url: str, *, patience: float = PATIENCE) -> Database:
        """``postgresql://user:password@host/name`` or ``sqlite:///path``. Connects when it is first used;
        ``ValueError`` when the URL is none of these."""
        where = read_url(url)
        if where.get_backend_name() == "postgresql":
            return cls(
                "postgresql",
                _postgresql(where, READERS, patience, isolation_level="AUTOCOMMIT"),
                _postgresql(where, WRITERS, patience),
                patience,
            )
        Path(str(where.database)).parent.mkdir(parents=True, exist_ok=True)
        writer = _sqlite(where, 1, patience, writes=True)
        return cls("sqlite", _sqlite(where, READERS, patience), writer, patience)

    async def read(
        self, statement: Executable, parameters: Mapping[str, Any] | None = None
    ) -> Sequence[Row[*tuple[Any, ...]]]:
        """All rows of one SELECT; ``Unavailable`` when there is no answer in time."""
        return await self.look(lambda connection: connection.execute(statement, parameters).all())

    async def look(self, work: Callable[[Connection], T]) -> T:
        """What ``work`` reads with one connection, each statement for itself."""
        return await self._run(self._reader, work)

    async def transaction(self, work: Callable[[Connection], T]) -> T:
        """Runs ``work`` in one transaction of the writing connection, which waits its turn; durable when
        this returns. Raises ``Conflict`` and ``Unavailable``, and what ``work`` raises, after a rollback."""

        def whole(connection: Connection) -> T:
            with connection.begin():
                return work(connection)

        return await self._run(self._writer, whole)

    async def close(self) -> None:
        await self._reader.dispose()
        await self._writer.dispose()

    async def _run(self, engine: AsyncEngine, work: Callable[[Connection], T]) -> T:
        try:
            async with self._connected(engine) as connection:
                return await connection.run_sync(work)
        except Exception as error:
            said = meaning(error)
            if said is error:
                raise
            raise said from error

    @asynccontextmanager
    async def _connected(self, engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
        """A connection that is cut when the time is over, so that a server that hangs cannot hold us."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._patience
        async with asyncio.timeout_at(deadline):
            connection = await engine.connect()
        watchdog = None
        if self.dialect == "postgresql":
            driver: Any = (await connection.get_raw_connection()).driver_connection
            # Cancelling would wait for the server to say goodbye; this does not.
            watchdog = loop.call_at(deadline, driver.terminate)
        try:
            yield connection
        finally:
            if watchdog is not None:
                watchdog.cancel()
            await connection.close()


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
        return where.set(drivername="sqlite+aiosqlite")
    raise ValueError(WANTED)


def _postgresql(where: URL, connections: int, patience: float, **options: Any) -> AsyncEngine:
    milliseconds = str(int(patience * 800))  # The server gives up before we hang up on it.
    engine = create_async_engine(
        where,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=patience,
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


def _sqlite(where: URL, connections: int, patience: float, *, writes: bool = False) -> AsyncEngine:
    engine = create_async_engine(
        where,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=patience,
        pool_reset_on_return=None,  # Nothing is left open: a rollback each time would be a thread's trip.
        isolation_level="AUTOCOMMIT",
    )

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        for pragma in (
            f"busy_timeout = {int(patience * 800)}",
            "journal_mode = WAL",
            "synchronous = FULL",  # In WAL mode only FULL makes a commit survive a power cut.
            "foreign_keys = ON",
            "cache_size = -16000" if writes else "cache_size = -4000",  # KiB.
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    if writes:

        @event.listens_for(engine.sync_engine, "begin")
        def begin(connection: Connection) -> None:
            # A transaction that begins by reading and then writes fails when another wrote in between.
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine
