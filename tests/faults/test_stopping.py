"""A process that is asked to stop finishes what it has begun and leaves nothing held."""

from __future__ import annotations

import asyncio
import re
import signal
from pathlib import Path

import pytest
from aiohttp import ClientSession
from sqlalchemy import func, select

from records.database import Database
from records.tables import outbox
from tests.faults.ledger import Ledger, ask_again, check_records, people, reached
from tests.faults.registry import Registry, registry
from tests.running import NUMBER, Phone, Server, within

# Each of these wants the machine for itself.
pytestmark = pytest.mark.xdist_group("faults")

OTHER = "+989351112233"
NATIONAL_ID = "0084575948"  # Made up; its check digit is right.


@within(60)
async def test_a_stop_under_load(server: Server, http: ClientSession) -> None:
    ledger = Ledger()
    async with server, people(server, http, ledger, 16) as walking:
        await reached(ledger, 300, walking)
        # The phones go on: their connections must not keep the process from ending.
        assert await server.stop() == 0
        assert "Traceback" not in server.log.read_text()
        await server.start()
        await reached(ledger, ledger.turns + 100, walking)
        walking.cancel()
        await asyncio.gather(walking, return_exceptions=True)
        assert ledger.fallbacks == 0
        assert await ask_again(server, http, ledger) == []
        assert await server.stop() == 0
    await check_records(server, ledger)
    assert await leases(server) == 0


@within(60)
async def test_what_several_dispatchers_send(beyond_default: list[Server], http: ClientSession) -> None:
    server, _other = beyond_default
    ledger = Ledger()
    dispatchers = [
        Server(server.folder.with_name(name), dict(server.settings), ("dispatch",))
        for name in ("three", "four")
    ]
    async with server, dispatchers[0], dispatchers[1]:
        async with people(server, http, ledger, 8, 200) as walking:
            await reached(ledger, 100, walking)
            assert await dispatchers[0].stop() == 0
            await walking
        while await statuses(server) != {"delivered": len(ledger.numbers)}:
            await asyncio.sleep(0.05)
        assert await dispatchers[1].stop() == await server.stop() == 0
    for dispatcher in dispatchers:
        assert "Traceback" not in dispatcher.log.read_text()
    await check_records(server, ledger)
    assert await leases(server) == 0


async def statuses(server: Server) -> dict[str, int]:
    """How many messages have each status."""
    database = await Database.open(server.database_url)
    try:
        counted = select(outbox.c.status, func.count()).group_by(outbox.c.status)
        return {str(status): int(count) for status, count in await database.read(counted)}
    finally:
        await database.close()


async def leases(server: Server) -> int:
    """Messages that a dispatcher holds."""
    database = await Database.open(server.database_url)
    try:
        held = select(func.count()).select_from(outbox).where(outbox.c.lease_owner.is_not(None))
        [[count]] = await database.read(held)
        return int(count)
    finally:
        await database.close()


async def ask_registry(server: Server, http: ClientSession) -> tuple[Phone, asyncio.Task[str]]:
    """Somebody who waits for the registry's answer: the phone, and the screen to come."""
    phone = Phone(http, server.url)
    await phone.walk("6", OTHER.replace("+98", "0"))
    code = None
    while code is None:
        async with http.get(f"{server.url}/sandbox/messages", params={"to": OTHER}) as response:
            sent = (await response.json())["messages"]
        code = re.search(r"#([0-9]{6})", sent[0]["body"]) if sent else None
    assert "کد ملی" in await phone.type(code[1])
    return phone, asyncio.create_task(phone.type(NATIONAL_ID))


async def registered(tmp_path: Path, held: Registry, **settings: str) -> Server:
    return Server(tmp_path / "one", {"IDENTITY_URL": held.url, **settings})


@within(60)
async def test_a_turn_under_way_is_finished(tmp_path: Path, http: ClientSession) -> None:
    async with registry() as held, await registered(tmp_path, held) as server:
        phone, screen = await ask_registry(server, http)
        await held.asked.wait()
        server.signal(signal.SIGTERM)
        while await server.ready():
            pass
        assert not screen.done()
        held.go.set()
        last = await screen
        assert last.startswith("END")
        assert "تأیید شد" in last
        assert await asyncio.to_thread(server.wait) == 0
        await server.start()
        assert await phone.post(phone.text) == last
        assert phone.number == NUMBER


@within(60)
async def test_a_registry_that_hangs_takes_the_slow_way(tmp_path: Path, http: ClientSession) -> None:
    async with registry() as held, await registered(tmp_path, held, NEED_DEADLINE="0.5") as server:
        _phone, screen = await ask_registry(server, http)
        assert "مشکل از ماست" in await screen


@within(60)
async def test_more_callers_than_it_can_serve(tmp_path: Path, http: ClientSession) -> None:
    async with (
        registry() as held,
        await registered(tmp_path, held, TURNS_IN_FLIGHT="1") as server,
    ):
        phone, screen = await ask_registry(server, http)
        await held.asked.wait()
        # The one place is taken for as long as the registry thinks.
        crowd = [Phone(http, server.url, f"+98912700{n:04d}", f"C{n}") for n in range(50)]
        screens = await asyncio.gather(*(each.dial() for each in crowd))
        assert all("شلوغ" in each and each.startswith("END") for each in screens), screens
        assert not screen.done()
        held.go.set()
        assert "تأیید شد" in await screen
        assert (await crowd[0].dial()).startswith("CON"), "nothing of the crowd is left"
        async with http.get(f"{server.url}/metrics") as response:
            assert 'chapar_turns_total{result="busy"} 50.0' in await response.text()
        assert (await phone.post(phone.text)).startswith("END")
