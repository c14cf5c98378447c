"""Calls by the vendors of SMS, played by a server that answers as their documentation shows."""

from __future__ import annotations

import pytest
from aiohttp import ClientSession, web

from dispatch.errors import Ambiguous, DispatchError, Misconfigured, Rejected, Unroutable
from dispatch.provider import Accepted, Credit, Found, Receipt
from dispatch.providers.sms.kavenegar_api import Api
from dispatch.providers.sms.names import serial
from dispatch.providers.voice.ippanel import IpPanelCalls
from dispatch.providers.voice.kavenegar import KavenegarCalls
from records.outbox import templated
from tests.dispatch.test_ippanel import refused, reply, sent
from tests.dispatch.test_kavenegar import entry
from tests.dispatch.test_kavenegar import reply as kavenegar_reply
from tests.dispatch.vendors import Vendor, outgoing

CODE = templated("code", code="048213")


def kavenegar(vendor: Vendor, http: ClientSession, template: str = "") -> KavenegarCalls:
    return KavenegarCalls(Api(http, "k", vendor.url), {"code": template} if template else {})


async def test_kavenegar_reads_the_words(vendor: Vendor, http: ClientSession) -> None:
    vendor.answers = [kavenegar_reply(200, entry(7, "09121234567")) for _call in range(2)]
    first, second = outgoing(body="کد: ۰، ۴", payload=CODE), outgoing("+989351112233")
    outcomes = await kavenegar(vendor, http).send([first, second])
    assert outcomes == [Accepted("7", "pending", "1 در صف ارسال")] * 2
    assert {asked.path for asked in vendor.asked} == {"/v1/k/call/maketts.json"}
    assert {"receptor": "09121234567", "message": "کد: ۰، ۴", "localid": str(serial(first.id))} in [
        asked.body for asked in vendor.asked
    ]


async def test_kavenegar_says_a_code_by_template(vendor: Vendor, http: ClientSession) -> None:
    calls = kavenegar(vendor, http, "chapar-call")
    vendor.answers = [
        kavenegar_reply(200, entry(7, "09121234567")),
        kavenegar_reply(424),
        kavenegar_reply(200, entry(8, "09121234567")),
    ]
    assert isinstance((await calls.send([outgoing(payload=CODE)]))[0], Accepted)
    (without,) = await calls.send([outgoing(payload=CODE)])
    assert isinstance(without, Accepted), "without its template the words are read"
    assert [asked.path for asked in vendor.asked] == [
        "/v1/k/verify/lookup.json",
        "/v1/k/verify/lookup.json",
        "/v1/k/call/maketts.json",
    ]
    assert vendor.asked[0].body == {
        "receptor": "09121234567",
        "template": "chapar-call",
        "type": "call",
        "token": "048213",
    }


async def test_kavenegar_tells_what_became_of_calls(vendor: Vendor, http: ClientSession) -> None:
    calls, message = kavenegar(vendor, http), outgoing()
    vendor.answers = [
        kavenegar_reply(200, entry(7, "09121234567", 10, "رسیده"), entry(8, "09121234567", 11, "نرسیده")),
        kavenegar_reply(200, entry(7, "09121234567", 5, "ارسال") | {"localid": serial(message.id)}),
        kavenegar_reply(428),
    ]
    assert await calls.receipts(["7", "8"]) == {
        "7": Receipt("delivered", "10 رسیده"),
        "8": Receipt("failed", "11 نرسیده"),
    }
    assert await calls.find([message.id.hex()]) == {message.id.hex(): Found("7", Receipt("sent", "5 ارسال"))}
    assert isinstance((await calls.send([message]))[0], Unroutable), "428: a call is impossible"


@pytest.fixture
def ippanel(vendor: Vendor, http: ClientSession) -> IpPanelCalls:
    return IpPanelCalls(http, "k", url=f"{vendor.url}/v1")


async def test_ippanel_calls_out_a_code(vendor: Vendor, ippanel: IpPanelCalls) -> None:
    vendor.answers = [
        sent(1123594208),
        reply([{"recipient": "+989121234567", "message_status": "2"}]),
        reply({"credit": 1500.5}),
    ]
    assert await ippanel.send([outgoing(payload=CODE)]) == [Accepted("1123594208", "pending")]
    assert vendor.asked[0].path == "/v1/api/send"
    assert vendor.asked[0].body == {
        "sending_type": "votp",
        "message": "048213",
        "params": {"recipients": ["+989121234567"]},
    }
    assert await ippanel.receipts(["1123594208"]) == {"1123594208": Receipt("delivered", "2")}
    assert await ippanel.credit() == Credit(1500, "rial")


async def test_ippanel_calls_out_nothing_else(vendor: Vendor, ippanel: IpPanelCalls) -> None:
    words = [outgoing(), outgoing(payload=templated("code", code="a")), outgoing(payload=templated("other"))]
    assert [type(outcome) for outcome in await ippanel.send(words)] == [Unroutable] * 3
    assert vendor.asked == []


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (refused(401, "400-1"), Misconfigured),
        (refused(422, "400-2", errors={"message": ["…"]}), Rejected),
        (sent(), Ambiguous),
        (web.Response(status=502, text="<html>"), Ambiguous),
    ],
)
async def test_errors_of_ippanel(
    vendor: Vendor, ippanel: IpPanelCalls, answer: web.Response, error: type[DispatchError]
) -> None:
    vendor.answers = [answer]
    (outcome,) = await ippanel.send([outgoing(payload=CODE)])
    assert type(outcome) is error
