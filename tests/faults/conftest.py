"""The whole product as processes of their own, on SQLite and on PostgreSQL with Redis."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from aiohttp import ClientSession, ClientTimeout, TCPConnector

from tests import servers
from tests.running import KEYS, SECRET, Server, command


@pytest.fixture
async def http() -> AsyncIterator[ClientSession]:
    async with ClientSession(timeout=ClientTimeout(total=15), connector=TCPConnector(limit=0)) as session:
        yield session


@pytest.fixture(scope="session")
def published(postgresql: servers.PostgreSQL, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a database made ready as an operator does it: migrated, and the flows published."""
    name = postgresql.create()
    settings = {"DATABASE_URL": postgresql.url(name), "KEYS": KEYS}
    for arguments in (["migrate"], ["flows", "publish"]):
        done = command(*arguments, folder=tmp_path_factory.mktemp("operator"), settings=settings)
        assert done.returncode == 0, done.stderr
    return name


@pytest.fixture
def beyond(postgresql: servers.PostgreSQL, published: str, redis: servers.Redis) -> Iterator[dict[str, str]]:
    """The settings of processes on one PostgreSQL and one Redis, with a database of their own."""
    name = f"copy_of_{published}"
    postgresql.sql(f"CREATE DATABASE {name} TEMPLATE {published}")
    yield {
        "DATABASE_URL": postgresql.url(name),
        "REDIS_URL": redis.url,
        "KEYS": KEYS,
        "USSD_AFRICASTALKING_SECRET": SECRET,
    }
    postgresql.drop(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Server:
    """A server that is not started yet."""
    settings = {} if request.param == "sqlite" else request.getfixturevalue("beyond")
    return Server(tmp_path / "one", settings)


@pytest.fixture
def beyond_default(tmp_path: Path, beyond: dict[str, str]) -> list[Server]:
    """Two servers on one PostgreSQL and one Redis, not started yet."""
    return [Server(tmp_path / name, dict(beyond)) for name in ("one", "two")]
