"""Our requests beside those of the vendors' own SDKs, for the same message, at the same server: what one of
them sends the other sends too."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import ippanel as ippanel_sdk
import kavenegar as kavenegar_sdk
import pytest
import sms_ir as smsir_sdk
from aiohttp import ClientSession, TCPConnector, web
from aiohttp.test_utils import TestServer

from dispatch.provider import Accepted, Outgoing
from dispatch.providers.sms.ippanel import IpPanel
from dispatch.providers.sms.kavenegar import Kavenegar
from dispatch.providers.sms.kavenegar_api import Api
from dispatch.providers.sms.names import serial
from dispatch.providers.sms.smsir import SmsIr
from records.outbox import templated
from tests.dispatch.certificates import self_signed
from tests.dispatch.vendors import Vendor, outgoing

KEY = "sdk-key"
CODE = templated("code", code="123456")


def folded(told: Any) -> Any:
    """JSON as SMS.ir reads it: names in any case, and what is null is not there."""
    if isinstance(told, dict):
        return {name.lower(): folded(value) for name, value in told.items() if value is not None}
    return [folded(each) for each in told] if isinstance(told, list) else told


# Kavenegar's SDK speaks TLS only, so it meets a server with a certificate.


@pytest.fixture
async def kavenegar_server(
    vendor: Vendor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[kavenegar_sdk.KavenegarAPI, Api]]:
    server_side, client_side = self_signed(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "server.pem"))
    server = TestServer(vendor.app(), scheme="https")
    await server.start_server(ssl=server_side)
    async with server, ClientSession(connector=TCPConnector(ssl=client_side)) as http:
        sdk = kavenegar_sdk.KavenegarAPI(KEY)
        sdk.host = f"127.0.0.1:{server.port}"
        yield sdk, Api(http, KEY, f"https://127.0.0.1:{server.port}")


def kavenegar_reply(*receptors: str) -> web.Response:
    entries = [
        {"messageid": n, "status": 1, "statustext": "در صف", "receptor": receptor, "localid": n}
        for n, receptor in enumerate(receptors, 1)
    ]
    return web.json_response({"return": {"status": 200, "message": "تایید شد"}, "entries": entries})


async def test_kavenegar(vendor: Vendor, kavenegar_server: tuple[kavenegar_sdk.KavenegarAPI, Api]) -> None:
    sdk, api = kavenegar_server
    ours = Kavenegar(api, ("10004346",), {"code": "chapar"})
    one, two = outgoing(), outgoing("+989351112233", "دو")
    code = outgoing(payload=CODE)

    async def both(of_sdk: Any, params: Any, of_ours: Any, *receptors: str) -> None:
        vendor.asked.clear()
        vendor.answers = [kavenegar_reply(*receptors), kavenegar_reply(*receptors)]
        entries = await asyncio.to_thread(of_sdk, params)
        assert [entry["receptor"] for entry in entries] == list(receptors)
        await of_ours
        theirs, mine = vendor.asked
        assert (theirs.method, theirs.path) == (mine.method, mine.path)
        assert theirs.body == mine.body

    await both(
        sdk.sms_send,
        {"receptor": "09121234567", "sender": "10004346", "message": "سلام", "localid": serial(one.id)},
        ours.send([one]),
        "09121234567",
    )
    await both(
        sdk.sms_sendarray,
        {
            "receptor": json.dumps(["09121234567", "09351112233"]),
            "sender": json.dumps(["10004346", "10004346"]),
            "message": json.dumps(["سلام", "دو"], ensure_ascii=False),
            "localmessageids": json.dumps([serial(one.id), serial(two.id)]),
        },
        ours.send([one, two]),
        "09121234567",
        "09351112233",
    )
    await both(
        sdk.verify_lookup,
        {"receptor": "09121234567", "template": "chapar", "token": "123456"},
        ours.send([code]),
        "09121234567",
    )
    await both(sdk.sms_status, {"messageid": "1,2"}, ours.receipts(["1", "2"]), "09121234567")
    await both(
        sdk.sms_statuslocalmessageid,
        {"localid": str(serial(one.id))},
        ours.find([one.id.hex()]),
        "09121234567",
    )


async def test_smsir(vendor: Vendor, http: ClientSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smsir_sdk.SmsIr, "ENDPOINT", vendor.url)
    sdk = smsir_sdk.SmsIr(KEY, 30004505000017)
    ours = SmsIr(http, KEY, ("30004505000017",), url=vendor.url, templates={"code": "100000"})

    def pack(count: int) -> web.Response:
        data = {"packId": "p", "messageIds": list(range(1, count + 1)), "messageId": 5, "cost": 1.0}
        return web.json_response({"status": 1, "message": "موفق", "data": data})

    async def both(count: int, of_sdk: Any, arguments: tuple[Any, ...], *messages: Outgoing) -> None:
        vendor.asked.clear()
        vendor.answers = [pack(count), pack(count)]
        response = await asyncio.to_thread(of_sdk, *arguments)
        assert response.status_code == 200
        outcomes = await ours.send(messages)
        assert all(isinstance(outcome, Accepted) for outcome in outcomes)
        theirs, mine = vendor.asked
        assert theirs.method == mine.method
        assert theirs.path.lower().rstrip("/") == mine.path.lower()
        assert theirs.headers["x-api-key"] == mine.headers["x-api-key"] == KEY
        assert folded(theirs.body) == folded(mine.body)

    other = outgoing("+989351112233", "دو")
    await both(1, sdk.send_sms, ("09121234567", "سلام"), outgoing())
    numbers = ["09121234567", "09351112233"]
    await both(2, sdk.send_bulk_sms, (numbers, "سلام"), outgoing(), outgoing("+989351112233"))
    await both(2, sdk.send_like_to_like, (numbers, ["سلام", "دو"]), outgoing(), other)
    parameters = [{"name": "Code", "value": "123456"}]
    await both(1, sdk.send_verify_code, ("09121234567", 100000, parameters), outgoing(payload=CODE))

    asked: list[tuple[str, str]] = []
    for of_sdk, argument in ((sdk.report_pack, "p"), (sdk.report_message, "5"), (sdk.get_credit, None)):
        vendor.asked.clear()
        vendor.answers = [web.json_response({"status": 1, "data": None})]
        await asyncio.to_thread(of_sdk, *([argument] if argument else []))
        asked.append((vendor.asked[0].method, vendor.asked[0].path.rstrip("/")))
    vendor.asked.clear()
    report = {"messageId": 5, "deliveryState": 1}
    vendor.answers = [web.json_response({"status": 1, "data": data}) for data in ([report], report, 12.5)]
    await ours.receipts(["p/5"])
    await ours.receipts(["5"])
    await ours.credit()
    assert [(each.method, each.path) for each in vendor.asked] == asked


async def test_ippanel(vendor: Vendor, http: ClientSession) -> None:
    sdk = ippanel_sdk.Client(KEY, f"{vendor.url}/v1/api")
    ours = IpPanel(http, KEY, ("+983000505",), url=f"{vendor.url}/v1", templates={"code": "k0x"})

    async def both(of_sdk: Any, arguments: tuple[Any, ...], *messages: Outgoing) -> None:
        vendor.asked.clear()
        data = {"data": {"message_outbox_ids": [1]}, "meta": {"status": True, "message_code": "200-1"}}
        vendor.answers = [web.json_response(data), web.json_response(data)]
        assert (await asyncio.to_thread(of_sdk, *arguments))["data"] == data["data"]
        outcomes = await ours.send(messages)
        assert all(isinstance(outcome, Accepted) for outcome in outcomes)
        theirs, mine = vendor.asked
        assert (theirs.method, theirs.path) == (mine.method, mine.path)
        assert theirs.headers["authorization"] == mine.headers["authorization"] == KEY
        assert theirs.body == mine.body

    numbers = ["+989121234567", "+989351112233"]
    await both(sdk.send_webservice, ("سلام", "+983000505", numbers[:1]), outgoing())
    await both(sdk.send_webservice, ("سلام", "+983000505", numbers), outgoing(), outgoing("+989351112233"))
    await both(
        sdk.send_pattern, ("k0x", "+983000505", numbers[0], {"code": "123456"}), outgoing(payload=CODE)
    )
