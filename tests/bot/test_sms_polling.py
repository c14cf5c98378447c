"""Messages that wait at Kavenegar: fetched, stored, answered; whatever goes wrong in between."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import ClientSession, web
from sqlalchemy import select

from bot import sms_polling
from bot.sms_intake import Intake, read
from bot.sms_kavenegar import Received
from dispatch.errors import Ambiguous, Misconfigured
from dispatch.providers.sms.kavenegar_api import Api
from records.committer import Committer
from records.database import Database
from records.keyring import Keyring
from records.tables import inbox, leases, turns
from records.vault import Vault
from tests.bot.sms_exchange import Exchange, exchange
from tests.bot.sms_people import LINE, Texter, count, new_id, records, worked
from tests.running import KEYS, Server, within
from tests.servers import PostgreSQL

RECORDED = Path(__file__).parent / "recorded" / "kavenegar_receive.json"
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MENU = "چاپار\n1 "


@pytest.fixture
async def net() -> AsyncIterator[Exchange]:
    async with exchange() as made:
        yield made


def polling(net: Exchange, key: str = "key", **more: str) -> dict[str, str]:
    return {
        "KAVENEGAR_KEY": key,
        "KAVENEGAR_URL": net.url,
        "SMS_LINES": LINE,
        "SMS_INBOUND_EVERY": "0.2",
        **more,
    }


def now() -> int:
    return int(time.time())


# The wire.


async def test_a_recorded_reply(net: Exchange, http: ClientSession) -> None:
    net.waiting[LINE] = json.loads(RECORDED.read_text())["entries"]
    found = await Received(Api(http, "key", net.url)).fetch(LINE, NOW)
    assert [(each.id, each.sender, each.text) for each in found] == [
        ("kavenegar:35850015", "09121234567", "شكايت"),
        ("kavenegar:35850016", "09121234567", "2"),
        ("kavenegar:35850017", "BANK MELLI", "مشتری گرامی، کد شما ۱۲۳۴ است.\nلغو۱۱"),
        ("kavenegar:35850018", "9351112233", ""),
        ("kavenegar:35850019", "00989351112244", 'سلام 👋 "خوبی"؟'),
    ], "the earliest first"
    assert {each.line for each in found} == {LINE}
    assert found[0].received == datetime.fromtimestamp(1_795_420_800, UTC)
    assert json.loads(found[0].raw)["message"] == "شكايت", "as it came"
    assert net.asked == [("key", "sms/receive", {"linenumber": LINE, "isread": "0"})]
    assert await Received(Api(http, "key", net.url)).fetch(LINE, NOW) == []


@pytest.mark.parametrize(
    "entry",
    [
        "text",
        None,
        [],
        {},
        {"messageid": "x", "sender": "09121234567"},
        {"messageid": 1},
        {"messageid": 1, "sender": 5, "message": "x"},
        {"messageid": 1, "sender": "09121234567", "message": "x", "date": 10**18},
        {"messageid": 1, "sender": "09121234567", "message": "x", "date": "yesterday"},
    ],
)
async def test_an_entry_that_cannot_be_read_is_kept_and_the_others_are_read(
    net: Exchange, http: ClientSession, entry: object
) -> None:
    net.waiting[LINE] = [entry]
    net.put(LINE, "09121234567", "سلام", 1_795_420_800, "7")
    found = await Received(Api(http, "key", net.url)).fetch(LINE, NOW)
    [odd] = [each for each in found if each.text != "سلام"]
    assert (odd.sender, odd.received, json.loads(odd.raw)) == ("", NOW, entry)
    assert odd.id.startswith("kavenegar:?")
    assert [each.id for each in found if each is not odd] == ["kavenegar:7"]


async def test_replies_that_are_none(net: Exchange, http: ClientSession) -> None:
    source = Received(Api(http, "secret-key", net.url))
    answers = [
        (web.Response(status=502, text="<html>Bad gateway</html>"), Ambiguous),
        (web.json_response({"entries": []}), Ambiguous),
        (web.json_response({"return": {"status": 200}, "entries": "x"}), Ambiguous),
        (web.json_response({"return": {"status": 403, "message": "secret-key"}}, status=403), Misconfigured),
    ]
    for answer, expected in answers:

        async def say(_key: str, _method: str, answer: web.Response = answer) -> web.Response:
            return answer

        net.before = say
        with pytest.raises(expected) as raised:
            await source.fetch(LINE, NOW)
        assert "secret-key" not in str(raised.value)
    net.before = None

    async def nothing(_key: str, _method: str) -> web.Response:
        return web.json_response({"return": {"status": 200, "message": ""}, "entries": None})

    net.before = nothing
    assert await source.fetch(LINE, NOW) == []


# The poller, with the records behind it.


class Inbox:
    """Takes messages in, and nothing more: nobody works them here."""

    def __init__(self, database: Database, committer: Committer) -> None:
        self.database = database
        self.vault = Vault(Keyring.new())
        self.accept = Intake(
            database=database,
            committer=committer,
            vault=self.vault,
            clock=lambda: datetime.now(UTC),
            wake=asyncio.Event(),
        ).accept

    async def ids(self) -> list[str]:
        """Kavenegar's numbers of what was taken, in its order."""
        rows = await self.database.read(select(inbox.c.id, inbox.c.sealed).order_by(inbox.c.id))
        found = [read(self.vault.open(row.sealed, b"inbox" + row.id)) for row in rows]
        return [sms.id.removeprefix("kavenegar:") for sms in found]

    async def has(self, count: int) -> None:
        """Waits until so many were taken."""
        while len(await self.ids()) < count:
            await asyncio.sleep(0.02)


