"""Browsers that visitors of the web chat want to be told in, in front of a real server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

import settings
from composition.chatting import WebChat
from composition.house import House, house
from composition.sending import dispatching
from records.database import Database
from records.ids import new_id
from records.tables import devices, outbox
from records.unit import Unit
from services import reminding
from services.devices import WEB_CHAT
from services.subscribers import Person
from tests.bot.conftest import Visit
from tests.bot.visiting import Visitor
from tests.dispatch.test_webpush import PEM
from tests.running import Server

Answer = tuple[int, dict[str, Any]]


@pytest.fixture(scope="module")
def chat_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One with a key for Web Push, whose pushes go to the sandbox."""
    folder = tmp_path_factory.mktemp("server")
    file = folder / "vapid.pem"
    file.write_bytes(PEM)
    server = Server(folder, {"WEBPUSH_KEY_FILE": str(file)})
    asyncio.run(server.start())
    yield server
    asyncio.run(server.stop())


def subscription(name: str = "abc") -> dict[str, Any]:
    return {
        "endpoint": f"https://fcm.googleapis.com/fcm/send/{name}",
        "expirationTime": None,
        "keys": {"p256dh": "B" * 87, "auth": "A" * 22},
    }


async def put(visitor: Visitor, what: Any, token: str | None = None, **headers: str) -> Answer:
    proof = visitor.token if token is None else token
    body = what if isinstance(what, bytes) else json.dumps(what).encode()
    async with visitor.http.put(
        f"{visitor.url}/chat/push", data=body, headers={"Authorization": f"Bearer {proof}", **headers}
    ) as response:
        told = response.content_type == "application/json"
        return response.status, await response.json() if told else {}


async def delete(visitor: Visitor, id: str) -> int:
    headers = {"Authorization": f"Bearer {visitor.token}"}
    async with visitor.http.delete(f"{visitor.url}/chat/push/{id}", headers=headers) as response:
        return response.status


async def kept(server: Server) -> set[str]:
    database = await Database.open(f"sqlite:///{server.data}/chapar.sqlite3")
    try:
        return {row[0].hex() for row in await database.read(select(devices.c.id))}
    finally:
        await database.close()


async def test_a_browser_is_kept_and_forgotten(visit: Visit, chat_server: Server) -> None:
    visitor, other = await visit().come(), await visit().come()
    assert len(visitor.welcome["push"]) == 87
    status, made = await put(visitor, subscription())
    assert status == 201
    assert await put(visitor, subscription()) == (201, made), "the same browser is the same"
    assert await delete(other, made["id"]) == 404, "it is not theirs"
    assert made["id"] in await kept(chat_server)
    assert await delete(visitor, made["id"]) == 200
    assert await delete(visitor, made["id"]) == 404
    assert made["id"] not in await kept(chat_server)


async def test_one_browser_is_of_the_visitor_who_uses_it(visit: Visit, chat_server: Server) -> None:
    before, after = await visit().come(), await visit().come()
    _status, made = await put(before, subscription("shared"))
    assert await put(after, subscription("shared")) == (201, made)
    assert await delete(before, made["id"]) == 404
    assert await delete(after, made["id"]) == 200


async def test_who_gives_the_token_up_is_pushed_to_no_more(visit: Visit, chat_server: Server) -> None:
    visitor = await visit().come()
    _status, made = await put(visitor, subscription("given-up"))
    await visitor.send(type="forget")
    await visitor.until(lambda frame: frame["type"] == "gone")
    assert made["id"] not in await kept(chat_server)
    assert (await put(visitor, subscription("given-up")))[0] == 401, "the token is over"


async def test_what_is_not_kept(visit: Visit, chat_server: Server) -> None:
    visitor = await visit().come()
    before = await kept(chat_server)
    for token in (
        "",
        "1.x.y.0.z",
        visitor.token[:-1] + ("A" if visitor.token[-1] != "A" else "B"),
        "x" * 500,
    ):
        assert (await put(visitor, subscription(), token))[0] == 401
    for what in (
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        {"endpoint": "https://x.example"},
        subscription() | {"endpoint": "http://fcm.googleapis.com/x"},
        subscription() | {"endpoint": "https://fcm.googleapis.com/" + "x" * 5_000},
    ):
        assert await put(visitor, what) == (422, {"reason": "subscription"})
    assert (await put(visitor, subscription(), Origin="https://evil.example"))[0] == 403
    assert await kept(chat_server) == before


async def test_the_worker_may_stand_beside_the_page_and_nothing_else(visit: Visit) -> None:
    visitor = visit()
    async with visitor.http.get(f"{visitor.url}/chat/worker.js") as response:
        assert response.status == 200
        assert response.headers["Service-Worker-Allowed"] == "/chat"
        assert response.headers["Content-Type"].startswith("text/javascript")
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        worker = await response.text()
    # It asks for nothing: what it opens and shows is on this host.
    assert "fetch(" not in worker
    assert "http" not in worker


async def test_without_a_key_there_is_no_push(tmp_path: Path, visit_at: Any) -> None:
    async with Server(tmp_path) as server:
        visitor = await visit_at(server).come()
        assert "push" not in visitor.welcome
        assert (await put(visitor, subscription()))[0] == 404
        async with visitor.http.get(f"{server.url}/chat/worker.js") as response:
            assert response.status == 404


async def test_who_is_away_is_told_as_it_is_wired(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the process that holds the sockets, while it is at work; through the sandbox, which takes it."""
    monkeypatch.setattr(reminding, "UNREAD", timedelta(0))
    monkeypatch.setattr(reminding, "EVERY", 0.05)
    file = tmp_path / "vapid.pem"
    file.write_bytes(PEM)
    given = {"DATA_DIR": str(tmp_path), "WEBPUSH_KEY_FILE": str(file)}
    async with house(settings.load(given)) as home:
        chat = WebChat.of(home)
        assert chat is not None
        name = json.dumps(subscription())
        await chat.devices.register(
            WEB_CHAT, "webpush", name, kind="webchat", person="visitor", now=datetime.now(UTC)
        )
        await _spoken_to(home)
        async with chat.at_work(), dispatching(home), asyncio.timeout(30):
            pushes = select(outbox.c.status).where(outbox.c.channel == "push")
            while [row[0] for row in await home.database.read(pushes)] != ["delivered"]:
                await asyncio.sleep(0.05)


async def _spoken_to(home: House) -> None:
    """An operator said something to the visitor."""
    unit, now = Unit(), datetime.now(UTC)
    found = await home.services.subscribers.find_or_create(
        unit, now=now, kind="webchat", address="visitor", language="fa", by=None
    )
    party = home.vault.index("webchat", "visitor")
    person = Person(found.id, "visitor", party, "fa", "webchat", new_id(now))
    waiting = await home.services.handover.request(
        unit, person, now=now, topic="support", live=True, route="webchat"
    )
    assert waiting is not None
    await home.committer.commit(unit)
    desk = home.services.handover_desk
    await desk.accept(waiting.thread, operator="sara", now=now)
    await desk.say(waiting.thread, operator="sara", text="سلام", now=now, key=b"k" * 16)
