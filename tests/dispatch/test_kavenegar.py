"""Kavenegar, played by a server that answers as its documentation shows."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from structlog.testing import capture_logs

from dispatch.errors import (
    Ambiguous,
    DispatchError,
    Misconfigured,
    Rejected,
    Throttled,
    Unreachable,
    Unroutable,
    Unsubscribed,
)
from dispatch.provider import Accepted, Credit, Found, Receipt
from dispatch.providers.sms.kavenegar import Kavenegar
from dispatch.providers.sms.kavenegar_api import ERRORS, Api
from dispatch.providers.sms.names import home, serial
from records.outbox import templated
from tests.dispatch.vendors import NOW, ids, outgoing

KEY = "6A7B-secret-key"
Answer = Callable[[str, dict[str, str]], Awaitable[web.Response]]


def reply(status: int = 200, *entries: dict[str, Any], message: str = "تایید شد") -> web.Response:
    # As the vendor does, the HTTP status repeats the status of the reply where HTTP has such a one.
    http = status if status in (200, 400, 401, 402, 403, 404, 405, 409, 411, 418, 429, 451) else 400
    return web.json_response(
        {"return": {"status": status, "message": message}, "entries": list(entries) or None}, status=http
    )


def entry(number: int, receptor: str, status: int = 1, text: str = "در صف ارسال") -> dict[str, Any]:
    return {
        "messageid": number,
        "message": "سلام",
        "status": status,
        "statustext": text,
        "sender": "10004346",
        "receptor": receptor,
        "date": 1_795_420_800,
        "cost": 120,
    }


class Vendor:
    """What was asked, as (method, form), and what is answered next."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.answers: list[Answer | web.Response] = []

    async def handle(self, request: web.Request) -> web.Response:
        assert request.path.startswith(f"/v1/{KEY}/")
        assert request.content_type == "application/x-www-form-urlencoded"
        form = {
            name: values[0] for name, values in parse_qs(await request.text(), strict_parsing=True).items()
        }
        method = request.path.removeprefix(f"/v1/{KEY}/").removesuffix(".json")
        self.asked.append((method, form))
        answer = self.answers.pop(0)
        return answer if isinstance(answer, web.Response) else await answer(method, form)


@pytest.fixture
def vendor() -> Vendor:
    return Vendor()


@pytest.fixture
async def kavenegar(vendor: Vendor) -> AsyncIterator[Kavenegar]:
    app = web.Application()
    app.router.add_post("/{path:.*}", vendor.handle)
    async with TestServer(app) as server, ClientSession() as http:
        yield Kavenegar(Api(http, KEY, str(server.make_url(""))), ("10004346", "30002225"))


async def test_an_answer_goes_from_the_line_that_was_written_to(vendor: Vendor, kavenegar: Kavenegar) -> None:
    vendor.answers = [reply(200, entry(1, "09121234567"))]
    await kavenegar.send([outgoing(route="sms-30002225")])
    assert vendor.asked[0][1]["sender"] == "30002225"
    vendor.answers = [reply(200, entry(2, "09121234567"), entry(3, "09127654321"))]
    await kavenegar.send([outgoing(route="sms-30002225"), outgoing("+989127654321")])
    assert json.loads(vendor.asked[1][1]["sender"]) == ["30002225", "10004346"]


async def test_one_message(vendor: Vendor, kavenegar: Kavenegar) -> None:
    vendor.answers = [reply(200, entry(8792343, "09121234567"))]
    message = outgoing()
    assert await kavenegar.send([message]) == [Accepted("8792343", "pending", "1 در صف ارسال")]
    assert vendor.asked == [
        (
            "sms/send",
            {
                "receptor": "09121234567",
                "message": "سلام",
                "localid": str(serial(message.id)),
                "sender": "10004346",
            },
        )
    ]


