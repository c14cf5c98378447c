"""IPPanel Edge, played by a server that answers as its documentation shows."""

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
from dispatch.provider import Accepted, Credit, Receipt
from dispatch.providers.sms.ippanel import STATUSES, IpPanel
from records.outbox import templated
from tests.dispatch.vendors import Asked, Vendor, outgoing

KEY = "ippanel-secret-key"


def reply(data: Any, **meta: Any) -> web.Response:
    told = {"status": True, "message": "انجام شد", "message_parameters": [], "message_code": "200-1"}
    return web.json_response({"data": data, "meta": told | meta})


def sent(*ids: int) -> web.Response:
    return reply({"message_outbox_ids": list(ids)})


def refused(status: int, code: str, message: str = "خطا", errors: Any = None) -> web.Response:
    meta = {"status": False, "message": message, "message_code": code, "errors": errors or {}}
    return web.json_response({"data": None, "meta": meta}, status=status)


@pytest.fixture
def ippanel(http: ClientSession, vendor: Vendor) -> IpPanel:
    return IpPanel(
        http, KEY, ("+983000505",), url=f"{vendor.url}/v1", templates={"code": "k0x"}, parameter="otp"
    )


async def test_one_message(vendor: Vendor, ippanel: IpPanel) -> None:
    vendor.answers = [sent(1123544244)]
    assert await ippanel.send([outgoing()]) == [Accepted("1123544244", "pending")]
    [asked] = vendor.asked
    assert (asked.method, asked.path) == ("POST", "/v1/api/send")
    assert asked.headers["authorization"] == KEY
    assert asked.body == {
        "sending_type": "webservice",
        "from_number": "+983000505",
        "message": "سلام",
        "params": {"recipients": ["+989121234567"]},
    }


async def test_different_texts_share_a_request(vendor: Vendor, ippanel: IpPanel) -> None:
    vendor.answers = [sent(11, 12)]
    batch = [outgoing(body="یک"), outgoing("+989351112233", "دو"), outgoing("+989351112233", "یک")]
    one, two, three = await ippanel.send(batch)
    [asked] = vendor.asked
    assert asked.body == {
        "sending_type": "peer_to_peer",
        "from_number": "+983000505",
        "params": [
            {"recipients": ["+989121234567", "+989351112233"], "message": "یک"},
            {"recipients": ["+989351112233"], "message": "دو"},
        ],
    }
    assert two == Accepted("12", "pending")
    assert isinstance(one, Accepted)
    assert isinstance(three, Accepted)
    assert one.external_id.startswith("11-")
    assert three.external_id.startswith("11-")
    assert one.external_id != three.external_id
    assert not {"9121234567", "9351112233"} & {one.external_id, three.external_id}


async def test_the_same_text_to_the_same_number_is_another_message(vendor: Vendor, ippanel: IpPanel) -> None:
    vendor.answers = [sent(11, 12)]
    assert await ippanel.send([outgoing(), outgoing()]) == [
        Accepted("11", "pending"),
        Accepted("12", "pending"),
    ]
    assert [each["recipients"] for each in vendor.asked[0].body["params"]] == [["+989121234567"]] * 2


async def test_lines_without_the_prefix_of_the_country(http: ClientSession, vendor: Vendor) -> None:
    vendor.answers = [sent(1), sent(2)]
    ippanel = IpPanel(http, KEY, ("3000505", "10002166"), url=vendor.url)
    await ippanel.send([outgoing(), outgoing(route="sms-10002166")])
    assert [asked.body["from_number"] for asked in vendor.asked] == ["+983000505", "+9810002166"]


async def test_receipts_name_people_by_their_numbers(vendor: Vendor, ippanel: IpPanel) -> None:
    vendor.answers = [sent(11)]
    numbers = [f"+98912123456{n}" for n in range(5)]
    accepted = await ippanel.send([outgoing(number) for number in numbers])
    names = [each.external_id for each in accepted if isinstance(each, Accepted)]

    async def answer(request: web.Request, asked: Asked) -> web.StreamResponse:
        assert asked.path == "/v1/api/report/recipients"
        if asked.query["bulk_id"] == "77":
            return reply([{"recipient": numbers[0], "message": "سلام", "message_status": None}])
        assert asked.query == {"bulk_id": "11", "page": "1", "per_page": "100"}
        told = [
            {"recipient": number, "message": "سلام", "is_readable": True, "message_status": str(n)}
            for n, number in enumerate(numbers)
        ]
        return reply(told[::-1], current_page=1, total=5)

    vendor.answers = [answer, answer]
    receipts = await ippanel.receipts([*names, "77"])
    assert [receipts[name].status for name in names] == list(STATUSES.values())
    assert receipts["77"] == Receipt("sent")
    assert STATUSES == {0: "sent", 1: "sent", 2: "delivered", 3: "failed", 4: "blocked"}


