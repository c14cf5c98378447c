"""SMS.ir, played by a server that answers as its documentation shows."""

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
    Unsubscribed,
)
from dispatch.provider import Accepted, Credit, Receipt
from dispatch.providers.sms.smsir import ERRORS, STATUSES, SmsIr
from records.outbox import templated
from tests.dispatch.vendors import Vendor, outgoing

KEY = "smsir-secret-key"
PACK = "2b99e63a-9bd8-4a27-a0b2-3e4b4a1c2d3e"


def reply(data: Any = None, status: int = 1, message: str = "موفق") -> web.Response:
    http = {1: 200, 10: 401, 11: 401, 12: 401, 13: 401, 14: 401, 20: 429, 0: 500}.get(status, 400)
    return web.json_response({"status": status, "message": message, "data": data}, status=http)


def pack(*messages: int | None) -> web.Response:
    return reply({"packId": PACK, "messageIds": list(messages), "cost": 2.5})


@pytest.fixture
def smsir(http: ClientSession, vendor: Vendor) -> SmsIr:
    return SmsIr(
        http,
        KEY,
        ("30004505000017", "10002166593818"),
        url=vendor.url,
        templates={"code": "100000"},
        parameter="CODE",
    )


async def test_one_message(vendor: Vendor, smsir: SmsIr) -> None:
    vendor.answers = [pack(86522290)]
    assert await smsir.send([outgoing()]) == [Accepted(f"{PACK}/86522290", "pending")]
    [asked] = vendor.asked
    assert (asked.method, asked.path) == ("POST", "/v1/send/bulk")
    assert asked.headers["x-api-key"] == KEY
    assert asked.body == {
        "lineNumber": 30004505000017,
        "messageText": "سلام",
        "mobiles": ["09121234567"],
    }


async def test_equal_texts_go_together_and_different_ones_in_pairs(vendor: Vendor, smsir: SmsIr) -> None:
    vendor.answers = [pack(1, 2), pack(3, 4)]
    same = await smsir.send([outgoing(), outgoing("+989351112233")])
    different = await smsir.send([outgoing(body="یک"), outgoing("+989351112233", "دو")])
    assert same == [Accepted(f"{PACK}/1", "pending"), Accepted(f"{PACK}/2", "pending")]
    assert different == [Accepted(f"{PACK}/3", "pending"), Accepted(f"{PACK}/4", "pending")]
    assert [asked.path for asked in vendor.asked] == ["/v1/send/bulk", "/v1/send/likeToLike"]
    assert vendor.asked[1].body == {
        "lineNumber": 30004505000017,
        "messageTexts": ["یک", "دو"],
        "mobiles": ["09121234567", "09351112233"],
    }


async def test_a_number_is_once_in_a_request(vendor: Vendor, smsir: SmsIr) -> None:
    """Were it left out the second time, the ids would be those of others."""
    vendor.answers = [pack(1, 2), pack(3)]
    batch = [outgoing(body="یک"), outgoing(body="دو"), outgoing("+989351112233", "سه")]
    outcomes = await smsir.send(batch)
    assert outcomes == [Accepted(f"{PACK}/{id}", "pending") for id in (1, 3, 2)]


async def test_an_answer_goes_from_the_line_that_was_written_to(vendor: Vendor, smsir: SmsIr) -> None:
    vendor.answers = [pack(1), pack(2)]
    await smsir.send([outgoing(route="sms-10002166593818"), outgoing()])
    assert [asked.body["lineNumber"] for asked in vendor.asked] == [10002166593818, 30004505000017]


async def test_who_is_on_the_blacklist_and_what_is_no_number(vendor: Vendor, smsir: SmsIr) -> None:
    vendor.answers = [pack(1, 0, None)]
    good, blocked, wrong = await smsir.send([outgoing(f"+98912123456{n}") for n in range(3)])
    assert isinstance(good, Accepted)
    assert isinstance(blocked, Unsubscribed)
    assert isinstance(wrong, Unroutable)


async def test_ids_that_are_fewer_than_the_messages_tell_of_none(vendor: Vendor, smsir: SmsIr) -> None:
    vendor.answers = [pack(1)]
    outcomes = await smsir.send([outgoing(), outgoing("+989351112233")])
    assert [type(outcome) for outcome in outcomes] == [Ambiguous, Ambiguous]


@pytest.mark.parametrize("status", [103, 104, 115])
async def test_one_at_fault_does_not_stop_the_others(vendor: Vendor, smsir: SmsIr, status: int) -> None:
    async def alone(request: web.Request, asked: Any) -> web.StreamResponse:
        bad = asked.body["mobiles"] == ["09999999999"]
        return reply(None, status, "شماره نامعتبر") if bad else pack(9)

    vendor.answers = [reply(None, status), alone, alone, alone]
    batch = [outgoing(), outgoing("+989999999999"), outgoing("+989351112233")]
    good, bad, fine = await smsir.send(batch)
    assert isinstance(good, Accepted)
    assert type(bad) is ERRORS[status]
    assert isinstance(fine, Accepted)


