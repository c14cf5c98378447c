"""Processes that are killed between storing an SMS and answering it, two that get the same, records away."""

from __future__ import annotations

import asyncio
import random
import re
import shutil
from pathlib import Path

import pytest
from aiohttp import ClientError, ClientSession
from sqlalchemy import func, select

from records.tables import complaints, inbox, outbox, sessions, turns
from tests.bot.sms_people import Texter, count, new_id, records, worked
from tests.faults.registry import registry
from tests.running import ROOT, SECRET, Phone, Server, within
from tests.servers import PostgreSQL

# Each of these wants the machine for itself.
pytestmark = pytest.mark.xdist_group("faults")

OTHER = "+989351112233"
NATIONAL_ID = "0084575948"  # Made up; its check digit is right.
WORDS = "سه روز است قطع است و کسی پاسخ نمی‌دهد"
TALK = ("شکایت", "2", WORDS, "1")

# What waits for somebody else's answer; the shipped flow that does is not open to SMS.
OWNER = """
flow: owner
title: مالک خط
opens: {keywords: [مالک]}
channels: [sms]
start: national_id
states:
  national_id: {ask: کد ملی؟, save: national_id, check: {national_id: true}, go: match}
  match:
    call: identity.match
    with: {national_id: $national_id, number: "+989351112233"}
    go: {ok: done, else: sorry}
  done: {end: تأیید شد}
  sorry: {end: نشد, outcome: failed}
"""


@pytest.fixture
def beyond_sms(beyond: dict[str, str]) -> dict[str, str]:
    """The settings of processes on one PostgreSQL and one Redis, with a secret for SMS."""
    return {**beyond, "SMS_INBOUND_SECRET": SECRET, "DISPATCH_IN_SERVE": "yes"}


async def insist(texter: Texter, text: str, id: str, urls: list[str] | None = None) -> None:
    """Brings a message until it is taken, as a provider does; each time to the next address."""
    for attempt in range(1_200):
        if urls:
            texter.url = urls[attempt % len(urls)]
        try:
            if await texter.send(text, id) == 200:
                return
        except (ClientError, OSError):
            pass
        await asyncio.sleep(0.05)
    raise AssertionError("not taken within a minute")


@within(90)
async def test_a_process_killed_between_storing_and_answering(tmp_path: Path, http: ClientSession) -> None:
    flows = shutil.copytree(ROOT / "flows", tmp_path / "flows")
    (flows / "owner.yaml").write_text(OWNER)
    async with (
        registry() as held,
        Server(tmp_path, {"IDENTITY_URL": held.url, "FLOWS_DIR": str(flows)}) as server,
        records(server) as database,
    ):
        sara = Texter(http, server.url)
        assert "کد ملی" in await sara.say("مالک")
        assert await sara.send(NATIONAL_ID, "4711") == 200, "stored"
        await held.asked.wait()
        server.kill()

        held.asked.clear()
        await server.start()
        assert await sara.send(NATIONAL_ID, "4711") == 200, "the provider brings it once more"
        await held.asked.wait()
        assert len(await sara.messages()) == sara.seen
        held.go.set()
        assert "تأیید شد" in (await sara.answers())[0]
        assert await worked(database) == ["answered"] * 2
        assert len(await sara.messages()) == sara.seen
        assert await server.stop() == 0


@pytest.mark.parametrize("seed", [733])
@within(180)
async def test_killed_under_load_each_message_is_answered_once(
    tmp_path: Path, http: ClientSession, seed: int
) -> None:
    people, rounds, kills = 12, 2, 3
    chance = random.Random(seed)
    async with Server(tmp_path) as server, records(server) as database:
        texters = [Texter(http, server.url, f"+98912666{number:04d}") for number in range(people)]

        async def talk(texter: Texter) -> None:
            for _round in range(rounds):
                for text in TALK:
                    await insist(texter, text, new_id())

        async def answered() -> int:
            return int((await database.read(select(func.count()).where(turns.c.sequence > 0)))[0][0])

        talking = asyncio.gather(*(talk(texter) for texter in texters))
        total = people * rounds * len(TALK)
        for kill in range(kills):
            while await answered() < (kill + 0.5) * total / (kills + 1):
                await asyncio.sleep(0.002)
            await asyncio.sleep(chance.random() * 0.05)
            server.kill()
            await server.start()
        await talking
        assert await worked(database) == ["answered"] * total
        assert await count(database, turns) == total, "each message is a step, and one only"
        assert await count(database, complaints) == people * rounds
        ended = await database.read(select(sessions.c.outcome))
        assert [row.outcome for row in ended] == ["done"] * people * rounds
        # One for each message: the last screen is what confirms the complaint.
        assert await count(database, outbox) == total
        assert await server.stop() == 0


