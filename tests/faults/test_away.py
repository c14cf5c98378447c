"""What the service stands on goes away: people get a clear screen, and nothing is half done."""

from __future__ import annotations

import asyncio
import resource
from pathlib import Path

import pytest
from aiohttp import ClientSession

from tests import servers
from tests.faults.conftest import SECRET
from tests.faults.ledger import ANSWERS, FILED, Ledger, ask_again, walk
from tests.faults.test_killed import check_records
from tests.running import Phone, Server


async def test_the_database_away_for_five_seconds(
    beyond_default: list[Server], postgresql: servers.PostgreSQL, http: ClientSession
) -> None:
    server = beyond_default[0]
    async with server:
        phone = Phone(http, server.url, secret=SECRET)
        await phone.dial()
        await phone.type(ANSWERS[0])
        postgresql.freeze()
        try:
            away = asyncio.create_task(asyncio.sleep(5))
            screens = await asyncio.gather(
                *(Phone(http, server.url, f"+98912100{n:04d}", f"D{n}", SECRET).post("") for n in range(20))
            )
            assert all(screen.startswith("END پاسخ آماده نشد") for screen in screens), screens
            assert (await phone.type(ANSWERS[1])).startswith("END پاسخ آماده نشد")
            await away
        finally:
            postgresql.thaw()
        for _try in range(100):
            async with http.get(f"{server.url}/readyz") as response:
                if response.status == 200:
                    break
            await asyncio.sleep(0.1)
        # The gateway repeats the request that failed, and the dialog goes on from there.
        assert (await phone.post(phone.text)).startswith("CON")
        await phone.type(ANSWERS[2])
        assert FILED in await phone.type(ANSWERS[3])
        ledger = Ledger()
        await asyncio.gather(*(walk(server, http, ledger, n, 100, SECRET) for n in range(4)))
        assert await ask_again(server, http, ledger, SECRET) == []


@pytest.mark.parametrize("what", ["killed", "emptied", "frozen"])
async def test_redis_goes_under_load(
    beyond_default: list[Server], redis: servers.Redis, http: ClientSession, what: str
) -> None:
    server, ledger = beyond_default[0], Ledger()
    async with server:
        people = asyncio.gather(*(walk(server, http, ledger, n, 900, SECRET) for n in range(12)))
        while ledger.turns < 300 and not people.done():
            await asyncio.sleep(0.005)
        if what == "killed":
            redis.kill()
        elif what == "emptied":
            redis.empty()
        else:
            redis.freeze()
        try:
            while ledger.turns < 600 and not people.done():
                await asyncio.sleep(0.005)
            if what == "killed":
                redis.start()
        finally:
            redis.thaw()
        await people
        assert ledger.fallbacks == 0, "nobody noticed"
        assert await ask_again(server, http, ledger, SECRET) == []
        await server.stop()
    await check_records(server, ledger)


async def test_a_full_disk(tmp_path: Path, http: ClientSession, monkeypatch: pytest.MonkeyPatch) -> None:
    server, ledger = Server(tmp_path / "one"), Ledger()
    async with server:
        await asyncio.gather(*(walk(server, http, ledger, n, 200, "") for n in range(8)))
    size = max(path.stat().st_size for path in (tmp_path / "one" / "var").glob("chapar.sqlite3*"))
    server = Server(tmp_path / "one", port=server.port)
    async with server:
        assert server.process is not None
        # From here on no file of the process can grow beyond this: writing fails as on a full disk.
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (size + 65_536, size + 65_536))
        full, more = "", Ledger()
        for n in range(2_000):
            phone = Phone(http, server.url, f"+98912300{n:04d}", f"F{n}")
            screen = await phone.dial()
            if screen.startswith("END"):
                full = screen
                break
            more.screens[phone.session, phone.number, ""] = screen
        assert full.startswith("END"), "the disk was never full"
        assert "دوباره" in full, "the person is told what to do"
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (-1, -1))
        for _try in range(50):
            screen = await Phone(http, server.url, "+989124000000", f"L{_try}").dial()
            if screen.startswith("CON"):
                break
            await asyncio.sleep(0.1)
        assert screen.startswith("CON"), "with room again the service goes on by itself"
        assert await ask_again(server, http, more, "") == []
        assert await ask_again(server, http, ledger, "") == []


async def test_two_processes_share_the_work(beyond_default: list[Server], http: ClientSession) -> None:
    one, two = beyond_default
    async with one, two:
        for n in range(30):
            here = Phone(http, one.url, f"+98912500{n:04d}", f"T{n}", SECRET)
            there = Phone(http, two.url, f"+98912500{n:04d}", f"T{n}", SECRET)
            await here.post("")
            first, second = await asyncio.gather(here.post("2"), there.post("2"))
            assert first == second
            screens = await asyncio.gather(
                *(phone.post("*".join(ANSWERS[: 2 + n % 3])) for phone in (here, there, here, there))
            )
            assert len(set(screens)) == 1, screens


async def test_a_stop_finishes_turns(server: Server, http: ClientSession) -> None:
    ledger = Ledger()
    async with server:
        people = [asyncio.create_task(walk(server, http, ledger, n, 10**6, SECRET)) for n in range(16)]
        while ledger.turns < 300:
            await asyncio.sleep(0.005)
        assert await server.stop() == 0
        acknowledged = Ledger(screens=dict(ledger.screens))
        await server.start()
        assert await ask_again(server, http, acknowledged, SECRET) == []
        for person in people:
            person.cancel()
        await asyncio.gather(*people, return_exceptions=True)


async def test_a_bad_setting_stops_the_start_with_one_line(tmp_path: Path) -> None:
    for settings, said in (
        ({"PORT": "eighty"}, "PORT: 'eighty' is not a whole number"),
        ({"SMS_PROVIDER": "kavenegar"}, "KAVENEGAR_KEY: is empty"),
        ({"DATABASE_URL": "mysql://secret@x/y"}, "DATABASE_URL: its value is not a URL"),
        ({"KEYS": "{}"}, "KEYS"),
    ):
        server = Server(tmp_path / "bad", settings)
        with pytest.raises(AssertionError):
            await server.start()
        assert server.wait() == 2
        lines = server.log.read_text().strip().splitlines()
        assert said in lines[-1], lines
        assert "secret" not in lines[-1]
        assert not any("Traceback" in line for line in lines)
