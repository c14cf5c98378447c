"""The API as it is wired, with nothing that sends: what is taken over stays in the outbox."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

import settings
from composition.house import House, house
from composition.submitting import Api

Answer = tuple[int, Any]


@dataclass
class Business:
    """Somebody who calls the API with a key."""

    client: TestClient[web.Request, web.Application]
    api: Api
    home: House
    name: str
    token: str
    headers: dict[str, str] = field(default_factory=dict)

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """The status and the JSON of the answer; its headers are kept."""
        sent = {"Authorization": f"Bearer {self.token}"} | headers
        given = (
            {"data": io.BytesIO(body)} if isinstance(body, bytes) else {} if body is None else {"json": body}
        )
        if isinstance(body, bytes):
            sent.setdefault("Content-Type", "application/json")
        async with self.client.request(method, f"/api/v1{path}", headers=sent, **given) as response:
            self.headers = dict(response.headers)
            return response.status, await response.json(content_type=None)

    async def send(self, *messages: dict[str, Any], **headers: str) -> Answer:
        return await self.ask("POST", "/messages", {"messages": list(messages)}, **headers)

    async def key(self, **options: Any) -> Business:
        """The same business with another key."""
        token = await self.api.accounts.issue(self.name, datetime.now(UTC), **options)
        return Business(self.client, self.api, self.home, self.name, token)


def sms(text: str = "سلام", to: str = "09121234567", **more: Any) -> dict[str, Any]:
    return {"channel": "sms", "to": to, "text": text, **more}


@asynccontextmanager
async def opened(folder: Path, **given: str) -> AsyncIterator[Business]:
    """A business with an account and a key that may do all."""
    async with AsyncExitStack() as stack:
        home = await stack.enter_async_context(house(settings.load({"DATA_DIR": str(folder), **given})))
        api = Api.of(home)
        app = web.Application()
        api.add_to(app)
        await stack.enter_async_context(api.at_work())
        client = await stack.enter_async_context(TestClient(TestServer(app)))
        now = datetime.now(UTC)
        await api.accounts.create("shop", ["10004346"], now)
        yield Business(client, api, home, "shop", await api.accounts.issue("shop", now, rate=100_000))


@pytest.fixture
async def business(tmp_path: Path) -> AsyncIterator[Business]:
    async with opened(tmp_path) as business:
        yield business


@pytest.fixture(params=["sqlite", "postgresql"])
def kept_in(request: pytest.FixtureRequest) -> dict[str, str]:
    """The settings of each kind of database."""
    if request.param == "sqlite":
        return {}
    return {"DATABASE_URL": request.getfixturevalue("postgresql_url")}


@pytest.fixture
async def anywhere(kept_in: dict[str, str], tmp_path: Path) -> AsyncIterator[Business]:
    """The same on both databases."""
    async with opened(tmp_path, **kept_in) as business:
        yield business
