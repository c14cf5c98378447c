"""Chats: one dialog follows another under one key, each update is taken once, and its reply leaves once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from records.tables import complaints, outbox, sessions, subscribers, turns
from tests.conversation.chats import RENDERS, Chat, sent
from tests.conversation.conftest import Clock, Process, process
from tests.conversation.test_turns import count, rows

TEXT = "سه روز است قطع است و کسی پاسخ نمی‌دهد"
COMPLAINT = ("شکایت", "2", TEXT, "1")
FILED = "شکایت شما ثبت شد"
HOME = "چاپار"


@pytest.fixture
async def here(database_url: str, clock: Clock) -> AsyncIterator[Process]:
    async with process(database_url, clock, renders=RENDERS) as one:
        yield one


@pytest.fixture
async def there(database_url: str, clock: Clock, here: Process) -> AsyncIterator[Process]:
    """A second process on the same database, with a cache of its own."""
    async with process(database_url, clock, renders=RENDERS) as other:
        yield other


async def open_sessions(at: Process) -> int:
    return len(await rows(at, select(sessions.c.id).where(sessions.c.closed_at.is_(None))))


# Opening, answering, ending, beginning again.


async def test_a_word_opens_its_flow_and_anything_else_the_menu(here: Process) -> None:
    for number, (word, first) in enumerate(
        {"شکایت": "ثبت شکایت", "پي گيري": "شماره شکایت", "چه خبر": HOME, "": HOME, "*733*3#": "شماره شکایت",
         "*هرچه": HOME, "*999#": HOME}.items()
    ):  # fmt: skip
        reply = await Chat(here, address=f"{number}").write(word)
        assert reply.text.startswith(first), word
        assert reply.replies


async def test_a_dialog_ends_and_the_next_text_begins_another(here: Process, there: Process) -> None:
    chat = Chat(here)
    assert FILED in (await chat.walk(*COMPLAINT)).text
    assert await open_sessions(here) == 0
    again = await chat.on(there).give(200, "2")
    assert again.text.startswith(HOME), "an answer to nothing opens the menu"
    assert (await chat.on(here).give(201, "2")).text.startswith("ثبت شکایت"), "and from there it goes on"
    stored = await rows(here, select(sessions.c.id, sessions.c.key).order_by(sessions.c.id))
    assert [row.key for row in stored] == [None, chat.key], "the chat's key is with its present session"
    assert await count(here, complaints) == 1
    assert await count(here, subscribers) == 1


async def test_every_reply_waits_in_the_outbox_once_and_in_order(here: Process) -> None:
    chat = Chat(here)
    shown = [(await chat.write(text)).text for text in COMPLAINT]
    messages = await sent(here)
    assert [each.body for each in messages] == shown
    assert {(each.to, each.route, each.payload) for each in messages} == {
        ("70001", "telegram", b'{"chat": "70001"}')
    }
    [row, *_more] = await rows(here, select(outbox).order_by(outbox.c.id))
    assert (row.channel, row["class"] if isinstance(row, dict) else row._mapping["class"]) == (
        "telegram",
        "service",
    )
    assert row.party == here.vault.index("telegram", "70001"), "found by the person's own address"


async def test_a_channel_that_answers_by_itself_queues_nothing(here: Process) -> None:
    reply = await Chat(here, channel="webchat").write("شکایت")
    assert reply.text.startswith("ثبت شکایت")
    assert await count(here, outbox) == 0


async def test_navigation_is_written_in_words_too(here: Process) -> None:
    chat = Chat(here)
    subjects = await chat.write("شکایت")
    assert (await chat.write("2")).text.startswith("شکایت خود را")
    assert (await chat.write("بازگشت")).text == subjects.text
    assert [way.label for way in subjects.screen.ways] == ["منو"]
    await chat.write("2")
    assert (await chat.write("منو")).text.startswith(HOME)


async def test_a_command_leaves_what_is_open(here: Process) -> None:
    chat = Chat(here)
    await chat.walk("شکایت", "2")
    assert (await chat.write("", begins=True)).text.startswith(HOME)
    await chat.walk("2", "2")
    assert (await chat.write("follow", begins=True)).text.startswith("شماره شکایت")
    stored = await rows(here, select(sessions.c.outcome).order_by(sessions.c.id))
    assert [row.outcome for row in stored] == ["superseded", "superseded", None]


async def test_two_bots_hold_two_dialogs_with_one_person(here: Process) -> None:
    one, other = Chat(here, route="telegram"), Chat(here, route="telegram-shop")
    await one.walk("شکایت", "2")
    assert (await other.write("سلام")).text.startswith(HOME)
    assert FILED in (await one.walk(TEXT, "1")).text, "it was not closed by the other one"
    assert await count(here, subscribers) == 1


# Time.


async def test_a_dialog_stays_open_for_a_day_and_ends_without_a_word(
    here: Process, there: Process, clock: Clock
) -> None:
    chat = Chat(here)
    await chat.walk("شکایت", "2")
    clock.passes(hours=23)
    await here.timers.sweep()
    assert (await chat.on(there).give(150, TEXT)).text.startswith("شکایت شما ثبت شود")
    before = await sent(here)
    clock.passes(hours=25)
    await asyncio.gather(here.timers.sweep(), there.timers.sweep())
    assert await open_sessions(here) == 0
    assert await sent(here) == before, "nobody is told that a day went by"
    assert (await chat.give(151, "1")).text.startswith(HOME), "no offer to go on, and no old menu"


async def test_a_dialog_whose_day_is_over_is_not_gone_on_with(here: Process, clock: Clock) -> None:
    chat = Chat(here)
    await chat.walk("شکایت", "2")
    clock.passes(hours=25)
    assert (await chat.write("1")).text.startswith(HOME), "though no timer has fired"
    assert await open_sessions(here) == 1
    clock.passes(seconds=30)
    await here.timers.sweep()
    assert await open_sessions(here) == 1, "the one that is left fires no more"


TIMED = """
flow: main
title: یک
opens: {keywords: [شروع]}
start: home
states:
  home: {ask: نام شما؟, save: name, timeout: {after: 90s, go: late}, go: bye}
  late: {say: هنوز هستید؟, go: last}
  last: {ask: نامتان؟, save: name, go: bye}
  bye: {end: 'خوش آمدید {name}'}
