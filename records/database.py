"""The database: SQLite in a file or PostgreSQL, behind one door for reading and one for writing.

Writes go through one connection (SQLite has but one writer; on PostgreSQL the dispatcher has another),
reads through a few others. Nothing here waits longer than ``patience``: a database that is away is
``Unavailable``, and the next call tries it afresh.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

from sqlalchemy import Connection, Engine, Executable, Row
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from records.driver_errors import meaning

T = TypeVar("T")
Dialect = Literal["postgresql", "sqlite"]

# In the driver's own words, and what it is run with: a column of values for each parameter on PostgreSQL, on
# SQLite as many sets of parameters as it is run times.
Statement = tuple[str, Sequence[Any]]

WANTED = "a database URL is postgresql://user:password@host/name or sqlite:///path"
PATIENCE = 2.5  # Seconds that one read or one transaction may take, with connecting.


class Runner(Protocol):
    """Runs work with a connection of one kind, reading or writing."""

    @property
    def engine(self) -> Engine:
        """SQLAlchemy's engine below."""

    async def run(self, work: Callable[[Connection], T]) -> T:
        """What ``work`` returns, in time or not at all."""

    async def fetch(self, statement: str, values: Sequence[Any]) -> Sequence[Any]:
        """The rows of one statement by itself, in the driver's own words."""

    async def write(self, statements: Iterable[Statement]) -> None:
        """Runs them as one transaction."""

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
        # What the other one needs takes a tenth of a second to import.
        if where.get_backend_name() == "postgresql":
            from records import postgresql

            return cls("postgresql", *postgresql.runners(where, patience))
        from records import sqlite

        Path(str(where.database)).parent.mkdir(parents=True, exist_ok=True)
        return cls("sqlite", *sqlite.runners(where, patience))

    async def read(
        self, statement: Executable, parameters: Mapping[str, Any] | None = None
    ) -> Sequence[Row[*tuple[Any, ...]]]:
        """All rows of one SELECT; ``Unavailable`` when there is no answer in time."""
        return await self.look(lambda connection: connection.execute(statement, parameters).all())

    async def fetch(self, statement: str, values: Sequence[Any]) -> Sequence[Any]:
        """All rows of one SELECT in the driver's own words (``records.lists``), in a fraction of the time:
        each can be taken apart as a tuple, and is of the columns' bare types."""
        return await self._meant(self.reader.fetch(statement, values))

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

    async def write(self, statements: Iterable[Statement]) -> None:
        """Runs writing statements in the driver's own words (``records.bulk``), in one transaction; durable
        when this returns. Raises as ``transaction`` does, in a fraction of the time."""
        await self._meant(self.writer.write(statements))

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
