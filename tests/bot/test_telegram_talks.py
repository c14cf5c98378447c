"""Whole conversations through the real server, its engine and its records, by webhook and by polling."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from sqlalchemy import func, select

from records.tables import addresses, complaints, files, outbox, sessions, turns
from tests.bot.messenger import TOKEN, Messenger, Person, messenger
from tests.bot.serving import eventually, rows, served, written
from tests.running import within
from tests.services.files import jpeg
from tests.ussd.test_end_to_end import numbers

# Each of these starts the server.
pytestmark = pytest.mark.xdist_group("bots")

WORDS = "سه روز است قطع است و کسی پاسخ نمی‌دهد"
SHOP = "987654321:AAShopTokenOfOurOwnMaking9876543210"
BALE = "555555555:AABaleTokenOfOurOwnMaking5555555555"


async def files_a_complaint(sara: Person) -> str:
    """By buttons and by typing; the complaint's number."""
    sara.say("/start")
    menu = await sara.hears()
    assert "شکایت" in [button["text"] for button in menu.buttons]
    await sara.presses("شکایت")
    await sara.presses("قطعی")
    confirm = await sara.asks(WORDS)
    assert "ثبت شود" in confirm
    await sara.asks("۱")
    [number] = numbers(sara.messages[-1].text)
    return number


@pytest.mark.parametrize("platform", ["telegram", "bale"])
@pytest.mark.parametrize("mode", ["webhook", "polling"])
@within(60)
async def test_a_complaint_and_what_became_of_it(tmp_path: Path, mode: str, platform: str) -> None:
    async with messenger() as chats, served(tmp_path, chats, mode, platform) as server:
        sara, reza = Person(chats), Person(chats, 7_002)
        number = await files_a_complaint(sara)
        await sara.asks("/follow")
        assert "بررسی" in await sara.asks(number)
        # It is nobody else's.
        await reza.asks("/follow")
        assert "نیست" in await reza.asks(number)
        await sara.presses("توضیح تازه")
        assert "افزوده شد" in await sara.asks("هنوز قطع است")
        marked = [sent.buttons[0]["text"] for sent in chats.bot.sent if sent.method != "sendMessage"]
        assert marked == ["✓ شکایت", "✓ قطعی", "✓ توضیح تازه"]
        assert ("start" in [each["command"] for each in chats.bot.commands]) == (platform == "telegram")
        await eventually(lambda: len(chats.bot.answered) == 3)
        assert all("text" not in answer for answer in chats.bot.answered)
        assert await server.stop() == 0
        found = await rows(server, select(complaints.c.number, complaints.c.channel))
        assert [tuple(row) for row in found] == [(number, platform)]
        [[count]] = await rows(server, select(func.count()).select_from(turns))
        assert count == chats.updates - 1_000, "one turn for each update"
        left = Counter(row.status for row in await rows(server, select(outbox.c.status)))
        assert set(left) <= {"sent", "delivered"}
        [route] = {row.route for row in await rows(server, select(sessions.c.route))}
        assert route == platform


@within(60)
async def test_all_else_that_people_send(tmp_path: Path) -> None:
    """One server and one person after another, by webhook."""
    async with messenger() as chats, served(tmp_path, chats, "webhook") as server:
        sara = Person(chats)
        await words_and_commands(sara)
        await an_old_menu(sara, chats)
        await long_words(Person(chats, 7_003))
        await contacts(Person(chats, 7_004))
        await what_is_no_text(Person(chats, 7_005))
        await a_group(chats)
        await a_closed_chat(Person(chats, 7_006), server)
        await nothing_follows(Person(chats, 7_007), chats)
        assert await server.stop() == 0


async def words_and_commands(sara: Person) -> None:
    """A payload opens its flow, a command leaves what is open, a word opens what it names."""
    sara.say("/start complaint")
    opened = await sara.hears()
    assert "قطعی" in [button["text"] for button in opened.buttons]
    assert "شماره شکایت" in await sara.asks("/follow")
    sara.say("/start")
    menu = await sara.hears()
    assert "شکایت" in [button["text"] for button in menu.buttons]
    typed = await sara.asks("شکایت")
    assert typed == opened.text
    sara.say("/nothing_of_ours")
    assert (await sara.hears()).text == menu.text


