"""Channel orders: push, then SMS; what decides that the next one is tried, and that it is decided once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from dispatch.dispatcher import Dispatcher
from dispatch.errors import DispatchError, Misconfigured, Nobody, Rejected, Unreachable
from dispatch.permission import Permission, read_hours
from dispatch.provider import Accepted, Outcome, Outgoing, Provider
from dispatch.providers.push.devices import Devices
from records import devices, orders, receipts
from records.claims import Settled, claim, settle
from records.devices import Device
from records.orders import Way
from records.outbox import Content, queue
from records.settlement import Note
from records.tables import OURSELVES, dead_letters, order_steps
from records.tables import outbox as table
from records.unit import Unit
from tests.dispatch.outbox import Carrier, Outbox, until

NUMBER = "+989121234567"
LEASE = b"l" * 16


async def order(outbox: Outbox, *, klass: str = "service", minutes: float = 60, within: int = 60) -> str:
    """A push that goes by SMS after ``within`` seconds without a receipt."""
    unit = Unit()
    tracking = queue(
        unit, outbox.vault, now=outbox.clock(), channel="push", klass=klass, kind="msisdn", to=NUMBER,
        body="push", lifetime=timedelta(minutes=minutes), within=within,
    )  # fmt: skip
    orders.add(unit, outbox.vault, [Way("sms", "msisdn", Content(NUMBER, "", "sms"), 1)], outbox.clock())
    await outbox.committer.commit(unit)
    return tracking


async def device(outbox: Outbox, name: str, service: str = "fcm") -> bytes:
    """A device of the number's; what it is known by."""
    id = outbox.vault.index("push", name)
    party = outbox.vault.index("msisdn", NUMBER)
    sealed = outbox.vault.seal(f"{service}:{name}".encode(), devices.context(id))
    unit = Unit()
    devices.add(unit, Device(id, OURSELVES, party, service, sealed, outbox.clock()))
    await outbox.committer.commit(unit)
    return id


def taken(outgoing: Outgoing) -> Outcome:
    """What a service of push says: it has no receipts."""
    return Accepted(detail="201")


def refusing(error: DispatchError) -> Carrier:
    return Carrier(lambda outgoing: error, name="devices", channel="push")


@asynccontextmanager
async def dispatching(
    outbox: Outbox, *providers: Provider, gate: Permission | None = None
) -> AsyncIterator[Dispatcher]:
    dispatcher = Dispatcher(
        outbox.database, outbox.vault, providers, clock=outbox.clock, wake=asyncio.Event(), poll=0.02,
        learning=0.02, receipts=0.02, gate=gate,
    )  # fmt: skip
    running = asyncio.create_task(dispatcher.run())
    try:
        yield dispatcher
    finally:
        dispatcher.stop()
        await running


async def steps(outbox: Outbox, tracking: str) -> list[tuple[str, bool, str | None]]:
    """(channel, whether it was begun, how it ended) of each way."""
    found = await orders.steps(outbox.database, (await outbox.row(tracking)).id)
    return [(each.channel, each.started_at is not None, each.ended) for each in found]


async def reached(outbox: Outbox, tracking: str, channel: str, *statuses: str) -> Any:
    async def there() -> bool:
        row = await outbox.row(tracking)
        return row.channel == channel and row.status in statuses

    await until(there)
    return await outbox.row(tracking)


async def test_without_a_receipt_in_its_time_the_next_one_is_tried(outbox: Outbox) -> None:
    tracking = await order(outbox)
    push, sms = Carrier(taken, name="devices", channel="push"), Carrier(name="sms")
    async with dispatching(outbox, push, sms):
        await reached(outbox, tracking, "push", "sent")
        outbox.clock.forward(59)
        await asyncio.sleep(0.1)
        assert (await outbox.row(tracking)).channel == "push"
        outbox.clock.forward(1)
        row = await reached(outbox, tracking, "sms", "sent")
    assert (push.handed, sms.handed) == (["push"], ["sms"])
    assert (row.provider, row.parts, row.external_id) == ("sms", 1, f"X{tracking}")
    assert await steps(outbox, tracking) == [("push", True, "unreceipted"), ("sms", True, None)]
    assert await outbox.notes(tracking) == [
        ("attempt", "sent"), ("attempt", "unreceipted"), ("attempt", "sent"),
    ]  # fmt: skip


