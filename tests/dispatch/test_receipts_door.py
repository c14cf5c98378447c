"""Receipts that come by themselves: doubled, out of order, too early, of messages that nobody knows, forged,
too late; on both databases."""

from __future__ import annotations

import asyncio
import io
import itertools
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from dispatch.carriers import Carriers
from dispatch.dispatcher import Dispatcher
from dispatch.provider import Accepted, Callback, Receipt
from dispatch.receipts import Receipts
from dispatch.receipts_door import LONGEST, routes
from dispatch.routes import Route, Routes, plain
from records.receipts import ORPHANS_FOR, Told, keep, match_orphans
from records.tables import receipt_orphans
from services.suppression import Suppressions
from tests.dispatch.outbox import Carrier, Outbox, until
from web.access import RouteSecret

STATUSES = {"1": "sent", "2": "delivered", "3": "failed", "4": "blocked"}


@dataclass
class Calls(Carrier):
    """A provider that calls with ``id`` and ``status``."""

    def parse_receipt(self, callback: Callback) -> Mapping[str, Receipt]:
        given = {**callback.query, **callback.form}
        if "id" not in given:
            raise ValueError("no id")
        status = given.get("status", "")
        known = STATUSES.get(status)
        return {given["id"]: Receipt(known or "sent", status, known is None)}  # type: ignore[arg-type]


def calls(name: str = "carrier") -> Calls:
    return Calls(lambda outgoing: Accepted(f"X{outgoing.body}", "pending"), name=name)


@asynccontextmanager
async def door(outbox: Outbox, *providers: Carrier) -> AsyncIterator[str]:
    app = web.Application()
    app.add_routes(routes(outbox.database, providers, RouteSecret(b"secret"), outbox.clock))
    async with TestServer(app) as server:
        yield str(server.make_url("/receipts/carrier")) + "?secret=secret"


async def send(outbox: Outbox, provider: Carrier, *bodies: str, routes: Routes | None = None) -> list[str]:
    trackings = [await outbox.add(body) for body in bodies]
    await dispatched(outbox, [provider], trackings, routes)
    return trackings


async def dispatched(
    outbox: Outbox, providers: Sequence[Carrier], trackings: Sequence[str], routes: Routes | None = None
) -> None:
    dispatcher = Dispatcher(
        outbox.database, outbox.vault, providers, routes, clock=outbox.clock, wake=asyncio.Event(), poll=0.02
    )
    running = asyncio.create_task(dispatcher.run())

    async def gone() -> bool:
        return all([(await outbox.row(each)).sent_at is not None for each in trackings])

    await until(gone)
    dispatcher.stop()
    await running


async def test_a_call_is_kept(outbox: Outbox, http: ClientSession) -> None:
    provider = calls()
    one, two, three = await send(outbox, provider, "1", "2", "3")
    async with door(outbox, provider) as url:
        assert (await http.get(f"{url}&id=X1&status=2")).status == 200
        assert (await http.post(url, data={"id": "X2", "status": "3"})).status == 200
        assert (await http.post(url, data={"id": "X3", "status": "4"})).status == 200
    assert [await outbox.status(each) for each in (one, two, three)] == ["delivered", "failed", "blocked"]
    assert await outbox.notes(one) == [("attempt", "sent"), ("receipt", "delivered")]
    suppressions = Suppressions(database=outbox.database, vault=outbox.vault)
    found = await suppressions.of("sms", "+989121234567", outbox.clock())
    assert found is not None
    assert found.scope == "advertising"


async def test_calls_that_are_none_change_nothing(outbox: Outbox, http: ClientSession) -> None:
    provider = calls()
    (tracking,) = await send(outbox, provider, "1")
    async with door(outbox, provider, Carrier(name="other")) as url:
        forged = url.replace("secret=secret", "secret=guess")
        assert (await http.get(f"{forged}&id=X1&status=2")).status == 403
        assert (await http.get(f"{url.partition('?')[0]}?id=X1&status=2")).status == 403
        for name in ("nobody", "other"):
            assert (await http.get(url.replace("/carrier", f"/{name}") + "&id=X1&status=2")).status == 404
        assert (await http.post(url, data=b"\xff\xfe<html>")).status == 400
        assert (await http.post(url, data={"status": "2"})).status == 400
        assert (await http.post(url, data=io.BytesIO(b"x" * (LONGEST + 1)))).status == 413
    assert await outbox.status(tracking) == "sent"
    assert await outbox.notes(tracking) == [("attempt", "sent")]


@pytest.mark.parametrize("order", list(itertools.permutations(["1", "2", "3"])))
async def test_in_whatever_order_the_highest_wins(
    outbox: Outbox, http: ClientSession, order: Sequence[str]
) -> None:
    provider = calls()
    (tracking,) = await send(outbox, provider, "1")
    async with door(outbox, provider) as url:
        for status in (*order, *order):  # And each twice.
            assert (await http.get(f"{url}&id=X1&status={status}")).status == 200
    assert await outbox.status(tracking) == "delivered"
    assert len(await outbox.notes(tracking)) == 4