async def an_old_menu(sara: Person, chats: Messenger) -> None:
    """A press on it is answered, and changes nothing."""
    menu = next(sent for sent in reversed(sara.messages) if sent.buttons)
    await sara.asks("شکایت")
    answered, said = len(chats.bot.answered), len(sara.messages)
    sara.press(menu.buttons[0]["text"], menu)
    await eventually(lambda: len(chats.bot.answered) == answered + 1)
    assert "قدیمی" in chats.bot.answered[-1]["text"]
    assert "شماره" in await sara.asks("1"), "the conversation is where it was"
    assert len(sara.messages) == said + 1
    # The present one, pressed twice: once counts.
    sara.say("/start")
    menu = await sara.hears()
    sara.press("شکایت", menu)
    sara.press("شکایت", menu)
    await sara.hears()
    await eventually(lambda: len(chats.bot.answered) == answered + 3)
    assert ["text" in answer for answer in chats.bot.answered[-2:]].count(True) == 1


async def long_words(person: Person) -> None:
    person.say("/start complaint")
    await person.hears()
    await person.presses("سایر")
    refused = await person.asks("خیلی بلند است " * 250)
    assert refused
    assert len(refused.encode("utf-16-le")) // 2 <= 4_096


async def contacts(person: Person) -> None:
    """Somebody else's proves nothing."""
    for contact in (
        {"phone_number": "989351234567", "first_name": "رضا", "user_id": 7_002},
        {"phone_number": "989121234567", "first_name": "سارا"},
    ):
        person.message(contact=contact)
        assert "از آن شما نیست" in (await person.hears()).text


async def what_is_no_text(person: Person) -> None:
    person.message(sticker={"file_id": "S", "file_unique_id": "S", "type": "regular", "width": 1, "height": 1,
                            "is_animated": False, "is_video": False})  # fmt: skip
    assert "متن بفرستید" in (await person.hears()).text


async def a_group(chats: Messenger) -> None:
    """Told once, and left."""
    group = {"id": -100_500, "title": "همسایه‌ها", "type": "supergroup"}
    for word in ("سلام", "کسی هست؟"):
        message = {"message_id": 1, "from": {"id": 9, "is_bot": False, "first_name": "ا"}, "chat": group}
        chats.update(chats.bot, message={**message, "date": 1_764_000_000, "text": word})

    def left() -> list[str]:
        return [sent.method for sent in chats.bot.sent if sent.chat == "-100500"]

    await eventually(lambda: left() == ["sendMessage", "leaveChat"])


async def a_closed_chat(person: Person, server: Any) -> None:
    """It is an outcome of the dialog, and of the message that could not go any more."""
    person.say("/start")
    await person.hears()

    def member(before: str, now: str) -> None:
        bot = {"id": 1, "is_bot": True, "first_name": "Chapar"}
        person.messenger.update(
            person.bot,
            my_chat_member={
                "chat": person.chat,
                "from": person.sender,
                "date": 1_764_000_000,
                "old_chat_member": {"user": bot, "status": before, "until_date": 0},
                "new_chat_member": {"user": bot, "status": now, "until_date": 0},
            },
        )

    async def outcomes() -> list[str]:
        return [row.outcome for row in await rows(server, select(sessions.c.outcome))]

    async def closed() -> int:
        found = await rows(server, select(addresses.c.blocked_at).where(addresses.c.blocked_at.is_not(None)))
        return len(found)

    member("member", "kicked")
    await eventually(closed)
    assert (await outcomes()).count("blocked") == 1
    member("kicked", "member")
    async with asyncio.timeout(20):
        while await closed():
            await asyncio.sleep(0.02)
    person.say("/start")
    await person.hears()


async def nothing_follows(person: Person, chats: Messenger) -> None:
    """From what we do not ask for; and the next one is answered."""
    said = len(chats.bot.sent)
    for content in (
        {"edited_message": {"message_id": 1, "chat": person.chat, "date": 1, "edit_date": 2, "text": "x"}},
        {"poll": {"id": "1", "question": "?", "options": []}},
        {"something_new": {"chat": person.chat}},
        {"callback_query": {"id": "77", "from": person.sender, "chat_instance": "1", "data": "-",
                            "message": {"message_id": 1, "date": 0, "chat": person.chat}}},
    ):  # fmt: skip
        chats.update(chats.bot, **content)
    await eventually(lambda: any(answer["callback_query_id"] == "77" for answer in chats.bot.answered))
    person.say("/start")
    await person.hears()
    assert len(chats.bot.sent) == said + 1


