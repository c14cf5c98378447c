"""What the service stands on goes away: people get a clear screen or notice nothing, and nothing is half
done."""

from __future__ import annotations

import asyncio
import resource
from pathlib import Path

import pytest
from aiohttp import ClientSession

from tests import servers
from tests.faults.ledger import ANSWERS, AWAY, FILED, Ledger, ask_again, check_records, people, reached, walk
from tests.running import Phone, Server, within

# Each of these wants the machine for itself.
pytestmark = pytest.mark.xdist_group("faults")


async def ready(server: Server) -> bool:
    """Whether it says within ten seconds that it is ready."""
    for _try in range(100):
        if await server.ready():
            return True
        await asyncio.sleep(0.1)
    return False


@within(60)
async def test_the_database_away_for_five_seconds(
    beyond_default: list[Server], postgresql: servers.PostgreSQL, http: ClientSession
) -> None:
    server, ledger = beyond_default[0], Ledger()
    async with server:
        phone = Phone(http, server.url, secret=server.secret)
        await phone.walk(ANSWERS[0])
        postgresql.freeze()
        try:
            away = asyncio.create_task(asyncio.sleep(5))
            dialling = [
                Phone(http, server.url, f"+98913100{n:04d}", f"D{n}", server.secret) for n in range(20)
            ]
            screens = await asyncio.gather(*(each.dial() for each in dialling), phone.type(ANSWERS[1]))
            assert all(screen.startswith(AWAY) for screen in screens), screens
            assert not await server.ready(), "the load balancer is told"
            async with http.get(f"{server.url}/metrics") as response:
                assert 'chapar_turns_total{result="unavailable"} 21.0' in await response.text()
            await away
        finally:
            postgresql.thaw()
        assert await ready(server)
        # The gateway repeats the request that failed, and the dialog goes on from there.
        assert (await phone.post(phone.text)).startswith("CON")
        await phone.type(ANSWERS[2])
        assert FILED in await phone.type(ANSWERS[3])
        assert all(screen.startswith("CON") for screen in await asyncio.gather(*(p.dial() for p in dialling)))
        await asyncio.gather(*(walk(server, http, ledger, n, 100) for n in range(4)))
        assert ledger.fallbacks == 0
        assert await ask_again(server, http, ledger) == []
        assert await server.stop() == 0
    await check_records(server, ledger)


@pytest.mark.parametrize("what", ["killed", "emptied", "frozen"])
@within(60)
async def test_redis_goes_under_load(
    beyond_default: list[Server], redis: servers.Redis, http: ClientSession, what: str
) -> None:
    server, ledger = beyond_default[0], Ledger()
    async with server, people(server, http, ledger, 12, 900) as walking:
        await reached(ledger, 300, walking)
        if what == "killed":
            redis.kill()
        elif what == "emptied":
            redis.empty()
        else:
            redis.freeze()
        try:
            await reached(ledger, 600, walking)
        finally:
            if what == "killed":
                redis.start()
            redis.thaw()
        await walking
        assert ledger.fallbacks == 0, "nobody noticed"
        assert ledger.troubles == 0
        assert await ask_again(server, http, ledger) == []
        assert await server.stop() == 0
    await check_records(server, ledger)


@within(60)
async def test_redis_is_away_at_the_start_and_comes_later(
    beyond_default: list[Server], redis: servers.Redis, http: ClientSession
) -> None:
    server, ledger = beyond_default[0], Ledger()
    redis.kill()
    try:
        async with server:
            await walk(server, http, ledger, 0, 5)
            redis.start()
            while not redis.keys():
                await walk(server, http, ledger, 1, ledger.turns + 5)
            assert ledger.fallbacks == 0
            assert await ask_again(server, http, ledger) == []
    finally:
        if not redis.alive():
            redis.start()


async def readiness(server: Server, http: ClientSession) -> tuple[int, str]:
    """What ``/readyz`` answers, and what it says of writing."""
    async with http.get(f"{server.url}/readyz") as response:
        return response.status, (await response.json())["checks"]["writing"]


@within(60)
async def test_a_full_disk(tmp_path: Path, http: ClientSession) -> None:
    server, ledger = Server(tmp_path / "one"), Ledger()
    async with server:
        await asyncio.gather(*(walk(server, http, ledger, n, 200) for n in range(8)))
        assert server.process is not None
        size = max(path.stat().st_size for path in server.data.glob("chapar.sqlite3*"))
        _soft, most = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
        # From here on no file of the process can grow beyond this: writing fails as on a full disk.
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (size + 65_536, most))
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
        assert await readiness(server, http) == (503, "Unavailable")
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (most, most))
        for again in range(50):
            screen = await Phone(http, server.url, "+989124000000", f"L{again}").dial()
            if screen.startswith("CON"):
                break
            await asyncio.sleep(0.1)
        assert screen.startswith("CON"), "with room again the service goes on by itself"
        assert await readiness(server, http) == (200, "ok")
        assert await ask_again(server, http, more) == []
        assert await ask_again(server, http, ledger) == []
        assert await server.stop() == 0
    await check_records(server, ledger)
