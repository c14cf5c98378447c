"""Melipayamak, played by a server that answers as its documentation shows."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import ClientSession, web
from structlog.testing import capture_logs

from dispatch.errors import Ambiguous, DispatchError, Misconfigured, Rejected, Unreachable, Unsubscribed
from dispatch.provider import Accepted, Credit, Receipt
from dispatch.providers.sms.melipayamak import ERRORS, STATUSES, Melipayamak
from dispatch.providers.sms.templates import NoTemplate
from records.outbox import templated
from tests.dispatch.vendors import Asked, Vendor, outgoing

PASSWORD = "hidden-password"
ACCOUNT = {"username": "9121111111", "password": PASSWORD}
ID = "4729462916385274916"
OPT_OUT = "پیشنهاد ویژه\nلغو۱۱"


def reply(value: Any, status: int = 1, word: str = "Ok") -> web.Response:
    return web.json_response({"Value": value, "RetStatus": status, "StrRetStatus": word})


def refused(code: Any) -> web.Response:
    """What the vendor says of whatever is wrong: 35 and InvalidData, the reason in ``Value``."""
    return reply(str(code), 35, "InvalidData")


@pytest.fixture
def melipayamak(http: ClientSession, vendor: Vendor) -> Melipayamak:
    return Melipayamak(
        http, "9121111111", PASSWORD, ("50002710001",), url=vendor.url, templates={"code": "4711"}
    )


async def test_one_message(vendor: Vendor, melipayamak: Melipayamak) -> None:
    vendor.answers = [reply(ID)]
    assert await melipayamak.send([outgoing()]) == [Accepted(ID, "pending")]
    [asked] = vendor.asked
    assert (asked.method, asked.path) == ("POST", "/api/SendSMS/SendSMS")
    assert asked.body == {
        **ACCOUNT,
        "to": "09121234567",
        "from": "50002710001",
        "text": "سلام",
        "isFlash": "false",
    }


async def test_each_message_is_a_request(vendor: Vendor, melipayamak: Melipayamak) -> None:
    async def answer(request: web.Request, asked: Asked) -> web.StreamResponse:
        return reply("1234567890" + asked.body["to"][-5:])

    vendor.answers = [answer] * 12
    batch = [outgoing(f"+98912123{n:04}", OPT_OUT) for n in range(12)]
    outcomes = await melipayamak.send(batch)
    assert outcomes == [Accepted(f"12345678903{n:04}", "pending") for n in range(12)]


async def test_a_large_id_may_come_as_a_number(vendor: Vendor, melipayamak: Melipayamak) -> None:
    vendor.answers = [reply(int(ID))]
    assert await melipayamak.send([outgoing()]) == [Accepted(ID, "pending")]


@pytest.mark.parametrize("value", ["1", "12345678901234", "", None, "Ok", "۱۲۳۴۵۶۷۸۹۰۱۲۳۴۵۶"])
async def test_ok_without_an_id_is_not_success(
    vendor: Vendor, melipayamak: Melipayamak, value: str | None
) -> None:
    vendor.answers = [reply(value)]
    (outcome,) = await melipayamak.send([outgoing()])
    assert isinstance(outcome, Ambiguous)


@pytest.mark.parametrize(("code", "error"), ERRORS.items())
async def test_every_error_of_the_table(
    vendor: Vendor, melipayamak: Melipayamak, code: int, error: type[DispatchError]
) -> None:
    # In each of the ways that it comes: under 35, under itself, and even under Ok.
    for answer in (refused(code), reply(code, code, "Failed"), reply(str(code))):
        vendor.answers = [answer]
        (outcome,) = await melipayamak.send([outgoing()])
        assert type(outcome) is error
        assert outcome.detail.startswith(str(code))


@pytest.mark.parametrize(
    ("code", "error"),
    [(0, Misconfigured), (2, Misconfigured), (7, Rejected), (15, Rejected), (35, Unsubscribed)],
)
def test_the_table_says_what_the_vendor_means(code: int, error: type[DispatchError]) -> None:
    assert ERRORS[code] is error


async def test_35_alone_closes_nobodys_address(vendor: Vendor, melipayamak: Melipayamak) -> None:
    """It is their word for whatever is wrong; only as ``Value`` it is the blacklist."""
    vendor.answers = [reply(None, 35, "InvalidData"), reply("", 35, "InvalidData")]
    for _ in range(2):
        (outcome,) = await melipayamak.send([outgoing()])
        assert type(outcome) is Rejected


async def test_an_unknown_error_is_logged_and_kept(vendor: Vendor, melipayamak: Melipayamak) -> None:
    vendor.answers = [refused(777), web.json_response({"Message": "An unexpected error occured"})]
    with capture_logs() as logs:
        first, second = [(await melipayamak.send([outgoing()]))[0] for _ in range(2)]
    assert isinstance(first, Unreachable)
    assert first.detail == "777 InvalidData"
    assert isinstance(second, Ambiguous)  # It does not say how far it came.
    assert [each["status"] for each in logs] == [777]


@pytest.fixture
def together(http: ClientSession, vendor: Vendor) -> Melipayamak:
    return Melipayamak(http, "9121111111", PASSWORD, ("50002710001",), url=vendor.url, together=True)


def people(count: int, body: str = OPT_OUT) -> list[Any]:
    return [outgoing(f"+98912123456{n}", body, klass="bulk") for n in range(count)]


async def test_advertisements_that_say_how_to_end_them_go_together(
    vendor: Vendor, together: Melipayamak
) -> None:
    async def answer(request: web.Request, asked: Asked) -> web.StreamResponse:
        return reply(",".join("1234567890" + to[-5:] for to in asked.body["to"].split(",")))

    vendor.answers = [answer, answer]
    outcomes = await together.send([*people(2), outgoing(body="بی دنباله")])
    assert outcomes == [Accepted(f"1234567890{n}", "pending") for n in (34560, 34561, 34567)]
    assert [asked.body["to"] for asked in vendor.asked] == ["09121234560,09121234561", "09121234567"]


async def test_one_id_for_all_tells_of_none(vendor: Vendor, together: Melipayamak) -> None:
    vendor.answers = [reply(ID)]
    outcomes = await together.send(people(2))
    assert outcomes == [Accepted(detail="1 ids for 2 messages")] * 2


async def test_a_group_that_is_refused_goes_one_by_one(vendor: Vendor, together: Melipayamak) -> None:
    vendor.answers = [refused(18), reply(ID), refused(35)]
    first, second = await together.send(people(2))
    assert {type(first), type(second)} == {Accepted, Unsubscribed}
    assert len(vendor.asked) == 3


async def test_a_group_that_may_have_gone_does_not_go_again(vendor: Vendor, together: Melipayamak) -> None:
    vendor.answers = [web.Response(status=502, text="<html>")]
    outcomes = await together.send(people(2))
    assert [type(outcome) for outcome in outcomes] == [Ambiguous, Ambiguous]
    assert len(vendor.asked) == 1


@pytest.mark.parametrize(("value", "status"), STATUSES.items())
async def test_receipts(vendor: Vendor, melipayamak: Melipayamak, value: int, status: str) -> None:
    vendor.answers = [reply(str(value))]
    receipts = await melipayamak.receipts([ID])
    assert (receipts[ID].status, receipts[ID].detail, receipts[ID].unknown) == (status, str(value), False)
    assert vendor.asked[0].path == "/api/SendSMS/GetDeliveries2"
    assert vendor.asked[0].body == {**ACCOUNT, "recId": ID}


async def test_an_unknown_status_is_logged_and_kept(vendor: Vendor, melipayamak: Melipayamak) -> None:
    vendor.answers = [reply("600")]
    with capture_logs() as logs:
        receipts = await melipayamak.receipts([ID])
    assert receipts == {ID: Receipt("sent", "600", unknown=True)}
    assert [each["status"] for each in logs] == ["600"]


async def test_a_receipt_that_is_refused_is_no_receipt(vendor: Vendor, melipayamak: Melipayamak) -> None:
    vendor.answers = [refused(0)]
    with pytest.raises(Misconfigured):
        await melipayamak.receipts([ID])


async def test_a_code_goes_by_its_approved_text(vendor: Vendor, melipayamak: Melipayamak) -> None:
    vendor.answers = [reply(ID)]
    code = outgoing(payload=templated("code", code="123456"))
    assert await melipayamak.send([code]) == [Accepted(ID, "pending")]
    [asked] = vendor.asked
    assert asked.path == "/api/SendSMS/BaseServiceNumber"
    assert asked.body == {**ACCOUNT, "text": "123456", "to": "09121234567", "bodyId": "4711"}


@pytest.mark.parametrize("code", [-4, -5, -10])
async def test_a_code_goes_in_words_where_its_text_is_refused(
    vendor: Vendor, melipayamak: Melipayamak, code: int
) -> None:
    vendor.answers = [refused(code), reply(ID)]
    with capture_logs() as logs:
        (outcome,) = await melipayamak.send([outgoing(payload=templated("code", code="123456"))])
    assert outcome == Accepted(ID, "pending")
    assert [each["event"] for each in logs if "template" in each["event"]] == ["melipayamak.no_template"]
    assert "123456" not in str(logs)


async def test_without_a_line_there_are_no_words(http: ClientSession, vendor: Vendor) -> None:
    shared = Melipayamak(http, "9121111111", PASSWORD, (), url=vendor.url, templates={"code": "4711"})
    vendor.answers = [refused(-4)]
    (outcome,) = await shared.send([outgoing(payload=templated("code", code="123456"))])
    assert isinstance(outcome, NoTemplate)
    assert len(vendor.asked) == 1


async def test_what_is_left_on_the_account(vendor: Vendor, melipayamak: Melipayamak) -> None:
    vendor.answers = [reply("2512.75"), reply("2512"), reply("پر")]
    assert await melipayamak.credit() == Credit(2512, "messages")
    assert await melipayamak.credit() == Credit(2512, "messages")
    with pytest.raises(Unreachable):
        await melipayamak.credit()