async def test_several_messages_go_together(vendor: Vendor, kavenegar: Kavenegar) -> None:
    batch = [outgoing(body="یک"), outgoing("+989351112233", "دو"), outgoing(body="سه")]
    # The entries come in another order than the messages.
    vendor.answers = [reply(200, entry(2, "09351112233"), entry(1, "09121234567"), entry(3, "09121234567"))]
    outcomes = await kavenegar.send(batch)
    assert [outcome.external_id for outcome in outcomes if isinstance(outcome, Accepted)] == ["1", "2", "3"]
    ((method, form),) = vendor.asked
    assert method == "sms/sendarray"
    assert {name: json.loads(value) for name, value in form.items()} == {
        "receptor": ["09121234567", "09351112233", "09121234567"],
        "sender": ["10004346"] * 3,
        "message": ["یک", "دو", "سه"],
        "localmessageids": [serial(message.id) for message in batch],
    }


async def test_a_repetition_goes_alone_under_its_number(vendor: Vendor, kavenegar: Kavenegar) -> None:
    first, again = outgoing("+989351112233"), outgoing(attempt=2)
    vendor.answers = [reply(200, entry(1, "09121234567")), reply(200, entry(1, "09121234567"))]
    await kavenegar.send([again, first])
    assert sorted(method for method, _form in vendor.asked) == ["sms/send", "sms/send"]
    assert {form["localid"] for _method, form in vendor.asked} == {
        str(serial(each.id)) for each in (first, again)
    }


async def test_one_wrong_number_does_not_stop_the_others(vendor: Vendor, kavenegar: Kavenegar) -> None:
    async def alone(method: str, form: dict[str, str]) -> web.Response:
        if form["receptor"] == "09999999999":
            return reply(411, message="دریافت کننده نامعتبر است")
        return reply(200, entry(1, form["receptor"]))

    vendor.answers = [reply(411), alone, alone, alone]
    good, bad, fine = await kavenegar.send([outgoing(), outgoing("+989999999999"), outgoing("+989351112233")])
    assert isinstance(good, Accepted)
    assert isinstance(bad, Unroutable)
    assert bad.detail == "411 دریافت کننده نامعتبر است"
    assert isinstance(fine, Accepted)


@pytest.mark.parametrize(("status", "error"), ERRORS.items())
async def test_every_error_of_the_table(
    vendor: Vendor, kavenegar: Kavenegar, status: int, error: type[DispatchError]
) -> None:
    vendor.answers = [reply(status, message="خطا")]
    (outcome,) = await kavenegar.send([outgoing()])
    assert type(outcome) is error
    assert outcome.detail == f"{status} خطا"


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (409, Throttled),
        (429, Throttled),
        (451, Throttled),
        (418, Misconfigured),
        (403, Misconfigured),
        (411, Unroutable),
        (406, Rejected),
    ],
)
def test_the_table_says_what_the_vendor_means(status: int, error: type[DispatchError]) -> None:
    assert ERRORS[status] is error


async def test_an_unknown_error_is_logged_and_kept(vendor: Vendor, kavenegar: Kavenegar) -> None:
    vendor.answers = [reply(799, message="؟")]
    with capture_logs() as logs:
        (outcome,) = await kavenegar.send([outgoing()])
    assert isinstance(outcome, Unreachable)
    assert outcome.detail.startswith("799")
    assert [each["event"] for each in logs] == ["kavenegar.unknown_error"]


@pytest.mark.parametrize(
    ("status", "expected"),
    [(6, Rejected), (11, Rejected), (13, Rejected), (14, Unsubscribed), (2, Accepted), (5, Accepted)],
)
async def test_the_status_of_an_entry(
    vendor: Vendor, kavenegar: Kavenegar, status: int, expected: type[object]
) -> None:
    vendor.answers = [reply(200, entry(1, "09121234567", status))]
    (outcome,) = await kavenegar.send([outgoing()])
    assert type(outcome) is expected


