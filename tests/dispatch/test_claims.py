"""The outbox under leases, on both databases."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from records import lanes
from records.awaited import Awaited, claim_receipts
from records.claims import (
    Claimed,
    Lane,
    Settled,
    claim,
    depth,
    release,
    renew,
    settle,
)
from tests.dispatch.outbox import Outbox

MINUTE = timedelta(minutes=1)
MINE, OTHERS = b"m" * 16, b"o" * 16


async def take(
    outbox: Outbox, lease: bytes = MINE, most: int = 100, busy: Sequence[Lane] = ()
) -> Sequence[Claimed]:
    now = outbox.clock()
    return await claim(outbox.database, now=now, lease=lease, until=now + MINUTE, most=most, busy=busy)


def sent(claimed: Claimed, outbox: Outbox) -> Settled:
    now = outbox.clock()
    return Settled(claimed.id, "sent", 1, now, "carrier", "X1", sent_at=now, finished_at=now)


async def test_codes_before_notices_before_advertising(outbox: Outbox) -> None:
    for klass in ("bulk", "service", "otp", "bulk"):
        await outbox.add(klass=klass)
    assert [each.klass for each in await take(outbox)] == ["otp", "service", "bulk", "bulk"]


async def test_who_is_sure_that_something_waits_gets_the_same(outbox: Outbox) -> None:
    trackings = {await outbox.add(), await outbox.add(klass="otp")}
    now = outbox.clock()

    async def sure() -> set[str]:
        claimed = await claim(outbox.database, now=now, lease=MINE, until=now + MINUTE, most=9, sure=True)
        return {each.tracking for each in claimed}

    assert await sure() == trackings
    assert await sure() == set(), "and nothing where nothing is left"


async def test_the_oldest_first_and_no_more_than_asked(outbox: Outbox) -> None:
    first = await outbox.add()
    outbox.clock.forward(1)
    await outbox.add()
    assert [each.tracking for each in await take(outbox, most=1)] == [first]


async def test_what_is_not_due_waits(outbox: Outbox) -> None:
    await outbox.add()
    outbox.clock.forward(-1)
    assert not await take(outbox)


async def test_a_busy_lane_is_left_alone(outbox: Outbox) -> None:
    await outbox.add(channel="sms")
    await outbox.add(channel="email", to="a@example.ir")
    assert [each.channel for each in await take(outbox, busy=[("sms", "service")])] == ["email"]


async def test_one_message_is_claimed_once(outbox: Outbox) -> None:
    for _ in range(30):
        await outbox.add()
    batches = await asyncio.gather(*(take(outbox, bytes([n]) * 16, most=10) for n in range(8)))
    claimed = [each.id for batch in batches for each in batch]
    assert len(claimed) == len(set(claimed)) == 30


async def test_others_take_over_when_the_lease_runs_out(outbox: Outbox) -> None:
    await outbox.add()
    (mine,) = await take(outbox)
    assert not await take(outbox, OTHERS)
    outbox.clock.forward(61)
    (theirs,) = await take(outbox, OTHERS)
    assert (theirs.id, theirs.lapsed, theirs.attempts) == (mine.id, True, 2)
    assert not mine.lapsed


async def test_a_renewed_lease_is_not_taken_over(outbox: Outbox) -> None:
    await outbox.add()
    (mine,) = await take(outbox)
    outbox.clock.forward(50)
    await renew(outbox.database, MINE, [mine.id], outbox.clock() + MINUTE)
    outbox.clock.forward(50)
    assert not await take(outbox, OTHERS)


async def test_who_comes_late_changes_nothing_of_what_another_works(outbox: Outbox) -> None:
    tracking = await outbox.add()
    (mine,) = await take(outbox)
    outbox.clock.forward(61)
    (theirs,) = await take(outbox, OTHERS)
    assert await settle(outbox.database, MINE, [sent(mine, outbox)], outbox.clock()) == [mine.id]
    assert await outbox.status(tracking) == "claimed"
    assert await settle(outbox.database, OTHERS, [sent(theirs, outbox)], outbox.clock()) == []
    assert await outbox.status(tracking) == "sent"


async def test_who_comes_late_and_sent_it_keeps_it_from_going_twice(outbox: Outbox) -> None:
    tracking = await outbox.add()
    (mine,) = await take(outbox)
    outbox.clock.forward(61)
    (theirs,) = await take(outbox, OTHERS)
    queued = Settled(theirs.id, "queued", 2, outbox.clock())
    await settle(outbox.database, OTHERS, [queued], outbox.clock())
    await settle(outbox.database, MINE, [sent(mine, outbox)], outbox.clock())
    assert await outbox.status(tracking) == "sent"
    assert not await take(outbox)


async def test_a_delivered_message_stays_delivered(outbox: Outbox) -> None:
    tracking = await outbox.add()
    (mine,) = await take(outbox)
    delivered = replace(sent(mine, outbox), status="delivered")
    await settle(outbox.database, MINE, [delivered], outbox.clock())
    await settle(outbox.database, MINE, [sent(mine, outbox)], outbox.clock())
    assert await outbox.status(tracking) == "delivered"


async def test_what_is_given_back_was_never_claimed(outbox: Outbox) -> None:
    tracking = await outbox.add()
    await take(outbox)
    await release(outbox.database, MINE)
    row = await outbox.row(tracking)
    assert (row.status, row.attempts, row.lease_owner) == ("queued", 0, None)
    assert len(await take(outbox, OTHERS)) == 1


async def test_receipts_are_claimed_once_and_only_when_due(outbox: Outbox) -> None:
    await outbox.add()
    (mine,) = await take(outbox)
    pending = replace(sent(mine, outbox), finished_at=None, due_at=outbox.clock() + MINUTE)
    await settle(outbox.database, MINE, [pending], outbox.clock())

    async def awaited(provider: str, lease: bytes) -> Sequence[Awaited]:
        now = outbox.clock()
        return await claim_receipts(
            outbox.database, provider, now=now, lease=lease, until=now + MINUTE, most=10
        )

    assert not await awaited("carrier", MINE)
    outbox.clock.forward(61)
    assert not await take(outbox)  # It went: it is not sent again.
    assert not await awaited("another", MINE)
    (found,) = await awaited("carrier", MINE)
    assert (found.external_id, found.attempts) == ("X1", 1)
    assert not await awaited("carrier", OTHERS)


async def test_depth_counts_what_waits_to_be_sent(outbox: Outbox) -> None:
    for klass in ("otp", "service", "service"):
        await outbox.add(klass=klass)
    (code,) = [each for each in await take(outbox) if each.klass == "otp"]
    await settle(outbox.database, MINE, [sent(code, outbox)], outbox.clock())
    assert await depth(outbox.database) == {"otp": 0, "service": 2, "bulk": 0}


async def test_senders_take_turns_in_a_lane(outbox: Outbox) -> None:
    large, small = b"L" * 16, b"S" * 16
    for number in range(60):
        await outbox.add(f"large {number}", klass="bulk", sender=large)
    outbox.clock.forward(1)
    for number in range(3):
        await outbox.add(f"small {number}", klass="bulk", sender=small)
    first = await take(outbox, most=10)
    assert Counter(each.sender for each in first) == {large: 7, small: 3}
    # What only one has, only one gets; and its messages keep their order.
    rest = await take(outbox, most=100)
    assert len(rest) == 53
    assert [each.id for each in rest] == sorted(each.id for each in rest)


async def test_whoever_was_served_last_comes_last(outbox: Outbox) -> None:
    senders = [bytes([number]) * 16 for number in range(1, 6)]
    for sender in senders:
        await outbox.add(sender=sender)
        await outbox.add(sender=sender)
    served: list[bytes] = []
    for _turn in range(5):
        last = {("sms", "service"): served[-1]} if served else {}
        now = outbox.clock()
        (one,) = await claim(
            outbox.database, now=now, lease=os.urandom(16), until=now + MINUTE, most=1, last=last
        )
        served.append(one.sender)
    assert served == senders


async def test_what_is_scheduled_for_later_holds_up_nobody(outbox: Outbox) -> None:
    await outbox.add(sender=b"a" * 16)
    outbox.clock.forward(-60)
    early = await outbox.add(sender=b"b" * 16)
    assert [each.tracking for each in await take(outbox)] == [early]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_looking_for_lanes_costs_the_same_however_much_waits(outbox: Outbox) -> None:
    """Counted in the steps of SQLite's machine; the lane with much in it is not the last one."""

    async def steps() -> int:
        counted = 0

        def count() -> int:
            nonlocal counted
            counted += 1
            return 0

        def look(connection: Connection) -> None:
            driver: Any = connection.connection.driver_connection
            driver.set_progress_handler(count, 10)
            try:
                lanes.waiting(connection)
                lanes.senders_due(connection, outbox.database, ("sms", "bulk"), b"", 0)
            finally:
                driver.set_progress_handler(None, 10)

        await outbox.database.look(look)
        return counted

    await outbox.add(klass="otp", channel="voice")
    await outbox.add(klass="bulk")
    few = await steps()
    for _message in range(300):
        await outbox.add(klass="bulk")
    assert await steps() <= few + 5
