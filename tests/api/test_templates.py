"""Templates of a business, what messages would cost, what was sent."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from records.outbox import content
from records.tables import outbox
from records.tariffs import Tariff
from tests.api.conftest import Business, sms

TEXT = "سلام {name}، سفارش {order} ارسال شد."


async def put(business: Business, text: str = TEXT, name: str = "sent") -> Any:
    status, body = await business.ask("PUT", f"/templates/{name}", {"text": text})
    assert status == 200
    return body


async def test_versions_grow_and_stay(anywhere: Business) -> None:
    first = await put(anywhere)
    assert (first["version"], first["placeholders"]) == (1, ["name", "order"])
    assert (await put(anywhere))["version"] == 1, "the same text is the same version"
    assert (await put(anywhere, "تازه {name}"))["version"] == 2
    await put(anywhere, "x", "another")
    _status, body = await anywhere.ask("GET", "/templates?limit=1")
    assert [(item["name"], item["version"]) for item in body["items"]] == [("another", 1)]
    _status, body = await anywhere.ask("GET", f"/templates?limit=1&after={body['next']}")
    assert [(item["name"], item["version"], body["next"]) for item in body["items"]] == [("sent", 2, None)]

    for version, text in ((1, "سلام سارا، سفارش ۱۲ ارسال شد."), (None, "تازه سارا")):
        values = {"name": "سارا"} | ({"order": "۱۲"} if version else {})
        wanted: dict[str, Any] = {"recipients": [{"to": "09121234567", "values": values, "reference": "r"}]}
        wanted |= {"version": version} if version else {}
        status, _body = await anywhere.ask("POST", "/templates/sent/messages", wanted)
        assert status == 202
        [row, *_] = await anywhere.home.database.read(select(outbox).order_by(outbox.c.id.desc()))
        assert content(anywhere.home.vault, row.id, row.sealed).body == text


async def test_two_who_change_a_template_at_once_make_two_versions(anywhere: Business) -> None:
    made = await asyncio.gather(put(anywhere, "یک"), put(anywhere, "دو"))
    assert sorted(each["version"] for each in made) == [1, 2]


async def test_what_a_value_says_is_not_read_as_a_placeholder(business: Business) -> None:
    await put(business, "{a} {b} {{c}}")
    wanted = {"recipients": [{"to": "09121234567", "values": {"a": "{b}", "b": "x"}}]}
    assert (await business.ask("POST", "/templates/sent/messages", wanted))[0] == 202
    [row] = await business.home.database.read(select(outbox))
    assert content(business.home.vault, row.id, row.sealed).body == "{b} x {c}"


@pytest.mark.parametrize("text", ["{", "a } b", "{}", "{نام}", "{name:date}", "{a b}", "{way:follow}"])
async def test_texts_that_are_none(business: Business, text: str) -> None:
    status, body = await business.ask("PUT", "/templates/sent", {"text": text})
    assert (status, body["errors"][0]["code"]) == (422, "template")


async def test_names_that_are_none(anywhere: Business) -> None:
    for name in ("x" * 65, "%00", "a%20b", "سلام", "%0A", "x%0A"):
        assert (await anywhere.ask("PUT", f"/templates/{name}", {"text": "x"}))[0] == 404
        assert (await anywhere.ask("GET", f"/templates/{name}"))[0] == 404


async def test_what_is_wrong_with_values(business: Business) -> None:
    await put(business)
    good = {"to": "09121234567", "values": {"name": "a", "order": "1"}}
    for wrong, pointer, code in (
        ({"values": {"name": "a"}}, "/recipients/1/values/order", "missing"),
        ({"values": {"name": "a", "order": "1", "x": ""}}, "/recipients/1/values/x", "unknown"),
        ({"values": {"name": "a", "order": "1\n2"}}, "/recipients/1/values/order", "form"),
        ({"to": "09978234567"}, "/recipients/1/to", "number"),
    ):
        recipients = [good, {**good, **wrong}]
        status, body = await business.ask("POST", "/templates/sent/messages", {"recipients": recipients})
        assert status == 422
        assert [(each["pointer"], each["code"]) for each in body["errors"]] == [(pointer, code)]
    for path, wanted in (
        ("/templates/none/messages", {"recipients": [good]}),
        ("/templates/sent/messages", {"recipients": [good], "version": 9}),
    ):
        assert (await business.ask("POST", path, wanted))[0] == 404
    assert await business.home.database.read(select(outbox.c.id)) == []


async def test_a_template_goes_by_every_channel(anywhere: Business) -> None:
    await put(anywhere)
    values = {"name": "سارا", "order": "۱۲"}
    number = [{"to": "09121234567", "values": values}]
    mail = [{"to": "sara@example.ir", "values": values}]
    for wanted in (
        {"recipients": number, "line": "10004346"},
        {"recipients": number, "channel": "voice"},
        {"recipients": mail, "channel": "email", "subject": "سفارش شما"},
        {"recipients": number, "channel": "push", "title": "سفارش شما"},
        {"recipients": number, "channels": ["push", "sms"], "within": [90], "title": "سفارش شما"},
    ):
        status, body = await anywhere.ask("POST", "/templates/sent/messages", wanted)
        assert status == 202, body
    rows = await anywhere.home.database.read(select(outbox).order_by(outbox.c.id))
    said = [content(anywhere.home.vault, row.id, row.sealed) for row in rows]
    assert {each.body for each in said} == {"سلام سارا، سفارش ۱۲ ارسال شد."}
    made = [(row.channel, row.route, each.subject, each.within) for row, each in zip(rows, said, strict=True)]
    assert made == [
        ("sms", "sms-10004346", "", 0),
        ("voice", "", "", 0),
        ("email", "", "سفارش شما", 0),
        ("push", "", "سفارش شما", 0),
        ("push", "", "سفارش شما", 90),
    ]
    _status, page = await anywhere.ask("GET", "/messages?limit=1")
    _status, body = await anywhere.ask("GET", f"/messages/{page['items'][0]['id']}")
    assert [each["channel"] for each in body["channels"]] == ["push", "sms"]


@pytest.mark.parametrize(
    ("more", "to", "pointer", "code"),
    [
        ({"channel": "email"}, "sara@example.ir", "/subject", "missing"),
        ({"channel": "email", "subject": "x"}, "09121234567", "/recipients/0/to", "form"),
        ({}, "sara@example.ir", "/recipients/0/to", "form"),
        ({"subject": "x"}, "09121234567", "/subject", "unknown"),
        ({"channel": "voice", "line": "10004346"}, "09121234567", "/line", "unknown"),
        ({"channel": "push", "channels": ["push", "sms"]}, "09121234567", "/channels", "unknown"),
        ({"channels": ["sms", "sms"]}, "09121234567", "/recipients/0/channels", "twice"),
        ({"channel": "telegram"}, "09121234567", "/channel", "choice"),
    ],
)
async def test_what_is_wrong_with_the_channel_of_a_template(
    business: Business, more: dict[str, Any], to: str, pointer: str, code: str
) -> None:
    await put(business)
    recipients = [{"to": to, "values": {"name": "a", "order": "1"}}] * 2
    status, body = await business.ask("POST", "/templates/sent/messages", {"recipients": recipients, **more})
    assert status == 422
    found = [(each["pointer"], each["code"]) for each in body["errors"]]
    assert found[0] == (pointer, code)
    assert len(found) == len(set(found)), "what is wrong for all is said once"
    assert await business.home.database.read(select(outbox.c.id)) == []


async def test_a_text_that_is_too_long_for_its_channel(business: Business) -> None:
    await put(business, "{a}{b}{c}{d}{e}{f}")
    values = dict.fromkeys("abcdef", "س" * 200)
    wanted = {"recipients": [{"to": "09121234567", "values": values}], "channel": "push"}
    status, body = await business.ask("POST", "/templates/sent/messages", wanted)
    assert status == 422
    assert [(each["pointer"], each["code"]) for each in body["errors"]] == [("/recipients/0/values", "long")]


async def test_what_a_message_would_cost(business: Business) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    prices = [Tariff("price", "sms", 1_330, start, numbers="+98")]
    await business.home.services.tariffs.add(prices, start)
    wanted = {"to": ["09121234567", "09351112233", "+442071838750"], "text": "سلام " * 20}
    status, body = await business.ask("POST", "/estimates", wanted)
    assert (status, body) == (200, {"parts": 2, "cost": 5_320, "unpriced": 1})


async def test_what_was_sent_is_counted_by_day(anywhere: Business) -> None:
    await anywhere.send(sms("سلام " * 20), sms(), {"channel": "voice", "to": "09121234567", "text": "x"})
    await anywhere.home.database.transaction(
        lambda connection: connection.execute(
            update(outbox).where(outbox.c.parts == 2).values(status="delivered", cost=2_660)
        )
    )
    today = datetime.now(UTC).date()
    span = f"since={today - timedelta(days=1)}&until={today + timedelta(days=1)}"
    status, body = await anywhere.ask("GET", f"/usage?{span}")
    assert status == 200
    rows = [(r["channel"], r["status"], r["messages"], r["parts"], r["cost"]) for r in body["items"]]
    assert rows == [
        ("sms", "delivered", 1, 2, 2_660),
        ("sms", "queued", 1, 1, 0),
        ("voice", "queued", 1, 0, 0),
    ]
    assert {r["day"] for r in body["items"]} == {str(today)}
    for wrong in (
        "since=2026-01-01",
        "since=2026-01-02&until=2026-01-01",
        "since=2026-01-01&until=2026-03-01",
    ):
        assert (await anywhere.ask("GET", f"/usage?{wrong}"))[0] == 422
