"""What happens to updates, on real records: said beside the conversation, files, updates that fail."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from bot import telegram_updates
from bot.asides import Asides
from bot.telegram import FileSent, render
from bot.telegram_updates import Files, Taken, Updates
from conversation.incoming import Incoming, Reply
from dispatch.providers.bot.line import Line
from dispatch.providers.bot.platforms import TELEGRAM
from dispatch.providers.bot.request import Request, session
from engine.turn import Screen
from languages import Languages
from records.outbox import Content, content
from records.tables import outbox, turns
from records.unit import Unavailable
from tests.bot.messenger import TOKEN, Messenger, messenger, refusal
from tests.conversation.conftest import Clock, Process, process

UPDATES = Path(__file__).parent / "updates"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def here(sqlite_url: str, clock: Clock) -> AsyncIterator[Process]:
    async with process(sqlite_url, clock, renders={"telegram": render}) as one:
        yield one


@pytest.fixture
async def chats() -> AsyncIterator[Messenger]:
    async with messenger() as made:
        yield made


@pytest.fixture
async def line(chats: Messenger) -> AsyncIterator[Line]:
    async with session() as http:
        yield Line("telegram", TELEGRAM, TOKEN, Request(http), base_url=chats.url)


Make = Callable[..., Updates]


@pytest.fixture
def make(here: Process, clock: Clock) -> Make:
    languages = Languages.load(Path(__file__).parent.parent.parent / "locales")

    def made(conversation: Any = None, files: Files | None = None) -> Updates:
        return Updates(
            conversation=conversation or here.conversation,
            asides=Asides(
                committer=here.committer,
                vault=here.vault,
                subscribers=here.services.subscribers,
                languages=languages,
                clock=clock,
            ),
            database=here.database,
            committer=here.committer,
            vault=here.vault,
            languages=languages,
            clock=clock,
            files=files,
        )

    return made


def recorded(name: str, update: int | None = None) -> bytes:
    data = json.loads((UPDATES / f"{name}.json").read_text("utf-8"))
    if update is not None:
        data["update_id"] = update
    return json.dumps(data).encode()


async def queued(here: Process) -> list[Content]:
    """What waits to be sent, in order."""
    rows = await here.database.read(select(outbox.c.id, outbox.c.sealed).order_by(outbox.c.id))
    return [content(here.vault, row.id, row.sealed) for row in rows]


async def bodies(here: Process) -> list[str]:
    return [each.body for each in await queued(here)]


async def test_what_is_said_beside_the_conversation_is_said_once(
    make: Make, line: Line, here: Process
) -> None:
    updates = make()
    for _copy in range(3):
        for name in ("sticker", "contact_other", "document"):
            assert (await updates.take(recorded(name), line)).done
    said = await bodies(here)
    assert [text.split(".")[0].split("؛")[0] for text in said] == [
        "این نوع پیام را نمی‌خوانیم",
        "این شماره از آن شما نیست یا پیام‌رسان آن را تأیید نکرد",
        "این بات هنوز فایل نمی‌پذیرد",
    ]
    assert {(each.to, each.route) for each in await queued(here)} == {("7001", "telegram")}
    assert await here.database.read(select(turns.c.session)) == []


async def test_it_is_said_in_the_persons_language(make: Make, line: Line, here: Process) -> None:
    updates = make()
    for update, text in ((1, "/start language"), (2, "English")):
        data = json.loads(recorded("text", update))
        data["message"]["text"] = text
        assert (await updates.take(json.dumps(data).encode(), line)).done
    assert (await updates.take(recorded("sticker", 3), line)).done
    assert (await bodies(here))[-1] == "We do not read this kind of message. Please send text."


async def test_a_group_is_left_once_a_day(make: Make, line: Line, here: Process, clock: Clock) -> None:
    updates = make()
    for name in ("group_added", "group_message", "group_message"):
        assert (await updates.take(recorded(name), line)).done
    told = await queued(here)
    assert [each.to for each in told] == ["-1001234567890"] * 2
    assert "خصوصی" in told[0].body
    assert json.loads(told[1].payload) == {"method": "leaveChat"}
    clock.passes(days=1)
    await updates.take(recorded("group_message"), line)
    assert len(await queued(here)) == 4


async def test_a_press_is_answered(make: Make, line: Line) -> None:
    updates = make()
    stale = await updates.take(recorded("press"), line)
    assert stale.done
    assert stale.answer is not None
    assert stale.answer["callback_query_id"] == "30064771072000001"
    assert "قدیمی" in stale.answer["text"]
    foreign = await updates.take(recorded("press_foreign"), line)
    assert foreign == Taken(True, {"method": "answerCallbackQuery", "callback_query_id": "30064771072000004"})


async def test_an_answer_to_a_press_that_cannot_be_sent_is_nobodys_trouble(
    make: Make, line: Line, chats: Messenger
) -> None:
    updates = make()
    chats.fault = lambda method, given: refusal(400, "Bad Request: query is too old")
    updates.answer(line, {"method": "answerCallbackQuery", "callback_query_id": "1"})
    await updates.settled()
    await chats.stop()
    updates.answer(line, {"method": "answerCallbackQuery", "callback_query_id": "2"})
    await updates.settled()


class Talk:
    """A conversation that answers as it is told."""

    def __init__(self, *replies: Reply | Exception) -> None:
        self.replies = list(replies)
        self.taken: list[Incoming] = []

    async def take_turn(self, incoming: Incoming) -> Reply:
        self.taken.append(incoming)
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if isinstance(reply, Exception):
            raise reply
        return reply


BUSY = Reply(Screen("شلوغ", "شلوغ"), False, taken=False)
SORRY = Reply(Screen("کار انجام نشد", "کار انجام نشد"), False)
WELL = Reply(Screen("خوب", "خوب"), False, session=b"s" * 16, sequence=3)


async def test_a_turn_that_was_not_taken_is_tried_again_and_then_asked_for(
    make: Make, line: Line, here: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telegram_updates, "PAUSES", (0.001,))
    talk = Talk(BUSY, BUSY, WELL)
    assert (await make(talk).take(recorded("text"), line)).done
    assert len(talk.taken) == 3
    talk = Talk(BUSY)
    assert not (await make(talk).take(recorded("text"), line)).done
    assert len(talk.taken) == 3
    assert await queued(here) == [], "nothing is said of it: it comes again"


async def test_a_defect_of_ours_is_told_and_holds_up_nobody(make: Make, line: Line, here: Process) -> None:
    updates = make(Talk(SORRY))
    for _copy in range(2):
        assert (await updates.take(recorded("text"), line)).done
    assert await bodies(here) == ["کار انجام نشد"]
    updates = make(Talk(RuntimeError("a defect")))
    assert (await updates.take(recorded("text"), line)).done
    assert updates.counts["telegram", "broken"] == 1


async def test_one_that_never_succeeds_while_others_do_is_given_up(
    make: Make, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telegram_updates, "PAUSES", (0.001,))

    class Poisoned:
        async def take_turn(self, incoming: Incoming) -> Reply:
            return BUSY if incoming.order == 1 else WELL

    updates = make(Poisoned())
    poison = asyncio.create_task(updates.take(recorded("text", 1), line, tries=0))
    await asyncio.sleep(0.05)
    assert not poison.done(), "as long as nobody succeeds it may be us"
    other = json.loads(recorded("text"))
    for update in range(2, 2 + telegram_updates.GIVE_UP):
        other["update_id"] = update
        for part in ("chat", "from"):
            other["message"][part]["id"] = 9_000 + update
        assert (await updates.take(json.dumps(other).encode(), line)).done
    assert (await asyncio.wait_for(poison, 10)).done
    assert updates.counts["telegram", "given_up"] == 1


async def test_who_came_later_waits_for_who_is_tried_again(
    make: Make, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once a later one is taken it would be too late for the earlier one."""
    monkeypatch.setattr(telegram_updates, "PAUSES", (0.01,))
    talk = Talk(BUSY, BUSY, WELL)
    updates = make(talk)
    await asyncio.gather(*(updates.take(recorded("text", update), line, tries=0) for update in (1, 2, 3)))
    assert [incoming.order for incoming in talk.taken] == [1, 1, 1, 2, 3]