@pytest.mark.parametrize("mode", ["webhook", "polling"])
@within(60)
async def test_a_number_and_a_picture_of_ones_own(tmp_path: Path, mode: str) -> None:
    """A contact needs no code; a picture goes with the complaint, one that lies about itself does not."""
    async with messenger() as chats, served(tmp_path, chats, mode) as server:
        sara = Person(chats)
        sara.say("/number")
        asked = await sara.hears()
        assert asked.given["reply_markup"]["keyboard"][0][0]["request_contact"] is True
        sara.message(contact={"phone_number": "989351234567", "first_name": "رضا", "user_id": 7_002})
        assert "از آن شما نیست" in (await sara.hears()).text
        sara.message(contact={"phone_number": "989121234567", "first_name": "سارا", "user_id": sara.id})
        await sara.hears()
        kinds = await rows(server, select(addresses.c.kind, addresses.c.verified_by, addresses.c.subscriber))
        assert ("msisdn", "contact") in [(row.kind, row.verified_by) for row in kinds]
        assert len({row.subscriber for row in kinds}) == 1, "one person"
        chats.files |= {"real": jpeg(), "lies": b"MZ" + bytes(2_000)}
        sara.say("/start complaint")
        await sara.hears()
        await sara.asks("2")
        await sara.asks(WORDS)
        for file in ("lies", "real"):
            size = {"width": 1, "height": 1, "file_size": len(chats.files[file])}
            sara.message(photo=[{"file_id": file, "file_unique_id": file, **size}])
            await sara.hears()
        assert "ثبت شد" in await sara.asks("1")
        kept = await rows(server, select(files.c.type, files.c.session))
        assert [row.type for row in kept] == ["image/jpeg"]
        assert kept[0].session is not None
        assert await server.stop() == 0


@within(60)
async def test_several_bots_at_once(tmp_path: Path) -> None:
    """Two on Telegram, one on Bale; the same person on two of them has two dialogs."""
    async with messenger(TOKEN, SHOP, BALE) as chats:
        more = {
            "TELEGRAM_BOTS": f"shop={SHOP}",
            "BALE_TOKEN": BALE,
            "BALE_BASE_URL": chats.url,
            "BALE_MODE": "polling",
        }
        async with served(tmp_path, chats, "webhook", **more) as server:
            await eventually(lambda: chats.bots[SHOP].webhook is not None)
            people = [
                Person(chats, 7_001, chats.bots[TOKEN]),
                Person(chats, 7_001, chats.bots[SHOP]),
                Person(chats, 7_001, chats.bots[BALE]),
            ]
            found = await asyncio.gather(*(files_a_complaint(person) for person in people))
            assert len(set(found)) == 3
            assert await server.stop() == 0
        routes = [row.route for row in await rows(server, select(sessions.c.route))]
        assert set(routes) == {"telegram", "telegram-shop", "bale"}
        # A stranger's secret opens no other bot's door.
        secrets = {bot.webhook["secret_token"] for bot in chats.bots.values() if bot.webhook}
        assert len(secrets) == 2


@within(60)
async def test_a_forged_secret_writes_nothing(tmp_path: Path) -> None:
    async with messenger() as chats, served(tmp_path, chats, "webhook") as server, ClientSession() as http:
        bot = chats.bot
        before = await written(server)
        update = {"update_id": 5, "message": Person(chats).message(text="/start")["message"]}
        bot.queues.clear()
        for secret in ("", "x", "x" * 64, str(bot.webhook and bot.webhook["secret_token"])[:-1]):
            status, _answer = await chats.post(bot, update, secret=secret or "-")
            assert status == 403
        async with http.post(f"{server.url}/bot/telegram", json=update) as response:
            assert response.status == 403
        for method, path, expected in (
            ("GET", "/bot/telegram", 405),
            ("POST", "/bot/telegram/x", 404),
            ("POST", "/bot/shop", 404),
        ):
            async with http.request(method, server.url + path) as response:
                assert response.status == expected, path
        await asyncio.sleep(0.2)
        after = await written(server)
        # What the person really said just now is all that came in.
        assert after["turns"] - before["turns"] <= 1
        assert chats.bot.answered == []


@within(60)
async def test_bales_secret_is_in_its_path(tmp_path: Path) -> None:
    async with messenger() as chats, served(tmp_path, chats, "webhook", "bale") as server:
        bot = chats.bot
        assert bot.webhook is not None
        assert "secret_token" not in bot.webhook
        url = str(bot.webhook["url"])
        sara = Person(chats)
        bot.webhook["url"] = url[:-1] + ("0" if url[-1] != "0" else "1")
        status, _answer = await chats.post(bot, {"update_id": 5})
        assert status == 403
        assert (await written(server))["turns"] == 0
        bot.webhook["url"] = url
        sara.say("/start")
        await sara.hears()
        assert url.rsplit("/", 1)[1] not in server.log.read_text()
