"""Messages by the API: taken over once, told of, cancelled; and all that is refused."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from records import claims
from records.outbox import content
from records.tables import account_messages, outbox
from services.submissions import KEPT
from tests.api.conftest import Business, sms


async def rows(business: Business) -> list[Any]:
    return list(await business.home.database.read(select(outbox).order_by(outbox.c.id)))


async def test_a_message_is_in_the_outbox_when_it_is_answered(anywhere: Business) -> None:
    status, body = await anywhere.send(sms("سلام " * 20, reference="order-7"))
    assert status == 202
    [taken] = body["messages"]
    assert (taken["status"], taken["parts"], taken["reference"]) == ("queued", 2, "order-7")
    [row] = await rows(anywhere)
    assert row.tracking == taken["tracking"]
    assert (row.channel, row._mapping["class"], row.status) == ("sms", "service", "queued")
    assert content(anywhere.home.vault, row.id, row.sealed).to == "+989121234567"
    [[account]] = await anywhere.home.database.read(select(account_messages.c.account))
    assert row.sender == account, "its sender takes turns with others"

    status, body = await anywhere.ask("GET", f"/messages/{taken['id']}")
    assert status == 200
    assert (body["to"], body["class"], body["steps"]) == ("+989121234567", "service", [])
    [claimed] = await claims.claim(
        anywhere.home.database, now=datetime.now(UTC), lease=b"l" * 16, until=datetime.now(UTC), most=10
    )
    assert claimed.sender == account


async def test_a_screen_that_nobody_dialled_for(business: Business) -> None:
    status, body = await business.send({"channel": "ussd", "to": "09121234567", "text": "س" * 80})
    assert (status, body["messages"][0]["parts"]) == (202, None)
    [row] = await rows(business)
    assert (row.channel, row.route, row.status) == ("ussd", "", "queued")
    status, _body = await business.send({"channel": "ussd", "to": "09121234567", "text": "a" * 182})
    assert status == 202
    status, body = await business.send({"channel": "ussd", "to": "09121234567", "text": "س" * 81})
    assert (status, body["errors"][0]["pointer"]) == (422, "/messages/0/text")


async def test_every_channel_and_all_that_can_be_said(business: Business) -> None:
    later = (datetime.now(UTC) + timedelta(days=2)).isoformat()
    status, body = await business.send(
        sms(line="10004346", send_at=later, expires_in=3_600, **{"class": "bulk"}),
        {"channel": "voice", "to": "+442071838750", "text": "hello"},
        {"channel": "email", "to": "sara@example.ir", "subject": "سلام", "text": "متن\nنامه"},
    )
    assert (status, len(body["messages"])) == (202, 3)
    first, second, third = await rows(business)
    assert (first.route, first._mapping["class"]) == ("sms-10004346", "bulk")
    assert first.due_at.isoformat() == later
    assert first.expires_at - first.due_at == timedelta(hours=1)
    assert (second.channel, second.parts) == ("voice", None)
    said = content(business.home.vault, third.id, third.sealed)
    assert (said.to, said.subject, said.body) == ("sara@example.ir", "سلام", "متن\nنامه")


async def test_a_thousand_messages_in_a_call_and_not_one_more(anywhere: Business) -> None:
    many = [sms(f"پیام {number}") for number in range(1_001)]
    status, body = await anywhere.send(*many[:1_000])
    assert status == 202
    assert len({each["id"] for each in body["messages"]}) == 1_000
    status, body = await anywhere.send(*many)
    assert (status, body["errors"][0]["pointer"], body["errors"][0]["code"]) == (422, "/messages", "long")
    assert len(await rows(anywhere)) == 1_000


async def test_the_same_key_and_body_is_the_same_answer(anywhere: Business) -> None:
    first = await anywhere.send(sms(), **{"Idempotency-Key": "a-1"})
    again = await anywhere.send(sms(), **{"Idempotency-Key": "a-1"})
    assert first == again
    assert anywhere.headers["Idempotency-Replayed"] == "true"
    assert len(await rows(anywhere)) == 1
    status, body = await anywhere.send(sms("other"), **{"Idempotency-Key": "a-1"})
    assert (status, body["type"]) == (409, "urn:chapar:problem:other-request")
    assert len(await rows(anywhere)) == 1
    other = await anywhere.key(sandbox=True)
    status, _body = await other.send(sms("other"), **{"Idempotency-Key": "a-1"})
    assert status == 202, "the sandbox has names of its own"


async def test_the_same_call_many_times_at_once_is_one(anywhere: Business) -> None:
    answers = await asyncio.gather(
        *(anywhere.send(sms(), sms(), **{"Idempotency-Key": "twice"}) for _ in range(12))
    )
    assert {status for status, _body in answers} == {202}
    assert len({json.dumps(body) for _status, body in answers}) == 1
    assert len(await rows(anywhere)) == 2


async def test_answers_are_forgotten_after_their_time(business: Business) -> None:
    await business.send(sms(), **{"Idempotency-Key": "k"})
    submissions = business.api.submissions
    assert await submissions.tidy(datetime.now(UTC) + KEPT - timedelta(hours=1)) == 0
    assert await submissions.tidy(datetime.now(UTC) + KEPT + timedelta(hours=1)) == 1


@pytest.mark.parametrize("key", ["x" * 256, "with blank", "سلام"])
async def test_a_key_that_is_none_is_refused(business: Business, key: str) -> None:
    status, body = await business.send(sms(), **{"Idempotency-Key": key})
    assert (status, body["errors"][0]["pointer"]) == (400, "Idempotency-Key")


async def test_a_message_is_cancelled_while_it_waits(anywhere: Business) -> None:
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    _status, body = await anywhere.send(sms(send_at=later), sms())
    waiting, due = (each["id"] for each in body["messages"])
    for _again in range(2):
        status, body = await anywhere.ask("DELETE", f"/messages/{waiting}")
        assert (status, body["status"]) == (200, "cancelled")
    database, now = anywhere.home.database, datetime.now(UTC)
    claimed = await claims.claim(
        database, now=now + timedelta(hours=2), lease=b"l" * 16, until=now + timedelta(days=1), most=9
    )
    assert [each.id.hex() for each in claimed] == [due.replace("-", "")], "what is cancelled never goes"
    status, body = await anywhere.ask("DELETE", f"/messages/{due}")
    assert (status, body["type"]) == (409, "urn:chapar:problem:not-queued")
    status, body = await anywhere.ask("GET", f"/messages/{due}")
    assert body["status"] == "sending"
    await database.transaction(
        lambda connection: connection.execute(update(outbox).values(status="queued", lease_owner=None))
    )
    status, _body = await anywhere.ask("DELETE", f"/messages/{due}")
    assert status == 409, "it was handed over once and may have gone"


async def test_pages_have_each_message_once_while_more_come(anywhere: Business) -> None:
    sent: list[str] = []
    for number in range(7):
        _status, body = await anywhere.send(sms(reference=f"r-{number % 2}"))
        sent.insert(0, body["messages"][0]["id"])
    seen: list[str] = []
    query = "?limit=3"
    while True:
        status, body = await anywhere.ask("GET", f"/messages{query}")
        assert status == 200
        seen += [item["id"] for item in body["items"]]
        if body["next"] is None:
            break
        await anywhere.send(sms("in between"))
        query = f"?limit=3&cursor={body['next']}"
    assert seen == sent
    _status, body = await anywhere.ask("GET", "/messages?reference=r-1")
    assert [item["id"] for item in body["items"]] == sent[1::2]


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=1e1", "limit"),
        ("limit=١٠", "limit"),
        ("cursor=zz", "cursor"),
        ("reference=%00", "reference"),
        ("page=2", "page"),
        ("limit=1&limit=2", ""),
    ],
)
async def test_queries_that_are_refused(business: Business, query: str, pointer: str) -> None:
    status, body = await business.ask("GET", f"/messages?{query}")
    assert (status, body["errors"][0]["pointer"]) == (422, pointer)


async def test_another_business_sees_nothing_of_it(business: Business) -> None:
    _status, body = await business.send(sms())
    id = body["messages"][0]["id"]
    await business.api.accounts.create("rival", [], datetime.now(UTC))
    token = await business.api.accounts.issue("rival", datetime.now(UTC))
    rival = Business(business.client, business.api, business.home, "rival", token)
    for method in ("GET", "DELETE"):
        assert (await rival.ask(method, f"/messages/{id}"))[0] == 404
    assert (await rival.ask("GET", "/messages"))[1] == {"items": [], "next": None}
    status, body = await rival.send(sms(line="10004346"))
    assert (status, body["errors"][0]["code"]) == (422, "line")
    for odd in ("x", "1", id.replace("-", ""), f"{{{id}}}", "%00"):
        assert (await business.ask("GET", f"/messages/{odd}"))[0] == 404


async def test_the_sandbox_sends_to_nobody_and_is_not_mixed_with_the_rest(business: Business) -> None:
    sandbox = await business.key(sandbox=True)
    _status, body = await sandbox.send(sms())
    [taken] = body["messages"]
    assert taken["status"] == "delivered"
    assert not any((await claims.depth(business.home.database)).values())
    assert (await sandbox.ask("GET", f"/messages/{taken['id']}"))[0] == 200
    assert (await business.ask("GET", f"/messages/{taken['id']}"))[0] == 404
    assert (await business.ask("GET", "/messages"))[1]["items"] == []


BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"channel": "sms", "to": "09121234567"}, "/messages/0/text", "missing"),
    ({"channel": "fax", "to": "1", "text": "x"}, "/messages/0/channel", "choice"),
    ({"to": "09121234567", "text": "x"}, "/messages/0/channel", "missing"),
    (sms(""), "/messages/0/text", "short"),
    (sms("x" * 2_001), "/messages/0/text", "long"),
    (sms("س" * 671), "/messages/0/text", "parts"),
    (sms("a\x00b"), "/messages/0/text", "form"),
    (sms(to="0912"), "/messages/0/to", "form"),
    (sms(to="09891234567"), "/messages/0/to", "form"),
    (sms(to="09978234567"), "/messages/0/to", "number"),
    (sms(to="09121234567; DROP TABLE outbox"), "/messages/0/to", "form"),
    (sms(to=9121234567), "/messages/0/to", "type"),  # type: ignore[arg-type]
    (sms(priority=1), "/messages/0/priority", "unknown"),
    (sms(**{"class": "otp"}), "/messages/0/class", "choice"),
    (sms(expires_in=59), "/messages/0/expires_in", "range"),
    (sms(expires_in=10**30), "/messages/0/expires_in", "range"),
    (sms(expires_in="60"), "/messages/0/expires_in", "type"),
    (sms(send_at="2030-01-01T00:00:00"), "/messages/0/send_at", "form"),
    (sms(send_at="9999-12-31T23:59:59-23:59"), "/messages/0/send_at", "late"),
    (sms(send_at="soon"), "/messages/0/send_at", "wrong"),
    (sms(reference="a b"), "/messages/0/reference", "form"),
    (sms(line="30001"), "/messages/0/line", "line"),
    ({"channel": "telegram", "to": "12345", "text": "x"}, "/messages/0/channel", "channel"),
    ({"channel": "email", "to": "a@b\r\nBcc: c", "subject": "s", "text": "x"}, "/messages/0/to", "form"),
    ({"channel": "email", "to": "a@b.ir", "subject": "\r\n", "text": "x"}, "/messages/0/subject", "form"),
]  # fmt: skip


@pytest.mark.parametrize(("message", "pointer", "code"), BAD)
async def test_what_is_wrong_is_named_and_nothing_is_sent(
    business: Business, message: dict[str, Any], pointer: str, code: str
) -> None:
    status, body = await business.send(message, sms())
    assert status == 422
    assert [(each["pointer"], each["code"]) for each in body["errors"]] == [(pointer, code)]
    assert body["title"] == "درخواست درست نیست."
    [[count]] = await business.home.database.read(select(func.count()).select_from(outbox))
    assert count == 0


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[" * 100_000, 400),
        (b'{"messages": [{"channel": "sms", "to": "09121234567", "text": "\\ud800"}]}', 400),
        (b"\xff\xfe", 400),
        (b"null", 422),
        (b'{"messages": []}', 422),
        (b'{"messages": {}}', 422),
        (b'{"messages": [null]}', 422),
        (b'{"messages": [{"channel": []}]}', 422),
        (b'"' + b"x" * (8 * 2**20) + b'"', 413),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_bodies_that_are_none(business: Business, raw: bytes, status: int) -> None:
    found, body = await business.ask("POST", "/messages", raw)
    assert (found, business.headers["Content-Type"]) == (status, "application/problem+json")
    assert body["status"] == status


async def test_a_body_that_hides_its_length_is_cut_off(business: Business) -> None:
    async def endless() -> Any:
        for _ in range(20):
            yield b" " * 2**20

    headers = {"Authorization": f"Bearer {business.token}", "Content-Type": "application/json"}
    url = "/api/v1/messages"
    async with business.client.post(url, data=endless(), headers=headers) as response:
        assert response.status == 413


async def test_problems_are_told_in_the_language_that_is_asked_for(business: Business) -> None:
    for wanted, title, language in (
        ("en", "The request is not right.", "en"),
        ("en-GB;q=0.8, fa;q=0.3", "The request is not right.", "en"),
        ("de, fa-IR;q=0.9, en;q=0.5", "درخواست درست نیست.", "fa"),
        ("*", "درخواست درست نیست.", "fa"),
        (",;q=x," * 200, "درخواست درست نیست.", "fa"),
    ):
        _status, body = await business.send(sms(""), **{"Accept-Language": wanted})
        assert (body["title"], business.headers["Content-Language"]) == (title, language)


async def test_what_is_no_json_and_what_is_not_there(business: Business) -> None:
    status, _body = await business.ask("POST", "/messages", b"a=1", **{"Content-Type": "text/plain"})
    assert status == 415
    status, body = await business.ask("PUT", "/messages", {})
    assert (status, body["type"]) == (405, "urn:chapar:problem:method")
    assert business.headers["Allow"] == "GET,POST"
    assert (await business.ask("GET", "/elsewhere"))[1]["type"] == "urn:chapar:problem:not-found"