@pytest.fixture
async def taken(database: Database, committer: Committer) -> Inbox:
    return Inbox(database, committer)


def poller(
    net: Exchange, http: ClientSession, taken: Inbox, lines: tuple[str, ...] = (LINE,)
) -> sms_polling.Poller:
    return sms_polling.Poller(
        Received(Api(http, "key", net.url)),
        taken,
        lines,
        database=taken.database,
        clock=lambda: datetime.now(UTC),
        every=0.05,
    )


async def lease_names(database: Database) -> list[str]:
    return [row.name for row in await database.read(select(leases.c.name).order_by(leases.c.name))]


@within(30)
async def test_all_that_waits_is_fetched_and_each_line_is_asked(
    net: Exchange, http: ClientSession, taken: Inbox
) -> None:
    for number in range(250):
        net.put(LINE, "09121234567", "x", 1_795_420_800 + number, str(number))
    net.put("30002225", "09121234567", "x", 1_795_420_800, "900")
    working = poller(net, http, taken, (LINE, "30002225"))
    running = asyncio.create_task(working.run())
    await taken.has(251)
    assert [id for id in await taken.ids() if id != "900"] == [str(number) for number in range(250)]
    assert await lease_names(taken.database) == [f"sms-{LINE}", "sms-30002225"]
    await working.stop(running)
    assert await lease_names(taken.database) == [], "given back: nothing is in doubt"
    assert "1" not in net.fetched()


@within(60)
async def test_what_was_fetched_is_stored_however_long_the_database_is_away(
    net: Exchange, http: ClientSession, postgresql: PostgreSQL, postgresql_url: str
) -> None:
    database = await Database.open(postgresql_url)
    net.put(LINE, "09121234567", "x", now(), "1")
    stopped = asyncio.Event()

    async def stop(_key: str, _method: str) -> None:
        # The messages are marked as read by now, and on their way.
        if not stopped.is_set():
            await asyncio.to_thread(postgresql.stop)
            stopped.set()

    net.before = stop
    async with Committer(database) as committer:
        taken = Inbox(database, committer)
        working = poller(net, http, taken)
        running = asyncio.create_task(working.run())
        try:
            await stopped.wait()
            asked = len(net.asked)
            await asyncio.sleep(0.5)
            assert len(net.asked) == asked, "nothing more is asked for meanwhile"
        finally:
            await asyncio.to_thread(postgresql.start)
        await taken.has(1)
        await working.stop(running)
        assert await taken.ids() == ["1"]
    await database.close()


