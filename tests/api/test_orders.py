"""Messages by several channels, the devices that are pushed to, and what apps say of pushes."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from composition.sending import dispatching
from records import claims, devices, orders
from records.claims import Settled
from records.outbox import content
from records.settlement import Note
from records.tables import devices as table
from records.tables import order_steps, outbox
from services.devices import MOST
from tests.api.conftest import Business

LEASE = b"l" * 16
PHONE = {"service": "fcm", "to": "09121234567", "token": "fcm-token:1"}
BROWSER = {
    "service": "webpush",
    "to": "09121234567",
    "subscription": {
        "endpoint": "https://fcm.googleapis.com/fcm/send/abc",
        "expirationTime": None,
        "keys": {"p256dh": "B" * 87, "auth": "A" * 22},
    },
}


def order(**more: Any) -> dict[str, Any]:
    return {"channels": ["push", "sms"], "to": "09121234567", "title": "سفارش", "text": "ارسال شد", **more}


async def sent(business: Business, **more: Any) -> str:
    status, body = await business.send(order(**more))
    assert status == 202, body
    return str(body["messages"][0]["id"])


async def told(business: Business, id: str) -> tuple[str, str, list[tuple[str, str]]]:
    """(channel, status, the status of each channel)."""
    _status, body = await business.ask("GET", f"/messages/{id}")
    return body["channel"], body["status"], [(each["channel"], each["status"]) for each in body["channels"]]


async def settle(business: Business, id: str, status: str, within: int = 60) -> None:
    """What a provider of push says, as the dispatcher writes it."""
    now, database = datetime.now(UTC), business.home.database
    assert await claims.claim(database, now=now, lease=LEASE, until=now + timedelta(minutes=1), most=9)
    went, ended = (now, None) if status == "sent" else (None, now)
    said = (Note("attempt", status),)
    done = Settled(UUID(id).bytes, status, 1, now, "devices", None, went, ended, said, within=within)
    assert not await claims.settle(database, LEASE, [done], now)


async def test_an_order_is_one_message(anywhere: Business) -> None:
    id = await sent(anywhere, line="10004346", within=[90], reference="o-1")
    [row] = await anywhere.home.database.read(select(outbox))
    assert (row.channel, row.parts, row.route) == ("push", None, "")
    said = content(anywhere.home.vault, row.id, row.sealed)
    assert (said.to, said.subject, said.body, said.within) == ("+989121234567", "سفارش", "ارسال شد", 90)
    first, second = await anywhere.home.database.read(select(order_steps).order_by(order_steps.c.place))
    assert (first.sealed, first.ended) == (None, None)
    assert (second.channel, second.route, second.parts, second.started_at) == ("sms", "sms-10004346", 1, None)
    assert content(anywhere.home.vault, row.id, second.sealed).body == "ارسال شد"
    assert await told(anywhere, id) == ("push", "queued", [("push", "queued"), ("sms", "waiting")])
    _status, page = await anywhere.ask("GET", "/messages?reference=o-1")
    assert [each["id"] for each in page["items"]] == [id]


async def test_its_status_is_that_of_all_of_it(anywhere: Business) -> None:
    id = await sent(anywhere)
    await settle(anywhere, id, "failed")
    assert await told(anywhere, id) == ("sms", "queued", [("push", "failed"), ("sms", "queued")])
    status, body = await anywhere.ask("DELETE", f"/messages/{id}")
    assert (status, body["type"]) == (409, "urn:chapar:problem:not-queued"), "a part of it was handed over"
    other = await sent(anywhere)
    status, body = await anywhere.ask("DELETE", f"/messages/{other}")
    assert (status, body["status"]) == (200, "cancelled")
    assert [each["status"] for each in body["channels"]] == ["cancelled", "unused"]


async def test_what_the_app_says_is_a_receipt(anywhere: Business) -> None:
    id = await sent(anywhere)
    _status, body = await anywhere.ask("GET", f"/messages/{id}")
    await settle(anywhere, id, "sent")
    assert await told(anywhere, id) == ("push", "sent", [("push", "sent"), ("sms", "waiting")])
    asked = {"tracking": [body["tracking"], "1234567890"]}
    other = await anywhere.key(sandbox=True)
    assert await other.ask("POST", "/arrivals", asked) == (200, {"known": 0})
    for _again in range(2):
        assert await anywhere.ask("POST", "/arrivals", asked) == (200, {"known": 1})
    assert await told(anywhere, id) == ("push", "delivered", [("push", "delivered"), ("sms", "unused")])
    later = datetime.now(UTC) + timedelta(hours=1)
    assert await orders.take_due(anywhere.home.database, later) == 0


async def test_the_receipt_of_a_push_stops_the_sms_that_waits(anywhere: Business) -> None:
    id = await sent(anywhere)
    await settle(anywhere, id, "sent")
    later = datetime.now(UTC) + timedelta(seconds=61)
    assert await orders.take_due(anywhere.home.database, later) == 1
    assert await told(anywhere, id) == ("sms", "queued", [("push", "unreceipted"), ("sms", "queued")])
    _status, body = await anywhere.ask("GET", f"/messages/{id}")
    await anywhere.ask("POST", "/arrivals", {"tracking": [body["tracking"]]})
    assert await told(anywhere, id) == ("sms", "delivered", [("push", "delivered"), ("sms", "unused")])
    until = later + timedelta(minutes=1)
    assert not await claims.claim(anywhere.home.database, now=later, lease=LEASE, until=until, most=9)


@pytest.mark.parametrize(
    ("more", "pointer", "code"),
    [
        ({"channels": ["push"]}, "/messages/0/channels", "short"),
        ({"channels": ["push", "push"]}, "/messages/0/channels", "twice"),
        ({"channels": ["push", "email"]}, "/messages/0/channels/1", "choice"),
        ({"channels": "push"}, "/messages/0/channels", "type"),
        ({"channel": "push"}, "/messages/0/channels", "unknown"),
        ({"within": [60, 60]}, "/messages/0/within", "within"),
        ({"within": [29]}, "/messages/0/within/0", "range"),
        ({"within": [600], "expires_in": 600}, "/messages/0/within", "within"),
        ({"line": "999"}, "/messages/0/line", "line"),
        ({"to": "+980000"}, "/messages/0/to", "form"),
        ({"text": "س" * 1_001}, "/messages/0/text", "long"),
    ],
)
async def test_what_is_wrong_with_an_order(
    business: Business, more: dict[str, Any], pointer: str, code: str
) -> None:
    status, body = await business.send(order(**more))
    assert status == 422
    assert (pointer, code) in [(each["pointer"], each["code"]) for each in body["errors"]]
    assert await business.home.database.read(select(outbox)) == []


async def test_a_device_is_sealed_and_one_persons(anywhere: Business) -> None:
    first, second = [await anywhere.ask("POST", "/devices", each) for each in (PHONE, BROWSER)]
    assert (first[0], second[0]) == (200, 200)
    assert (first[1]["service"], second[1]["service"]) == ("fcm", "webpush")
    rows = await anywhere.home.database.read(select(table))
    assert len(rows) == 2
    assert all(b"token" not in row.sealed and b"googleapis" not in row.sealed for row in rows)
    again = await anywhere.ask("POST", "/devices", {**PHONE, "to": "09351234567"})
    assert again == first
    parties = {row.service: row.party for row in await anywhere.home.database.read(select(table))}
    vault = anywhere.home.vault
    assert parties["fcm"] == vault.index("msisdn", "+989351234567"), "who uses it now has it alone"
    assert parties["webpush"] == vault.index("msisdn", "+989121234567")


async def test_what_is_no_device(business: Business) -> None:
    for wrong, pointer in (
        ({**PHONE, "token": None}, "/token"),
        ({**BROWSER, "subscription": None}, "/subscription"),
        ({**BROWSER, "subscription": {**BROWSER["subscription"], "endpoint": "http://x.ir/a"}},  # type: ignore[dict-item]
         "/subscription/endpoint"),
        ({**PHONE, "to": "+98912"}, "/to"),
        ({**PHONE, "service": "mqtt"}, "/service"),
    ):  # fmt: skip
        status, body = await business.ask("POST", "/devices", wrong)
        assert (status, body["errors"][0]["pointer"]) == (422, pointer)
    assert await business.home.database.read(select(table)) == []


async def test_devices_of_another_app_are_not_there(anywhere: Business) -> None:
    _status, mine = await anywhere.ask("POST", "/devices", PHONE)
    sandbox = await anywhere.key(sandbox=True)
    _status, tried = await sandbox.ask("POST", "/devices", PHONE)
    assert tried["id"] != mine["id"], "what a sandbox key registers is not pushed to"
    assert (await sandbox.ask("DELETE", f"/devices/{mine['id']}"))[0] == 404
    now = datetime.now(UTC)
    await anywhere.api.accounts.create("other", [], now)
    token = await anywhere.api.accounts.issue("other", now)
    other = Business(anywhere.client, anywhere.api, anywhere.home, "other", token)
    assert (await other.ask("DELETE", f"/devices/{mine['id']}"))[0] == 404
    assert await anywhere.ask("DELETE", f"/devices/{mine['id']}") == (200, {"id": mine["id"]})
    assert (await anywhere.ask("DELETE", f"/devices/{mine['id']}"))[0] == 404
    assert (await anywhere.ask("DELETE", "/devices/x"))[0] == 404


async def test_a_person_has_so_many_devices(anywhere: Business) -> None:
    ids = []
    for number in range(MOST + 3):
        _status, made = await anywhere.ask("POST", "/devices", {**PHONE, "token": f"fcm-token:{number}"})
        ids.append(made["id"])
    kept = await anywhere.home.database.read(select(table.c.id))
    assert {UUID(bytes=row.id) for row in kept} == {UUID(id) for id in ids[-MOST:]}


async def test_one_device_registered_many_times_at_once_is_one(anywhere: Business) -> None:
    answers = await asyncio.gather(*(anywhere.ask("POST", "/devices", PHONE) for _ in range(8)))
    assert {status for status, _body in answers} <= {200, 503}
    assert len(await anywhere.home.database.read(select(table))) == 1


async def test_an_order_from_the_call_to_its_end(anywhere: Business) -> None:
    """Through the dispatcher as it is wired: to a device where there is one, else by SMS at once."""
    _status, made = await anywhere.ask("POST", "/devices", PHONE)
    pushed = await sent(anywhere)
    texted = await sent(anywhere, to="09351234567")
    _status, body = await anywhere.send({"channel": "push", "to": "09351234567", "text": "سلام"})
    single = body["messages"][0]["id"]

    async def over() -> bool:
        return all(
            [(await told(anywhere, id))[1] in ("delivered", "failed") for id in (pushed, texted, single)]
        )

    async with dispatching(anywhere.home), asyncio.timeout(30):
        while not await over():
            await asyncio.sleep(0.05)
    assert await told(anywhere, pushed) == ("push", "delivered", [("push", "delivered"), ("sms", "unused")])
    assert await told(anywhere, texted) == ("sms", "delivered", [("push", "failed"), ("sms", "delivered")])
    assert await told(anywhere, single) == ("push", "failed", [])
    assert await devices.find(anywhere.home.database, UUID(made["id"]).bytes) is not None
    _status, page = await anywhere.ask("GET", "/messages")
    assert [each["channel"] for each in page["items"]] == ["push", "sms", "push"]


async def test_what_a_sandbox_key_sends_goes_nowhere(anywhere: Business) -> None:
    sandbox = await anywhere.key(sandbox=True)
    id = await sent(sandbox)
    assert await told(sandbox, id) == ("push", "delivered", [("push", "delivered"), ("sms", "unused")])
    later = datetime.now(UTC) + timedelta(hours=1)
    assert await orders.take_due(anywhere.home.database, later) == 0
