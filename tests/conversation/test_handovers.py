"""Whole hand-overs as people and operators live them, on Telegram by the outbox and on the web by posts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import select

from conversation.handovers import Handovers
from records.signals import OwnSignals
from records.tables import callbacks, ratings, sessions, threads
from services.handover_errors import Unread
from services.handover_posts import ACCEPTED, RETURNED
from tests.conversation.chats import RENDERS, Chat, sent
from tests.conversation.conftest import Clock, Handset, Process, process
from tests.conversation.test_turns import count, rows

KEY = b"k" * 16
HOME = "چاپار"
SURVEY = "گفتگو با کارشناس تمام شد.\nچقدر راضی بودید؟"


@pytest.fixture
async def here(database_url: str, clock: Clock) -> AsyncIterator[Process]:
    async with process(database_url, clock, renders=RENDERS) as one:
        yield one


@pytest.fixture
async def there(database_url: str, clock: Clock, here: Process) -> AsyncIterator[Process]:
    """A second process on the same database, with a cache of its own."""
    async with process(database_url, clock, renders=RENDERS) as other:
        yield other


def sweeper(at: Process, clock: Clock) -> Handovers:
    return Handovers(at.conversation, at.services.handover_desk, OwnSignals(), clock)


async def queued(at: Process, clock: Clock) -> bytes:
    """The thread of whoever waits."""
    [waiting] = await at.services.handover_desk.queue(now=clock())
    return waiting.thread.id


async def close(at: Process, clock: Clock, thread: bytes) -> None:
    found, _lines = await at.services.handover_desk.read(thread)
    await at.services.handover_desk.close(
        thread, operator="sara", reason="resolved", seen=found.sequence, now=clock()
    )


async def texts(at: Process, thread: bytes) -> list[tuple[str, str]]:
    _found, lines = await at.services.handover_desk.read(thread)
    return [(line.author, line.text) for line in lines if line.kind in ("text", "notice")]


async def test_on_telegram(here: Process, there: Process, clock: Clock) -> None:
    """The operator works in another process than the one that takes the turns."""
    desk, chat = there.services.handover_desk, Chat(here)
    assert (await chat.write("کارشناس")).text == (
        "شما نفر ۱ در صف هستید.\n"
        "تا کارشناس بیاید، بنویسید چه کمکی می‌خواهید.\n"
        "برای تمام کردن «پایان» را بفرستید."
    )
    assert (await chat.write("قبضم را دو بار پرداخت کردم")).text == ""
    await chat.write("شماره‌اش 0 است")
    thread = await queued(there, clock)
    await desk.accept(thread, operator="sara", now=clock())
    await desk.say(thread, operator="sara", text="بررسی می‌کنم.", now=clock(), key=KEY)
    await chat.write("منتظرم")
    await desk.say(thread, operator="sara", text="برگشت داده شد.", now=clock(), key=b"l" * 16)
    await close(there, clock, thread)
    assert await sweeper(here, clock).sweep() == 1
    assert await sweeper(there, clock).sweep() == 0
    assert (await chat.write("5")).text.startswith("ممنون که گفتید.\nحرف دیگری هم دارید؟\n1 بله\n2 نه")
    await chat.write("1")
    assert (await chat.write("سریع بود")).text == "سپاس از همراهی شما."
    assert (await chat.write("سلام")).text.startswith(HOME)

    assert await texts(here, thread) == [
        ("person", "قبضم را دو بار پرداخت کردم"),
        ("person", "شماره‌اش 0 است"),
        ("system", ACCEPTED),
        ("operator", "بررسی می‌کنم."),
        ("person", "منتظرم"),
        ("operator", "برگشت داده شد."),
    ]
    # All that the person got, in its order: nothing for what they wrote to the operator.
    assert [each.body.partition("\n")[0] for each in await sent(here)] == [
        "شما نفر ۱ در صف هستید.",
        ACCEPTED,
        "بررسی می‌کنم.",
        "برگشت داده شد.",
        "گفتگو با کارشناس تمام شد.",
        "ممنون که گفتید.",
        "بنویسید؛ همه نظرها را می‌خوانیم.",
        "سپاس از همراهی شما.",
        HOME,
    ]
    [rating] = await rows(here, select(ratings))
    assert (rating.thread, rating.operator, rating.score) == (thread, "sara", 5)


async def test_on_the_web(here: Process, there: Process, clock: Clock) -> None:
    desk, chat = there.services.handover_desk, Chat(here, channel="webchat", address="visitor", ordered=False)
    await chat.write("سلام")
    assert (await chat.write("گفتگو با کارشناس")).text.startswith("شما نفر ۱")
    await chat.write("الو؟")
    thread = await queued(there, clock)
    await desk.accept(thread, operator="sara", now=clock())
    await desk.say(thread, operator="sara", text="بفرمایید", now=clock(), key=KEY)
    await close(there, clock, thread)
    await sweeper(here, clock).sweep()
    party = here.vault.index("webchat", "visitor")
    shown = await here.services.handover.posts_to(party, b"")
    assert [line.text for line in shown] == ["الو؟", ACCEPTED, "بفرمایید"]
    standing = await here.sessions.last_turn(chat.key, fresh=True)
    assert standing is not None
    assert standing.screen.body == SURVEY
    # A post marks that turn, so that whoever looks at posts finds the screen too.
    assert (await here.services.handover_desk.read(thread))[1][-1].kind == "resumed"


async def test_the_place_is_told_as_it_is(here: Process, clock: Clock) -> None:
    for place in "۱۲۳":
        clock.passes(seconds=1)
        reply = await Chat(here, address=f"person {place}").write("پشتیبانی")
        assert reply.text.startswith(f"شما نفر {place} در صف هستید.")


async def test_where_nobody_can_wait_it_is_a_call(here: Process) -> None:
    assert (await Handset(here).dial()).text.endswith("7 Language"), "there is no operator on this menu"
    chat = Chat(here, channel="sms", address="+989121234567", ordered=False)
    assert (await chat.write("کارشناس")).text.startswith("درباره چه تماس بگیریم؟")
    await chat.walk("2", "3")
    [row] = await rows(here, select(callbacks))
    assert (row.topic, row.time_of_day) == ("charging", "evening")
    assert await count(here, threads) == 0


async def test_the_person_ends_it(here: Process, there: Process, clock: Clock) -> None:
    chat = Chat(here)
    await chat.write("کارشناس")
    thread = await queued(here, clock)
    assert (await chat.write("پايان")).text.startswith("گفتگو با کارشناس تمام شد.")
    found, _lines = await there.services.handover_desk.read(thread)
    assert (found.state, found.reason) == ("closed", "left")
    assert await there.services.handover_desk.queue(now=clock()) == []
    assert await sweeper(there, clock).sweep() == 0


async def test_a_command_ends_it_too(here: Process, clock: Clock) -> None:
    chat = Chat(here)
    await chat.write("کارشناس")
    thread = await queued(here, clock)
    assert (await chat.write("", begins=True)).text.startswith(HOME)
    assert (await here.services.handover_desk.read(thread))[0].reason == "left"
    # What was said before the command stays with the thread; what follows is a step of the flow.
    assert (await chat.write("2")).text.startswith("ثبت شکایت")


async def test_a_repeated_update_is_one_post(here: Process, there: Process, clock: Clock) -> None:
    chat = Chat(here)
    await chat.write("کارشناس")
    thread = await queued(here, clock)
    replies = await asyncio.gather(*(chat.on(at).give(150, "الو") for at in (here, there, here)))
    assert sum(reply.repeated for reply in replies) == 2
    assert await texts(here, thread) == [("person", "الو")]
    assert len(await sent(here)) == 1


async def test_closing_races_with_what_the_person_writes(here: Process, there: Process, clock: Clock) -> None:
    for number in range(4):
        chat = Chat(here, address=f"racer {number}")
        await chat.write("کارشناس")
        thread = await queued(there, clock)
        await there.services.handover_desk.accept(thread, operator="sara", now=clock())
        closed, reply = await asyncio.gather(
            close(there, clock, thread), chat.write("صبر کنید!"), return_exceptions=True
        )
        assert not isinstance(reply, BaseException)
        assert ("person", "صبر کنید!") in await texts(here, thread), "every word is kept"
        await sweeper(here, clock).sweep()
        standing = await here.sessions.last_turn(chat.key, fresh=True)
        assert standing is not None
        if isinstance(closed, Unread):
            assert standing.session.handed
        else:
            assert closed is None
            assert standing.screen.body == SURVEY, "the survey comes once, by either way"
            shown = [each.body for each in await sent(here) if each.to == chat.address]
            assert sum(body.startswith(SURVEY) for body in shown) == 1
        await here.services.handover_desk.go_away("sara", now=clock())


async def test_two_processes_tell_a_session_once(here: Process, there: Process, clock: Clock) -> None:
    for number in range(5):
        chat = Chat(here, address=f"person {number}")
        await chat.write("کارشناس")
        thread = await queued(there, clock)
        await there.services.handover_desk.accept(thread, operator="sara", now=clock())
        await close(there, clock, thread)
    swept = await asyncio.gather(*(sweeper(at, clock).sweep() for at in (here, there, here, there)))
    assert sum(swept) >= 5
    assert await sweeper(here, clock).sweep() == 0
    surveys = [each.to for each in await sent(here) if each.body.startswith(SURVEY)]
    assert sorted(surveys) == [f"person {number}" for number in range(5)]


async def test_a_session_that_went_elsewhere_is_owed_nothing(
    here: Process, there: Process, clock: Clock
) -> None:
    chat = Chat(here)
    await chat.write("کارشناس")
    thread = await queued(there, clock)
    await there.services.handover_desk.accept(thread, operator="sara", now=clock())
    await close(there, clock, thread)
    # Before anybody tells it, the person writes: the flow goes on by that.
    assert (await chat.write("ممنون")).text.startswith(SURVEY)
    # And asks for somebody else, who must not be taken for the first one.
    assert (await chat.write("کارشناس")).text.startswith("شما نفر ۱")
    await sweeper(there, clock).sweep()
    standing = await here.sessions.last_turn(chat.key, fresh=True)
    assert standing is not None
    assert standing.session.handed
    assert await queued(here, clock) != thread


async def test_an_operator_disappears_and_another_goes_on(
    here: Process, there: Process, clock: Clock
) -> None:
    chat, desk = Chat(here), there.services.handover_desk
    await chat.write("کارشناس")
    thread = await queued(there, clock)
    await desk.accept(thread, operator="sara", now=clock())
    clock.passes(minutes=1)
    assert await sweeper(here, clock).sweep() == 0
    clock.passes(minutes=2)
    assert await sweeper(here, clock).sweep() == 1
    assert [each.body for each in await sent(here)][-2:] == [ACCEPTED, RETURNED]
    await chat.write("کسی هست؟")
    await desk.accept(thread, operator="ali", now=clock())
    await desk.say(thread, operator="ali", text="من هستم", now=clock(), key=KEY)
    assert (await texts(here, thread))[-3:] == [
        ("person", "کسی هست؟"), ("system", ACCEPTED), ("operator", "من هستم"),
    ]  # fmt: skip


async def test_a_week_of_silence_ends_it(here: Process, clock: Clock) -> None:
    chat = Chat(here)
    await chat.write("کارشناس")
    thread = await queued(here, clock)
    clock.passes(days=6)
    await here.timers.sweep()
    assert (await here.services.handover_desk.read(thread))[0].state == "waiting"
    clock.passes(days=2)
    await here.timers.sweep()
    found, _lines = await here.services.handover_desk.read(thread)
    assert (found.state, found.reason) == ("closed", "late")
    assert len(await sent(here)) == 1, "and it ends without a word"
    [row] = await rows(here, select(sessions.c.outcome))
    assert row.outcome == "late"
