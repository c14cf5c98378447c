"""Reading the inbox, on real databases, with the time in hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from sqlalchemy import select

from bot import sms
from bot.sms import InboundSms
from bot.sms_consent import ConsentRule
from bot.sms_intake import Intake
from bot.sms_loops import LIMITS
from bot.sms_reading import MOST_TRIES, Reader
from conversation.accepting import Accepting
from languages import Languages
from records import inbox
from records.keyring import Keyring
from records.outbox import content
from records.tables import inbox as table
from records.tables import outbox, turns
from records.unit import Unit
from records.vault import Vault
from tests.conversation.conftest import ROOT, Clock, Process, process
from tests.running import within

SARA = "09121234567"
MENU = "چاپار\n1 "


@dataclass
class Phones:
    """People who write to a process that reads, and what was done with it."""

    process: Process
    clock: Clock
    intake: Intake
    outcomes: list[str]
    ids: int = field(default=0)

    async def send(self, text: str, sender: str = SARA, id: str | None = None) -> bool:
        self.ids += 1
        named = f"test:{self.ids}" if id is None else id
        return await self.intake.accept(
            InboundSms("10004346", sender, text, named, self.clock(), text.encode(), "192.0.2.1")
        )

    async def read(self) -> list[str]:
        """Waits until nothing is left; what was done with each message, in their order."""
        while True:
            rows = await self.process.database.read(select(table.c.outcome).order_by(table.c.id))
            if all(row.outcome for row in rows):
                return [row.outcome for row in rows]
            await asyncio.sleep(0.01)

    async def answers(self) -> list[str]:
        """All that was queued for people."""
        rows = await self.process.database.read(select(outbox.c.id, outbox.c.sealed).order_by(outbox.c.id))
        return [content(self.process.vault, row.id, row.sealed).body for row in rows]

    async def say(self, text: str) -> str:
        await self.send(text)
        await self.read()
        return (await self.answers())[-1]


@asynccontextmanager
async def reading(one: Process, clock: Clock) -> AsyncIterator[Phones]:
    wake, outcomes, languages = asyncio.Event(), list[str](), Languages.load(ROOT / "locales")
    accepting = Accepting(
        library=one.library,
        load_flow=one.publisher.flow,
        sessions=one.sessions,
        languages=languages,
        vault=one.vault,
    )
    reader = Reader(
        conversation=one.conversation,
        consents=ConsentRule(
            accepting=accepting,
            consents=one.services.consents,
            subscribers=one.services.subscribers,
            vault=one.vault,
            languages=languages,
        ),
        database=one.database,
        committer=one.committer,
        vault=one.vault,
        lines=(),
        clock=clock,
        wake=wake,
        watch=outcomes.append,
        poll=0.02,
    )
    intake = Intake(database=one.database, committer=one.committer, vault=one.vault, clock=clock, wake=wake)
    running = asyncio.create_task(reader.run())
    try:
        yield Phones(one, clock, intake, outcomes)
    finally:
        reader.stop()
        await running


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def phones(database_url: str, clock: Clock) -> AsyncIterator[Phones]:
    async with (
        process(database_url, clock, renders={sms.CHANNEL: sms.render}) as one,
        reading(one, clock) as phones,
    ):
        yield phones


@within(30)
async def test_a_dialog_stays_open_for_a_day_and_ends_without_a_word(phones: Phones, clock: Clock) -> None:
    assert "پیام مزاحم" in await phones.say("شکایت")
    clock.passes(hours=23)
    assert "در یک پیام" in await phones.say("2")
    clock.passes(hours=25)
    await phones.process.timers.sweep()
    assert len(await phones.answers()) == 2
    assert (await phones.say("سه روز است قطع است")).startswith(MENU), "a new dialog"
    assert await phones.read() == ["answered"] * 3
    assert phones.outcomes == ["answered"] * 3


@within(30)
async def test_twelve_answers_an_expired_menu_no_more(phones: Phones, clock: Clock) -> None:
    """What a dialog would have taken is the rule's once it is over."""
    await phones.say("شکایت")
    await phones.say("2")
    clock.passes(hours=25)
    assert (await phones.say("11")).startswith("دیگر پیام تبلیغاتی")


