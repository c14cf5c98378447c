"""The whole product on an SMSC that nobody here wrote: a complaint, a stop, and ``kill -9`` where it
hurts."""

from __future__ import annotations

import asyncio
import random
import re
import signal
from pathlib import Path

import pytest
from aiohttp import ClientSession
from sqlalchemy import Table, func, select

from records.database import Database
from records.tables import complaint_events, complaints, outbox, sessions, turns
from tests import servers
from tests.dispatch.certificates import self_signed
from tests.faults.ledger import ANSWERS, FILED, Ledger, check_records, complaint_number
from tests.running import SECRET, Server, command, within
from tests.smpp.smsc import Smsc, smsc
from tests.ussd.handsets import Handset

# Each of these wants the machine for itself.
pytestmark = pytest.mark.xdist_group("faults")

PASSWORD = "hidden-password"


def on(server: Server, at: Smsc, **settings: str) -> Server:
    """The server with a route to this SMSC."""
    scheme = settings.pop("scheme", "smpp")
    server.settings |= {
        "SMPP_USSD_URL": f"{scheme}://chapar:{PASSWORD}@127.0.0.1:{at.port}",
        **{f"SMPP_USSD_{name.upper()}": value for name, value in settings.items()},
    }
    return server


async def rows(server: Server, table: Table) -> int:
    database = await Database.open(server.database_url)
    try:
        [[count]] = await database.read(select(func.count()).select_from(table))
        return int(count)
    finally:
        await database.close()


@within(120)
async def test_a_complaint_over_tls_and_a_graceful_stop(tmp_path: Path, http: ClientSession) -> None:
    self_signed(tmp_path)
    pem = tmp_path / "server.pem"
    async with smsc(pem=pem, password=PASSWORD) as at:
        server = on(Server(tmp_path / "one"), at, scheme="smpps", ca_file=str(pem), bind="pair", binds="2")
        async with server:
            await at.wait("bind", 4)
            phone = Handset(at)
            assert FILED in (await phone.walk(*ANSWERS)).text
            async with http.get(f"{server.url}/metrics") as response:
                metrics = await response.text()
            assert 'chapar_smpp_bound{smsc="ussd"} 4.0' in metrics
            assert 'chapar_smpp_accepted{smsc="ussd"} 5.0' in metrics
            assert await server.stop() == 0
        await at.wait("unbind", 4)
        await at.wait("close", 4)
        told = server.log.read_text()
        assert PASSWORD not in told
        assert "9121234567" not in told
        assert "Traceback" not in told


@within(60)
async def test_a_wrong_password_is_told_and_the_rest_goes_on(tmp_path: Path, http: ClientSession) -> None:
    async with smsc(password="other") as at, on(Server(tmp_path / "one"), at) as server:
        await at.wait("bind")
        async with asyncio.timeout(10):
            while "ESME_RINVPASWD" not in server.log.read_text():
                await asyncio.sleep(0.02)
        assert await server.ready()
        assert PASSWORD not in server.log.read_text()
        assert await server.stop() == 0


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"URL": "smpp://chapar@"}, "SMPP_USSD_URL"),
        ({"URL": "smpp://:pw@host"}, "SMPP_USSD_URL: it names no system_id"),
        ({"URL": "smpps://id@host", "CA_FILE": "/nowhere"}, "SMPP_USSD_URL: the certificates"),
        ({"URL": "smpp://id@host", "OPTIONS": "colour=red"}, "SMPP_USSD_OPTIONS: there is no option colour"),
        ({"URL": "smpp://id@host", "OPTIONS": "dialog=none"}, "SMPP_USSD_OPTIONS: the option end_bit"),
    ],
)
def test_settings_that_cannot_be_used(tmp_path: Path, settings: dict[str, str], says: str) -> None:
    given = {f"SMPP_USSD_{name}": value for name, value in settings.items()}
    done = command("serve", folder=tmp_path, settings=given)
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1].startswith(f"server.py: {says}")


@within(120)
async def test_a_stop_in_the_middle_of_turns(server: Server) -> None:
    """Deliveries in hand are finished, their screens go out, and nobody's next answer is lost."""
    async with smsc(password=PASSWORD, redeliver=True) as at, on(server, at):
        await at.wait("bind")
        phones = [Handset(at, f"98912000{n:04d}", 2 * n) for n in range(20)]
        await asyncio.gather(*(phone.walk(*ANSWERS[:2]) for phone in phones))
        for phone in phones:
            await phone.send(18, ANSWERS[2])
        assert await server.stop() == 0
        assert "Traceback" not in server.log.read_text()
        await server.start()
        shown = await asyncio.gather(*(phone.screen() for phone in phones))
        assert all("ثبت شود؟" in each.text for each in shown)
        # A screen that was shown before the stop may have come again after it; the last one counts.
        for phone in phones:
            phone.seen = len(phone.screens())
        last = await asyncio.gather(*(phone.type(ANSWERS[3]) for phone in phones))
        assert all(FILED in each.text for each in last)
        assert await server.stop() == 0
    ledger = Ledger(numbers=[complaint_number(each.text) for each in last])
    await check_records(server, ledger)
    assert len(ledger.numbers) == 20