@pytest.mark.parametrize(("status", "error"), ERRORS.items())
async def test_every_error_of_the_table(
    vendor: Vendor, smsir: SmsIr, status: int, error: type[DispatchError]
) -> None:
    vendor.answers = [reply(None, status, "خطا")] * 2
    (outcome,) = await smsir.send([outgoing()])
    assert type(outcome) is error
    assert outcome.detail == f"{status} خطا"


@pytest.mark.parametrize(
    ("status", "error"),
    [(10, Misconfigured), (20, Throttled), (102, Misconfigured), (104, Unroutable), (115, Unsubscribed)],
)
def test_the_table_says_what_the_vendor_means(status: int, error: type[DispatchError]) -> None:
    assert ERRORS[status] is error


async def test_an_unknown_error_is_logged_and_kept(vendor: Vendor, smsir: SmsIr) -> None:
    vendor.answers = [reply(None, 799, "تازه")]
    with capture_logs() as logs:
        (outcome,) = await smsir.send([outgoing()])
    assert isinstance(outcome, Unreachable)
    assert outcome.detail == "799 تازه"
    assert [(each["event"], each["status"]) for each in logs] == [("smsir.unknown_error", 799)]


def report(message: int, state: int | None) -> dict[str, Any]:
    return {
        "messageId": message,
        "mobile": 9121234567,
        "messageText": "سلام",
        "sendDateTime": 1704094200,
        "lineNumber": 30004505000017,
        "cost": 1.0,
        "deliveryState": state,
        "deliveryDateTime": None,
    }


async def test_receipts_of_a_pack_are_asked_for_at_once(vendor: Vendor, smsir: SmsIr) -> None:
    async def answer(request: web.Request, asked: Any) -> web.StreamResponse:
        if asked.path == f"/v1/send/pack/{PACK}":
            return reply([report(number, number) for number in range(1, 8)] + [report(8, None)])
        assert asked.path == "/v1/send/404455"
        return reply(report(404455, 1))

    vendor.answers = [answer, answer]
    asked = [f"{PACK}/{number}" for number in range(1, 9)] + ["404455"]
    receipts = await smsir.receipts(asked)
    assert len(vendor.asked) == 2
    assert {name: receipts[name].status for name in asked} == {
        **{f"{PACK}/{number}": status for number, status in STATUSES.items()},
        f"{PACK}/8": "sent",
        "404455": "delivered",
    }
    assert STATUSES[7] == "blocked"


async def test_receipts_that_cannot_be_had_are_asked_for_again(vendor: Vendor, smsir: SmsIr) -> None:
    async def answer(request: web.Request, asked: Any) -> web.StreamResponse:
        return reply(report(2, 1)) if asked.path == "/v1/send/2" else reply(None, 111, "شناسه")

    vendor.answers = [answer, answer]
    assert set(await smsir.receipts(["1", "2"])) == {"2"}
    vendor.answers = [answer]
    with pytest.raises(Rejected):
        await smsir.receipts(["1"])


async def test_an_unknown_status_is_logged_and_kept(vendor: Vendor, smsir: SmsIr) -> None:
    vendor.answers = [reply(report(1, 77))]
    with capture_logs() as logs:
        receipts = await smsir.receipts(["1"])
    assert receipts == {"1": Receipt("sent", "77", unknown=True)}
    assert [each["status"] for each in logs] == [77]


async def test_a_code_goes_by_its_template(vendor: Vendor, smsir: SmsIr) -> None:
    vendor.answers = [pack(1), reply({"messageId": 404455, "cost": 1.0})]
    code = outgoing("+989351112233", payload=templated("code", code="123456"))
    outcomes = await smsir.send([code, outgoing()])
    assert outcomes == [Accepted("404455", "pending"), Accepted(f"{PACK}/1", "pending")]
    assert vendor.asked[1].path == "/v1/send/verify"
    assert vendor.asked[1].body == {
        "mobile": "09351112233",
        "templateId": 100000,
        "parameters": [{"name": "CODE", "value": "123456"}],
    }


@pytest.mark.parametrize("status", [113, 114, 116, 119])
async def test_a_code_goes_in_words_where_its_template_is_refused(
    vendor: Vendor, smsir: SmsIr, status: int
) -> None:
    vendor.answers = [reply(None, status, "قالب"), pack(1)]
    with capture_logs() as logs:
        (outcome,) = await smsir.send([outgoing(payload=templated("code", code="123456"))])
    assert outcome == Accepted(f"{PACK}/1", "pending")
    assert [each["event"] for each in logs] == ["smsir.no_template"]
    assert "123456" not in str(logs)


async def test_what_is_left_on_the_account(vendor: Vendor, smsir: SmsIr) -> None:
    vendor.answers = [reply(1284.75)]
    assert await smsir.credit() == Credit(1284, "messages")
    assert vendor.asked[0].path == "/v1/credit"