async def test_an_unknown_status_is_logged_and_kept(vendor: Vendor, kavenegar: Kavenegar) -> None:
    vendor.answers = [reply(200, entry(1, "09121234567", 77, "تازه")) for _ in range(2)]
    with capture_logs() as logs:
        (outcome,) = await kavenegar.send([outgoing()])
        receipts = await kavenegar.receipts(["1"])
    assert outcome == Accepted("1", "pending", "77 تازه")
    assert receipts == {"1": Receipt("sent", "77 تازه", unknown=True)}
    assert [each["status"] for each in logs] == [77, 77]


async def test_receipts(vendor: Vendor, kavenegar: Kavenegar) -> None:
    vendor.answers = [
        reply(
            200,
            {"messageid": 1, "status": 10, "statustext": "رسیده به گیرنده"},
            {"messageid": 2, "status": 4, "statustext": "ارسال به مخابرات"},
            {"messageid": 3, "status": 11, "statustext": "نرسیده به گیرنده"},
            {"messageid": 4, "status": 14, "statustext": "بلاک شده است"},
            {"messageid": 5, "status": 100, "statustext": "شناسه نامعتبر است"},
        )
    ]
    receipts = await kavenegar.receipts(["1", "2", "3", "4", "5"])
    assert vendor.asked == [("sms/status", {"messageid": "1,2,3,4,5"})]
    assert [receipts[each].status for each in "12345"] == ["delivered", "sent", "failed", "blocked", "sent"]


async def test_a_page_of_a_proxy_is_no_reply(vendor: Vendor, kavenegar: Kavenegar) -> None:
    vendor.answers = [web.Response(status=502, text="<html>Bad gateway</html>", content_type="text/html")]
    (outcome,) = await kavenegar.send([outgoing()])
    assert isinstance(outcome, Ambiguous)


async def test_two_hundred_without_an_entry_is_not_success(vendor: Vendor, kavenegar: Kavenegar) -> None:
    vendor.answers = [reply(200)]
    (outcome,) = await kavenegar.send([outgoing()])
    assert isinstance(outcome, Ambiguous)


async def test_throttled_by_http(vendor: Vendor, kavenegar: Kavenegar) -> None:
    vendor.answers = [web.Response(status=429, headers={"Retry-After": "30"}, text="slow down")]
    (outcome,) = await kavenegar.send([outgoing()])
    assert isinstance(outcome, Throttled)
    assert outcome.retry_after == timedelta(seconds=30)


async def test_nobody_there() -> None:
    async with ClientSession() as http:
        kavenegar = Kavenegar(Api(http, KEY, "http://127.0.0.1:9"), ("10004346",))
        (outcome,) = await kavenegar.send([outgoing()])
    assert isinstance(outcome, Unreachable)
    assert KEY not in outcome.detail


async def test_a_connection_lost_after_the_request() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    listener = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    async with ClientSession() as http:
        (outcome,) = await Kavenegar(Api(http, KEY, f"http://127.0.0.1:{port}"), ("1",)).send([outgoing()])
    listener.close()
    assert isinstance(outcome, Ambiguous)
    assert KEY not in outcome.detail


async def test_the_key_is_in_no_error(vendor: Vendor, kavenegar: Kavenegar) -> None:
    vendor.answers = [reply(403, message=f"the key {KEY} is not valid")]
    (outcome,) = await kavenegar.send([outgoing()])
    assert isinstance(outcome, Misconfigured)
    assert KEY not in outcome.detail + str(outcome)


def test_numbers_as_the_vendor_takes_them() -> None:
    assert home("+989121234567") == "09121234567"
    assert home("+4915112345678") == "004915112345678"


def test_our_numbers_fit_and_differ() -> None:
    made = [serial(ids(NOW)) for _ in range(500)]
    assert all(0 < number < 1 << 63 for number in made)
    assert len(set(made)) == 500


