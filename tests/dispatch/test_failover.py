"""Several providers of one channel, on both databases."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from dispatch.carriers import Carriers
from dispatch.dispatcher import Dispatcher
from dispatch.errors import (
    Ambiguous,
    DispatchError,
    Misconfigured,
    Rejected,
    Throttled,
    Unreachable,
    Unroutable,
)
from dispatch.provider import Accepted, Found, Provider, Receipt
from dispatch.routes import Route, Routes, plain
from records.routes import counted, set_state
from tests.dispatch.outbox import Carrier, Outbox, until

FINAL = ("sent", "delivered", "failed", "blocked", "expired")
BOTH = Routes([Route("sms", {"one": 1, "two": 0})])


@asynccontextmanager
async def dispatching(
    outbox: Outbox, *providers: Provider, routes: Routes = BOTH
) -> AsyncIterator[Dispatcher]:
    dispatcher = Dispatcher(
        outbox.database,
        outbox.vault,
        providers,
        routes,
        clock=outbox.clock,
        wake=asyncio.Event(),
        poll=0.02,
        learning=0.02,
    )
    running = asyncio.create_task(dispatcher.run())
    try:
        yield dispatcher
    finally:
        dispatcher.stop()
        await running


async def final(outbox: Outbox, *trackings: str) -> list[str]:
    async def all_final() -> bool:
        return all([await outbox.status(each) in FINAL for each in trackings])

    await until(all_final)
    return [await outbox.status(each) for each in trackings]


@dataclass
class Remembering(Carrier):
    """A provider that can be asked whether it has a message; ``has`` is what it took without saying so."""

    has: dict[str, Found] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    mute: bool = False

    async def find(self, references: Sequence[str]) -> Mapping[str, Found]:
        self.asked += references
        if self.mute:
            raise Unreachable("no answer")
        return {reference: self.has[reference] for reference in references if reference in self.has}


def failing(error: DispatchError, name: str = "one") -> Carrier:
    return Carrier(lambda outgoing: error, name=name)


@pytest.mark.parametrize(
    "error",
    [
        Unreachable("503"),
        Misconfigured("no credit"),
        Unroutable("not to that operator"),
        Throttled("429", retry_after=timedelta(minutes=1)),
    ],
)
async def test_another_provider_gets_at_once_what_one_cannot_carry(
    outbox: Outbox, error: DispatchError
) -> None:
    tracking = await outbox.add()
    two = Carrier(name="two")
    async with dispatching(outbox, failing(error), two):
        assert await final(outbox, tracking) == ["sent"]
    row = await outbox.row(tracking)
    assert (row.provider, row.external_id, row.attempts) == ("two", f"X{tracking}", 1)
    assert await outbox.notes(tracking) == [("attempt", error.name), ("attempt", "sent")]


async def test_what_is_refused_for_its_content_goes_nowhere_else(outbox: Outbox) -> None:
    tracking = await outbox.add()
    two = Carrier(name="two")
    async with dispatching(outbox, failing(Rejected("spam")), two):
        assert await final(outbox, tracking) == ["failed"]
    assert not two.handed


async def test_a_short_wait_is_no_reason_to_go_elsewhere_but_for_a_code(outbox: Outbox) -> None:
    two = Carrier(name="two")
    error = Throttled("429", retry_after=timedelta(seconds=3))
    code, notice = await outbox.add("code", klass="otp"), await outbox.add("notice")
    async with dispatching(outbox, failing(error), two):
        assert await final(outbox, code) == ["sent"]

        async def noted() -> bool:
            return bool(await outbox.notes(notice)) or "notice" in two.handed

        await until(noted)
    assert "code" in two.handed


async def test_weights_share_what_is_sent(outbox: Outbox) -> None:
    trackings = [await outbox.add(f"{number}") for number in range(100)]
    one, two = Carrier(name="one"), Carrier(name="two")
    routes = Routes([Route("sms", {"one": 3, "two": 1})])
    async with dispatching(outbox, one, two, routes=routes):
        assert set(await final(outbox, *trackings)) == {"sent"}
    assert len(one.handed) + len(two.handed) == 100
    assert 55 <= len(one.handed) <= 92
    assert {(await outbox.row(each)).provider for each in trackings} == {"one", "two"}


async def test_what_nobody_can_carry_waits_and_the_one_tried_last_comes_last(outbox: Outbox) -> None:
    tracking = await outbox.add()
    one, two = failing(Unreachable("503")), failing(Unreachable("503"), "two")
    async with dispatching(outbox, one, two):

        async def put_off() -> bool:
            row = await outbox.row(tracking)
            return bool(row.status == "queued" and row.attempts == 1)

        await until(put_off)
        assert (len(one.handed), len(two.handed)) == (1, 1)
        two.answer = Carrier().answer
        outbox.clock.forward(6)
        assert await final(outbox, tracking) == ["sent"]


async def test_an_ambiguous_message_is_asked_back_and_not_sent_again(outbox: Outbox) -> None:
    tracking = await outbox.add(klass="bulk")
    one = Remembering(lambda outgoing: Ambiguous("timeout"), name="one")
    row = await outbox.row(tracking)
    one.has[row.id.hex()] = Found("E1", Receipt("delivered", "10"))
    two = Carrier(name="two")
    async with dispatching(outbox, one, two):
        await until(lambda: _tried(outbox, tracking, 1))
        outbox.clock.forward(61)
        assert await final(outbox, tracking) == ["delivered"]
    row = await outbox.row(tracking)
    assert (row.provider, row.external_id) == ("one", "E1")
    assert (len(one.handed), len(two.handed), one.asked) == (1, 0, [row.id.hex()])


async def _tried(outbox: Outbox, tracking: str, attempts: int) -> bool:
    row = await outbox.row(tracking)
    return bool(row.status == "queued" and row.attempts == attempts)


async def test_what_it_does_not_have_goes_by_another(outbox: Outbox) -> None:
    tracking = await outbox.add(klass="bulk")
    one = Remembering(lambda outgoing: Ambiguous("timeout"), name="one")
    two = Carrier(name="two")
    async with dispatching(outbox, one, two):
        await until(lambda: _tried(outbox, tracking, 1))
        outbox.clock.forward(61)
        assert await final(outbox, tracking) == ["sent"]
    assert (await outbox.row(tracking)).provider == "two"


async def test_while_it_does_not_say_a_repeatable_one_alone_gets_it_again(outbox: Outbox) -> None:
    tracking = await outbox.add(klass="bulk")
    one = Remembering(lambda outgoing: Ambiguous("timeout"), name="one", repeatable=True, mute=True)
    two = Carrier(name="two")
    async with dispatching(outbox, one, two):
        await until(lambda: _tried(outbox, tracking, 1))
        one.answer = Carrier().answer
        outbox.clock.forward(61)
        assert await final(outbox, tracking) == ["sent"]
    assert (len(one.handed), len(two.handed)) == (2, 0)


async def test_a_paused_provider_gets_nothing_and_waits_cost_nothing(outbox: Outbox) -> None:
    one = Carrier(name="one")
    routes = Routes([Route("sms", {"one": 1})])
    await set_state(outbox.database, "one", "paused", outbox.clock())
    async with dispatching(outbox, one, routes=routes) as dispatcher:
        await until(lambda: _closed(dispatcher, outbox))
        tracking = await outbox.add()
        await asyncio.sleep(0.1)  # Time enough to do wrong.
        assert not one.handed
        await set_state(outbox.database, "one", "on", outbox.clock())
        assert await final(outbox, tracking) == ["sent"]
    assert (await outbox.row(tracking)).attempts == 1


async def _closed(dispatcher: Dispatcher, outbox: Outbox) -> bool:
    return ("sms", "service") in dispatcher.carriers.closed(outbox.clock())


async def test_a_drained_provider_hands_over_to_the_others(outbox: Outbox) -> None:
    one, two = Carrier(name="one"), Carrier(name="two")
    await set_state(outbox.database, "one", "drained", outbox.clock())
    async with dispatching(outbox, one, two) as dispatcher:

        async def known() -> bool:
            return not dispatcher.carriers.shares("sms", ["one"], outbox.clock())

        await until(known)
        tracking = await outbox.add()
        assert await final(outbox, tracking) == ["sent"]
    assert (await outbox.row(tracking)).provider == "two"


async def test_health_is_counted_for_all_and_moves_the_messages(outbox: Outbox) -> None:
    ill, well = failing(Unreachable("503")), Carrier(name="two")
    routes = Routes([Route("sms", {"one": 1, "two": 1})])
    async with dispatching(outbox, ill, well, routes=routes) as dispatcher:
        trackings = [await outbox.add(f"{number}") for number in range(100)]
        assert set(await final(outbox, *trackings)) == {"sent"}
        for _second in range(60):
            outbox.clock.forward(1)
            await dispatcher.carriers.learn()
        share = dispatcher.carriers.shares("sms", ["one", "two"], outbox.clock())
        assert share["one"] < 0.3
        assert share["two"] == 1
    minutes = await counted(outbox.database, outbox.clock() - timedelta(minutes=10))
    by = Counter[str]()
    for each in minutes:
        by[f"{each.provider} taken"] += each.taken
        by[f"{each.provider} faults"] += each.faults
    assert by["two taken"] == 100
    assert by["one faults"] == len(ill.handed)


async def test_a_stop_while_counts_are_told_counts_them_once(outbox: Outbox) -> None:
    carrier = Carrier(name="one")
    carriers = Carriers(outbox.database, [carrier], plain([("sms", "one")]), clock=outbox.clock)
    for _time in range(2):
        carriers.heed(carrier, Accepted("X"), outbox.clock())
        telling = asyncio.create_task(carriers.learn())
        for _step in range(2):
            await asyncio.sleep(0)
        telling.cancel()
        await asyncio.wait([telling])
    carriers.heed(carrier, Accepted("X"), outbox.clock())
    await carriers.learn()
    minutes = await counted(outbox.database, outbox.clock() - timedelta(minutes=1))
    assert [each.taken for each in minutes] == [3]