async def test_the_records_away_is_for_later(make: Make, line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telegram_updates, "PAUSES", (0.001,))
    updates = make(Talk(Unavailable("away")))
    assert not (await updates.take(recorded("text"), line)).done
    assert updates.counts["telegram", "again"] == 3


class Cabinet:
    """Keeps what it is given."""

    def __init__(self, most: int = 1_000_000) -> None:
        self.most = most
        self.kept: list[tuple[FileSent, bytes]] = []

    async def keep(self, sent: FileSent, content: Callable[[], AsyncIterator[bytes]]) -> Incoming:
        whole = b"".join([chunk async for chunk in content()])
        self.kept.append((sent, whole))
        return msgspec.structs.replace(sent.incoming, files=("aa" * 16,))


async def test_a_file_is_fetched_and_comes_with_its_words(make: Make, line: Line, chats: Messenger) -> None:
    cabinet, talk = Cabinet(), Talk(WELL)
    chats.files["AgACAgQ3"] = b"\xff\xd8 a picture" * 20_000
    assert (await make(talk, cabinet).take(recorded("photo"), line)).done
    [(sent, whole)] = cabinet.kept
    assert (sent.kind, whole) == ("photo", chats.files["AgACAgQ3"])
    [incoming] = talk.taken
    assert (incoming.text, incoming.files) == ("قبض", ("aa" * 16,))


async def test_a_file_that_is_too_large_is_not_fetched(
    make: Make, line: Line, chats: Messenger, here: Process
) -> None:
    talk = Talk(WELL)
    assert (await make(talk, Cabinet(most=1_000)).take(recorded("voice"), line)).done
    assert chats.bot.calls == []
    assert talk.taken == []
    assert "بزرگ‌تر" in (await bodies(here))[0]


async def test_a_file_that_says_less_than_it_is(
    make: Make, line: Line, chats: Messenger, here: Process
) -> None:
    chats.files["AwACAgQ1"] = b"x" * 100_000
    assert (await make(Talk(WELL), Cabinet(most=20_000)).take(recorded("voice"), line)).done
    assert "بزرگ‌تر" in (await bodies(here))[0]


async def test_a_file_that_the_messenger_does_not_give(
    make: Make, line: Line, chats: Messenger, here: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telegram_updates, "PAUSES", (0.001,))
    updates = make(Talk(WELL), Cabinet())
    chats.fault = lambda method, given: refusal(502, "Bad Gateway")
    assert not (await updates.take(recorded("voice"), line)).done, "it may come later"
    chats.fault = lambda method, given: refusal(400, "Bad Request: file is too big")
    assert (await updates.take(recorded("voice"), line)).done
    assert "بزرگ‌تر" in (await bodies(here))[0]
