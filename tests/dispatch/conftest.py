from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer

from records.committer import Committer
from records.database import Database
from records.vault import Vault
from tests.dispatch.outbox import Clock, Outbox
from tests.dispatch.vendors import Vendor


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def outbox(database: Database, committer: Committer, vault: Vault, clock: Clock) -> Outbox:
    return Outbox(database, committer, vault, clock)


@pytest.fixture
async def vendor() -> AsyncIterator[Vendor]:
    vendor = Vendor()
    async with TestServer(vendor.app()) as server:
        vendor.url = str(server.make_url("")).rstrip("/")
        yield vendor


@pytest.fixture
async def http() -> AsyncIterator[ClientSession]:
    async with ClientSession() as session:
        yield session