@pytest.mark.parametrize("error", [Rejected("no device"), Nobody("gone")])
async def test_what_fails_goes_on_at_once_and_is_no_dead_letter(outbox: Outbox, error: DispatchError) -> None:
    tracking = await order(outbox)
    sms = Carrier(name="sms")
    async with dispatching(outbox, refusing(error), sms):
        await reached(outbox, tracking, "sms", "sent")
    assert await steps(outbox, tracking) == [("push", True, "failed"), ("sms", True, None)]
    assert await outbox.database.read(select(dead_letters)) == []


async def test_the_last_one_that_fails_is_the_end(outbox: Outbox) -> None:
    tracking = await order(outbox)
    sms = Carrier(lambda outgoing: Rejected("spam"), name="sms")
    async with dispatching(outbox, refusing(Rejected("no device")), sms):
        row = await reached(outbox, tracking, "sms", "failed")
    assert row.finished_at is not None
    [letter] = await outbox.database.read(select(dead_letters))
    assert (letter.channel, letter.provider) == ("sms", "sms")


@pytest.mark.parametrize("error", [Unreachable("503"), Misconfigured("key")])
async def test_one_that_cannot_be_reached_has_its_time_and_no_more(
    outbox: Outbox, error: DispatchError
) -> None:
    tracking = await order(outbox, within=90)
    sms = Carrier(name="sms")
    async with dispatching(outbox, refusing(error), sms):

        async def tried() -> bool:
            return bool(await outbox.notes(tracking))

        await until(tried)
        outbox.clock.forward(89)
        await asyncio.sleep(0.1)
        assert not sms.handed
        outbox.clock.forward(1)
        await reached(outbox, tracking, "sms", "sent")


async def test_a_receipt_in_time_is_the_end(outbox: Outbox) -> None:
    tracking = await order(outbox)
    push = Carrier(lambda outgoing: Accepted("p-1", "pending"), name="devices", channel="push")
    sms = Carrier(name="sms")
    async with dispatching(outbox, push, sms):
        await reached(outbox, tracking, "push", "sent")
        told = [receipts.Told("p-1", "delivered")]
        assert await receipts.keep(outbox.database, "devices", told, outbox.clock()) == 1
        outbox.clock.forward(3_000)

        async def looked_at() -> bool:
            due = select(order_steps.c.due_at).where(order_steps.c.due_at.is_not(None))
            return not await outbox.database.read(due)

        await until(looked_at)
    assert await outbox.status(tracking) == "delivered"
    assert not sms.handed


async def test_a_receipt_that_comes_before_the_next_one_went_stops_it(outbox: Outbox) -> None:
    tracking = await order(outbox)
    push = Carrier(lambda outgoing: Accepted("p-1", "pending"), name="devices", channel="push")
    async with dispatching(outbox, push):
        await reached(outbox, tracking, "push", "sent")
    outbox.clock.forward(60)
    assert await orders.take_due(outbox.database, outbox.clock()) == 1
    assert (await outbox.row(tracking)).status == "queued"
    await receipts.keep(outbox.database, "devices", [receipts.Told("p-1", "delivered")], outbox.clock())
    sms = Carrier(name="sms")
    async with dispatching(outbox, sms):
        await asyncio.sleep(0.2)
    assert not sms.handed
    assert (await outbox.row(tracking)).status == "delivered"


async def test_a_receipt_that_says_no_goes_on_at_once(outbox: Outbox) -> None:
    tracking = await order(outbox)
    push = Carrier(lambda outgoing: Accepted("p-1", "pending"), name="devices", channel="push")
    sms = Carrier(name="sms")
    async with dispatching(outbox, push, sms):
        await reached(outbox, tracking, "push", "sent")
        await receipts.keep(outbox.database, "devices", [receipts.Told("p-1", "failed", "x")], outbox.clock())
        await reached(outbox, tracking, "sms", "sent")
    assert await outbox.database.read(select(dead_letters)) == []