async def test_an_unknown_status_is_kept_and_decides_nothing(outbox: Outbox, http: ClientSession) -> None:
    provider = calls()
    (tracking,) = await send(outbox, provider, "1")
    async with door(outbox, provider) as url:
        assert (await http.get(f"{url}&id=X1&status=77")).status == 200
    assert await outbox.status(tracking) == "sent"
    assert await outbox.notes(tracking) == [("attempt", "sent"), ("receipt", "sent")]


async def test_a_receipt_before_the_answer_to_the_submit_is_matched(
    outbox: Outbox, http: ClientSession
) -> None:
    provider = calls()
    async with door(outbox, provider) as url:
        for _twice in range(2):
            assert (await http.get(f"{url}&id=X1&status=2")).status == 200
    assert len(await outbox.database.read(receipt_orphans.select())) == 1
    (tracking,) = await send(outbox, provider, "1")
    assert await match_orphans(outbox.database, outbox.clock()) == (1, b"")
    assert await outbox.status(tracking) == "delivered"
    assert await outbox.database.read(receipt_orphans.select()) == []


async def test_an_orphan_is_forgotten_in_time_and_never_another_providers(outbox: Outbox) -> None:
    await keep(outbox.database, "another", [Told("X1", "delivered")], outbox.clock())
    (tracking,) = await send(outbox, calls(), "1")
    await match_orphans(outbox.database, outbox.clock())
    assert await outbox.status(tracking) == "sent"
    outbox.clock.now += ORPHANS_FOR + timedelta(seconds=1)
    await match_orphans(outbox.database, outbox.clock())
    assert await outbox.database.read(receipt_orphans.select()) == []


async def test_many_orphans_are_looked_at_in_turn(outbox: Outbox) -> None:
    told = [Told(f"Y{number}", "delivered") for number in range(1_200)]
    random.Random(7).shuffle(told)
    await keep(outbox.database, "carrier", told, outbox.clock())
    await keep(outbox.database, "carrier", [Told("X1", "delivered")], outbox.clock())
    (tracking,) = await send(outbox, calls(), "1")
    last, matched = b"", 0
    for _look in range(3):
        found, last = await match_orphans(outbox.database, outbox.clock(), last)
        matched += found
    assert (matched, last) == (1, b"")
    assert await outbox.status(tracking) == "delivered"


WITHIN = Routes([Route("sms", {"one": 1, "two": 0}, receipt_within=timedelta(seconds=90))])


def following(outbox: Outbox, *providers: Carrier) -> Receipts:
    carriers = Carriers(outbox.database, providers, WITHIN, clock=outbox.clock)
    return Receipts(
        outbox.database, outbox.vault, carriers, clock=outbox.clock, lease=timedelta(seconds=60), every=0.01
    )


async def test_without_a_receipt_in_time_another_provider_gets_it_once(outbox: Outbox) -> None:
    one, two = calls("one"), calls("two")
    tracking = await outbox.add("1")
    await dispatched(outbox, [one, two], [tracking], WITHIN)
    follow = following(outbox, one, two)
    outbox.clock.forward(89)
    await follow.ask(one)
    assert await outbox.status(tracking) == "sent"
    outbox.clock.forward(2)
    await follow.ask(one)
    assert await outbox.status(tracking) == "queued"
    await dispatched(outbox, [one, two], [tracking], WITHIN)
    assert (await outbox.row(tracking)).provider == "two"
    assert (len(one.handed), len(two.handed)) == (1, 1)
    # Nobody is left: it stays with the second.
    outbox.clock.forward(91)
    await follow.ask(two)
    assert await outbox.status(tracking) == "sent"
    # The first one's receipts: a failure says nothing any more, an arrival does.
    assert await keep(outbox.database, "one", [Told("X1", "failed")], outbox.clock()) == 1
    assert await outbox.status(tracking) == "sent"
    await keep(outbox.database, "one", [Told("X1", "delivered")], outbox.clock())
    assert await outbox.status(tracking) == "delivered"


async def test_a_receipt_in_time_keeps_it_where_it_is(outbox: Outbox) -> None:
    one, two = calls("one"), calls("two")
    tracking = await outbox.add("1")
    await dispatched(outbox, [one, two], [tracking], WITHIN)
    await keep(outbox.database, "one", [Told("X1", "delivered")], outbox.clock())
    outbox.clock.forward(91)
    await following(outbox, one, two).ask(one)
    assert await outbox.status(tracking) == "delivered"
    assert not two.handed


async def test_who_only_calls_is_waited_for_two_days(outbox: Outbox) -> None:
    provider = calls()
    (tracking,) = await send(outbox, provider, "1")
    carriers = Carriers(outbox.database, [provider], plain([("sms", "carrier")]), clock=outbox.clock)
    follow = Receipts(
        outbox.database, outbox.vault, carriers, clock=outbox.clock, lease=timedelta(seconds=60)
    )
    outbox.clock.forward(3_600)
    assert not await follow.ask(provider)
    assert (await outbox.row(tracking)).finished_at is None
    outbox.clock.forward(48 * 3_600)
    await follow.ask(provider)
    row = await outbox.row(tracking)
    assert (row.status, row.finished_at) == ("sent", outbox.clock())
    # And even then.
    await keep(outbox.database, "carrier", [Told("X1", "delivered")], outbox.clock())
    assert await outbox.status(tracking) == "delivered"
