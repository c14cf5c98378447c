"""A chat with an operator: posts are taken once, and what happens to the thread moves the dialog on once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
from sqlalchemy import func, select

from conversation.needs import HANDLERS
from conversation.needs.context import NeedContext
from engine.session import Value
from engine.turn import Met
from records.tables import flow_versions, sessions, subscribers, turns
from records.unit import Conflict, Unit
from services.files import Kept
from tests.conversation.chats import RENDERS, Chat, sent
from tests.conversation.conftest import Clock, Process, process
from tests.conversation.test_turns import count, rows
from tests.services.files import png

FLOW = """
flow: main
title: یک
opens: {keywords: [شروع]}
start: person
states:
  person:
    handover: کارشناس پاسخ می‌دهد.
    topic: general
    leave: [پایان]
    go: {closed: survey, left: bye, late: bye, else: bye}
  survey: {ask: راضی بودید؟, save: pleased, go: thanks}
  thanks: {end: 'ممنون {pleased}'}
  bye: {end: خداحافظ}
"""

# What handlers were asked, in all processes of a test.
Asked = list[tuple[str, Mapping[str, Value], NeedContext]]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """Meets a handover's needs as its service would, and keeps them."""
    seen: Asked = []

    def meet(name: str, outcome: str) -> None:
        async def handler(turn: NeedContext, arguments: Mapping[str, Value]) -> Met:
            seen.append((name, arguments, turn))
            return Met(outcome)

        monkeypatch.setitem(HANDLERS, f"handover.{name}", handler)

    meet("request", "accepted")
    meet("say", "ok")
    meet("leave", "ok")
    return seen


@pytest.fixture
def flows(tmp_path: Path) -> Path:
    (tmp_path / "main.yaml").write_text(FLOW)
    return tmp_path


@pytest.fixture
async def here(database_url: str, clock: Clock, flows: Path, asked: Asked) -> AsyncIterator[Process]:
    async with process(database_url, clock, flows=flows, renders=RENDERS) as one:
        yield one


@pytest.fixture
async def there(database_url: str, clock: Clock, flows: Path, here: Process) -> AsyncIterator[Process]:
    async with process(database_url, clock, flows=flows, renders=RENDERS) as other:
        yield other


async def session_of(chat: Chat) -> bytes:
    last = await chat.process.sessions.last_turn(chat.key, fresh=True)
    assert last is not None
    return last.session.id


async def test_posts_reach_the_operator_and_show_nothing(here: Process, asked: Asked, clock: Clock) -> None:
    chat = Chat(here)
    assert (await chat.write("شروع")).text == "کارشناس پاسخ می‌دهد."
    party = here.vault.index("telegram", chat.address)
    kept = [
        await here.services.files.store(party, now=clock(), name="", declared="", content=png(number))
        for number in (1, 2)
    ]
    files = tuple(each.id.hex() for each in kept if isinstance(each, Kept))
    reply = await chat.write("سلام", files=(*files, "somebody else's"))
    assert (reply.text, reply.replies) == ("", True)
    name, arguments, turn = asked[-1]
    said = {"text": "سلام", "key": "telegram:102", "files": " ".join(files)}
    assert (name, arguments) == ("say", said)
    assert (turn.route, turn.raw) == ("telegram", "raw 102 سلام".encode())
    assert (await chat.give(102, "سلام", files=files)).repeated
    assert len(asked) == 2
    assert [each.body for each in await sent(here)] == ["کارشناس پاسخ می‌دهد."]


async def test_closing_moves_the_dialog_on_in_one_unit_with_the_operators_writes(
    here: Process, there: Process, clock: Clock
) -> None:
    chat = Chat(here)
    await chat.walk("شروع", "سلام")
    session = await session_of(chat)

    async def also(unit: Unit) -> None:
        unit.insert(subscribers, {"id": b"c" * 16, "language": "fa", "created_at": clock()})

    reply = await there.conversation.post_event(session, "closed", key="thread 1 closed", also=also)
    assert reply is not None
    assert reply.text == "راضی بودید؟"
    assert (await sent(here))[-1].body == "راضی بودید؟"
    assert await rows(here, select(subscribers.c.id).where(subscribers.c.id == b"c" * 16))
    again = await here.conversation.post_event(session, "closed", key="thread 1 closed", also=also)
    assert again is not None
    assert (again.repeated, again.text) == (True, "راضی بودید؟")
    assert len(await sent(here)) == 2
    assert (await chat.write("بله")).text == "ممنون بله", "and the person goes on from there"


async def test_many_who_close_at_once_close_it_once(here: Process, there: Process, clock: Clock) -> None:
    for number in range(5):
        chat = Chat(here, address=f"{number}")
        await chat.walk("شروع", "سلام")
        session = await session_of(chat)
        replies = await asyncio.gather(
            *(at.conversation.post_event(session, "closed", key="closed") for at in (here, there) * 4)
        )
        assert {reply.text for reply in replies if reply is not None} == {"راضی بودید؟"}
        assert [reply.repeated for reply in replies if reply is not None].count(False) == 1
    assert len(await sent(here)) == 10
    assert await count(here, turns) == 15


