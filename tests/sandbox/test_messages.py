"""``/sandbox/messages`` on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import update

import sandbox
from records.committer import Committer
from records.database import Database
from records.keyring import Keyring
from records.outbox import queue
from records.tables import outbox
from records.unit import Unit
from records.vault import Vault
from web.access import LOOPBACK, rule_of, unguarded_routes

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
Client = TestClient[web.Request, web.Application]


@pytest.fixture
def app(database: Database, vault: Vault) -> web.Application:
    app = web.Application()
    app.add_routes(sandbox.routes(database, vault))
    return app


@pytest.fixture
async def client(app: web.Application) -> AsyncIterator[Client]:
    async with TestClient(TestServer(app)) as client:
        yield client


class Post:
    def __init__(self, committer: Committer, vault: Vault) -> None:
        self.committer = committer
        self.vault = vault
        self.now = NOW

    async def add(self, to: str = "+989121234567", channel: str = "sms", body: str = "سلام") -> str:
        unit = Unit()
        kind = "email" if "@" in to else "msisdn"
        self.now += timedelta(seconds=1)
        tracking = queue(
            unit,
            self.vault,
            now=self.now,
            channel=channel,
            klass="service",
            kind=kind,
            to=to,
            subject="موضوع" if kind == "email" else "",
            body=body,
            lifetime=timedelta(hours=1),
        )
        await self.committer.commit(unit)
        return tracking


@pytest.fixture
def post(committer: Committer, vault: Vault) -> Post:
    return Post(committer, vault)


async def listed(client: Client, **query: str) -> tuple[list[Any], str]:
    response = await client.get("/sandbox/messages", params=query)
    assert response.status == 200
    found = await response.json()
    return found["messages"], found["cursor"]


async def test_the_newest_first_with_all_that_a_newcomer_wants(client: Client, post: Post) -> None:
    first = await post.add(body="کد ۱۲۳۴۵۶")
    second = await post.add("a@example.ir", "email")
    messages, _cursor = await listed(client)
    assert [message["tracking"] for message in messages] == [second, first]
    assert messages[1] == {
        "tracking": first,
        "channel": "sms",
        "class": "service",
        "to": "+989121234567",
        "subject": "",
        "body": "کد ۱۲۳۴۵۶",
        "status": "queued",
        "created": "2026-11-23T08:00:01.000Z",
        "sent": None,
    }


@pytest.mark.parametrize(
    "to", ["+989121234567", " 989121234567", "09121234567", "9121234567", "۰۹۱۲ ۱۲۳ ۴۵۶۷", "00989121234567"]
)
async def test_a_number_in_any_form(client: Client, post: Post, to: str) -> None:
    mine = await post.add()
    await post.add("+989351112233")
    messages, _cursor = await listed(client, to=to)
    assert [message["tracking"] for message in messages] == [mine]


async def test_an_e_mail_address(client: Client, post: Post) -> None:
    await post.add()
    mine = await post.add("a@example.ir", "email")
    messages, _cursor = await listed(client, to="a@example.ir")
    assert [message["tracking"] for message in messages] == [mine]


async def test_only_what_is_newer(client: Client, post: Post) -> None:
    await post.add()
    _messages, cursor = await listed(client)
    assert await listed(client, after=cursor) == ([], cursor)
    newer = await post.add()
    messages, later = await listed(client, after=cursor)
    assert [message["tracking"] for message in messages] == [newer]
    assert later != cursor


async def test_no_more_than_asked(client: Client, post: Post) -> None:
    for _ in range(5):
        await post.add()
    assert len((await listed(client, limit="2"))[0]) == 2


@pytest.mark.parametrize(
    "query",
    [{"to": "nobody"}, {"after": "x"}, {"after": "00"}, {"limit": "0"}, {"limit": "201"}, {"limit": "-1"}],
)
async def test_what_cannot_be_asked(client: Client, query: dict[str, str]) -> None:
    response = await client.get("/sandbox/messages", params=query)
    assert response.status == 400
    assert (await response.text()).startswith(next(iter(query)))


async def test_what_did_not_change_is_not_sent_again(client: Client, database: Database, post: Post) -> None:
    tracking = await post.add()
    first = await client.get("/sandbox/messages")
    tag = {"If-None-Match": first.headers["ETag"]}
    assert (await client.get("/sandbox/messages", headers=tag)).status == 304
    await database.transaction(
        lambda connection: connection.execute(
            update(outbox).where(outbox.c.tracking == tracking).values(status="delivered")
        )
    )
    assert (await client.get("/sandbox/messages", headers=tag)).status == 200


async def test_what_others_carry_is_not_shown(
    database: Database, vault: Vault, post: Post, client: Client
) -> None:
    carried = await post.add()
    await database.transaction(
        lambda connection: connection.execute(
            update(outbox).where(outbox.c.tracking == carried).values(provider="kavenegar")
        )
    )
    call = await post.add(channel="voice")
    assert [message["tracking"] for message in (await listed(client))[0]] == [call]
    app = web.Application()
    app.add_routes(sandbox.routes(database, vault, ["email"]))
    async with TestClient(TestServer(app)) as other:
        assert await listed(other) == ([], "")


async def test_a_message_whose_key_is_gone(database: Database, post: Post) -> None:
    tracking = await post.add()
    app = web.Application()
    app.add_routes(sandbox.routes(database, Vault(Keyring.new())))
    async with TestClient(TestServer(app)) as client:
        ((message,), _cursor) = await listed(client)
    assert (message["tracking"], message["body"]) == (tracking, "")


def test_every_route_is_for_this_machine_alone(app: web.Application) -> None:
    assert unguarded_routes(app) == []
    assert {rule_of(route) for route in app.router.routes()} == {LOOPBACK}


async def test_another_site_may_not_read_it(client: Client) -> None:
    response = await client.get("/sandbox/messages", headers={"Origin": "https://evil.example"})
    assert response.status == 403
    response = await client.get("/", headers={"Host": "evil.example"})
    assert response.status == 403
