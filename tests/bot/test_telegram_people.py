"""A person on Telegram and on the phone, through the real server: their files, and their own number."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from sqlalchemy import func, select

from records.tables import complaint_events, file_parts, files, subscribers
from tests.bot.messenger import Messenger, Person, messenger
from tests.bot.serving import rows, served
from tests.running import Phone, within
from tests.services.files import archive, jpeg, ogg, png
from tests.ussd.test_end_to_end import numbers

# Each of these starts the server.
pytestmark = pytest.mark.xdist_group("bots")

NUMBER = "+989121234567"
WORDS = "سه روز است قطع است و کسی پاسخ نمی‌دهد"


def photo(person: Person, chats: Messenger, content: bytes, caption: str = "") -> dict[str, Any]:
    """Sends a picture; its update."""
    id = f"photo{len(chats.files)}"
    chats.files[id] = content
    size = {"file_id": id, "file_unique_id": id, "width": 90, "height": 90, "file_size": len(content)}
    return person.message(photo=[size | {"file_id": "small", "file_size": 5}, size], caption=caption)


def document(person: Person, chats: Messenger, content: bytes, name: str, mime: str) -> dict[str, Any]:
    id = f"document{len(chats.files)}"
    chats.files[id] = content
    told = {"file_id": id, "file_unique_id": id, "file_size": len(content)}
    return person.message(document=told | {"file_name": name, "mime_type": mime})


def voice(person: Person, chats: Messenger, content: bytes) -> dict[str, Any]:
    id = f"voice{len(chats.files)}"
    chats.files[id] = content
    told = {"file_id": id, "file_unique_id": id, "duration": 3, "file_size": len(content)}
    return person.message(voice=told | {"mime_type": "audio/ogg"})


def contact(person: Person, number: str, of: int | None) -> dict[str, Any]:
    """Shares a contact; ``of`` is whose it is."""
    card = {"phone_number": number.lstrip("+"), "first_name": "سارا"}
    return person.message(contact=card if of is None else card | {"user_id": of})


async def number_of_last(person: Person) -> str:
    [number] = numbers(person.messages[-1].text)[:1]
    return number


@within(90)
async def test_files_of_a_complaint(tmp_path: Path) -> None:
    """A photo, a voice note; a lie, a bomb, one that is too large, one whose name leads elsewhere."""
    async with messenger() as chats, served(tmp_path, chats, "webhook") as server:
        sara = Person(chats)
        sara.say("شکایت")
        await sara.hears()
        await sara.presses("قطعی")
        assert "عکس یا فایلی دارید؟" in await sara.asks(WORDS)
        photo(sara, chats, jpeg(body=bytes(2_000_000)))
        assert (await sara.hears()).text.startswith("فایل رسید")
        voice(sara, chats, ogg())
        assert (await sara.hears()).text.startswith("فایل رسید")
        document(sara, chats, png(), "../../../etc/passwd.png", "image/png")
        assert (await sara.hears()).text.startswith("فایل رسید")
        for content, name, mime, told in (
            (b"MZ" + bytes(500), "photo.jpg", "image/jpeg", "آن نوعی نیست"),
            (archive(50_000_000), "receipt.pdf", "application/pdf", "فشرده"),
            (png(60_000, 60_000), "big.png", "image/png", "مگاپیکسل"),
            (jpeg(body=bytes(6_000_000)), "big.jpg", "image/jpeg", "بزرگ"),
        ):
            document(sara, chats, content, name, mime)
            assert told in (await sara.hears()).text
        await sara.asks("۱")
        assert len(await number_of_last(sara)) == 8
        kept = await rows(server, select(files).order_by(files.c.at))
        assert [(row.type, row.parts) for row in kept] == [
            ("image/jpeg", 2), ("audio/ogg", 1), ("image/png", 1),
        ]  # fmt: skip
        assert len({row.session for row in kept}) == 1
        said = await rows(server, select(complaint_events.c.file).order_by(complaint_events.c.id))
        assert [row.file for row in said] == [row.id for row in kept]


@within(90)
async def test_killed_with_a_file_in_its_hands(tmp_path: Path) -> None:
    """The messenger gives the file slowly; the process dies meanwhile, and the update comes again."""
    async with messenger() as chats, served(tmp_path, chats, "polling") as server:
        sara = Person(chats)
        sara.say("شکایت")
        await sara.hears()
        await sara.presses("قطعی")
        await sara.asks(WORDS)
        asked = asyncio.Event()
        real = chats.fault

        def slow(method: str, given: dict[str, Any]) -> None:
            if method == "getFile":
                asked.set()

        chats.fault = slow
        photo(sara, chats, jpeg(body=bytes(3_000_000)))
        await asked.wait()
        server.kill()
        chats.fault = real
        await server.start()
        assert (await sara.hears()).text.startswith("فایل رسید")
        await sara.asks("۱")
        assert len(await number_of_last(sara)) == 8
        assert len(await rows(server, select(files))) == 1
        assert (await rows(server, select(func.count()).select_from(file_parts)))[0][0] == 3
        told = [sent.text for sent in sara.messages if sent.text.startswith("فایل رسید")]
        assert len(told) == 1


@pytest.mark.parametrize("platform", ["telegram", "bale"])
@within(90)
async def test_one_person_on_the_phone_and_in_the_chat(tmp_path: Path, platform: str) -> None:
    async with (
        messenger() as chats,
        served(tmp_path, chats, "webhook", platform) as server,
        ClientSession() as http,
    ):
        sara, reza = Person(chats), Person(chats, 7_002)
        phone = Phone(http, server.url, number=NUMBER)
        [by_phone] = numbers(await phone.walk("2", "2", WORDS, "1"))[:1]
        sara.say("پیگیری")
        await sara.hears()
        assert "نیست" in await sara.asks(by_phone)
        asked = await said(sara, "تأیید شماره من")
        [[button], *_ways] = asked.given["reply_markup"]["keyboard"]
        assert button == {"text": "فرستادن شماره من", "request_contact": True}
        # Somebody else's contact, and one of which nobody says whose it is, prove nothing.
        for of in (7_002, None):
            contact(sara, NUMBER, of)
            assert "تأیید نکرد" in (await sara.hears()).text
        contact(sara, NUMBER, sara.id)
        assert "در دست بررسی" in (await sara.hears()).text
        reza.say("پیگیری")
        await reza.hears()
        assert "نیست" in await reza.asks(by_phone)
        # What is filed in the chat is followed by phone.
        sara.say("شکایت")
        await sara.hears()
        await sara.presses("هزینه")
        await sara.asks(WORDS)
        await sara.asks("۱")
        phone = Phone(http, server.url, number=NUMBER, session="S2")
        assert "در دست بررسی" in await phone.walk("3", await number_of_last(sara))
        people = await rows(server, select(subscribers))
        assert sum(row.merged_into is not None for row in people) == 1


async def said(person: Person, label: str) -> Any:
    """Presses a button; the whole message that answers."""
    person.press(label)
    return await person.hears()
