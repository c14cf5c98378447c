"""Magfa, played by a server that answers as its documentation shows."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import ClientSession, web
from structlog.testing import capture_logs

from dispatch.errors import (
    Ambiguous,
    Away,
    DispatchError,
    Misconfigured,
    Rejected,
    Throttled,
    Unreachable,
    Unroutable,
    Unsubscribed,
)
from dispatch.provider import Accepted, Credit, Found, Receipt
from dispatch.providers.sms.magfa import ERRORS, STATUSES, Magfa
from dispatch.providers.sms.names import serial
from tests.dispatch.vendors import Asked, Vendor, outgoing

PASSWORD = "hidden-پسورد"


def message(number: int, id: int | None = 1234567, status: int = 0) -> dict[str, Any]:
    told = {"id": id, "userId": number, "parts": 1, "tariff": 139, "alphabet": "UCS2", "recipient": "98912"}
    return {"status": status, **told}


def reply(**told: Any) -> web.Response:
    return web.json_response({"status": 0, **told})


@pytest.fixture
def magfa(http: ClientSession, vendor: Vendor) -> Magfa:
    return Magfa(
        http, "chapar", PASSWORD, "magfa", ("3000611", "+9830002225"), url=f"{vendor.url}/api/http/sms/v2/"
    )


async def test_a_batch_is_one_request(vendor: Vendor, magfa: Magfa) -> None:
    batch = [outgoing(body="یک"), outgoing("+4915112345678", "دو", route="sms-30002225")]
    numbers = [serial(each.id) for each in batch]
    # Receipts come in another order than the messages went.
    vendor.answers = [reply(messages=[message(numbers[1], 12), message(numbers[0], 11)])]
    assert await magfa.send(batch) == [Accepted("11", "pending"), Accepted("12", "pending")]
    [asked] = vendor.asked
    assert (asked.method, asked.path) == ("POST", "/api/http/sms/v2/send")
    basic = asked.headers["authorization"].removeprefix("Basic ")
    assert base64.b64decode(basic).decode() == f"chapar/magfa:{PASSWORD}"
    assert asked.body == {
        "senders": ["3000611", "+9830002225"],
        "recipients": ["09121234567", "004915112345678"],
        "messages": ["یک", "دو"],
        "uids": numbers,
    }


@pytest.mark.parametrize(("status", "error"), ERRORS.items())
async def test_every_error_of_the_table(
    vendor: Vendor, magfa: Magfa, status: int, error: type[DispatchError]
) -> None:
    good, bad = outgoing(), outgoing("+989351112233")
    vendor.answers = [
        reply(messages=[message(serial(good.id)), message(serial(bad.id), None, status)]),
        web.json_response({"status": status, "messages": None}),
    ]
    accepted, outcome = await magfa.send([good, bad])
    assert isinstance(accepted, Accepted)
    assert type(outcome) is error
    assert outcome.detail == str(status)
    with pytest.raises(error):
        await magfa.send([good, bad])


@pytest.mark.parametrize(
    ("status", "error"),
    [(14, Misconfigured), (18, Misconfigured), (27, Unsubscribed), (33, Unsubscribed), (23, Throttled)],
)
def test_the_table_says_what_the_vendor_means(status: int, error: type[DispatchError]) -> None:
    assert ERRORS[status] is error


async def test_advertising_outside_its_hours_waits_and_holds_up_nothing(vendor: Vendor, magfa: Magfa) -> None:
    advertisement = outgoing(klass="bulk")
    vendor.answers = [reply(messages=[message(serial(advertisement.id), None, 8)])]
    (outcome,) = await magfa.send([advertisement])
    assert type(outcome) is Away  # Neither an attempt nor the provider's rest is spent on it.
    assert outcome.retry_after == timedelta(minutes=30)


async def test_an_unknown_error_is_logged_and_kept(vendor: Vendor, magfa: Magfa) -> None:
    one = outgoing()
    vendor.answers = [reply(messages=[message(serial(one.id), None, 77)])]
    with capture_logs() as logs:
        (outcome,) = await magfa.send([one])
    assert isinstance(outcome, Unreachable)
    assert outcome.detail == "77"
    assert [(each["event"], each["status"]) for each in logs] == [("magfa.unknown_error", 77)]


@pytest.mark.parametrize("messages", [None, [], [message(5)]])
async def test_success_without_the_message_is_not_success(
    vendor: Vendor, magfa: Magfa, messages: Any
) -> None:
    vendor.answers = [reply(messages=messages)]
    (outcome,) = await magfa.send([outgoing()])
    assert isinstance(outcome, Ambiguous)


async def test_success_without_an_id_is_not_success(vendor: Vendor, magfa: Magfa) -> None:
    one = outgoing()
    vendor.answers = [reply(messages=[message(serial(one.id), None)])]
    (outcome,) = await magfa.send([one])
    assert isinstance(outcome, Ambiguous)


async def test_receipts(vendor: Vendor, magfa: Magfa) -> None:
    told = [{"mid": n, "status": status, "date": "2026-11-23 08:00:00"} for n, status in enumerate(STATUSES)]
    vendor.answers = [reply(dlrs=told)]
    receipts = await magfa.receipts([str(n) for n in range(len(told))])
    assert [receipts[str(n)].status for n in range(len(told))] == list(STATUSES.values())
    assert STATUSES == {-1: "sent", 0: "sent", 1: "delivered", 2: "failed", 8: "sent", 16: "failed"}
    assert vendor.asked[0].path == "/api/http/sms/v2/statuses/0,1,2,3,4,5"


async def test_an_unknown_status_is_logged_and_kept(vendor: Vendor, magfa: Magfa) -> None:
    vendor.answers = [reply(dlrs=[{"mid": 1, "status": 64, "date": None}])]
    with capture_logs() as logs:
        receipts = await magfa.receipts(["1"])
    assert receipts == {"1": Receipt("sent", "64", unknown=True)}
    assert [each["status"] for each in logs] == [64]


async def test_a_message_is_found_by_our_number_of_it(vendor: Vendor, magfa: Magfa) -> None:
    known, unknown, other = outgoing(), outgoing(), outgoing()
    mids = {serial(known.id): 1234567, serial(unknown.id): None, serial(other.id): -1}

    async def answer(request: web.Request, asked: Asked) -> web.StreamResponse:
        assert asked.method == "GET"
        number = asked.path.removeprefix("/api/http/sms/v2/mid/")
        return reply(mid=mids[int(number)])

    vendor.answers = [answer] * 3
    found = await magfa.find([each.id.hex() for each in (known, unknown, other)])
    assert found == {known.id.hex(): Found("1234567", Receipt("sent"))}


async def test_nothing_is_said_when_one_could_not_be_asked_for(vendor: Vendor, magfa: Magfa) -> None:
    vendor.answers = [reply(mid=5), web.Response(status=502, text="<html>")]
    with pytest.raises(Ambiguous):
        await magfa.find([outgoing().id.hex(), outgoing().id.hex()])


async def test_what_is_left_on_the_account(vendor: Vendor, magfa: Magfa) -> None:
    vendor.answers = [reply(balance=1_250_000.5)]
    assert await magfa.credit() == Credit(1_250_000, "rial")
    vendor.answers = [web.json_response({"status": 18, "balance": None})]
    with pytest.raises(Misconfigured):
        await magfa.credit()


def test_there_is_something_to_reject() -> None:
    assert (ERRORS[13], ERRORS[1]) == (Rejected, Unroutable)
