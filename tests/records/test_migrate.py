"""Migrations on both databases: they make the tables that the program knows, once, whole or not at all."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from records import complaints, migrate, subscribers
from records.database import Database
from records.tables import metadata
from tests.servers import PostgreSQL


@pytest.fixture(params=["sqlite", "postgresql"])
def bare_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without any table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/new/chapar.db"
        return
    server: PostgreSQL = request.getfixturevalue("postgresql")
    name = server.create()
    yield server.url(name)
    server.drop(name)


async def test_the_migrations_make_the_tables_that_the_program_knows(database_url: str) -> None:
    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, metadata))

    database = await Database.open(database_url)
    assert await database.look(differences) == []
    await database.close()


async def test_upgrading_does_what_is_pending(bare_url: str) -> None:
    revisions = await migrate.pending(bare_url)
    assert revisions[0] == "0001"
    await migrate.upgrade(bare_url)
    assert await migrate.pending(bare_url) == []
    await migrate.upgrade(bare_url)
    database = await Database.open(bare_url)
    for table in metadata.sorted_tables:
        assert await database.read(table.select()) == []
    await database.close()


async def test_people_from_before_are_nobodys_and_not_silent(bare_url: str) -> None:
    """What the columns of people and files say of rows that are older than they are."""
    await asyncio.to_thread(_upgrade, bare_url, "0007")
    database = await Database.open(bare_url)
    row = {"id": b"s" * 16, "at": 5}
    for statement in (
        "INSERT INTO subscribers (id, language, created_at) VALUES (:id, 'fa', :at)",
        'INSERT INTO addresses (kind, "index", sealed, subscriber, created_at) '
        "VALUES ('msisdn', :id, :id, :id, :at)",
        "INSERT INTO complaints (id, number, subscriber, channel, category, priority, state, opened_at, "
        "deadline, revision) VALUES (:id, '12345674', :id, 'ussd', 'other', 'low', 'open', :at, :at, 1)",
        "INSERT INTO complaint_events (id, complaint, at, author, kind) "
        "VALUES (:id, :id, :at, 'person', 'opened')",
    ):
        await database.transaction(lambda each, said=statement: each.execute(text(said), row))  # type: ignore[misc]
    await database.close()
    await migrate.upgrade(bare_url)
    database = await Database.open(bare_url)
    found = await subscribers.address(database, "msisdn", b"s" * 16)
    assert found is not None
    assert (found.seen_at, found.proved_at, found.owner) == (None, None, None)
    owner = await subscribers.owners(database, [("msisdn", b"s" * 16)])
    assert owner == [subscribers.Owner(b"s" * 16, None)]
    complaint = await complaints.by_number(database, "12345674")
    assert complaint is not None
    assert complaint.party is None
    [event] = await complaints.events(database, complaint.id)
    assert event.file is None
    await database.close()


def _upgrade(url: str, revision: str) -> None:
    """As far as an older version of the program would go."""

    def run(connection: Connection) -> None:
        config = migrate._config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)

    asyncio.run(migrate._with_connection(url, run))


async def test_processes_that_start_at_once_upgrade_once(bare_url: str) -> None:
    program = "import asyncio, sys; from records import migrate; asyncio.run(migrate.upgrade(sys.argv[1]))"
    command = [sys.executable, "-c", program, bare_url]
    running = [await asyncio.create_subprocess_exec(*command) for _ in range(3)]
    assert [await process.wait() for process in running] == [0, 0, 0]
    assert await migrate.pending(bare_url) == []


async def test_a_migration_that_fails_leaves_nothing(bare_url: str) -> None:
    database = await Database.open(bare_url)
    await database.transaction(
        lambda connection: connection.execute(text("CREATE TABLE complaint_events (in_the_way integer)"))
    )
    with pytest.raises(Exception, match="already exists"):
        await migrate.upgrade(bare_url)
    assert (await migrate.pending(bare_url))[0] == "0001"
    await database.transaction(lambda connection: connection.execute(text("DROP TABLE complaint_events")))
    await database.close()
    await migrate.upgrade(bare_url)
    assert await migrate.pending(bare_url) == []


async def test_a_database_newer_than_the_program_is_left_alone(database_url: str) -> None:
    database = await Database.open(database_url)

    async def say(revision: str) -> None:
        statement = text("UPDATE alembic_version SET version_num = :revision")
        await database.transaction(lambda each: each.execute(statement, {"revision": revision}))

    [row] = await database.read(text("SELECT version_num FROM alembic_version"))
    await say("9999")
    assert await migrate.pending(database_url) == []
    await say(row.version_num)
    await database.close()
