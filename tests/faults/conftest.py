"""The whole product as processes of their own, on SQLite and on PostgreSQL with Redis."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientSession, ClientTimeout, TCPConnector

from tests import servers
from tests.running import Server

SECRET = "open-sesame"


@pytest.fixture
async def http() -> AsyncIterator[ClientSession]:
    async with ClientSession(timeout=ClientTimeout(total=15), connector=TCPConnector(limit=0)) as session:
        yield session


def beyond(postgresql_url: str, redis: servers.Redis) -> dict[str, str]:
    """The settings of a process on PostgreSQL and Redis."""
    return {
        "DATABASE_URL": postgresql_url,
        "REDIS_URL": redis.url,
        "KEYS": KEYS,
        "USSD_AFRICASTALKING_SECRET": SECRET,
    }


@pytest.fixture(params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Server:
    """A server that is not started yet."""
    if request.param == "sqlite":
        return Server(tmp_path / "one")
    url, redis = request.getfixturevalue("postgresql_url"), request.getfixturevalue("redis")
    return Server(tmp_path / "one", beyond(url, redis))


@pytest.fixture
def beyond_default(tmp_path: Path, postgresql_url: str, redis: servers.Redis) -> list[Server]:
    """Two servers on one PostgreSQL and one Redis, not started yet."""
    settings = beyond(postgresql_url, redis)
    return [Server(tmp_path / name, dict(settings)) for name in ("one", "two")]


KEYS = (
    '{"current": "k1", "keys": {"k1": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}, '
    '"index": "Hx4dHBsaGRgXFhUUExIREA8ODQwLCgkIBwYFBAMCAQA="}'
)
