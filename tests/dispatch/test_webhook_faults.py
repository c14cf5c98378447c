"""Servers of businesses that do what servers do: hang, break, lead elsewhere, come back after an hour."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from aiohttp import ClientSession, web

from dispatch.guard import guarded, public_or_own
from dispatch.webhook_batches import PAUSED_AFTER, WAITS
from records import webhook_deliveries, webhooks
from records.committer import Committer
from records.database import Database
from records.keyring import Keyring
from records.tables import webhook_deliveries as table
from records.unit import Unit
from records.vault import Vault
from tests.dispatch.outbox import Clock, until
from tests.dispatch.webhook_shop import Customer, Shop, raw, served
from tests.running import ROOT
from tests.servers import PostgreSQL


def answering(status: int, **head: str) -> Callable[[web.Request], web.Response]:
    return lambda request: web.Response(status=status, headers=head)


async def tried(shop: Shop, attempts: int) -> bool:
    """Whether the one delivery was tried so often, and is at rest."""
    [row] = await shop.rows()
    return row.attempts == attempts and row.lease_owner is None


async def test_a_server_that_answers_500_for_an_hour_is_told_in_the_end(
    shop: Shop, http: ClientSession, clock: Clock
) -> None:
    began = clock()
    customer = Customer(
        lambda request: web.Response(status=500 if clock() < began + timedelta(hours=1) else 200)
    )
    async with served(customer) as url, shop.telling(http):
        id = await shop.webhook(url)
        await shop.owe(id)
        await until(lambda: tried(shop, 1))
        [row] = await shop.rows()
        assert (row.status, row.problem, row.answered) == ("waiting", "status", 500)
        assert timedelta(seconds=4) <= row.due_at - clock() <= timedelta(seconds=6)
        assert (await shop.place(id)).failing_since == began
        for attempts in range(2, 8):
            clock.forward(1.25 * WAITS[attempts - 2])
            await until(lambda attempts=attempts: tried(shop, attempts))  # type: ignore[misc]
            if await shop.told(1):
                break
    [row] = await shop.rows("delivered")
    assert clock() > began + timedelta(hours=1)
    assert (row.answered, row.problem, row.attempts) == (200, None, len(customer.ids))
    assert len(set(customer.ids)) == 1, "its id is the same each time"
    stamps = [int(head["webhook-timestamp"]) for head, _body in customer.posted]
    assert stamps == sorted(set(stamps)), "and the time is that of the try"
    assert (await shop.place(id)).failing_since is None


async def test_it_is_given_up_after_a_day_and_can_be_told_again(
    shop: Shop, http: ClientSession, clock: Clock
) -> None:
    customer = Customer(answering(503))
    async with served(customer) as url, shop.telling(http):
        id = await shop.webhook(url)
        await shop.owe(id)
        for attempts, wait in enumerate([0, *WAITS], 1):
            clock.forward(0.8 * wait)  # Not so long that the whole is paused.
            unit = Unit()
            unit.update(table, {"webhook": id}, {"due_at": clock()})
            await shop.committer.commit(unit)
            await until(lambda attempts=attempts: tried(shop, attempts))  # type: ignore[misc]
        [row] = await shop.rows()
        assert (row.status, row.finished_at, row.answered) == ("failed", clock(), 503)
        customer.answer = answering(200)
        assert await webhook_deliveries.replay_failed(shop.database, id, clock(), clock(), 10) == []
        since = clock() - timedelta(days=2)
        assert await webhook_deliveries.replay_failed(shop.database, id, since, clock(), 10) == [row.id]
        await until(lambda: shop.told(1))
        assert await webhook_deliveries.replay(shop.database, id, row.id, clock())
        await until(lambda: tried(shop, 1))
    assert len(set(customer.ids)) == 1
    assert len(customer.ids) == len(WAITS) + 3


async def test_a_server_that_hangs_holds_up_nobody_else(shop: Shop, http: ClientSession) -> None:
    hanging, quick = Customer(), Customer()
    hanging.open.clear()
    async with served(hanging) as url, served(quick) as url2:
        slow, fast = await shop.webhook(url), await shop.webhook(url2)
        await shop.owe(slow, 500)
        async with shop.telling(http):
            await hanging.entered.wait()
            await shop.owe(fast, 100)
            await until(lambda: shop.told(100))
            assert len(hanging.posted) <= 4, "few at once"
            assert {row.webhook for row in await shop.rows("delivered")} == {fast}
            hanging.open.set()
            await until(lambda: shop.told(600))


async def test_a_server_that_hangs_for_long_is_tried_with_one_request_at_a_time(
    shop: Shop, http: ClientSession, clock: Clock
) -> None:
    hanging = Customer()
    hanging.open.clear()

    async def all_failed() -> bool:
        rows = await shop.rows()
        return {row.problem for row in rows} == {"time"} and not any(row.lease_owner for row in rows)

    async with served(hanging) as url:
        id = await shop.webhook(url)
        await shop.owe(id, 8)
        async with shop.telling(http, seconds=0.2):
            await until(all_failed)
            hanging.open.set()
            clock.forward(10)
            await until(lambda: shop.told(8))
    assert {row.attempts for row in await shop.rows()} == {2}


async def test_a_redirection_is_not_followed(shop: Shop, http: ClientSession) -> None:
    inside = Customer()
    async with served(inside) as private:
        for status in (301, 302, 303, 307, 308):
            customer = Customer(answering(status, Location=private))
            async with served(customer) as url, shop.telling(http):
                before = len(await shop.rows())
                await shop.owe(await shop.webhook(url))
                await until(lambda before=before: failed(shop, before + 1))  # type: ignore[misc]
    assert inside.posted == []
    assert {(row.problem, row.answered) for row in await shop.rows()} == {
        ("redirect", status) for status in (301, 302, 303, 307, 308)
    }


async def failed(shop: Shop, how_many: int) -> bool:
    return len([row for row in await shop.rows() if row.problem]) == how_many


async def test_private_addresses_are_refused_when_the_connection_is_made(shop: Shop) -> None:
    inside = Customer()
    async with served(inside) as url, guarded() as http, shop.telling(http):
        port = url.rsplit(":", 1)[1].partition("/")[0]
        hosts = (
            "127.0.0.1",
            "localhost",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "10.0.0.1",
            "100.64.0.1",
            "2130706433",
        )
        for host in hosts:
            await shop.owe(await shop.webhook(f"http://{host}:{port}/x"))
        await until(lambda: failed(shop, len(hosts)))
    assert {row.problem for row in await shop.rows()} == {"address"}
    assert inside.posted == []


async def test_what_is_no_answer_is_a_failure(shop: Shop, http: ClientSession) -> None:
    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while True:
            writer.write(b"s")
            await writer.drain()
            await asyncio.sleep(0.05)

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        return  # The connection is closed.

    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 20")
        await writer.drain()

    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.ir ESMTP\r\n\r\n")
        await writer.drain()

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
        while True:
            writer.write(b"l" * 65_536)
            await writer.drain()

    talks = {trickle: "time", silent: "broken", half: "broken", babble: "broken", endless: "broken"}
    wanted = {}
    for talk, problem in talks.items():
        async with raw(talk) as url, shop.telling(http, seconds=1):
            id = await shop.webhook(url)
            wanted[id] = problem
            await shop.owe(id)
            await until(lambda: failed(shop, len(wanted)))
    async with shop.telling(http):  # Nobody listens there any more.
        nobody = await shop.webhook(url)
        wanted[nobody] = "connection"
        await shop.owe(nobody)
        await until(lambda: failed(shop, len(wanted)))
    assert {row.webhook: row.problem for row in await shop.rows()} == wanted


async def test_a_yes_counts_whatever_its_body_does(shop: Shop, http: ClientSession) -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        while True:
            writer.write(b".")
            await writer.drain()
            await asyncio.sleep(0.05)

    async with raw(drip) as url, shop.telling(http):
        await shop.owe(await shop.webhook(url))
        await until(lambda: shop.told(1))


async def test_a_place_that_fails_for_long_is_paused_and_can_be_resumed(
    shop: Shop, http: ClientSession, clock: Clock
) -> None:
    customer = Customer(answering(500))
    async with served(customer) as url, shop.telling(http):
        id = await shop.webhook(url)
        await shop.owe(id)
        await until(lambda: tried(shop, 1))
        clock.forward(PAUSED_AFTER.total_seconds())
        await until(lambda: tried(shop, 2))
        place = await shop.place(id)
        assert (place.paused_at, place.paused_why) == (clock(), "failing")
        customer.answer = answering(200)
        clock.forward(86_400)
        await shop.owe(id)
        await asyncio.sleep(0.2)
        assert len(customer.ids) == 2, "nothing is tried, and what happens waits"
        unit = Unit()
        values = {"paused_at": None, "paused_why": None, "failing_since": None}
        webhooks.change(unit, place, values)
        await shop.committer.commit(unit)
        await until(lambda: shop.told(2))


async def test_a_place_that_is_gone_is_paused_at_once(shop: Shop, http: ClientSession, clock: Clock) -> None:
    async with served(Customer(answering(410))) as url, shop.telling(http):
        id = await shop.webhook(url)
        await shop.owe(id)
        await until(lambda: tried(shop, 1))
    assert (await shop.place(id)).paused_why == "gone"


async def test_a_server_that_asks_for_time_is_given_it(shop: Shop, http: ClientSession, clock: Clock) -> None:
    async with served(Customer(answering(429, **{"Retry-After": "120"}))) as url, shop.telling(http):
        await shop.owe(await shop.webhook(url))
        await until(lambda: tried(shop, 1))
    [row] = await shop.rows()
    assert row.due_at == clock() + timedelta(seconds=120)


async def test_a_process_that_is_killed_in_the_middle_loses_nothing(
    database_url: str, database: Database, committer: Committer, http: ClientSession, tmp_path: Path
) -> None:
    keys = tmp_path / "keys.json"
    vault = Vault(Keyring.load(keys))
    shop = await Shop(database, committer, vault, lambda: datetime.now(UTC)).open()
    customer = Customer()
    customer.open.clear()
    async with served(customer) as url:
        await shop.owe(await shop.webhook(url), 20)
        victim = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.dispatch.killed_webhooks", database_url, str(keys), cwd=ROOT
        )
        try:
            async with asyncio.timeout(30):
                await customer.entered.wait()
        finally:
            victim.kill()
            await victim.wait()
        cut = set(customer.ids)
        customer.open.set()
        async with shop.telling(http, lease=timedelta(seconds=2)):
            await until(lambda: shop.told(20))
    assert {UUID(id).bytes for id in customer.ids} == {row.id for row in await shop.rows()}
    twice = {id for id in customer.ids if customer.ids.count(id) > 1}
    assert twice <= cut, "only what it was telling is told again, by the same id"


async def test_a_database_that_is_away_for_a_while(
    postgresql: PostgreSQL, postgresql_url: str, vault: Vault, http: ClientSession
) -> None:
    """What was answered while it was away is written once it is back, and not told again."""
    database = await Database.open(postgresql_url)
    customer = Customer()
    customer.open.clear()
    async with Committer(database) as committer, served(customer) as url:
        shop = await Shop(database, committer, vault, lambda: datetime.now(UTC)).open()
        await shop.owe(await shop.webhook(url))
        async with shop.telling(http):
            await customer.entered.wait()
            postgresql.stop()
            try:
                customer.open.set()
                await asyncio.sleep(0.5)
            finally:
                postgresql.start()
            await until(lambda: shop.told(1))
    await database.close()
    assert len(customer.ids) == 1


async def test_a_name_server_that_says_nothing_holds_up_nobody_else(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system's own look-up is replaced: a name server that hangs lies beyond the machine."""
    hang, asked = threading.Event(), threading.Event()
    look = socket.getaddrinfo

    def slow(host: str, *rest: Any, **more: Any) -> Any:
        if host == "slow.example":
            asked.set()
            hang.wait(30)
            raise socket.gaierror(socket.EAI_AGAIN, "nobody says")
        return look(host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    customer = Customer()
    try:
        async with served(customer) as url, guarded(public_or_own) as http, shop.telling(http, seconds=5):
            quick = url.replace("127.0.0.1", "localhost")
            await shop.owe(await shop.webhook("http://slow.example/x"), 20)
            await until(lambda: _set(asked))
            await shop.owe(await shop.webhook(quick), 20)
            await until(lambda: shop.told(20))
            hang.set()
    finally:
        hang.set()
    assert len(set(customer.ids)) == 20


async def _set(event: threading.Event) -> bool:
    return event.is_set()


@pytest.fixture
async def shop(database: Database, committer: Committer, vault: Vault, clock: Clock) -> Shop:
    return await Shop(database, committer, vault, clock).open()
