"""What goes wrong while messages are sent, each done for real; afterwards every message has one story."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import Connection

from dispatch.dispatcher import Dispatcher
from dispatch.errors import Rejected, Unreachable
from dispatch.gate import Verdict
from dispatch.provider import Accepted, Outcome, Outgoing
from dispatch.routes import Route, Routes
from records.claims import Claimed, claim
from records.committer import Committer
from records.database import Database
from records.dead_letters import listed, replay
from records.keyring import Keyring
from records.tables import attempts
from records.unit import Unavailable
from records.vault import Vault
from tests.dispatch.outbox import Carrier, Clock, Outbox, until
from tests.records.statements import plan, sent
from tests.running import ROOT

T = TypeVar("T")
FINAL = ("sent", "delivered", "failed", "blocked", "expired")


class WallClock(Clock):
    def __call__(self) -> datetime:
        return datetime.now(UTC)


def dispatcher(
    outbox: Outbox,
    *providers: Carrier,
    routes: Routes | None = None,
    steady: Callable[[], float] | None = None,
) -> Dispatcher:
    return Dispatcher(
        outbox.database,
        outbox.vault,
        providers,
        routes,
        clock=outbox.clock,
        wake=asyncio.Event(),
        poll=0.02,
        lease=timedelta(seconds=1),
        batch=20,
        steady=steady,
    )


async def all_final(outbox: Outbox, trackings: list[str]) -> bool:
    return all([await outbox.status(each) in FINAL for each in trackings])


async def test_one_of_three_is_killed_in_the_middle_of_a_batch(
    database_url: str, database: Database, committer: Committer, tmp_path: Path
) -> None:
    keys, taken = tmp_path / "keys.json", tmp_path / "taken"
    outbox = Outbox(database, committer, Vault(Keyring.load(keys)), WallClock())
    notices = {f"notice{n}": await outbox.add(f"notice{n}") for n in range(150)}
    adverts = {f"advert{n}": await outbox.add(f"advert{n}", klass="bulk") for n in range(150)}
    victim = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.dispatch.killed", database_url, str(keys), str(taken), cwd=ROOT
    )

    async def handed_over() -> bool:
        return taken.exists() and len(taken.read_text().split()) >= 100

    await until(handed_over)
    one, two = Carrier(), Carrier()
    others = [dispatcher(outbox, one), dispatcher(outbox, two)]
    running = [asyncio.create_task(each.run()) for each in others]
    await asyncio.sleep(0.3)
    victim.kill()
    await victim.wait()
    await until(lambda: all_final(outbox, [*notices.values(), *adverts.values()]))
    for each in others:
        each.stop()
    await asyncio.gather(*running)

    lost = set(taken.read_text().split())
    went = Counter(one.handed + two.handed)
    assert max(went.values()) == 1
    # A notice that may have gone goes again, an advertisement does not; and each is told so.
    assert set(went) == set(notices) | (set(adverts) - lost)
    for body, tracking in {**notices, **adverts}.items():
        assert await outbox.status(tracking) == ("failed" if body in lost and body in adverts else "sent")
    dead = await listed(database, channel="sms", most=1_000)
    assert {each.tracking for each in dead} == {adverts[body] for body in lost & set(adverts)}
    assert {each.detail for each in dead} <= {"claimed before and never settled"}


@pytest.mark.parametrize("jump", [-3_600, 3_600])
async def test_a_clock_that_jumps_sends_nothing_twice(outbox: Outbox, jump: float) -> None:
    trackings = [await outbox.add(f"{number}", minutes=600) for number in range(60)]
    carrier = Carrier()
    carrier.open.clear()
    working = dispatcher(outbox, carrier)
    running = asyncio.create_task(working.run())
    await carrier.entered.wait()
    outbox.clock.forward(jump)
    carrier.open.set()
    if jump < 0:
        await asyncio.sleep(0.2)  # Nothing is due now; nothing may go wrong.
        outbox.clock.forward(-jump)
    await until(lambda: all_final(outbox, trackings))
    working.stop()
    await running
    assert Counter(carrier.handed) == {f"{number}": 1 for number in range(60)}
    assert {await outbox.status(each) for each in trackings} == {"sent"}


async def rest_went(outbox: Outbox, carriers: Sequence[Carrier], trackings: list[str]) -> bool:
    """Whether the second has sent all that the first does not hold."""
    sent = [each for each in trackings if await outbox.status(each) == "sent"]
    return bool(carriers[1].handed) and len(sent) + len(carriers[0].handed) == len(trackings)


@pytest.mark.parametrize("jump", [-3_600, 3_600])
async def test_a_clock_that_jumps_lets_nobody_take_over_what_another_sends(
    outbox: Outbox, jump: float
) -> None:
    """Neither codes nor advertisements; and what is given up is taken over as ever."""
    trackings = [
        await outbox.add(f"{number}", minutes=600, klass=("service", "bulk")[number % 2])
        for number in range(60)
    ]
    carriers = [Carrier(), Carrier()]
    working = [dispatcher(outbox, each, steady=time.monotonic) for each in carriers]
    carriers[0].open.clear()
    running = [asyncio.create_task(working[0].run())]
    await carriers[0].entered.wait()
    running.append(asyncio.create_task(working[1].run()))
    await until(lambda: rest_went(outbox, carriers, trackings))
    outbox.clock.forward(jump)
    await asyncio.sleep(0.7)  # Both have looked, and the one has renewed its leases.
    carriers[0].open.set()
    if jump < 0:
        outbox.clock.forward(-jump)
    await until(lambda: all_final(outbox, trackings))
    for one in working:
        one.stop()
    await asyncio.gather(*running)
    handed = Counter(carriers[0].handed + carriers[1].handed)
    assert handed == {f"{number}": 1 for number in range(60)}
    assert {await outbox.status(each) for each in trackings} == {"sent"}


async def test_every_message_has_its_story(outbox: Outbox) -> None:
    """What was tried, by whom, and how it ended: one attempt that ended it, whatever went before."""
    one = Carrier(lambda outgoing: Rejected("418 spam"), name="one")
    trackings = [await outbox.add(f"{number}", klass="bulk") for number in range(5)]
    working = dispatcher(outbox, one, routes=Routes([Route("sms", {"one": 1})]))
    running = asyncio.create_task(working.run())
    await until(lambda: all_final(outbox, trackings))
    working.stop()
    await running
    rows = await outbox.database.read(attempts.select())
    assert Counter(row.message for row in rows) == {row.message: 1 for row in rows}
    assert {(row.provider, row.status, row.detail) for row in rows} == {("one", "rejected", "418 spam")}

    dead = await listed(outbox.database)
    assert {each.tracking for each in dead} == set(trackings)
    assert {(each.provider, each.reason, each.detail) for each in dead} == {("one", "rejected", "418 spam")}
    one.answer = Carrier().answer
    outbox.clock.forward(7_200)  # Longer than they had to live: they have as long again.
    assert await replay(outbox.database, [dead[0].id], outbox.clock()) == 1
    assert await replay(outbox.database, [each.id for each in dead], outbox.clock()) == 4
    assert await replay(outbox.database, [each.id for each in dead], outbox.clock()) == 0
    working = dispatcher(outbox, one, routes=Routes([Route("sms", {"one": 1})]))
    running = asyncio.create_task(working.run())
    await until(lambda: all_final(outbox, trackings))
    working.stop()
    await running
    assert {await outbox.status(each) for each in trackings} == {"sent"}
    assert await listed(outbox.database) == []


class LosesAnswers(Database):
    """One that commits and then is away, before it could say so, when it settles for the first time."""

    left = 1

    async def transaction(self, work: Callable[[Connection], T]) -> T:
        done = await super().transaction(work)
        if self.left and "settle" in work.__qualname__:
            self.left -= 1
            raise Unavailable("the connection broke")
        return done


async def test_a_settlement_whose_answer_was_lost_is_written_once(outbox: Outbox, database: Database) -> None:
    """What went, what failed and what is to go again: each has one attempt in its story."""
    answers: dict[str, Outcome] = {"bad": Rejected("no"), "later": Unreachable("away")}
    carrier = Carrier(lambda outgoing: answers.get(outgoing.body, Accepted("X")))
    trackings = [await outbox.add(body) for body in ("good", "bad", "later")]
    outbox.database = LosesAnswers(database.dialect, database.reader, database.writer)
    working = dispatcher(outbox, carrier)
    running = asyncio.create_task(working.run())

    async def settled() -> bool:
        return not any([await outbox.status(each) == "claimed" for each in trackings]) and bool(
            carrier.handed
        )

    await until(settled)
    await asyncio.sleep(0.3)  # It tries again.
    working.stop()
    await running
    assert outbox.database.left == 0
    assert [await outbox.status(each) for each in trackings] == ["sent", "failed", "queued"]
    assert [await outbox.notes(each) for each in trackings] == [
        [("attempt", "sent")], [("attempt", "rejected")], [("attempt", "unreachable")],
    ]  # fmt: skip


async def test_a_stale_code_is_not_replayed(outbox: Outbox) -> None:
    carrier = Carrier(lambda outgoing: Rejected("no"))
    tracking = await outbox.add(klass="otp")
    working = dispatcher(outbox, carrier)
    running = asyncio.create_task(working.run())
    await until(lambda: all_final(outbox, [tracking]))
    working.stop()
    await running
    (dead,) = await listed(outbox.database)
    assert await replay(outbox.database, [dead.id], outbox.clock()) == 0
    assert await outbox.status(tracking) == "failed"


class Away:
    """A gate that cannot look for a while."""

    def __init__(self) -> None:
        self.looks = 0

    async def verdicts(
        self, batch: Sequence[tuple[Claimed, Outgoing]], now: datetime
    ) -> dict[bytes, Verdict]:
        self.looks += 1
        if self.looks <= 3:
            raise Unavailable("no answer")
        return {}

    async def told(self, batch: Sequence[tuple[Claimed, Outcome]], now: datetime) -> None:
        pass


async def test_what_was_not_begun_is_as_if_never_claimed(outbox: Outbox) -> None:
    tracking = await outbox.add(klass="bulk")
    carrier, gate = Carrier(), Away()
    working = Dispatcher(
        outbox.database,
        outbox.vault,
        [carrier],
        clock=outbox.clock,
        wake=asyncio.Event(),
        poll=0.02,
        gate=gate,
    )
    running = asyncio.create_task(working.run())
    await until(lambda: all_final(outbox, [tracking]))
    working.stop()
    await running
    row = await outbox.row(tracking)
    assert (row.status, row.attempts, gate.looks) == ("sent", 1, 4)


async def test_every_sender_has_its_turn_however_many_there_are(outbox: Outbox) -> None:
    """More senders than one claim looks at; one that has much more than the others holds up nobody."""
    for _message in range(30):
        await outbox.add("much", klass="bulk", sender=b"\x01" * 16)
    for number in range(90):
        await outbox.add(f"{number}", klass="bulk", sender=bytes([2, number]) * 8)
    carrier = Carrier()
    working = dispatcher(outbox, carrier)
    running = asyncio.create_task(working.run())

    async def all_went() -> bool:
        return len(carrier.handed) == 120

    await until(all_went)
    working.stop()
    await running
    assert carrier.handed[:115].count("much") <= 30
    assert max(carrier.handed.index(f"{number}") for number in range(90)) < 118
    assert Counter(carrier.handed) == {"much": 30, **{f"{number}": 1 for number in range(90)}}


async def test_a_claim_goes_by_indexes_alone(
    database: Database, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    for sender in (b"a" * 16, b"b" * 16):
        await outbox.add(klass="bulk", sender=sender)
    now = outbox.clock()
    with sent(database, monkeypatch) as noted:
        assert len(await claim(database, now=now, lease=b"l" * 16, until=now, most=10)) == 2
    found = 0
    for statement, parameters in noted:
        if "outbox" not in statement:
            continue
        lines = await plan(database, statement, parameters)
        found += "ix_outbox_lanes" in " ".join(lines)
        assert not [line for line in lines if "Seq Scan" in line or line.startswith("SCAN outbox")] or all(
            "USING" in line for line in lines if line.startswith("SCAN outbox")
        )
        assert not [line for line in lines if "TEMP B-TREE" in line or line.startswith("Sort ")]
    assert found >= 3
