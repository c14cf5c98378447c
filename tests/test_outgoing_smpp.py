"""``server.py send`` over SMPP, and to USSD gateways."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from sqlalchemy import select

from records.committer import Committer
from records.keyring import Keyring
from records.outbox import queue
from records.tables import outbox
from records.unit import Unit
from records.vault import Vault
from tests.bot.sms_people import records
from tests.dispatch.certificates import self_signed
from tests.dispatch.smpp_lines import wall_clock
from tests.dispatch.test_restcomm_push import SHOWN, Gateway
from tests.dispatch.test_restcomm_push import xml as dialog
from tests.running import Server, within
from tests.smpp.smsc import Smsc, octets, smsc
from tests.test_outgoing import NUMBER, Run, run, send
from tests.ussd.handsets import Handset

RUN = run  # A fixture.
pytestmark = pytest.mark.xdist_group("sms-smpp")

LINE = "10004346"
LONG = "سه روز است که خط من قطع است و هیچ کس پاسخ نمی‌دهد. " * 3


def sms(center: Smsc, **more: str) -> dict[str, str]:
    url = f"smpp://client:secret@127.0.0.1:{center.port}"
    return {"SMS_PROVIDER": "smpp", "SMPP_SMS_URL": url, "SMPP_SMS_SENDER": LINE, **more}


@pytest.mark.parametrize("receipts", ["text", "tlv"])
@within(120)
async def test_an_sms_arrives(run: Run, receipts: str) -> None:
    async with smsc(receipts=receipts, hex=True) as center:
        settings = sms(center, SMPP_SMS_IDS="hex", SMPP_SMS_RECEIPT_IDS="hex")
        said = await send(run, settings, "sms", NUMBER, "--text", LONG)
        assert said[0] == "queued"
        assert said[-1] == "delivered by smpp as 1"
        pdus = [each["pdu"] for each in center.of("submit")]
        assert len(pdus) == 3
        assert {each["source_addr"] for each in pdus} == {LINE}
        assert center.of("unbind"), "it takes its leave"


@within(60)
async def test_a_screen_is_pushed_by_smpp(run: Run) -> None:
    async with smsc() as center:
        settings = {
            "USSD_PUSH_PROVIDER": "smpp-ussd",
            "SMPP_USSD_URL": f"smpp://client:secret@127.0.0.1:{center.port}",
            "SMPP_USSD_CODE": "*733#",
        }
        said = await send(run, settings, "ussd", NUMBER, "--text", "شارژ شما تمام شد.")
        assert said[-1] == "sent by smpp-ussd as id-1"
        [pdu] = [each["pdu"] for each in center.of("submit")]
        assert (pdu["source_addr"], pdu["ussd_service_op"]) == ("733", 3)
        assert center.of("bind")[0]["kind"] == "bind_transmitter", "who answers nobody takes nothing"


@within(60)
async def test_a_screen_is_pushed_by_restcomm(run: Run) -> None:
    gateway = Gateway(answers=[dialog(SHOWN)])
    app = web.Application()
    app.router.add_post("/restcomm", gateway.handle)
    async with TestServer(app) as server:
        settings = {
            "USSD_PUSH_PROVIDER": "restcomm-push",
            "RESTCOMM_PUSH_URL": str(server.make_url("/restcomm")),
        }
        said = await send(run, settings, "ussd", NUMBER, "--text", "شارژ شما تمام شد.")
    assert said[-1] == "delivered by restcomm-push as 12"
    assert gateway.ended == ["S1"]


@within(60)
async def test_the_sandbox_takes_screens(run: Run) -> None:
    assert (await send(run, {}, "ussd", NUMBER, "--text", "سلام"))[-1].startswith("delivered by sandbox")


@within(120)
async def test_a_number_goes_by_the_connector_of_its_network(run: Run, tmp_path: Path) -> None:
    """Each with its own manner of ids, and receipts that are its own."""
    routes = tmp_path / "routes.yaml"
    routes.write_text(
        "sms:\n  - providers: {smpp: 1}\n  - numbers: '+98935'\n    providers: {smpp-mtn: 1}\n", "utf-8"
    )
    async with smsc(receipts="tlv") as one, smsc(receipts="text", hex=True) as other:
        settings = sms(
            one,
            ROUTES_FILE=str(routes),
            SMPP_CONNECTORS="mtn",
            SMPP_MTN_URL=f"smpp://client:secret@127.0.0.1:{other.port}",
            SMPP_MTN_SENDER="30002225",
            SMPP_MTN_IDS="hex",
        )
        said = await send(run, settings, "sms", NUMBER, "--text", "سلام")
        assert said[-1] == "delivered by smpp as id-1"
        said = await send(run, settings, "sms", "09351234567", "--text", "سلام")
        assert said[-1] == "delivered by smpp-mtn as 1"
        assert [each["pdu"]["source_addr"] for each in other.of("submit")] == ["30002225"]


@within(120)
async def test_screens_are_pushed_by_the_bind_that_people_dial_over(tmp_path: Path) -> None:
    async with smsc() as center:
        settings = {
            "USSD_PUSH_PROVIDER": "smpp-ussd",
            "SMPP_USSD_URL": f"smpp://client:secret@127.0.0.1:{center.port}",
            "SMPP_USSD_CODE": "*733#",
        }
        async with Server(tmp_path, settings) as server, records(server) as database:
            phone = Handset(center)
            assert (await phone.dial()).text.startswith("چاپار")
            unit, vault = Unit(), Vault(Keyring.load(server.data / "keys.json"))
            tracking = queue(
                unit,
                vault,
                now=wall_clock(),
                channel="ussd",
                klass="service",
                kind="msisdn",
                to="+989121234567",
                body="شارژ شما تمام شد.",
                lifetime=timedelta(minutes=5),
            )
            async with Committer(database) as committer:
                await committer.commit(unit)
            [_screen, pushed] = [each["pdu"] for each in await center.wait("submit", 2)]
            assert pushed["ussd_service_op"] == 3
            asked = select(outbox.c.status).where(outbox.c.tracking == tracking)
            while [each.status for each in await database.read(asked)] != ["sent"]:
                await asyncio.sleep(0.05)
            # What the phone says of it is nobody's answer.
            await center.deliver(
                "shown",
                source_addr="989121234567",
                destination_addr="733",
                service_type="USSD",
                short_message=b"",
                ussd_service_op=19,
                its_session_info=octets(pushed["its_session_info"]),
            )
            await center.wait("acknowledged", name="shown", status=0)
            assert (await phone.type("1")).waits
            assert [each["kind"] for each in center.of("bind")] == ["bind_transceiver"]
            assert await server.stop() == 0


@within(120)
async def test_over_tls(run: Run, tmp_path: Path) -> None:
    """By the certificate that is trusted, and by no other."""
    self_signed(tmp_path)
    pem = tmp_path / "server.pem"
    async with smsc(pem=pem) as center:
        settings = sms(center, SMPP_SMS_URL=f"smpps://client:secret@127.0.0.1:{center.port}")
        done = await run("send", "--channel", "sms", "--to", NUMBER, "--text", "x", "--wait", "3", **settings)
        assert done.returncode == 1
        assert not center.of("bind")
        said = await send(
            run, settings | {"SMPP_SMS_CA_FILE": str(pem)}, "sms", NUMBER, "--text", "سلام", "--wait", "1"
        )
        assert "sent by smpp as" in said[-1]
        assert "secret" not in done.stdout + done.stderr