@within(30)
async def test_a_reply_that_did_not_arrive_is_fetched_again(
    net: Exchange, http: ClientSession, taken: Inbox
) -> None:
    net.put(LINE, "09121234567", "old", now() - 3 * 3_600, "1")
    net.read[LINE], net.waiting[LINE] = net.waiting[LINE], []  # Somebody read it in the panel.
    net.put(LINE, "09121234567", "new", now(), "2")
    lost = iter([web.Response(status=502, text="<html>"), *([None] * 1_000)])

    async def lose(_key: str, _method: str) -> web.Response | None:
        return next(lost)

    net.before = lose
    working = poller(net, http, taken)
    running = asyncio.create_task(working.run())
    await taken.has(1)
    while len(net.fetched()) < 4:
        await asyncio.sleep(0.01)
    await working.stop(running)
    assert await taken.ids() == ["2"]
    assert net.fetched()[:4] == ["0", "1", "0", "0"]


@within(30)
async def test_a_refusal_is_not_repeated_at_once(net: Exchange, http: ClientSession, taken: Inbox) -> None:
    async def refuse(_key: str, _method: str) -> web.Response:
        return web.json_response({"return": {"status": 418, "message": "credit"}}, status=418)

    net.before = refuse
    working = poller(net, http, taken)
    running = asyncio.create_task(working.run())
    while not net.asked:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.3)
    assert len(net.asked) == 1
    await working.stop(running)


# The whole.


@within(60)
async def test_people_are_answered_once_by_polling_and_by_callback(
    net: Exchange, http: ClientSession, tmp_path: Path
) -> None:
    async with Server(tmp_path, polling(net)) as server, records(server) as database:
        sara, id = Texter(http, server.url), new_id()
        net.put(LINE, "09121234567", "سلام", now(), id)
        assert (await sara.answers())[0].startswith(MENU)
        assert await sara.send("سلام", id) == 200, "the callback of the same message"
        assert "پیام مزاحم" in await sara.say("شکایت")
        net.put(LINE, "989121234567", "2", now(), id2 := new_id())
        assert "در یک پیام" in (await sara.answers())[0]
        net.waiting[LINE] = [*net.read[LINE]]  # They come once more, as if nobody had read them.
        while net.waiting[LINE]:
            await asyncio.sleep(0.02)
        assert await sara.send("2", id2) == 200
        assert await worked(database) == ["answered"] * 3
        assert len(await sara.messages()) == 3
        assert await count(database, turns) == 3
        assert await server.stop() == 0


@within(120)
async def test_two_processes_share_the_polling_and_one_takes_over(
    net: Exchange, http: ClientSession, tmp_path: Path, beyond: dict[str, str]
) -> None:
    """The one that polls is killed while a reply is on its way to it: what was marked as read is answered."""
    assert beyond["KEYS"] == KEYS
    settings = {**beyond, "DISPATCH_IN_SERVE": "yes"}
    servers = {key: Server(tmp_path / key, {**settings, **polling(net, key)}) for key in ("one", "two")}
    async with servers["one"], servers["two"], records(servers["one"]) as database:
        sara = Texter(http, servers["two"].url)
        net.put(LINE, "09121234567", "سلام", now())
        while await worked(database) != ["answered"]:
            await asyncio.sleep(0.05)
        [holder] = {key for key in servers if net.fetched(key)}
        other = "two" if holder == "one" else "one"
        sara.url = servers[other].url
        assert (await sara.answers())[0].startswith(MENU)
        lost = asyncio.Event()

        async def swallow(key: str, _method: str) -> web.Response | None:
            if key == holder:
                lost.set()
                await asyncio.sleep(30)
            return None

        net.before = swallow
        net.put(LINE, "09121234567", "شکایت", now())
        await lost.wait()
        while net.waiting[LINE]:
            await asyncio.sleep(0.02)
        servers[holder].kill()
        assert not net.fetched(other), "it waits for the lease"
        assert "پیام مزاحم" in (await sara.answers())[0]
        assert net.fetched(other)[0] == "1", "what was fetched last is fetched again"
        rows = await database.read(select(inbox.c.outcome))
        assert [row.outcome for row in rows] == ["answered"] * 2
        assert len(await sara.messages()) == 2
        assert await servers[other].stop() == 0