@within(30)
async def test_the_same_wish_is_confirmed_again_the_next_day(phones: Phones, clock: Clock) -> None:
    await phones.say("11")
    await phones.send("لغو۱۱")
    await phones.read()
    assert len(await phones.answers()) == 1
    clock.passes(hours=25)
    await phones.say("11")
    assert len(await phones.answers()) == 2


@within(30)
async def test_one_without_an_id_is_doubled_for_a_minute(phones: Phones, clock: Clock) -> None:
    assert await phones.send("سلام", id="")
    clock.passes(seconds=50)
    assert not await phones.send("سلام", id=""), "though the next minute has begun, perhaps"
    clock.passes(seconds=70)
    assert await phones.send("سلام", id="")
    assert len(await phones.read()) == 2


@within(30)
async def test_what_is_a_day_old_is_kept_and_not_answered(
    database_url: str, clock: Clock, phones: Phones
) -> None:
    async with process(database_url, clock) as down:
        wake = asyncio.Event()
        intake = Intake(
            database=down.database, committer=down.committer, vault=down.vault, clock=clock, wake=wake
        )
        old = InboundSms("10004346", SARA, "شکایت", "test:old", clock(), b"")
        clock.now -= timedelta(hours=25)
        await intake.accept(old)
        clock.now += timedelta(hours=25)
    assert await phones.read() == ["late"]
    assert await phones.answers() == []


@within(30)
async def test_a_key_that_is_gone_and_a_content_that_is_none(phones: Phones, clock: Clock) -> None:
    one = phones.process
    unit = Unit()
    for key, vault, text in ((b"1" * 16, Vault(Keyring.new()), b"x"), (b"2" * 16, one.vault, b"nonsense")):
        inbox.add(unit, vault, now=clock(), key=key, party=key, said=None, content=text)
    await one.committer.commit(unit)
    await phones.send("سلام")
    put_off = select(table.c.id).where(table.c.done_at.is_(None), table.c.lease_until.is_(None))
    while "broken" not in phones.outcomes:
        if await one.database.read(put_off):
            clock.passes(seconds=1)
        await asyncio.sleep(0.01)
    assert await phones.read() == ["unreadable", "broken", "answered"]
    [tries] = await one.database.read(select(table.c.tries).where(table.c.outcome == "broken"))
    assert tries[0] == MOST_TRIES


@within(30)
async def test_limits_hold_over_a_rest_and_end_with_it(phones: Phones, clock: Clock) -> None:
    thanks = "پیام شما دریافت شد"
    for _message in range(LIMITS.same + 1):
        await phones.send(thanks)
        clock.passes(seconds=40)
    await phones.send("1")
    assert await phones.read() == ["answered"] * LIMITS.same + ["cut", "silent"]
    clock.passes(seconds=LIMITS.rest.total_seconds())
    assert (await phones.say("سلام")).startswith(MENU)
    assert await phones.read() == ["answered"] * LIMITS.same + ["cut", "silent", "answered"]


@within(60)
async def test_no_more_than_so_many_answers_in_an_hour(phones: Phones, clock: Clock) -> None:
    for number in range(LIMITS.answers + 3):
        await phones.send("00" if number % 2 else "2")
        await phones.read()
        clock.passes(seconds=100)
    assert await phones.read() == ["answered"] * LIMITS.answers + ["cut"] + ["silent"] * 2
    assert len(await phones.answers()) == LIMITS.answers


@within(30)
async def test_a_turn_that_was_taken_and_not_marked_is_not_taken_again(phones: Phones, clock: Clock) -> None:
    """As a process that is killed between the two leaves it."""
    one = phones.process
    await phones.say("شکایت")
    await phones.say("2")
    await one.database.transaction(
        lambda connection: connection.execute(table.update().values(done_at=None, outcome=None))
    )
    assert await phones.read() == ["answered"] * 2
    assert len(await phones.answers()) == 2
    assert len(await one.database.read(select(turns.c.sequence))) == 2
