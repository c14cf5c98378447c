"""Three dispatchers of the product at work: one is killed in the middle of a batch, Redis
dies under the rate that they share, the database freezes. Every message has one end afterwards."""

from __future__ import annotations

import asyncio
import json
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from sqlalchemy import Connection, select

from records.committer import Committer
from records.database import Database
from records.keyring import Keyring
from records.outbox import queue
from records.tables import attempts, outbox
from records.unit import Unit
from records.vault import Vault
from tests import servers
from tests.running import KEYS, Server, within

# Each of these wants the machine for itself.
pytestmark = pytest.mark.xdist_group("faults")

MESSAGES = 450
ENDED = ("sent", "delivered", "failed")


@dataclass
class Vendor:
    """A vendor that takes its time. ``got``: what people got, by number; ``known``: Kavenegar's ids by our
    numbers of messages. ``found``: how many were asked back and there."""

    got: Counter[str] = field(default_factory=Counter)
    known: dict[int, int] = field(default_factory=dict)
    found: int = 0

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/v1/k/sms/sendarray.json", self.send_together)
        app.router.add_post("/v1/k/sms/send.json", self.send_alone)
        app.router.add_post("/v1/k/sms/statuslocalmessageid.json", self.find)
        app.router.add_post("/v1/k/sms/status.json", self.status)
        app.router.add_post("/v1/send/likeToLike", self.send_pack)
        app.router.add_post("/v1/send/bulk", self.send_pack)
        app.router.add_get("/{path:.*}", self.nothing)
        return app

    async def send_together(self, request: web.Request) -> web.Response:
        form = await request.post()
        numbers, ours = (json.loads(str(form[name])) for name in ("receptor", "localmessageids"))
        return await self._taken(list(zip(ours, numbers, strict=True)))

    async def send_alone(self, request: web.Request) -> web.Response:
        form = await request.post()
        return await self._taken([(int(str(form["localid"])), str(form["receptor"]))])

    async def _taken(self, messages: list[tuple[int, str]]) -> web.Response:
        await asyncio.sleep(0.05)
        for ours, number in messages:
            if ours not in self.known:
                self.known[ours] = len(self.known) + 1
                self.got[number] += 1
        await asyncio.sleep(0.1)
        return self._told(
            [{"messageid": self.known[ours], "status": 1, "receptor": number} for ours, number in messages]
        )

    async def find(self, request: web.Request) -> web.Response:
        asked = [int(ours) for ours in str((await request.post())["localid"]).split(",")]
        self.found += sum(ours in self.known for ours in asked)
        return self._told(
            [
                {
                    "localid": ours,
                    "messageid": self.known.get(ours, 0),
                    "status": 4 if ours in self.known else 100,
                }
                for ours in asked
            ]
        )

    async def status(self, request: web.Request) -> web.Response:
        asked = str((await request.post())["messageid"]).split(",")
        return self._told([{"messageid": int(id), "status": 10} for id in asked])

    def _told(self, entries: list[dict[str, object]]) -> web.Response:
        return web.json_response({"return": {"status": 200, "message": ""}, "entries": entries})

    async def send_pack(self, request: web.Request) -> web.Response:
        """SMS.ir, which knows no name of ours."""
        numbers = (await request.json())["mobiles"]
        await asyncio.sleep(0.05)
        self.got.update(numbers)
        await asyncio.sleep(0.1)
        ids = list(range(1, len(numbers) + 1))
        pack = f"p{sum(self.got.values())}"
        return web.json_response({"status": 1, "data": {"packId": pack, "messageIds": ids, "cost": 1}})

    async def nothing(self, request: web.Request) -> web.Response:
        return web.json_response({"status": 1, "data": []})


VENDORS = {
    "kavenegar": {"KAVENEGAR_KEY": "k", "KAVENEGAR_SENDER": "10004346"},
    "smsir": {"SMSIR_KEY": "k", "SMSIR_SENDER": "30004505"},
}


def klass(number: int) -> str:
    return "service" if number % 3 else "bulk"


async def queued(database: Database, numbers: range) -> None:
    vault = Vault(Keyring.parse(KEYS))
    async with Committer(database) as committer:
        unit, now = Unit(), datetime.now(UTC)
        for number in numbers:
            queue(
                unit,
                vault,
                now=now,
                channel="sms",
                klass=klass(number),
                kind="msisdn",
                to=f"+98912{number:07}",
                body=f"{number}",
                lifetime=timedelta(hours=1),
            )
        await committer.commit(unit)


