"""Bale's Safir, played by a server that answers as its documentation shows."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import ClientSession, web
from structlog.testing import capture_logs

from dispatch.errors import (
    Ambiguous,
    DispatchError,
    Misconfigured,
    Rejected,
    Throttled,
    Unreachable,
    Unroutable,
)
from dispatch.provider import Accepted
from dispatch.providers.bot.safir import ERRORS, Safir
from dispatch.routes import Route, Routes
from records.outbox import templated
from tests.dispatch.outbox import Carrier, Outbox
from tests.dispatch.test_failover import dispatching, final
from tests.dispatch.vendors import Vendor, outgoing

KEY = "safir-secret-key"
ID = "BvQjaR.fIKt7kH.EXTddgYduJ2"


def refused(code: Any, description: str = "error", status: int = 200) -> web.Response:
    told = {"phone_number": "989121234567", "code": code, "description": description}
    return web.json_response({"message_id": "", "error_data": [told]}, status=status)


@pytest.fixture
def safir(http: ClientSession, vendor: Vendor) -> Safir:
    return Safir(http, KEY, 123456789, url=vendor.url)


async def test_one_message(vendor: Vendor, safir: Safir) -> None:
    vendor.answers = [web.json_response({"message_id": ID, "error_data": None})]
    message = outgoing(body="سفارش شما ارسال شد.")
    assert await safir.send([message]) == [Accepted(ID)]
    [asked] = vendor.asked
    assert (asked.method, asked.path) == ("POST", "/api/v3/send_message")
    assert asked.headers["api-access-key"] == KEY
    assert asked.body == {
        "request_id": message.id.hex(),
        "bot_id": 123456789,
        "phone_number": "989121234567",
        "message_data": {"message": {"text": "سفارش شما ارسال شد."}},
    }


async def test_the_same_again_has_the_same_request_id(vendor: Vendor, safir: Safir) -> None:
    vendor.answers = [web.json_response({"message_id": ID}) for _ in range(2)]
    message = outgoing()
    assert await safir.send([message]) == await safir.send([message]) == [Accepted(ID)]
    first, second = vendor.asked
    assert first.body == second.body
    assert safir.repeatable


async def test_a_code_goes_as_one(vendor: Vendor, safir: Safir) -> None:
    vendor.answers = [web.json_response({"message_id": ID}) for _ in range(2)]
    code = outgoing(body="کد: ۰۴۸۲", klass="otp", payload=templated("code", code="0482"))
    other = outgoing(body="متن", payload=templated("other", name="x"))
    await safir.send([code])
    await safir.send([other])
    assert [asked.body["message_data"] for asked in vendor.asked] == [
        {"otp_message": {"otp": "0482"}},
        {"message": {"text": "متن"}},
    ]


@pytest.mark.parametrize(("code", "error"), [*ERRORS.items(), ("17", Unroutable)])
async def test_what_is_wrong(vendor: Vendor, safir: Safir, code: Any, error: type[DispatchError]) -> None:
    vendor.answers = [refused(code, f"failed for 989121234567 with {KEY}")]
    [outcome] = await safir.send([outgoing()])
    assert type(outcome) is error
    assert isinstance(outcome, DispatchError)
    assert outcome.detail == f"{code} failed for … with …"


async def test_a_code_that_nobody_knows_is_kept_and_logged(vendor: Vendor, safir: Safir) -> None:
    vendor.answers = [refused(99, "ناشناخته")]
    with capture_logs() as logs:
        [outcome] = await safir.send([outgoing()])
    assert (type(outcome), outcome.detail) == (Unreachable, "99 ناشناخته")
    assert [(each["event"], each["code"]) for each in logs] == [("safir.unknown_error", 99)]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (lambda: web.json_response({"message": "Unauthorized"}, status=401), Misconfigured),
        (lambda: web.Response(status=403, text="<html>"), Misconfigured),
        (lambda: web.Response(status=429, headers={"Retry-After": "7"}), Throttled),
        (lambda: web.Response(status=503, text="busy"), Unreachable),
        (lambda: web.json_response({}, status=500), Ambiguous),
        (lambda: web.json_response({"message_id": None, "error_data": []}), Ambiguous),
        (lambda: web.Response(text="<html>ok</html>"), Ambiguous),
        (lambda: web.json_response({"error_data": "?"}), Ambiguous),
        (lambda: web.json_response({"message_id": ID}, status=500), Ambiguous),
        (lambda: refused(4, status=400), Rejected),
    ],
)
async def test_answers_that_are_no_yes(
    vendor: Vendor, safir: Safir, answer: Any, error: type[DispatchError]
) -> None:
    vendor.answers = [answer()]
    [outcome] = await safir.send([outgoing()])
    assert type(outcome) is error
    assert KEY not in str(outcome)


async def test_numbers_elsewhere_are_not_asked_for(vendor: Vendor, safir: Safir) -> None:
    [outcome] = await safir.send([outgoing("+442071838750")])
    assert type(outcome) is Unroutable
    assert vendor.asked == []


async def test_who_is_not_in_bale_gets_an_sms_at_once(outbox: Outbox, vendor: Vendor, safir: Safir) -> None:
    here, away = await outbox.add(), await outbox.add(to="+989351112233")

    async def answer(request: web.Request, asked: Any) -> web.StreamResponse:
        known = asked.body["phone_number"] == "989121234567"
        return web.json_response({"message_id": ID}) if known else refused(17, "NotBaleUser")

    vendor.answers = [answer, answer]
    sms = Carrier(name="kavenegar")
    routes = Routes([Route("sms", {"safir": 1, "kavenegar": 0})])
    async with dispatching(outbox, safir, sms, routes=routes):
        assert await final(outbox, here, away) == ["sent", "sent"]
    assert [(await outbox.row(each)).provider for each in (here, away)] == ["safir", "kavenegar"]
    assert await outbox.notes(away) == [("attempt", "unroutable"), ("attempt", "sent")]
    assert len(sms.handed) == 1