async def test_a_message_is_found_by_our_number_of_it(vendor: Vendor, kavenegar: Kavenegar) -> None:
    known, other, unknown = outgoing(), outgoing(), outgoing()
    vendor.answers = [
        reply(
            200,
            {"messageid": 7, "localid": str(serial(known.id)), "status": 10, "statustext": "رسیده"},
            {"messageid": 8, "localid": serial(other.id), "status": 4, "statustext": "ارسال"},
            {"messageid": 0, "localid": str(serial(unknown.id)), "status": 100, "statustext": "نامعتبر"},
            {"messageid": 9, "localid": "12345", "status": 10, "statustext": "of somebody else"},
        )
    ]
    found = await kavenegar.find([each.id.hex() for each in (known, other, unknown)])
    assert found == {
        known.id.hex(): Found("7", Receipt("delivered", "10 رسیده")),
        other.id.hex(): Found("8", Receipt("sent", "4 ارسال")),
    }
    ((method, form),) = vendor.asked
    assert method == "sms/statuslocalmessageid"
    assert form == {"localid": ",".join(str(serial(each.id)) for each in (known, other, unknown))}


async def test_what_is_left_on_the_account(vendor: Vendor, kavenegar: Kavenegar) -> None:
    account = {"remaincredit": 1500032, "expiredate": 13548889, "type": "Master"}
    vendor.answers = [
        web.json_response({"return": {"status": 200, "message": "تایید شد"}, "entries": account})
    ]
    assert await kavenegar.credit() == Credit(1_500_032, "rial")


@pytest.fixture
def by_template(kavenegar: Kavenegar) -> Kavenegar:
    return Kavenegar(kavenegar._api, ("10004346",), {"code": "chapar-code"})


async def test_a_code_goes_by_its_template(vendor: Vendor, by_template: Kavenegar) -> None:
    vendor.answers = [reply(200, entry(5, "09121234567", 5)), reply(200, entry(6, "09351112233"))]
    code = outgoing(payload=templated("code", code="123456"))
    outcomes = await by_template.send([code, outgoing("+989351112233")])
    assert [type(outcome) for outcome in outcomes] == [Accepted, Accepted]
    assert vendor.asked[0] == (
        "verify/lookup",
        {"receptor": "09121234567", "template": "chapar-code", "token": "123456"},
    )
    assert vendor.asked[1][0] == "sms/send"


@pytest.mark.parametrize("status", [424, 426, 431, 432])
async def test_a_code_goes_in_words_where_its_template_is_refused(
    vendor: Vendor, by_template: Kavenegar, status: int
) -> None:
    vendor.answers = [reply(status, message="الگو"), reply(200, entry(6, "09121234567"))]
    with capture_logs() as logs:
        (outcome,) = await by_template.send([outgoing(payload=templated("code", code="123456"))])
    assert isinstance(outcome, Accepted)
    assert [method for method, _form in vendor.asked] == ["verify/lookup", "sms/send"]
    assert [each["event"] for each in logs] == ["kavenegar.no_template"]
    assert "123456" not in str(logs)


async def test_other_payloads_and_templates_go_in_words(vendor: Vendor, by_template: Kavenegar) -> None:
    four = templated("code", a="1", b="2", c="3", d="4")
    for payload in (b'{"method": "sendMessage"}', b"\xff", templated("welcome", name="x"), four):
        vendor.answers = [reply(200, entry(6, "09121234567"))]
        (outcome,) = await by_template.send([outgoing(payload=payload)])
        assert isinstance(outcome, Accepted)
    assert {method for method, _form in vendor.asked} == {"sms/send"}


async def test_a_template_that_may_have_gone_is_ambiguous(vendor: Vendor, by_template: Kavenegar) -> None:
    vendor.answers = [web.Response(status=504, text="<html>")]
    (outcome,) = await by_template.send([outgoing(payload=templated("code", code="123456"))])
    assert isinstance(outcome, Ambiguous)
    assert len(vendor.asked) == 1
