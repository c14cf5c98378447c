"""Real servers that visitors of the web chat come to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from aiohttp import ClientSession, ClientTimeout, TCPConnector

from tests.bot.visiting import Visitor
from tests.faults.conftest import beyond, published
from tests.running import Server

__all__ = ["beyond", "published"]

Visit = Callable[..., Visitor]
VisitAt = Callable[..., Visitor]
OwnServer = Callable[..., Server]


@pytest.fixture
async def http() -> AsyncIterator[ClientSession]:
    async with ClientSession(timeout=ClientTimeout(total=30), connector=TCPConnector(limit=0)) as session:
        yield session


@pytest.fixture(scope="module")
def chat_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for the tests of a module, which are visitors of their own."""
    server = Server(tmp_path_factory.mktemp("server"))
    asyncio.run(server.start())
    yield server
    asyncio.run(server.stop())


@pytest.fixture
async def visit_at(http: ClientSession) -> AsyncIterator[VisitAt]:
    """Makes visitors of a server; their sockets are closed at the end."""
    visitors: list[Visitor] = []

    def made(server: Server, **more: str) -> Visitor:
        visitors.append(Visitor(http, server.url, **more))
        return visitors[-1]

    yield made
    for visitor in visitors:
        await visitor.go()


@pytest.fixture
def visit(visit_at: VisitAt, chat_server: Server) -> Visit:
    """Makes visitors of the module's server."""
    return partial(visit_at, chat_server)


@pytest.fixture
def own_server(tmp_path: Path) -> OwnServer:
    """Makes servers with settings of their own, not started yet."""
    return lambda **settings: Server(tmp_path / "own", settings)


@pytest.fixture
def chats_beyond(tmp_path: Path, beyond: dict[str, str]) -> list[Server]:
    """Two servers on one PostgreSQL and one Redis, with a web chat, not started yet."""
    settings = beyond | {"WEBCHAT": "yes"}
    return [Server(tmp_path / name, dict(settings)) for name in ("one", "two")]
