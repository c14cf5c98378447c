"""SMS by SMPP, from an SMSC that nobody here wrote to the real server and the real engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from sqlalchemy import select

from records.tables import complaints, inbox, outbox
from smpp.coding import UCS2
from smpp.parts import split
from tests.bot.sms_people import Texter, count, records
from tests.running import KEYS, Server, command, within
from tests.smpp.smsc import Smsc, octets, smsc

pytestmark = pytest.mark.xdist_group("sms-smpp")

LINE = "10004346"
LONG = "سه روز است که خط من قطع است و هیچ کس پاسخ نمی‌دهد. هر روز زنگ می‌زنم و هر روز می‌گویند فردا درست می‌شود."


@pytest.fixture
async def center() -> AsyncIterator[Smsc]:
    async with smsc() as center:
        yield center


def serving(folder: Path, center: Smsc) -> Server:
    return Server(
        folder,
        {
            "SMS_INBOUND_SMPP": f"smpp://client:secret@127.0.0.1:{center.port}",
            "SMS_INBOUND_BIND": "transceiver",
            "SMS_LINES": LINE,
        },
    )


async def deliver(center: Smsc, number: str, text: str, name: str, *, order: int = 1) -> list[str]:
    """One SMS in as many parts as it takes; their names."""
    names = []
    for place, cut in enumerate(split(text, UCS2, 7)[::order]):
        names.append(f"{name}/{place}")
        await center.deliver(
            names[-1],
            source_addr=number.lstrip("+"),
            destination_addr=LINE,
            short_message=cut.short_message,
            data_coding=UCS2,
            esm_class=cut.esm_class,
        )
    return names


async def acknowledged(center: Smsc, names: list[str]) -> list[int]:
    for name in names:
        await center.wait("acknowledged", name=name)
    return [center.of("acknowledged", name=name)[0]["status"] for name in names]


@within(60)
async def test_a_complaint(tmp_path: Path, center: Smsc, http: ClientSession) -> None:
    async with serving(tmp_path, center) as server:
        await center.wait("bind")
        sara = Texter(http, server.url, "+989125550101")
        for said, text in enumerate(("شکایت", "2")):
            assert await acknowledged(center, await deliver(center, sara.number, text, f"m{said}")) == [0]
            await sara.answers()
        parts = await deliver(center, sara.number, LONG, "long", order=-1)
        assert len(parts) == 2
        assert await acknowledged(center, parts) == [0, 0], "each part, once the whole is stored"
        assert "ثبت شود؟" in (await sara.answers())[0]
        await deliver(center, sara.number, "1", "yes")
        while "شکایت شما ثبت شد" not in (await sara.answers())[0]:
            pass
        async with records(server) as database:
            assert await count(database, complaints) == 1
            assert await count(database, inbox) == 4
        assert await server.stop() == 0


@within(60)
async def test_killed_and_delivered_again(tmp_path: Path, center: Smsc, http: ClientSession) -> None:
    async with serving(tmp_path, center) as server:
        await center.wait("bind")
        sara = Texter(http, server.url, "+989125550102")
        assert await acknowledged(center, await deliver(center, sara.number, "شکایت", "first")) == [0]
        server.kill()
        await server.start()
        await center.wait("bind", 2)
        # The SMSC that never saw the acknowledgement brings it once more.
        assert await acknowledged(center, await deliver(center, sara.number, "شکایت", "again")) == [0]
        assert "پیام مزاحم" in (await sara.answers())[0]
        await asyncio.sleep(0.5)
        assert len(await sara.messages()) == 1
        async with records(server) as database:
            assert len(await database.read(select(inbox.c.id))) == 1
        assert await server.stop() == 0


@within(60)
async def test_a_part_alone_and_what_is_no_text(tmp_path: Path, center: Smsc, http: ClientSession) -> None:
    """They hold up nobody, and nothing of them is stored."""
    async with serving(tmp_path, center) as server:
        await center.wait("bind")
        sara = Texter(http, server.url, "+989125550103")
        cut = split(LONG, UCS2, 9)[0]
        where: dict[str, Any] = {"source_addr": "989125550104", "destination_addr": LINE}
        await center.deliver(
            "alone", short_message=cut.short_message, data_coding=UCS2, esm_class=0x40, **where
        )
        await center.deliver("odd", short_message=b"\x06", data_coding=UCS2, **where)
        await center.deliver("header", short_message=b"\x09\x00", data_coding=UCS2, esm_class=0x40, **where)
        assert await acknowledged(center, await deliver(center, sara.number, "شکایت", "fine")) == [0]
        assert "پیام مزاحم" in (await sara.answers())[0]
        assert not center.of("acknowledged", name="alone"), "it waits for its others"
        async with records(server) as database:
            assert await count(database, inbox) <= 2
        assert await server.stop() == 0


@within(60)
async def test_one_bind_sends_and_hears(tmp_path: Path) -> None:
    """Where SMS go by the SMSC that the settings name for what people write, the answer, its receipt and what
    is written all take one bind."""
    async with smsc(receipts="tlv") as center:
        url = f"smpp://client:secret@127.0.0.1:{center.port}"
        settings = {
            "SMS_PROVIDER": "smpp",
            "SMPP_SMS_URL": url,
            "SMPP_SMS_SENDER": LINE,
            "SMS_INBOUND_SMPP": url,
            "SMS_LINES": LINE,
        }
        async with Server(tmp_path, settings) as server:
            await center.wait("bind")
            assert await acknowledged(center, await deliver(center, "989125550101", "شکایت", "said")) == [0]
            [answer, *_] = await center.wait("submit")
            pdu = answer["pdu"]
            assert (pdu["source_addr"], pdu["destination_addr"]) == (LINE, "989125550101")
            parts = octets(pdu["short_message"])[4]  # Of the header of a long one.
            for number in range(1, parts + 1):
                await center.wait("acknowledged", name=f"receipt id-{number}", status=0)
            async with ClientSession() as http, http.get(f"{server.url}/metrics") as response:
                assert 'chapar_smpp_bound{smsc="sms"} 1.0' in await response.text()
            async with records(server) as database:
                asked = select(outbox.c.status, outbox.c.provider)
                while [tuple(each) for each in await database.read(asked)] != [("delivered", "smpp")]:
                    await asyncio.sleep(0.05)
            assert await server.stop() == 0
        assert (len(center.of("bind")), len(center.of("unbind"))) == (1, 1)


@within(120)
async def test_who_answers_and_who_sends_are_two_processes(tmp_path: Path, postgresql_url: str) -> None:
    """Either may get what is the other's: what people write is stored by the one that sends, and receipts are
    kept by the one that answers."""
    async with smsc(receipts="text", receiptsVia=0) as center:
        url = f"smpp://client:secret@127.0.0.1:{center.port}"
        settings = {
            "DATABASE_URL": postgresql_url,
            "KEYS": KEYS,
            "SMS_PROVIDER": "smpp",
            "SMPP_SMS_URL": url,
            "SMPP_SMS_SENDER": LINE,
            "SMS_INBOUND_SMPP": url,
            "SMS_LINES": LINE,
        }
        done = await asyncio.to_thread(command, "flows", "publish", folder=tmp_path, settings=settings)
        assert done.returncode == 0, done.stderr
        answers = Server(tmp_path / "serve", settings)
        sends = Server(tmp_path / "dispatch", settings, command=("dispatch",))
        async with answers:
            await center.wait("bind", kind="bind_receiver")
            async with sends:
                await center.wait("bind", kind="bind_transceiver")
                assert await acknowledged(center, await deliver(center, "989125550101", "شکایت", "said")) == [
                    0
                ]
                [answer, *_] = await center.wait("submit")
                parts = octets(answer["pdu"]["short_message"])[4]
                for number in range(1, parts + 1):
                    await center.wait("acknowledged", name=f"receipt id-{number}", status=0)
                by = {each["name"]: each["session"] for each in center.of("acknowledged")}
                assert by["said/0"] != by["receipt id-1"]
                async with records(answers) as database:
                    asked = select(outbox.c.status)
                    while [each.status for each in await database.read(asked)] != ["delivered"]:
                        await asyncio.sleep(0.05)
                assert await sends.stop() == 0
            assert await answers.stop() == 0