@asynccontextmanager
async def dispatchers(settings: dict[str, str], server: Server) -> AsyncIterator[list[Server]]:
    three = [Server(server.folder.with_name(name), settings, ("dispatch",)) for name in ("a", "b", "c")]
    async with AsyncExitStack() as stack:
        await asyncio.gather(*(stack.enter_async_context(each) for each in three))
        yield three


async def by_status(database: Database) -> Counter[str]:
    return Counter(row.status for row in await database.read(select(outbox.c.status)))


async def until_only_the_dead_hold(database: Database) -> None:
    """Until whatever is not ended has stood claimed for a while: nobody alive works it."""
    quiet, before = 0, Counter[str]()
    while quiet < 20:
        await asyncio.sleep(0.1)
        now = await by_status(database)
        quiet = quiet + 1 if now == before and not now["queued"] else 0
        before = now


def lapse(connection: Connection) -> None:
    """As if a minute had passed."""
    connection.exec_driver_sql("UPDATE outbox SET lease_until = 0 WHERE status = 'claimed'")


@pytest.mark.parametrize("vendor_name", VENDORS)
@within(150)
async def test_one_is_killed_redis_dies_and_the_database_freezes(
    beyond_default: list[Server],
    postgresql: servers.PostgreSQL,
    redis: servers.Redis,
    vendor_name: str,
) -> None:
    server, vendor = beyond_default[0], Vendor()
    routes = server.folder.with_name("routes.yaml")
    routes.write_text(
        f"sms:\n  - providers: {{{vendor_name}: 1}}\nproviders:\n  {vendor_name}: {{rate: 300}}\n", "utf-8"
    )
    database = await Database.open(server.database_url)
    async with TestServer(vendor.app()) as at:
        settings = server.settings | VENDORS[vendor_name] | {
            f"{vendor_name.upper()}_URL": str(at.make_url("")).rstrip("/"),
            "ROUTES_FILE": str(routes),
            "ADVERTISING_CONSENT": "no",
            "ADVERTISING_HOURS": "00:00-24:00",
        }  # fmt: skip
        async with dispatchers(settings, server) as three:
            for other in three[1:]:  # So that the first one has something in its hands.
                other.signal(signal.SIGSTOP)
            await queued(database, range(MESSAGES // 2))
            while not any(klass(int(number[-7:])) == "service" for number in vendor.got):
                await asyncio.sleep(0.005)
            three[0].kill()  # What was taken just now is not answered yet.
            for other in three[1:]:
                other.signal(signal.SIGCONT)
            await queued(database, range(MESSAGES // 2, MESSAGES))
            await asyncio.to_thread(redis.kill)
            await asyncio.sleep(0.5)
            postgresql.freeze()
            try:
                await asyncio.sleep(2)
            finally:
                postgresql.thaw()
            await asyncio.to_thread(redis.start)
            await until_only_the_dead_hold(database)
            await database.transaction(lapse)
            while any(status not in ENDED for status in await by_status(database)):
                await asyncio.sleep(0.1)
            assert await three[1].stop() == await three[2].stop() == 0
        for each in three[1:]:
            assert "Traceback" not in each.log.read_text()

    rows = {row.id: row for row in await database.read(select(outbox))}
    said = await database.read(
        select(attempts.c.message, attempts.c.status).where(attempts.c.kind == "attempt")
    )
    went = Counter(message for message, status in said if status == "sent")
    assert len(rows) == MESSAGES
    assert set(went) == {id for id, row in rows.items() if row.status != "failed"}
    assert set(went.values()) == {1}, "one attempt that went stands in each story"
    twice = {number: times for number, times in vendor.got.items() if times > 1}
    if vendor_name == "kavenegar":
        assert not twice
        assert vendor.found, "what the dead one handed over was asked back"
        assert len(vendor.got) == len(rows)
        assert not any(row.status == "failed" for row in rows.values())
    else:
        # What was claimed by the dead one, or broke off with the database: a second attempt is counted.
        again = Counter(
            row["class"] for row in (each._mapping for each in rows.values()) if row["attempts"] > 1
        )
        assert 0 < len(twice) <= again["service"]
        assert all(times == 2 and klass(int(number[-7:])) == "service" for number, times in twice.items())
        failed = [row for row in rows.values() if row.status == "failed"]
        assert all(row._mapping["class"] == "bulk" for row in failed)
        assert len(vendor.got) + len(failed) >= len(rows)
    await database.close()
