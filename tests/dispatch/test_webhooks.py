"""Webhooks are told: signed, once each while nothing breaks, again when something does; on both databases."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from aiohttp import ClientSession
from pydantic import TypeAdapter
from sqlalchemy import select
from standardwebhooks import Webhook, WebhookVerificationError

from api.webhook_models import InboundReceived, MessageChanged, WebhookTest
from bot.sms import InboundSms
from bot.sms_intake import Intake
from dispatch.dispatcher import Dispatcher
from dispatch.errors import Rejected
from dispatch.webhook_batches import EACH, WAITS, retry
from dispatch.webhook_signing import headers
from records import claims, receipts, webhooks
from records.awaited import claim_receipts
from records.claims import Settled
from records.committer import Committer
from records.database import Database
from records.receipts import Told
from records.tables import outbox
from records.unit import Unit
from records.vault import Vault
from tests.dispatch.outbox import Carrier, Clock, until
from tests.dispatch.webhook_shop import SECRET, Customer, Shop, served

posted: TypeAdapter[Any] = TypeAdapter(MessageChanged | InboundReceived | WebhookTest)


def test_the_signature_of_the_specifications_example() -> None:
    made = headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        datetime.fromtimestamp(1614265330, UTC),
        b'{"test": 2432232314}',
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    )
    assert made == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_when_it_is_tried_again() -> None:
    now = datetime(2026, 11, 25, tzinfo=UTC)
    waits = [retry(attempts, now, None, 0.5) for attempts in range(1, 12)]
    assert [(at - now).total_seconds() for at in waits if at] == list(WAITS)
    assert waits[-1] is None, "then it is given up"
    assert timedelta(hours=20) < timedelta(seconds=sum(WAITS)) < timedelta(hours=28)
    assert retry(1, now, None, 0.0) == now + timedelta(seconds=4)
    assert retry(1, now, None, 1.0) == now + timedelta(seconds=6)
    assert retry(1, now, timedelta(seconds=90), 0.5) == now + timedelta(seconds=90), "as it is asked"
    assert retry(5, now, timedelta(seconds=90), 0.5) == now + timedelta(seconds=1_800)


async def test_what_is_told_verifies_with_a_library_that_nobody_here_wrote(
    database: Database, committer: Committer, vault: Vault, http: ClientSession
) -> None:
    shop = await Shop(database, committer, vault, lambda: datetime.now(UTC)).open()
    customer = Customer()
    async with served(customer) as url, shop.telling(http):
        id = await shop.webhook(url)
        other = "whsec_" + "b3RoZXJz" * 4
        place = webhooks.Place(url, [(other, None), (SECRET, shop.clock() + timedelta(hours=1))])
        unit = Unit()
        webhooks.change(unit, await shop.place(id), {"sealed": webhooks.seal(vault, id, place)})
        await committer.commit(unit)
        await shop.owe(id)
        await until(lambda: shop.told(1))
    [(head, body)] = customer.posted
    for secret in (SECRET, other):  # The one before is good for a while.
        assert Webhook(secret).verify(body, head)["type"] == "webhook.test"
    assert posted.validate_json(body).type == "webhook.test"
    for wrong in (body + b" ", body.replace(b"test", b"tset")):
        with pytest.raises(WebhookVerificationError):
            Webhook(SECRET).verify(wrong, head)
    [row] = await shop.rows()
    assert head["webhook-id"].replace("-", "") == row.id.hex()


async def test_the_story_of_a_message_is_told(shop: Shop, http: ClientSession, clock: Clock) -> None:
    """What is sent, and what a receipt says later; of no other account, and only what is asked for."""
    customer, narrow, stranger = Customer(), Customer(), Customer()
    other = await Shop(shop.database, shop.committer, shop.vault, clock).open("other")
    async with served(customer) as url, served(narrow) as url2, served(stranger) as url3:
        await shop.webhook(url)
        await shop.webhook(url2, "message.delivered")
        await other.webhook(url3)
        id = await shop.message(reference="order-7")
        carrier = Carrier()
        dispatcher = Dispatcher(
            shop.database, shop.vault, {"sms": carrier}, clock=clock, wake=asyncio.Event(), poll=0.02
        )
        running = asyncio.create_task(dispatcher.run())
        async with shop.telling(http):
            await until(lambda: shop.told(1))
            clock.forward(60)
            [[tracking]] = await shop.database.read(select(outbox.c.tracking).where(outbox.c.id == id))
            for _twice in range(2):
                await receipts.keep(
                    shop.database, "carrier", [Told(f"X{tracking}", "delivered", "DELIVRD")], clock()
                )
            await until(lambda: shop.told(3))
        dispatcher.stop()
        await running
    told = [MessageChanged.model_validate_json(body) for _head, body in customer.posted]
    assert [each.type for each in told] == ["message.sent", "message.delivered"]
    assert [each.data.status for each in told] == ["sent", "delivered"]
    assert {(str(each.data.id), each.data.reference) for each in told} == {(str(UUID(bytes=id)), "order-7")}
    assert told[1].timestamp - told[0].timestamp == timedelta(seconds=60)
    assert [posted.validate_json(body).type for _head, body in narrow.posted] == ["message.delivered"]
    assert stranger.posted == []
    assert len(await shop.rows()) == 3, "a receipt that comes again is no event"


async def test_what_the_network_refuses_ends_in_one_event(
    shop: Shop, http: ClientSession, clock: Clock
) -> None:
    customer = Customer()
    async with served(customer) as url:
        await shop.webhook(url)
        await shop.message()
        carrier = Carrier(answer=lambda outgoing: Rejected("no"))
        dispatcher = Dispatcher(
            shop.database, shop.vault, {"sms": carrier}, clock=clock, wake=asyncio.Event(), poll=0.02
        )
        running = asyncio.create_task(dispatcher.run())
        async with shop.telling(http):
            await until(lambda: shop.told(1))
        dispatcher.stop()
        await running
    assert [posted.validate_json(body).type for _head, body in customer.posted] == ["message.failed"]


async def test_a_receipt_that_never_comes_is_no_event(shop: Shop, clock: Clock) -> None:
    await shop.webhook("https://shop.example.ir/x")
    id, now = await shop.message(), clock()
    until_ = now + timedelta(minutes=1)
    await claims.claim(shop.database, now=now, lease=b"l" * 16, until=until_, most=1)
    sent = Settled(id, "sent", 1, now, "carrier", "X1", sent_at=now)
    await claims.settle(shop.database, b"l" * 16, [sent], now)
    await claim_receipts(shop.database, "carrier", now=now, lease=b"r" * 16, until=until_, most=1)
    await claims.settle(shop.database, b"r" * 16, [Settled(id, "sent", 1, now, finished_at=now)], now)
    assert [row.event for row in await shop.rows()] == ["message.sent"]


async def test_one_that_comes_late_tells_what_is_true(shop: Shop, clock: Clock) -> None:
    """A lease ran out, and the message was found in the queue again: the first one's yes counts, once."""
    await shop.webhook("https://shop.example.ir/x")
    id, now = await shop.message(), clock()
    later = now + timedelta(minutes=1)
    await claims.claim(shop.database, now=now, lease=b"l" * 16, until=now, most=1)
    await claims.claim(shop.database, now=later, lease=b"m" * 16, until=later, most=1)
    await claims.settle(shop.database, b"m" * 16, [Settled(id, "queued", 1, later)], later)
    assert await shop.rows() == []
    sent = Settled(id, "sent", 1, later, "carrier", "X1", sent_at=now, finished_at=now)
    assert await claims.settle(shop.database, b"l" * 16, [sent], later) == [id]
    assert [row.event for row in await shop.rows()] == ["message.sent"]
    await claims.settle(shop.database, b"m" * 16, [sent], later)
    assert len(await shop.rows()) == 1