@within(120)
async def test_two_processes_get_the_same_messages(
    tmp_path: Path, http: ClientSession, beyond_sms: dict[str, str]
) -> None:
    """Each message arrives at both, twice at each, at once; a sender's are taken in their order."""
    one, two = (Server(tmp_path / name, beyond_sms) for name in ("one", "two"))
    people = 12
    async with one, two, records(one) as database:

        async def talk(number: int) -> None:
            texters = [
                Texter(http, server.url, f"+98912777{number:04d}", secret=SECRET) for server in (one, two) * 2
            ]
            for text in TALK:
                id = new_id()
                assert await asyncio.gather(*(each.send(text, id) for each in texters)) == [200] * 4

        await asyncio.gather(*(talk(number) for number in range(people)))
        assert await worked(database) == ["answered"] * people * len(TALK)
        assert await count(database, turns) == people * len(TALK)
        assert await count(database, complaints) == people
        assert [row.outcome for row in await database.read(select(sessions.c.outcome))] == ["done"] * people
        assert await one.stop() == await two.stop() == 0


@within(120)
async def test_one_of_two_processes_is_killed(
    tmp_path: Path, http: ClientSession, beyond_sms: dict[str, str]
) -> None:
    """What it had stored, or under way, the other one answers."""
    one, two = (Server(tmp_path / name, beyond_sms) for name in ("one", "two"))
    people = 12
    async with one, two, records(one) as database:

        async def talk(number: int) -> None:
            texter = Texter(http, one.url, f"+98912888{number:04d}", secret=SECRET)
            for text in TALK:
                await insist(texter, text, new_id(), [one.url, two.url])

        talking = asyncio.gather(*(talk(number) for number in range(people)))
        while await count(database, inbox) < people * 2:
            await asyncio.sleep(0.002)
        one.kill()
        await talking
        assert await worked(database) == ["answered"] * people * len(TALK)
        assert await count(database, turns) == people * len(TALK)
        assert await count(database, complaints) == people
        assert await two.stop() == 0


@within(120)
async def test_records_that_are_away(
    tmp_path: Path, http: ClientSession, beyond_sms: dict[str, str], postgresql: PostgreSQL
) -> None:
    """What could not be stored is told so to whoever brought it; what was stored is answered later."""
    async with Server(tmp_path / "one", beyond_sms) as server:
        sara = Texter(http, server.url, secret=SECRET)
        await sara.say("شکایت")
        await asyncio.to_thread(postgresql.stop)
        try:
            assert await sara.send("2", "801") == 503
        finally:
            await asyncio.to_thread(postgresql.start)
        await insist(sara, "2", "801")
        assert "در یک پیام" in (await sara.answers())[0]
        async with records(server) as database:
            assert await worked(database) == ["answered"] * 2
        log = server.log.read_text()
        assert "sms not stored" in log
        assert "Traceback" not in log
        assert await server.stop() == 0


@within(60)
async def test_more_messages_than_turns_at_once(tmp_path: Path, http: ClientSession) -> None:
    """They wait in the inbox, and none is lost."""
    people = 20
    async with Server(tmp_path, {"TURNS_IN_FLIGHT": "4"}) as server, records(server) as database:
        texters = [Texter(http, server.url, f"+98912999{number:04d}") for number in range(people)]
        assert await asyncio.gather(*(each.send("شکایت") for each in texters)) == [200] * people
        assert await asyncio.gather(*(each.send("2") for each in texters)) == [200] * people
        screens = await asyncio.gather(*(each.answers(2) for each in texters))
        assert all("در یک پیام" in "".join(each) for each in screens)
        assert await worked(database) == ["answered"] * people * 2
        assert await count(database, turns) == people * 2
        assert await server.stop() == 0


@within(60)
async def test_a_process_too_busy_for_a_turn_takes_it_later(tmp_path: Path, http: ClientSession) -> None:
    """The one place is taken by somebody who waits for the registry's answer."""
    async with (
        registry() as held,
        Server(tmp_path, {"IDENTITY_URL": held.url, "TURNS_IN_FLIGHT": "1"}) as server,
        records(server) as database,
    ):
        reza, sara = Texter(http, server.url, OTHER), Texter(http, server.url)
        phone = Phone(http, server.url)
        await phone.walk("6", "09351112233")
        [code] = re.findall(r"#([0-9]{6})", (await reza.answers())[0])
        await phone.type(code)
        asking = asyncio.create_task(phone.type(NATIONAL_ID))
        await held.asked.wait()
        assert await sara.send("سلام") == 200
        while not (await database.read(select(inbox.c.tries)))[0].tries:
            await asyncio.sleep(0.02)
        assert await sara.messages() == []
        held.go.set()
        assert "تأیید شد" in await asking
        assert (await sara.answers())[0].startswith("چاپار")
        assert await worked(database) == ["answered"]
        assert await server.stop() == 0
