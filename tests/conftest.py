"""What tests stand on: real databases and a real Redis, each test with an empty one of its own."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import hypothesis
import pytest

from records import migrate
from records.committer import Committer
from records.database import Database
from records.keyring import Keyring
from records.vault import Vault
from tests import servers

# Machines that run tests are slow at times; how long an example takes is no finding.
# CI tries the same examples each time; whoever runs the tests by hand tries new ones.
hypothesis.settings.register_profile("chapar", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True)
hypothesis.settings.load_profile("ci" if "CI" in os.environ else "chapar")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[servers.PostgreSQL]:
    """The server. Who stops or freezes it starts it again."""
    server = servers.PostgreSQL()
    try:
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def postgresql_migrated(postgresql: servers.PostgreSQL) -> str:
    """The name of a migrated database."""
    name = postgresql.create()
    asyncio.run(migrate.upgrade(postgresql.url(name)))
    return name


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "chapar.db"
    asyncio.run(migrate.upgrade(f"sqlite:///{path}"))
    return path


@pytest.fixture
def postgresql_url(postgresql: servers.PostgreSQL, postgresql_migrated: str) -> str:
    """A migrated, empty PostgreSQL database: the same one for each test, which is much quicker to empty than
    to make."""
    postgresql.empty(postgresql_migrated)
    return postgresql.url(postgresql_migrated)


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """A migrated, empty SQLite database."""
    path = tmp_path / "chapar.db"
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A migrated, empty database: the test runs once on each kind."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = await Database.open(database_url)
    yield database
    await database.close()


@pytest.fixture
async def committer(database: Database) -> AsyncIterator[Committer]:
    async with Committer(database) as committer:
        yield committer


@pytest.fixture
def vault() -> Vault:
    return Vault(Keyring.new())


@pytest.fixture(scope="session")
def redis_server() -> Iterator[servers.Redis]:
    server = servers.Redis()
    try:
        yield server
    finally:
        server.remove()


@pytest.fixture
def redis(redis_server: servers.Redis) -> servers.Redis:
    """An empty Redis, running. Tests may kill, freeze and start it."""
    if not redis_server.alive():
        redis_server.start()
    redis_server.empty()
    return redis_server