async def test_what_people_write_is_told_with_their_words(
    shop: Shop, http: ClientSession, clock: Clock
) -> None:
    customer = Customer()
    async with served(customer) as url, shop.telling(http):
        await shop.webhook(url)
        intake = Intake(
            database=shop.database,
            committer=shop.committer,
            vault=shop.vault,
            clock=clock,
            wake=asyncio.Event(),
        )
        for _twice in range(2):
            await intake.accept(InboundSms("10004346", "09121234567", "سلام", "x:1", clock(), b"raw"))
        await until(lambda: shop.told(1))
    [(_head, body)] = customer.posted
    said = InboundReceived.model_validate_json(body)
    assert (said.data.line, said.data.sender, said.data.text) == ("10004346", "09121234567", "سلام")
    [row] = await shop.rows()
    assert said.data.id.bytes == row.subject


async def test_two_processes_tell_each_event_once(shop: Shop, http: ClientSession) -> None:
    customer = Customer()
    async with served(customer) as url:
        for path in range(4):
            await shop.owe(await shop.webhook(f"{url}/{path}"), 60)
        async with shop.telling(http), shop.telling(http):
            await until(lambda: shop.told(240))
    assert len(customer.ids) == len(set(customer.ids)) == 240


async def test_who_stops_gives_back_what_was_not_begun(shop: Shop, http: ClientSession) -> None:
    customer = Customer()
    customer.open.clear()
    async with served(customer) as url:
        await shop.owe(await shop.webhook(url), 10)
        async with shop.telling(http) as webhooks:
            await customer.entered.wait()
            webhooks.stop()
            customer.open.set()
        told = len(customer.ids)
        assert 1 <= told <= EACH
        assert len(await shop.rows("delivered")) == told
        assert {(row.attempts, row.lease_owner) for row in await shop.rows("waiting")} == {(0, None)}
        async with shop.telling(http):
            await until(lambda: shop.told(10))
    assert len(customer.ids) == len(set(customer.ids)) == 10


@pytest.fixture
async def shop(database: Database, committer: Committer, vault: Vault, clock: Clock) -> Shop:
    return await Shop(database, committer, vault, clock).open()
