"""Brings the tables up to date: Alembic's migrations, run from the program on either database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.script.revision import RevisionError
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.pool import NullPool

from records.database import read_url
from records.driver_errors import meaning

FOLDER = Path(__file__).parent / "migrations"


async def upgrade(url: str) -> None:
    """Runs what is pending, all of it or nothing; several processes may try at once, one does it.
    ``Unavailable`` when the database does not answer."""

    def run(connection: Connection) -> None:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")

    await _with_connection(url, run)


async def pending(url: str) -> list[str]:
    """The revisions that the database still needs, oldest first. None when it is newer than this program,
    which migrations are split to allow."""
    found: list[str] = []

    def run(connection: Connection) -> None:
        script = ScriptDirectory.from_config(_config())
        current = MigrationContext.configure(connection).get_current_revision()
        try:
            revisions = list(script.iterate_revisions("head", current or "base"))
        except RevisionError:
            return  # It is at a revision that this program does not know yet.
        found.extend(revision.revision for revision in reversed(revisions))

    await _with_connection(url, run)
    return found


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


async def _with_connection(url: str, run: Callable[[Connection], None]) -> None:
    """Without the limits of time that turns have: a migration may take long."""
    where = read_url(url)
    try:
        if where.get_backend_name() == "postgresql":
            await _over_network(where, run)
        else:
            await asyncio.to_thread(_in_file, where, run)
    except Exception as error:
        said = meaning(error)
        if said is error:
            raise
        raise said from error


async def _over_network(where: URL, run: Callable[[Connection], None]) -> None:
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine(where, poolclass=NullPool, connect_args={"timeout": 10})
    try:
        async with engine.connect() as connection:
            await connection.run_sync(run)
    finally:
        await engine.dispose()


def _in_file(where: URL, run: Callable[[Connection], None]) -> None:
    Path(str(where.database)).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(where, poolclass=NullPool)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        # The driver must not commit by itself before each CREATE: a migration is one transaction.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA busy_timeout = 60000")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.close()

    try:
        with engine.connect() as connection:
            run(connection)
    finally:
        engine.dispose()