async def test_a_post_that_races_with_the_closing_is_lost_on_nobody(
    here: Process, there: Process, asked: Asked
) -> None:
    """It reaches the operator before it, or is an answer after it."""
    for number in range(8):
        chat = Chat(here, address=f"{number}", ordered=False)
        await chat.write("شروع")
        session = await session_of(chat)
        reply, _closed = await asyncio.gather(
            chat.write("راضی‌ام"), there.conversation.post_event(session, "closed", key="closed")
        )
        said = [arguments["key"] for name, arguments, _turn in asked if name == "say"]
        assert reply.text in ("", "ممنون راضی ام")
        if not reply.text:
            assert said, "the operator got it"


async def test_what_cannot_be_written_with_it_moves_nothing(here: Process) -> None:
    chat = Chat(here)
    await chat.write("شروع")
    session = await session_of(chat)

    async def taken_by_somebody_else(unit: Unit) -> None:
        raise LookupError("this thread is not yours")

    with pytest.raises(LookupError):
        await here.conversation.post_event(session, "closed", key="closed", also=taken_by_somebody_else)
    assert await count(here, turns) == 1

    first = True

    async def late_once(unit: Unit) -> None:
        nonlocal first
        if first:
            first = False
            raise Conflict("somebody else was first")

    reply = await here.conversation.post_event(session, "closed", key="closed", also=late_once)
    assert reply is not None, "a conflict is looked at again"


async def test_an_event_for_a_dialog_that_went_on_changes_nothing(here: Process) -> None:
    chat = Chat(here)
    await chat.walk("شروع", "پایان")
    [row] = await rows(here, select(sessions.c.id, sessions.c.outcome))
    assert row.outcome == "done"
    called = []

    async def also(unit: Unit) -> None:
        called.append(unit)

    for session in (row.id, b"?" * 16):
        assert await here.conversation.post_event(session, "closed", key="closed", also=also) is None
    assert called == []
    await chat.write("شروع")
    session = await session_of(chat)
    assert await here.conversation.post_event(session, "closed", key="1") is not None
    assert await here.conversation.post_event(session, "late", key="2") is None, "it is in the survey now"


async def test_a_command_leaves_the_operator_too(here: Process, asked: Asked) -> None:
    chat = Chat(here)
    await chat.walk("شروع", "سلام")
    before = await session_of(chat)
    assert (await chat.write("شروع", begins=True)).text == "کارشناس پاسخ می‌دهد."
    assert [name for name, _arguments, _turn in asked] == ["request", "say", "leave", "request"]
    left = asked[2][2]
    assert left.session.id == before, "it is the thread of the dialog that is left"
    assert await here.conversation.post_event(before, "closed", key="closed") is None


async def test_a_handover_outlasts_the_channels_day(
    here: Process, there: Process, clock: Clock, asked: Asked
) -> None:
    chat = Chat(here)
    await chat.write("شروع")
    clock.passes(days=6)
    await here.timers.sweep()
    assert (await chat.write("هنوز هستید؟")).text == ""
    clock.passes(days=8)
    await asyncio.gather(here.timers.sweep(), there.timers.sweep())
    assert (await sent(here))[-1].body == "خداحافظ"
    assert [name for name, *_rest in asked][-1] == "leave"
    assert asked[-1][1] == {"reason": "late"}
    assert asked[-1][2].route == "telegram"


async def test_a_channel_without_an_outbox_gets_the_reply_to_push(here: Process) -> None:
    chat = Chat(here, channel="webchat")
    await chat.write("شروع")
    reply = await here.conversation.post_event(await session_of(chat), "closed", key="closed")
    assert reply is not None
    assert reply.text == "راضی بودید؟"
    assert await sent(here) == []


async def test_a_flow_that_is_gone_ends_its_sessions_instead_of_holding_up_the_others(
    database_url: str, clock: Clock, flows: Path, here: Process
) -> None:
    """Nobody can load the version that they stand in."""
    handed, waiting = Chat(here, address="1"), Chat(here, address="2")
    await handed.write("شروع")
    await waiting.write("شروع")
    (flows / "main.yaml").write_text(FLOW.replace("ممنون", "سپاس"))
    await here.database.transaction(lambda connection: connection.execute(flow_versions.delete()))
    async with process(database_url, clock, flows=flows, renders=RENDERS) as later:
        session = await session_of(handed)
        reply = await later.conversation.post_event(session, "closed", key="closed")
        assert reply is not None
        assert (reply.text, reply.replies) == ("", False)
        clock.passes(days=8)
        await later.timers.sweep()
        stored = await rows(later, select(sessions.c.outcome).order_by(sessions.c.id))
        assert [row.outcome for row in stored] == ["broken", "broken"]
        steps = select(turns.c.session, func.count().label("steps"), func.max(turns.c.sequence).label("last"))
        for row in await rows(later, steps.group_by(turns.c.session)):
            assert row.steps == row.last == 2
        assert (await waiting.on(later).give(300, "شروع")).text == "کارشناس پاسخ می‌دهد.", "and life goes on"