"""


async def test_the_time_out_of_a_state_is_said_once(database_url: str, clock: Clock, tmp_path: Path) -> None:
    (tmp_path / "main.yaml").write_text(TIMED)
    async with (
        process(database_url, clock, flows=tmp_path, renders=RENDERS) as here,
        process(database_url, clock, flows=tmp_path, renders=RENDERS) as there,
    ):
        chat = Chat(here)
        await chat.write("شروع")
        clock.passes(seconds=100)
        await asyncio.gather(here.timers.sweep(), there.timers.sweep(), here.timers.sweep())
        assert [each.body.split("\n")[0] for each in await sent(here)] == ["نام شما؟", "هنوز هستید؟"]
        assert (await chat.on(there).give(150, "سارا")).text == "خوش آمدید سارا"


# The same update again.


@pytest.mark.parametrize("ordered", [True, False], ids=["by order", "by key"])
async def test_an_update_again_changes_nothing_and_sends_nothing(
    here: Process, there: Process, ordered: bool
) -> None:
    chat = Chat(here, channel="telegram" if ordered else "sms", ordered=ordered, address="+989120000001")
    first = await chat.give(1, "شکایت")
    second = await chat.give(2, "2")
    for at in (here, there):
        again = await chat.on(at).give(2, "2")
        assert (again.repeated, again.text) == (True, second.text)
        older = await chat.on(at).give(1, "شکایت")
        assert (older.repeated, older.text) == (True, first.text), "the reply of its own time"
    assert await count(here, turns) == 2
    assert len(await sent(here)) == 2
    assert (await chat.give(3, TEXT)).text.startswith("شکایت شما ثبت شود"), "and it goes on"


@pytest.mark.parametrize("ordered", [True, False], ids=["by order", "by key"])
async def test_an_old_update_again_after_several_dialogs(
    here: Process, there: Process, clock: Clock, ordered: bool
) -> None:
    chat = Chat(here, channel="telegram" if ordered else "sms", ordered=ordered, address="+989120000001")
    number = 0
    for _dialog in range(3):
        for text in (*COMPLAINT, "2"):
            number += 1
            await chat.give(number, text)
        number += 1
        await chat.give(number, "00", begins=True)
        clock.passes(minutes=20)
    before = await count(here, turns), len(await sent(here)), await count(here, complaints)
    for at in (here, there):
        for late in range(number - 15, number + 1):
            texts = (*COMPLAINT, "2", "00")
            reply = await chat.on(at).give(late, texts[(late - 1) % 6])
            assert reply.repeated, late
    assert (await count(here, turns), len(await sent(here)), await count(here, complaints)) == before
    assert before[2] == 3


async def test_numbers_that_begin_anew_after_days_are_new(here: Process, clock: Clock) -> None:
    """Telegram may choose its next number anew after a week without updates."""
    chat = Chat(here)
    await chat.give(900_000_000, "شکایت")
    clock.passes(hours=23)
    assert (await chat.give(17, "2")).repeated, "within the time in which updates come again"
    clock.passes(days=6)
    reply = await chat.give(17, "شکایت")
    assert not reply.repeated
    assert reply.text.startswith("ثبت شکایت")
    assert not (await chat.give(18, "2")).repeated


async def test_an_update_that_comes_out_of_order_changes_nothing(here: Process) -> None:
    chat = Chat(here)
    await chat.give(1, "شکایت")
    await chat.give(3, "2")
    assert (await chat.give(2, "6")).repeated
    assert (await chat.give(4, TEXT)).text.startswith("شکایت شما ثبت شود")


# Buttons.


async def test_only_the_buttons_of_the_present_screen_are_answers(here: Process) -> None:
    chat = Chat(here)
    subjects = await chat.write("شکایت")
    text = await chat.press(subjects, "2")
    assert text.text.startswith("شکایت خود را")
    before = await count(here, turns)
    late = await chat.press(subjects, "3")
    assert (late.repeated, late.text) == (True, text.text), "this menu was answered"
    assert await count(here, turns) == before
    assert (await chat.press(text, "0")).text == subjects.text
    stranger = await Chat(here, address="70002").press(subjects, "2")
    assert (stranger.repeated, stranger.text) == (True, ""), "a menu of a dialog that is not there"
    assert await count(here, sessions) == 1


async def test_a_press_reaches_a_process_that_missed_the_screen(here: Process, there: Process) -> None:
    chat = Chat(here)
    await chat.write("سلام")
    other = chat.on(there)
    other.update = 200
    await other.write("2")
    confirm = await other.walk("2", TEXT)
    chat.update = 300
    assert FILED in (await chat.press(confirm, "1")).text, "its cache knew an older screen"


# Races.


async def test_two_processes_with_one_update_answer_it_once(here: Process, there: Process) -> None:
    for number in range(8):
        chat = Chat(here, address=f"{number}")
        for update, text in enumerate(COMPLAINT, 1):
            replies = await asyncio.gather(
                chat.on(here).give(update, text), chat.on(there).give(update, text)
            )
            assert replies[0].text == replies[1].text
            assert sorted(reply.repeated for reply in replies) == [False, True]
    assert await count(here, turns) == 8 * len(COMPLAINT)
    assert len(await sent(here)) == 8 * len(COMPLAINT), "one reply for each update"
    assert await count(here, complaints) == 8
    assert await count(here, sessions) == 8


async def test_texts_that_race_on_a_new_chat_share_its_dialog(here: Process, there: Process) -> None:
    for number in range(8):
        chat = Chat(here, address=f"{number}", ordered=False)
        await asyncio.gather(chat.on(here).give(1, "شکایت"), chat.on(there).give(2, "شکایت"))
    assert await count(here, sessions) == 8
    assert await open_sessions(here) == 8
    assert await count(here, turns) == 16, "one opened it, the other was an answer"


async def test_a_process_that_missed_a_dialog_does_not_end_it(here: Process, there: Process) -> None:
    """Its cache knows of the one before, which is over."""
    chat = Chat(here)
    assert FILED in (await chat.walk(*COMPLAINT)).text
    await chat.on(there).give(200, "شکایت")
    await chat.on(there).give(201, "2")
    reply = await chat.on(here).give(202, TEXT)
    assert reply.text.startswith("شکایت شما ثبت شود")
    assert await count(here, sessions) == 2


# What goes wrong.


async def test_an_unreadable_dialog_gives_way_to_a_new_one(here: Process, there: Process) -> None:
    chat = Chat(here)
    await chat.walk("شکایت", "2")
    await here.database.transaction(
        lambda connection: connection.execute(turns.update().values(content=b"\x01\x00\x09" + b"x" * 64))
    )
    assert (await chat.on(there).give(300, "سلام")).text.startswith(HOME)
    stored = await rows(here, select(sessions.c.outcome).order_by(sessions.c.id))
    assert [row.outcome for row in stored] == ["unreadable", None]


async def test_a_flow_that_fails_says_so_in_the_chat(here: Process) -> None:
    chat = Chat(here)
    await chat.write("سلام")
    here.library.withdraw("complaint")
    reply = await chat.write("2")
    assert reply.text.startswith("کار انجام نشد")
    assert "بفرستید" in reply.text, "nobody dials here"
    assert reply.taken, "it would fail again"
    assert (await sent(here))[-1].body == reply.text
    assert (await chat.write("3")).text.startswith("شماره شکایت"), "what comes after it is not held up"


async def test_too_many_at_once_are_to_come_again(database_url: str, clock: Clock) -> None:
    async with process(database_url, clock, in_flight=4, renders=RENDERS) as here:
        chats = [Chat(here, address=f"{number}") for number in range(40)]
        replies = await asyncio.gather(*(chat.give(1, "سلام") for chat in chats))
        assert sum(not reply.taken for reply in replies) == 36
        assert len(await sent(here)) == 4, "nothing is sent for those that were not taken"
        assert "بفرستید" in next(reply.text for reply in replies if not reply.taken)
        for chat in chats:
            await chat.give(1, "سلام")
        assert len(await sent(here)) == 40


async def test_one_chat_in_a_thousand_texts_at_once(here: Process) -> None:
    """A flood of one person's texts is a row of turns, each answered once."""
    chat = Chat(here, ordered=False, channel="sms", address="+989120000001")
    await asyncio.gather(*(chat.give(number, "98") for number in range(100)))
    [total] = await rows(here, select(func.count()).select_from(turns))
    assert total[0] == 100
    assert len(await sent(here)) == 100