@pytest.mark.parametrize("klass", ["otp", "service"])
async def test_what_is_stale_goes_by_no_other(outbox: Outbox, klass: str) -> None:
    tracking = await order(outbox, klass=klass, minutes=2, within=60)
    async with dispatching(outbox, Carrier(taken, name="devices", channel="push")):
        await reached(outbox, tracking, "push", "sent")
    outbox.clock.forward(120)
    assert await orders.take_due(outbox.database, outbox.clock()) == 0
    failed = await order(outbox, klass=klass, minutes=2)
    [claimed] = await _claimed(outbox)
    outbox.clock.forward(120)
    await _settle(outbox, claimed.id, "failed")
    assert (await outbox.row(failed)).channel == "push"
    # One that took its next channel in time and is claimed too late.
    late = await order(outbox, klass=klass, minutes=2, within=60)
    sms = Carrier(name="sms")
    async with dispatching(outbox, Carrier(taken, name="devices", channel="push")):
        await reached(outbox, late, "push", "sent")
    outbox.clock.forward(119)
    assert await orders.take_due(outbox.database, outbox.clock()) == 1
    outbox.clock.forward(1)
    async with dispatching(outbox, sms):
        await reached(outbox, late, "sms", "expired")
    assert not sms.handed


async def test_many_who_look_at_once_decide_once(outbox: Outbox) -> None:
    trackings = [await order(outbox) for _ in range(20)]
    async with dispatching(outbox, Carrier(taken, name="devices", channel="push")):
        for each in trackings:
            await reached(outbox, each, "push", "sent")
    outbox.clock.forward(60)
    counts = await asyncio.gather(*(orders.take_due(outbox.database, outbox.clock()) for _ in range(8)))
    assert sum(counts) == 20
    sms = Carrier(name="sms")
    async with dispatching(outbox, sms), dispatching(outbox, sms):
        for each in trackings:
            await reached(outbox, each, "sms", "sent")
        await asyncio.sleep(0.2)
    assert sms.handed == ["sms"] * 20


async def test_who_dies_between_sending_and_settling_decides_nothing(outbox: Outbox) -> None:
    """The row stays claimed: whoever takes over sends the push again, as its class says, and its time begins
    then."""
    tracking = await order(outbox)
    await _claimed(outbox)
    outbox.clock.forward(600)
    assert await orders.take_due(outbox.database, outbox.clock()) == 0
    push, sms = Carrier(taken, name="devices", channel="push"), Carrier(name="sms")
    async with dispatching(outbox, push, sms):
        await reached(outbox, tracking, "push", "sent")
        outbox.clock.forward(60)
        await reached(outbox, tracking, "sms", "sent")
    assert (push.handed, sms.handed) == (["push"], ["sms"])


async def test_who_settles_late_does_not_touch_the_next_one(outbox: Outbox) -> None:
    tracking = await order(outbox)
    [claimed] = await _claimed(outbox)
    outbox.clock.forward(90)
    [_again] = await _claimed(outbox, b"m" * 16)
    await _settle(outbox, claimed.id, "failed", b"m" * 16)
    assert (await outbox.row(tracking)).channel == "sms"
    lost = await _settle(outbox, claimed.id, "sent")
    row = await outbox.row(tracking)
    assert (list(lost), row.status, row.channel, row.sent_at) == ([claimed.id], "queued", "sms", None)


async def test_three_in_a_row_and_what_they_cost(outbox: Outbox) -> None:
    unit = Unit()
    tracking = queue(
        unit, outbox.vault, now=outbox.clock(), channel="push", klass="service", kind="msisdn", to=NUMBER,
        body="push", lifetime=timedelta(hours=1), within=60,
    )  # fmt: skip
    ways = [
        Way("voice", "msisdn", Content(NUMBER, "", "call", within=30)),
        Way("sms", "msisdn", Content(NUMBER, "", "sms"), 1),
    ]
    orders.add(unit, outbox.vault, ways, outbox.clock())
    await outbox.committer.commit(unit)
    costs = {"voice": 700, "sms": 90}
    push = Carrier(taken, name="devices", channel="push")
    voice, sms = Carrier(name="voice", channel="voice"), Carrier(name="sms")
    dispatcher = Dispatcher(
        outbox.database, outbox.vault, [push, voice, sms], clock=outbox.clock, wake=asyncio.Event(),
        poll=0.02, receipts=0.02, charge=lambda claimed, outgoing, name, now: costs.get(name),
    )  # fmt: skip
    running = asyncio.create_task(dispatcher.run())
    await reached(outbox, tracking, "push", "sent")
    outbox.clock.forward(60)
    await reached(outbox, tracking, "voice", "sent")
    outbox.clock.forward(30)
    row = await reached(outbox, tracking, "sms", "sent")
    dispatcher.stop()
    await running
    assert row.cost == 790
    assert [each[0] for each in await steps(outbox, tracking)] == ["push", "voice", "sms"]