@within(120)
async def test_killed_between_the_commit_and_the_acknowledgement(server: Server) -> None:
    """At each step: the turn is durable, its screen is out, the SMSC has no acknowledgement, ``kill -9``. It
    delivers again, the person sees the same screen, and nothing is done twice."""
    async with (
        smsc(password=PASSWORD, redeliver=True, silent=True) as at,
        on(server, at, options="order=screen"),
    ):
        phone = Handset(at)
        await at.wait("bind")
        for step, answer in enumerate(("*733#", *ANSWERS), 1):
            await at.plan(silent=True)
            await phone.send(1 if step == 1 else 18, answer)
            first = await phone.screen()
            assert len(at.of("acknowledged", status=0)) == step - 1
            server.kill()
            await at.plan(silent=False)
            await server.start()
            again = await phone.screen()
            assert again.text == first.text
            await at.wait("acknowledged", step, status=0)
        assert FILED in again.text
        assert await server.stop() == 0
    assert await rows(server, complaints) == 1
    assert await rows(server, turns) == len(ANSWERS) + 1
    assert await rows(server, sessions) == 1


@within(120)
async def test_killed_between_the_delivery_and_the_commit(
    beyond: dict[str, str], tmp_path: Path, postgresql: servers.PostgreSQL
) -> None:
    server = Server(tmp_path / "one", dict(beyond))
    async with smsc(password=PASSWORD, redeliver=True) as at, on(server, at):
        phone = Handset(at)
        await at.wait("bind")
        await phone.walk(*ANSWERS[:3])
        await at.wait("acknowledged", 4, status=0)
        postgresql.freeze()
        try:
            await phone.send(18, ANSWERS[3])
            await at.order("enquire")
            await at.wait("alive")  # By now the process has the delivery in its hands.
            server.kill()
        finally:
            postgresql.thaw()
        assert len(at.of("acknowledged")) == 4
        await server.start()
        assert FILED in (await phone.screen()).text
        await at.wait("acknowledged", 5, status=0)
        assert await server.stop() == 0
    assert await rows(server, complaints) == 1
    assert await rows(server, turns) == len(ANSWERS) + 1


@pytest.mark.parametrize("seed", [733])
@within(180)
async def test_killed_at_random_under_load(server: Server, seed: int) -> None:
    """The order is the usual one, so a person whose screen was lost with the process dials again, perhaps
    while the last answer of the dialog before is still under way; what was filed is filed once for each
    dialog, and what was shown is there."""
    chance = random.Random(seed)
    ledger = Ledger()
    filed = asyncio.Event()

    async def live(place: int) -> None:
        round = 0
        while not filed.is_set():
            number = f"98912{place:03d}{round:04d}"
            round += 1
            dialog = 0
            while not await file(number, dialog) and not filed.is_set():
                dialog += 2

    async def file(number: str, dialog: int) -> bool:
        phone = Handset(at, number, dialog)
        try:
            async with asyncio.timeout(2):
                shown = await phone.dial()
                # Where a lost dialog can be gone on with: from the beginning.
                for answer in ("2", *ANSWERS) if "ادامه" in shown.text else ANSWERS:
                    before = shown.text
                    await phone.send(18, answer)
                    while shown.text == before:  # After a kill a screen may come once more.
                        shown = await phone.screen()
        except TimeoutError:
            ledger.troubles += 1
            # The gateway ends the dialog, and brings nothing of it any more.
            await at.order("forget", prefix=f"{number}/")
            return False
        if FILED not in shown.text:
            return False
        ledger.numbers.append(complaint_number(shown.text))
        if len(ledger.numbers) >= 150:
            filed.set()
        return True

    async with smsc(password=PASSWORD, redeliver=True) as at, on(server, at, window="50"):
        await at.wait("bind")
        living = [asyncio.create_task(live(place)) for place in range(12)]
        for kill in range(3):
            while len(ledger.numbers) < 35 * (kill + 1):
                await asyncio.sleep(0.01)
            await asyncio.sleep(chance.random() * 0.1)
            server.kill()
            await server.start()
        await asyncio.gather(*living)
        assert await server.stop() == 0
    assert at.of("acknowledged", again=True), "the kills were felt"
    database = await Database.open(server.database_url)
    try:
        # A complaint may be filed whose last screen was lost.
        found = await database.read(select(complaints.c.number, complaints.c.session))
        assert len({row.session for row in found}) == len(found), "a complaint was filed twice"
        assert {*ledger.numbers} <= {row.number for row in found}, "an acknowledged complaint is missing"
        assert len({*ledger.numbers}) == len(ledger.numbers)
        for table in (outbox, complaint_events):
            [[count]] = await database.read(select(func.count()).select_from(table))
            assert count == len(found), f"each complaint has its one row in {table.name}"
        steps = select(func.count().label("steps"), func.max(turns.c.sequence).label("last"))
        for row in await database.read(steps.group_by(turns.c.session)):
            assert row.steps == row.last, "a step is missing"
    finally:
        await database.close()


@within(60)
async def test_the_secret_of_other_doors_is_none_of_ours(tmp_path: Path) -> None:
    """The SMPP route has no HTTP door: nobody can speak for it there."""
    async with smsc(password=PASSWORD) as at, on(Server(tmp_path / "one"), at) as server:
        async with ClientSession() as http, http.post(f"{server.url}/ussd/smpp?secret={SECRET}") as response:
            assert response.status == 404
        server.signal(signal.SIGTERM)
        assert await asyncio.to_thread(server.wait) == 0
        assert not re.search(r'"level": "error"', server.log.read_text())