async def test_an_unknown_status_is_logged_and_kept(vendor: Vendor, ippanel: IpPanel) -> None:
    vendor.answers = [reply([{"recipient": "+989121234567", "message_status": "9"}]), reply([])]
    with capture_logs() as logs:
        assert await ippanel.receipts(["5"]) == {"5": Receipt("sent", "9", unknown=True)}
    assert [each["status"] for each in logs] == [9]
    assert await ippanel.receipts(["6"]) == {}


@pytest.mark.parametrize(
    ("status", "code", "errors", "error"),
    [
        (401, "400-1", {}, Misconfigured),
        (422, "400-2", {"message": ["الزامی"]}, Rejected),
        (422, "400-2", {"from_number": ["نامعتبر"]}, Misconfigured),
        (422, "422-9", {"params.recipients.0": ["نامعتبر"]}, Unroutable),
        (402, "402-1", None, Misconfigured),
        (429, "429-1", [], Throttled),
        (400, "999-1", [], Unreachable),
    ],
)
async def test_errors(
    vendor: Vendor, ippanel: IpPanel, status: int, code: str, errors: Any, error: type[DispatchError]
) -> None:
    vendor.answers = [refused(status, code, errors=errors), refused(status, code, errors=errors)]
    (outcome,) = await ippanel.send([outgoing()])
    assert type(outcome) is error
    assert outcome.detail.startswith(f"{code} خطا")


async def test_an_unknown_error_is_logged_and_kept(vendor: Vendor, ippanel: IpPanel) -> None:
    vendor.answers = [refused(400, "999-1", "تازه")]
    with capture_logs() as logs:
        (outcome,) = await ippanel.send([outgoing()])
    assert isinstance(outcome, Unreachable)
    assert outcome.detail == "999-1 تازه"
    assert [(each["event"], each["code"]) for each in logs] == [("ippanel.unknown_error", "999-1")]


async def test_one_at_fault_does_not_stop_the_others(vendor: Vendor, ippanel: IpPanel) -> None:
    async def alone(request: web.Request, asked: Asked) -> web.StreamResponse:
        bad = asked.body["params"]["recipients"] == ["+989999999999"]
        return refused(422, "400-2", errors={"params.recipients.0": ["؟"]}) if bad else sent(9)

    vendor.answers = [refused(422, "400-2"), alone, alone, alone]
    good, bad, fine = await ippanel.send([outgoing(), outgoing("+989999999999"), outgoing("+989351112233")])
    assert isinstance(good, Accepted)
    assert isinstance(bad, Unroutable)
    assert isinstance(fine, Accepted)


async def test_ids_that_are_fewer_than_the_texts_tell_of_none(vendor: Vendor, ippanel: IpPanel) -> None:
    vendor.answers = [sent(1), sent(), sent(1, 2)]
    outcomes = await ippanel.send([outgoing(body="یک"), outgoing(body="دو")])
    outcomes = [*outcomes, *await ippanel.send([outgoing()]), *await ippanel.send([outgoing()])]
    assert [type(outcome) for outcome in outcomes] == [Ambiguous] * 4


async def test_a_code_goes_by_its_pattern(vendor: Vendor, ippanel: IpPanel) -> None:
    vendor.answers = [sent(5)]
    code = outgoing(payload=templated("code", code="123456"))
    assert await ippanel.send([code]) == [Accepted("5", "pending")]
    assert vendor.asked[0].body == {
        "sending_type": "pattern",
        "from_number": "+983000505",
        "code": "k0x",
        "recipients": ["+989121234567"],
        "params": {"otp": "123456"},
    }


@pytest.mark.parametrize("field", ["code", "params.otp"])
async def test_a_code_goes_in_words_where_its_pattern_is_refused(
    vendor: Vendor, ippanel: IpPanel, field: str
) -> None:
    vendor.answers = [refused(422, "400-2", errors={field: ["؟"]}), sent(6)]
    with capture_logs() as logs:
        (outcome,) = await ippanel.send([outgoing(payload=templated("code", code="123456"))])
    assert outcome == Accepted("6", "pending")
    assert [each["event"] for each in logs] == ["ippanel.no_template"]
    assert "123456" not in str(logs)


async def test_what_is_left_on_the_account(vendor: Vendor, ippanel: IpPanel) -> None:
    vendor.answers = [reply({"credit": 6084722932.705052, "gift": 0})]
    assert await ippanel.credit() == Credit(6_084_722_932, "rial")
    assert vendor.asked[0].path == "/v1/api/payment/credit/mine"
