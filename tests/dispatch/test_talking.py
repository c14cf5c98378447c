"""Sending on channels where people talk, on both databases: order in each chat, no chat waits for another."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

import pytest
from sqlalchemy import Connection

from dispatch.dispatcher import Dispatcher
from dispatch.errors import Away, Misconfigured, Rejected, Throttled, Unsubscribed
from dispatch.provider import Accepted, Outcome, Outgoing
from dispatch.settling import settlement
from dispatch.talking import Talking
from records import tables
from records.claims import claim, release
from records.correspondence import exchange, waits
from records.database import Database
from records.dead_letters import listed, replay
from records.unit import Unavailable
from tests.dispatch.outbox import Outbox, until

T = TypeVar("T")
CLOSED = ("sent", "failed", "blocked", "expired")


async def accept(outgoing: Outgoing) -> Outcome:
    return Accepted(outgoing.tracking)


@dataclass
class Correspondent:
    """Answers as ``answer`` says and remembers what it was handed, by person."""

    answer: Callable[[Outgoing], Awaitable[Outcome]] = accept
    name: str = "telegram"
    at_once: int = 256
    repeatable: bool = False
    handed: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    async def send_one(self, outgoing: Outgoing) -> Outcome:
        self.handed[outgoing.to].append(outgoing.body)
        return await self.answer(outgoing)


@asynccontextmanager
async def talking(
    outbox: Outbox,
    correspondent: Correspondent,
    *,
    wake: asyncio.Event | None = None,
    poll: float = 0.02,
    lease: float = 60.0,
    steady: Callable[[], float] | None = None,
) -> AsyncIterator[Talking]:
    talks = Talking(
        outbox.database,
        outbox.vault,
        {"telegram": correspondent},
        clock=outbox.clock,
        wake=wake or asyncio.Event(),
        poll=poll,
        lease=timedelta(seconds=lease),
        steady=steady,
    )
    running = asyncio.create_task(talks.run())
    try:
        yield talks
    finally:
        talks.stop()
        await running


async def add(outbox: Outbox, body: str, to: str = "7", klass: str = "service") -> str:
    return await outbox.add(body, channel="telegram", to=to, klass=klass)


async def closed(outbox: Outbox, *trackings: str) -> list[str]:
    async def all_closed() -> bool:
        return all([await outbox.status(each) in CLOSED for each in trackings])

    await until(all_closed)
    return [await outbox.status(each) for each in trackings]


async def test_each_chat_in_its_order(outbox: Outbox) -> None:
    async def slowly(outgoing: Outgoing) -> Outcome:
        await asyncio.sleep(0.001 * (ord(outgoing.body[-1]) % 3))
        return Accepted(outgoing.tracking)

    correspondent = Correspondent(slowly)
    trackings = []
    async with talking(outbox, correspondent):
        for place in range(10):
            for person in ("1", "2", "3"):
                trackings.append(await add(outbox, f"{person}-{place}", person))
        assert await closed(outbox, *trackings) == ["sent"] * 30
    for person in ("1", "2", "3"):
        assert correspondent.handed[person] == [f"{person}-{place}" for place in range(10)]
    row = await outbox.row(trackings[0])
    assert (row.provider, row.attempts, row.external_id, row.lease_owner) == (
        "telegram",
        1,
        trackings[0],
        None,
    )
    assert (row.sent_at, row.finished_at) == (outbox.clock(), outbox.clock())
    assert await outbox.notes(trackings[0]) == [("attempt", "sent")]


async def test_what_is_for_later_holds_up_nothing(outbox: Outbox) -> None:
    """While one that had to be put off holds up what comes behind it, also when it was never tried itself."""
    answers: list[Outcome] = [Throttled("slower", retry_after=timedelta(seconds=30))]

    async def throttle(outgoing: Outgoing) -> Outcome:
        return answers.pop() if answers else Accepted(outgoing.tracking)

    correspondent = Correspondent(throttle)
    tomorrow = await outbox.add("tomorrow", channel="telegram", to="7", minutes=2_000, later=86_400)
    first, second = await add(outbox, "first"), await add(outbox, "second")
    async with talking(outbox, correspondent) as talks:
        await until(lambda: _handed(correspondent, "7"))
        third = await add(outbox, "third")
        for _look in range(5):
            await asyncio.sleep(0.02)
            talks.wake.set()
        assert correspondent.handed["7"] == ["first"]
        outbox.clock.forward(31)
        assert await closed(outbox, first, second, third) == ["sent"] * 3
        assert correspondent.handed["7"] == ["first", "first", "second", "third"]
        outbox.clock.forward(86_400)
        assert await closed(outbox, tomorrow) == ["sent"]


async def test_no_chat_waits_for_another(outbox: Outbox) -> None:
    """The first one is never answered; it is given up at the stop, and others may take it over then."""
    gate = asyncio.Event()

    async def stuck(outgoing: Outgoing) -> Outcome:
        if outgoing.to == "1":
            await gate.wait()
        return Accepted(outgoing.tracking)

    correspondent = Correspondent(stuck)
    async with talking(outbox, correspondent):
        held = await add(outbox, "a", "1")
        await until(lambda: _handed(correspondent, "1"))
        behind = await add(outbox, "b", "1")
        others = [await add(outbox, "c", str(person)) for person in range(2, 20)]
        assert await closed(outbox, *others) == ["sent"] * 18
        assert correspondent.handed["1"] == ["a"], "the one behind it waits"
        gate.set()
        assert await closed(outbox, held, behind) == ["sent", "sent"]
    assert correspondent.handed["1"] == ["a", "b"]


async def _handed(correspondent: Correspondent, to: str) -> bool:
    return bool(correspondent.handed.get(to))


@pytest.mark.parametrize("error", [Throttled, Away, Misconfigured])
async def test_who_has_to_wait_keeps_the_order_and_no_attempt_is_spent(
    outbox: Outbox, error: type[Throttled]
) -> None:
    """What comes after one that was put off does not overtake it, whenever it is queued."""
    outcomes: list[Outcome] = [error("wait", retry_after=timedelta(seconds=30))]

    async def first_not(outgoing: Outgoing) -> Outcome:
        return outcomes.pop() if outcomes and outgoing.to == "1" else Accepted(outgoing.tracking)

    correspondent = Correspondent(first_not)
    one, two = await add(outbox, "one", "1"), await add(outbox, "two", "1")
    async with talking(outbox, correspondent):
        await until(lambda: _put_off(outbox, two))
        three = await add(outbox, "three", "1")
        other = await add(outbox, "other", "2")
        assert await closed(outbox, other) == ["sent"]
        assert correspondent.handed["1"] == ["one"]
        assert [(await outbox.row(each)).attempts for each in (one, two, three)] == [0, 0, 0]
        outbox.clock.forward(31)
        assert await closed(outbox, one, two, three) == ["sent"] * 3
    assert correspondent.handed["1"] == ["one", "one", "two", "three"]


async def _put_off(outbox: Outbox, tracking: str) -> bool:
    row = await outbox.row(tracking)
    return bool(row.status == "queued" and row.due_at > outbox.clock() and row.lease_owner is None)


async def test_what_can_never_go_does_not_hold_up_what_is_behind_it(outbox: Outbox) -> None:
    async def odd(outgoing: Outgoing) -> Outcome:
        answers: dict[str, Outcome] = {"bad": Rejected("400"), "gone": Unsubscribed("403 blocked")}
        return answers.get(outgoing.body, Accepted())

    trackings = [await add(outbox, body) for body in ("bad", "gone", "good")]
    async with talking(outbox, Correspondent(odd)):
        assert await closed(outbox, *trackings) == ["failed", "blocked", "sent"]


async def test_what_failed_is_listed_and_goes_when_it_is_replayed(outbox: Outbox, database: Database) -> None:
    answers: list[Outcome] = [Rejected("400 can't parse entities")]

    async def once(outgoing: Outgoing) -> Outcome:
        return answers.pop() if answers else Accepted()

    tracking = await add(outbox, "x")
    async with talking(outbox, Correspondent(once)):
        assert await closed(outbox, tracking) == ["failed"]
        [dead] = await listed(database, channel="telegram")
        assert (dead.tracking, dead.provider, dead.reason) == (tracking, "telegram", "rejected")
        assert dead.detail == "400 can't parse entities"
        assert await replay(database, [dead.id], outbox.clock()) == 1
        assert await closed(outbox, tracking) == ["sent"]
    assert await listed(database) == []


async def test_one_bot_that_is_refused_holds_up_no_other(outbox: Outbox) -> None:
    """Also with a person who talks with both."""

    async def one_refused(outgoing: Outgoing) -> Outcome:
        if outgoing.route == "telegram":
            return Misconfigured("401", retry_after=timedelta(seconds=60))
        return Accepted()

    refused = await outbox.add("a", channel="telegram", to="1", route="telegram")
    async with talking(outbox, Correspondent(one_refused)):
        await until(lambda: _put_off(outbox, refused))
        other = await outbox.add("b", channel="telegram", to="1", route="telegram-shop")
        assert await closed(outbox, other) == ["sent"]


async def test_a_provider_that_fails_is_ambiguous(outbox: Outbox) -> None:
    fails = [True]

    async def once(outgoing: Outgoing) -> Outcome:
        if fails:
            fails.pop()
            raise RuntimeError("a defect")
        return Accepted()

    tracking = await add(outbox, "x")
    async with talking(outbox, Correspondent(once)):
        await until(lambda: _put_off(outbox, tracking))
        assert await outbox.notes(tracking) == [("attempt", "ambiguous")]
        outbox.clock.forward(6)
        assert await closed(outbox, tracking) == ["sent"]


async def test_a_message_of_this_process_goes_at_once(outbox: Outbox) -> None:
    wake = asyncio.Event()
    outbox.committer.wake(tables.outbox, wake)
    async with talking(outbox, Correspondent(), wake=wake, poll=3_600):
        await asyncio.sleep(0)
        assert await closed(outbox, await add(outbox, "now")) == ["sent"]


async def test_too_late_is_too_late(outbox: Outbox) -> None:
    tracking = await outbox.add("old", channel="telegram", to="1", minutes=1)
    outbox.clock.forward(61)
    correspondent = Correspondent()
    async with talking(outbox, correspondent):
        assert await closed(outbox, tracking) == ["expired"]
    assert not correspondent.handed


async def test_the_room_is_bounded(outbox: Outbox) -> None:
    running = most = 0

    async def counted(outgoing: Outgoing) -> Outcome:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.005)
        running -= 1
        return Accepted()

    trackings = [await add(outbox, "x", str(person)) for person in range(30)]
    async with talking(outbox, Correspondent(counted, at_once=4)):
        assert await closed(outbox, *trackings) == ["sent"] * 30
    assert most <= 4


async def test_two_that_send_at_once_send_each_message_once_and_in_order(outbox: Outbox) -> None:
    correspondent = Correspondent()
    trackings = [await add(outbox, str(place), str(person)) for place in range(12) for person in range(8)]
    async with talking(outbox, correspondent), talking(outbox, correspondent):
        assert await closed(outbox, *trackings) == ["sent"] * 96
    for person in range(8):
        assert correspondent.handed[str(person)] == [str(place) for place in range(12)]


async def test_a_lapsed_lease_is_taken_over_in_order(outbox: Outbox, database: Database) -> None:
    """Somebody claimed the first one and was never seen again."""
    now = outbox.clock()
    one = await add(outbox, "one", "1")
    [lost], _ = await exchange(
        database, (), now=now, lease=b"x" * 16, until=now + timedelta(seconds=60), most=1
    )
    assert lost.tracking == one
    two = await add(outbox, "two", "1")
    correspondent = Correspondent()
    async with talking(outbox, correspondent):
        other = await add(outbox, "other", "2")
        assert await closed(outbox, other) == ["sent"]
        assert correspondent.handed["1"] == []
        outbox.clock.forward(61)
        assert await closed(outbox, one, two) == ["sent", "sent"]
    assert correspondent.handed["1"] == ["one", "two"]


async def test_a_lease_is_renewed_while_its_message_is_under_way(outbox: Outbox, database: Database) -> None:
    gate = asyncio.Event()

    async def stuck(outgoing: Outgoing) -> Outcome:
        await gate.wait()
        return Accepted()

    async with talking(outbox, Correspondent(stuck), lease=0.3):
        tracking = await add(outbox, "x")

        async def renewed() -> bool:
            row = await outbox.row(tracking)
            return row.lease_until is not None and row.lease_until > outbox.clock()

        await until(renewed)
        for _second in range(3):
            outbox.clock.forward(1)
            await until(renewed)
        gate.set()
        assert await closed(outbox, tracking) == ["sent"]


async def test_a_settlement_whose_answer_was_lost_is_written_once(outbox: Outbox, database: Database) -> None:
    class LosesAnswers(Database):
        left = 0

        async def transaction(self, work: Callable[[Connection], T]) -> T:
            done = await super().transaction(work)
            if self.left and "exchange" in work.__qualname__:
                self.left -= 1
                raise Unavailable("the connection broke")
            return done

    async def answer(outgoing: Outgoing) -> Outcome:
        losing.left = 1
        return Rejected("no") if outgoing.body == "bad" else Accepted()

    outbox.database = losing = LosesAnswers(database.dialect, database.reader, database.writer)
    for body, ended in (("good", "sent"), ("bad", "failed")):
        tracking = await add(outbox, body)
        async with talking(outbox, Correspondent(answer)):
            assert await closed(outbox, tracking) == [ended]
            await asyncio.sleep(0.3)  # It tries again.
        assert losing.left == 0
        assert len(await outbox.notes(tracking)) == 1


@pytest.mark.parametrize("jump", [-3_600, 3_600])
async def test_a_clock_that_jumps_sends_nothing_twice(outbox: Outbox, jump: float) -> None:
    """What is under way stays ours, and its order stays as it was."""
    gate = asyncio.Event()

    async def stuck(outgoing: Outgoing) -> Outcome:
        await gate.wait()
        return Accepted()

    trackings = [
        await outbox.add(f"{place}", channel="telegram", to=f"{person}", minutes=600)
        for place in range(4)
        for person in range(5)
    ]
    correspondent = Correspondent(stuck)
    one = talking(outbox, correspondent, lease=0.3, steady=time.monotonic)
    async with one, talking(outbox, correspondent, lease=0.3, steady=time.monotonic):
        await until(lambda: _handed(correspondent, "4"))
        outbox.clock.forward(jump)
        await asyncio.sleep(0.3)  # The leases of before are over, or far ahead; they are renewed.
        gate.set()
        if jump < 0:
            outbox.clock.forward(-jump)
        assert await closed(outbox, *trackings) == ["sent"] * 20
    assert all(correspondent.handed[f"{person}"] == list("0123") for person in range(5))


async def test_what_was_settled_too_late_is_not_sent_twice(outbox: Outbox, database: Database) -> None:
    """Its lease ran out, somebody put it back, and then it is known that it went."""
    tracking = await add(outbox, "x")
    now = outbox.clock()
    later = now + timedelta(seconds=60)
    [mine], _ = await exchange(database, (), now=now, lease=b"a" * 16, until=later, most=1)
    await release(database, b"a" * 16)
    went = settlement(mine, Accepted("x"), Correspondent(), now)
    _claimed, lost = await exchange(
        database, [(b"a" * 16, went)], now=now, lease=b"b" * 16, until=later, most=0
    )
    assert lost == 1
    assert await outbox.status(tracking) == "sent"
    assert not await waits(database, now)


async def test_the_dispatcher_of_lanes_leaves_them_alone(outbox: Outbox, database: Database) -> None:
    tracking = await add(outbox, "x")
    lanes = Dispatcher(outbox.database, outbox.vault, {}, clock=outbox.clock, wake=asyncio.Event(), poll=0.01)
    running = asyncio.create_task(lanes.run())
    await asyncio.sleep(0.1)
    lanes.stop()
    await running
    assert await outbox.status(tracking) == "queued"
    claimed = await claim(
        database, now=outbox.clock(), lease=b"z" * 16, until=outbox.clock() + timedelta(1), most=9
    )
    assert [each.tracking for each in claimed] == [tracking], "the lanes are told to, they do not have to"