async def test_a_push_goes_to_every_device_and_the_dead_are_forgotten(outbox: Outbox) -> None:
    live, dead = await device(outbox, "phone"), await device(outbox, "old", "apns")
    tracking = await order(outbox)
    fcm = Carrier(lambda outgoing: Accepted("f-1"), name="fcm", channel="push")
    apns = Carrier(lambda outgoing: Nobody("410 Unregistered"), name="apns", channel="push")
    push = Devices(outbox.database, outbox.vault, {"fcm": fcm, "apns": apns})
    sms = Carrier(name="sms")
    async with dispatching(outbox, push, sms):
        row = await reached(outbox, tracking, "push", "sent")
        assert (row.provider, row.external_id) == ("devices", "f-1")
        assert await devices.find(outbox.database, dead) is None
        assert await devices.find(outbox.database, live) is not None
        fcm.answer = lambda outgoing: Nobody("404 UNREGISTERED")
        again = await order(outbox)
        await reached(outbox, again, "sms", "sent")
        assert await devices.find(outbox.database, live) is None
        last = await order(outbox)
        await reached(outbox, last, "sms", "sent")
    assert len(fcm.handed) == 2


async def _claimed(outbox: Outbox, lease: bytes = LEASE) -> Sequence[Any]:
    now = outbox.clock()
    return await claim(outbox.database, now=now, lease=lease, until=now + timedelta(seconds=60), most=9)


async def _settle(outbox: Outbox, id: bytes, status: str, lease: bytes = LEASE) -> Sequence[bytes]:
    now = outbox.clock()
    ended = now if status == "failed" else None
    went = now if status == "sent" else None
    note = (Note("attempt", status),)
    done = Settled(id, status, 1, now, "devices", None, went, ended, note, within=60)
    return await settle(outbox.database, lease, [done], now)


async def test_what_waits_for_the_hours_of_advertising_has_all_its_time(outbox: Outbox) -> None:
    hours = read_hours("09:00-21:00")
    permission = Permission(outbox.database, hours, {}, asked_first=False)
    outbox.clock.forward(12 * 3_600)  # 23:30 in Tehran.
    tracking = await order(outbox, klass="bulk", minutes=1_440)
    push, sms = Carrier(taken, name="devices", channel="push"), Carrier(name="sms")
    async with dispatching(outbox, push, sms, gate=permission):

        async def waits() -> bool:
            return ("attempt", "put_off") in await outbox.notes(tracking)

        await until(waits)
        outbox.clock.forward(9 * 3_600)
        await asyncio.sleep(0.1)
        assert (push.handed, sms.handed) == ([], [])
        outbox.clock.forward(1_800)
        await reached(outbox, tracking, "push", "sent")
        outbox.clock.forward(60)
        await reached(outbox, tracking, "sms", "sent")


async def test_who_did_not_agree_is_sent_nothing_by_any_channel(outbox: Outbox) -> None:
    permission = Permission(outbox.database, read_hours("09:00-21:00"), {}, asked_first=True)
    tracking = await order(outbox, klass="bulk")
    push, sms = Carrier(taken, name="devices", channel="push"), Carrier(name="sms")
    async with dispatching(outbox, push, sms, gate=permission):
        await reached(outbox, tracking, "sms", "blocked")
    assert (push.handed, sms.handed) == ([], [])
    assert await steps(outbox, tracking) == [("push", True, "blocked"), ("sms", True, None)]


async def test_a_single_channel_is_as_before(outbox: Outbox) -> None:
    tracking = await outbox.add(channel="push")
    async with dispatching(outbox, Carrier(taken, name="devices", channel="push")):
        await reached(outbox, tracking, "push", "sent")
    rows = await outbox.database.read(select(table.c.finished_at))
    assert rows[0][0] is not None
    assert await steps(outbox, tracking) == []
