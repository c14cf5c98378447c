"""One person on several channels, through the shipped flows: the phone, Telegram and the web chat at once."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import select

from conversation.incoming import Incoming, Reply
from records.complaints import Complaint
from records.outbox import content
from records.tables import complaints, files, outbox, posts, subscribers
from records.webchat import ChatLog
from services.files import Kept, Refused
from tests.conversation.chats import RENDERS, Chat, sent
from tests.conversation.conftest import Clock, Handset, Process, process
from tests.services.files import archive, jpeg, ogg, pdf, png
from tests.ussd.test_end_to_end import numbers

NUMBER = "+989121234567"
OTHER = "+989351112233"
TEXT = "سه روز است قطع است"
LATIN = str.maketrans("۰۱۲۳۴۵۶۷۸۹", "0123456789")


@pytest.fixture
async def here(database_url: str, clock: Clock) -> AsyncIterator[Process]:
    async with process(database_url, clock, renders=RENDERS) as one:
        yield one


@pytest.fixture
async def there(database_url: str, clock: Clock, here: Process) -> AsyncIterator[Process]:
    async with process(database_url, clock, renders=RENDERS) as other:
        yield other


# What people do.


async def files_by_phone(phone: Handset) -> str:
    reply = await phone.dial("2", "2", TEXT, "1")
    [number] = numbers(reply.text)[:1]
    return number


async def files_in_chat(chat: Chat) -> str:
    reply = await chat.walk("شکایت", "2", TEXT, "بله")
    [number] = numbers(reply.text)[:1]
    return number


async def sends(chat: Chat, **more: object) -> Reply:
    """A message that is more than words."""
    chat.update += 1
    incoming = Incoming(
        chat.caller,
        str(more.get("contact", "")),
        f"raw {chat.update}".encode(),
        key=f"{chat.channel}:{chat.update}",
        chat=True,
        order=chat.update if chat.ordered else None,
        **more,  # type: ignore[arg-type]
    )
    return await chat.process.conversation.take_turn(incoming)


async def shares(chat: Chat, number: str = NUMBER) -> Reply:
    return await sends(chat, contact=number)


async def code(at: Process, number: str = NUMBER) -> str:
    """The code in the last SMS to a number."""
    rows = await at.database.read(select(outbox).where(outbox.c["class"] == "otp").order_by(outbox.c.id))
    said = [content(at.vault, row.id, row.sealed) for row in rows]
    found = re.search(r"#(\d{6})", [each.body for each in said if each.to == number][-1])
    assert found is not None
    return found[1]


async def proves(chat: Chat, number: str = NUMBER) -> Reply:
    """By a code that is sent to the number."""
    await chat.walk("شماره", number)
    return await chat.write(await code(chat.process, number))


async def follows(chat: Chat, number: str) -> str:
    await chat.write("follow", begins=True)
    return (await chat.write(number)).text


async def follows_by_phone(phone: Handset, number: str) -> str:
    phone.session += "+"
    return (await phone.dial("3", number)).text


async def complaint(at: Process, number: str) -> Complaint:
    return (await at.services.complaints.read(number))[0]


async def keeps(chat: Chat, data: bytes, name: str = "", declared: str = "") -> Kept | Refused:
    """As the channel's file does before the turn."""
    at = chat.process
    party = at.vault.index(chat.channel, chat.address)
    return await at.services.files.store(
        party, now=at.conversation._clock(), name=name, declared=declared, content=data
    )


async def sends_file(chat: Chat, data: bytes, name: str = "") -> tuple[Reply, Kept | Refused]:
    kept = await keeps(chat, data, name)
    if isinstance(kept, Refused):
        return await sends(chat, refused=kept.told), kept
    return await sends(chat, files=(kept.id.hex(),)), kept


# One person.


async def test_filed_by_phone_and_followed_in_a_chat(here: Process, there: Process) -> None:
    phone, chat = Handset(here), Chat(there)
    number = await files_by_phone(phone)
    answer = await follows(chat, number)
    assert answer.startswith("شکایتی از شما با این شماره نیست.\nاگر آن را با تلفن ثبت کرده‌اید")
    assert "دکمه" in (await chat.write("تأیید شماره من")).text
    reply = await shares(chat)
    assert "این خط به نام شما تأیید شد" in reply.text
    assert "شکایت در دست بررسی است." in reply.text
    # From the chat they add to it, and by phone they see what came of it.
    await chat.write("توضیح تازه")
    assert "افزوده شد" in (await chat.write("هنوز هم قطع است")).text
    found, words = await here.services.complaints.read(number)
    assert [(word.author, word.text) for word in words] == [("person", TEXT), ("person", "هنوز هم قطع است")]
    await here.services.complaints.answer(
        number, operator="sara", text="وصل شد.", revision=found.revision, now=found.opened_at
    )
    assert "وصل شد." in await follows_by_phone(phone, number)
    assert "وصل شد." in await follows(chat, number)


async def test_filed_in_a_chat_and_followed_by_phone(here: Process) -> None:
    phone, chat = Handset(here), Chat(here, "webchat", "visitor-1", ordered=False)
    number = await files_in_chat(chat)
    assert "نیست" in await follows_by_phone(phone, number)
    assert "تأیید شد" in (await proves(chat)).text
    assert "در دست بررسی" in await follows_by_phone(phone, number)
    # The next one is confirmed to the number as well.
    second = await files_in_chat(chat)
    assert "در دست بررسی" in await follows_by_phone(phone, second)
    messages = [each for each in await sent(here) if each.to == NUMBER and "@" not in each.body]
    assert [re.sub(r"\D", "", each.body.translate(LATIN))[:8] for each in messages] == [second]


async def test_three_channels_and_another_who_sees_nothing(here: Process) -> None:
    phone, other = Handset(here), Handset(here, OTHER, "S9")
    telegram, bale = Chat(here), Chat(here, "bale", "44", update=900)
    filed = [await files_by_phone(phone), await files_in_chat(telegram), await files_in_chat(bale)]
    await shares(telegram)
    await proves(bale)
    for number in filed:
        assert "در دست بررسی" in await follows_by_phone(phone, number)
        assert "در دست بررسی" in await follows(telegram, number)
        assert "در دست بررسی" in await follows(bale, number)
        assert "نیست" in await follows_by_phone(other, number)


async def test_a_contact_that_comes_by_itself(here: Process) -> None:
    """Before any word, in the middle of something else, and again."""
    chat = Chat(here)
    assert "تأیید شد" in (await shares(chat)).text
    await chat.walk("شکایت", "2")
    assert "تأیید شد" in (await shares(chat)).text
    assert (await chat.write("شروع")).text.startswith("چاپار")
    assert "تأیید شد" in (await shares(chat, OTHER)).text


async def test_what_is_typed_is_no_contact(here: Process) -> None:
    """Somebody who types a number is sent a code to it; without the code nothing is linked."""
    phone, chat = Handset(here), Chat(here)
    number = await files_by_phone(phone)
    assert "کد" in (await chat.walk("شماره", NUMBER)).text
    assert "درست نبود" in (await chat.write("000000")).text
    assert "نیست" in await follows(Chat(here, update=500), number)


async def test_dialogs_under_way_go_on(here: Process, there: Process) -> None:
    """On the phone between two digits, and in the chat between two words."""
    phone, chat = Handset(here), Chat(there)
    by_chat = await files_in_chat(chat)
    await phone.dial("3")
    by_phone = await files_by_phone(Handset(here, session="S2"))
    await shares(chat)
    assert "در دست بررسی" in (await phone.type(by_chat)).text
    web = Chat(here, "webchat", "visitor-1", ordered=False)
    await web.walk("شکایت", "2", TEXT)
    await shares(Chat(there, "webchat", "visitor-1", ordered=False, update=500))
    [number] = numbers((await web.write("بله")).text)[:1] or [by_phone]
    assert "در دست بررسی" in await follows(chat, number)


async def test_a_first_call_and_a_shared_number_at_once(here: Process, there: Process) -> None:
    for place in range(4):
        number = f"+98912000000{place}"
        phone, chat = Handset(here, number), Chat(there, "telegram", f"8000{place}")
        filed, linked = await asyncio.gather(files_by_phone(phone), shares(chat, number))
        assert "تأیید شد" in linked.text
        assert "در دست بررسی" in await follows(chat, filed)
        again, shared = await asyncio.gather(
            files_by_phone(Handset(here, number, "S7")), shares(chat, number)
        )
        assert "تأیید شد" in shared.text
        assert "در دست بررسی" in await follows(chat, again)
    merged = await here.database.read(select(subscribers.c.id, subscribers.c.merged_into))
    roots = {row.id for row in merged if row.merged_into is None}
    assert len(roots) == 4
    assert {row.merged_into for row in merged} - {None} <= roots


async def test_language_follows(here: Process) -> None:
    chat, phone = Chat(here), Handset(here)
    assert (await phone.dial()).text.startswith("چاپار")
    await chat.walk("Language", "English")
    await shares(chat)
    phone.session += "+"
    assert (await phone.dial()).text.startswith("Chapar")


# Numbers that change hands, and proofs that come of age.


async def test_who_gets_an_old_number_sees_nothing_of_before(here: Process, clock: Clock) -> None:
    phone, chat = Handset(here), Chat(here)
    number = await files_by_phone(phone)
    await shares(chat)
    await phone.dial("4", "1", "1")
    clock.passes(days=400)
    new = Handset(here, session="S400")
    assert (await new.dial()).text.startswith("چاپار")
    people = await here.database.read(select(subscribers))
    assert len(people) == 3
    # Who can name a complaint is the one who filed it; nobody else can.
    assert "در دست بررسی" in await follows_by_phone(new, number)
    await here.services.linking.changed_hands(NUMBER, operator="sara", now=clock())
    assert "نیست" in await follows_by_phone(new, number)
    # The chat kept what is the person's, and asks for a number again before it shows it.
    assert "از جای دیگری ثبت کرده‌اید" in await follows(chat, number)


async def test_a_proof_comes_of_age(here: Process, clock: Clock) -> None:
    phone, chat = Handset(here), Chat(here)
    by_phone, by_chat = await files_by_phone(phone), await files_in_chat(chat)
    await shares(chat)
    clock.passes(days=181)
    assert "در دست بررسی" in await follows(chat, by_chat)
    assert "از جای دیگری ثبت کرده‌اید" in await follows(chat, by_phone)
    assert "دکمه" in (await chat.write("تأیید شماره من")).text
    assert "در دست بررسی" in (await shares(chat)).text
    clock.passes(days=10)
    assert "در دست بررسی" in await follows(chat, by_phone)


# Their addresses.


async def test_addresses_are_listed_and_let_go(here: Process) -> None:
    phone, chat = Handset(here), Chat(here)
    number = await files_by_phone(phone)
    assert "تنها نشانی شما:\nتلگرام (همین‌جا)" in (await chat.write("نشانی‌های من")).text
    await shares(chat)
    reply = await chat.write("نشانی‌های من")
    assert [option.label for option in reply.screen.options] == [
        "تلگرام (همین‌جا)", "۰۹۱۲\u00a0۱۲۳\u00a0۴۵۶۷",
    ]  # fmt: skip
    await chat.write("2")
    assert (await chat.write("بله")).text.startswith("جدا شد.")
    assert "نیست" in await follows_by_phone(phone, number)
    assert "در دست بررسی" in await follows(chat, number)
    # By phone, where the screen is short.
    second = Handset(here, OTHER, "S2", code="*733*10#")
    assert (await second.dial()).text.startswith("تنها نشانی شما:")
    await shares(Chat(here, "bale", "44"), OTHER)
    second = Handset(here, OTHER, "S3", code="*733*10#")
    assert (await second.dial()).text.startswith("کدام جدا شود؟\n1. ۰۹۳۵")
    assert (await second.type("2")).text.startswith("دیگر چیزی به آن فرستاده نمی‌شود.")
    assert (await second.type("1")).text.startswith("جدا شد.")


async def test_a_chat_lets_itself_go(here: Process) -> None:
    phone, chat = Handset(here), Chat(here)
    await shares(chat)
    number = await files_by_phone(phone)
    await chat.walk("نشانی‌های من", "1")
    assert (await chat.write("1")).text.startswith("جدا شد.")
    assert "نیست" in await follows(chat, number)
    assert "در دست بررسی" in await follows_by_phone(phone, number)


# Where people are told.


async def test_answers_reach_a_chat_without_a_number(here: Process) -> None:
    telegram = Chat(here, route="telegram-shop")
    web = Chat(here, "webchat", "visitor-1", ordered=False)
    for chat in (telegram, web):
        number = await files_in_chat(chat)
        found = await complaint(here, number)
        await here.services.complaints.answer(
            number, operator="sara", text="وصل شد.", revision=1, now=found.opened_at
        )
    last = (await sent(here))[-1]
    assert (last.to, last.route, last.body.splitlines()[-1]) == ("70001", "telegram-shop", "وصل شد.")
    log = ChatLog(here.database, here.vault)
    part = await log.newest(here.vault.index("webchat", "visitor-1"), 50)
    said = [entry.word.text for entry in part.entries if entry.word is not None]
    assert [text.splitlines()[-1] for text in said] == ["وصل شد."]
    assert len(await here.database.read(select(posts))) == 1


# Files.


@pytest.mark.parametrize("channel", ["telegram", "webchat"])
async def test_a_complaint_with_files(here: Process, channel: str) -> None:
    chat = Chat(here, channel, ordered=channel == "telegram")
    await chat.walk("شکایت", "2", TEXT)
    kept = []
    for data, name in ((jpeg(), "قبض.jpg"), (ogg(), ""), (pdf(), "نامه.pdf")):
        reply, file = await sends_file(chat, data, name)
        assert reply.text.startswith("فایل رسید و همراه شکایت می‌ماند.")
        assert isinstance(file, Kept)
        kept.append(file)
    for data, name, told in (
        (archive(), "a.zip", "فایل فشرده"),
        (b"MZ" + bytes(99), "a.jpg", "آن نوعی نیست"),
        (jpeg(65_000, 65_000), "", "مگاپیکسل"),
        (jpeg(body=bytes(5_000_000)), "", "تا ۵ مگابایت"),
    ):
        reply, file = await sends_file(chat, data, name)
        assert told in reply.text
        assert isinstance(file, Refused)
    [number] = numbers((await chat.write("بله")).text)[:1]
    found, words = await here.services.complaints.read(number)
    assert [(word.kind, word.file) for word in words] == [
        ("opened", kept[0].id), ("file", kept[1].id), ("file", kept[2].id),
    ]  # fmt: skip
    stored = await here.services.files.read(kept[0].id)
    assert (stored.name, stored.type, stored.content) == ("قبض.jpg", "image/jpeg", jpeg())
    assert [each.id for each in await here.services.files.of_session(found.session or b"")] == [
        each.id for each in kept
    ]


async def test_a_file_that_nothing_asked_for(here: Process) -> None:
    chat = Chat(here)
    reply, _kept = await sends_file(chat, png())
    assert reply.text.startswith("فایل شما رسید و با این گفتگو نگه داشته شد.\nچاپار")
    reply, _kept = await sends_file(chat, png(2))
    assert reply.text.startswith("فایل شما رسید و با این گفتگو نگه داشته شد.\nچاپار")
    rows = await here.database.read(select(files.c.session))
    assert {row.session for row in rows} == {reply.session}


async def test_an_update_that_comes_again_after_a_kill(here: Process, there: Process) -> None:
    """The file was kept, the process killed before its turn; the messenger brings the update to another."""
    chat = Chat(here)
    await chat.walk("شکایت", "2", TEXT)
    first = await keeps(chat, png())
    again = await keeps(chat.on(there), png())
    assert first == again
    assert isinstance(first, Kept)
    await sends(chat.on(there), files=(first.id.hex(),))
    chat.update += 0
    repeated = await sends(replaced(chat), files=(first.id.hex(),))
    assert repeated.repeated
    [number] = numbers((await Chat(here, update=900).write("بله")).text)[:1]
    _found, words = await here.services.complaints.read(number)
    assert [word.file for word in words] == [first.id]


def replaced(chat: Chat) -> Chat:
    """The same chat, about to send the update that it sent last."""
    return Chat(chat.process, chat.channel, chat.address, update=chat.update)


async def test_another_ones_file_is_nobodys(here: Process) -> None:
    mine, theirs = Chat(here), Chat(here, address="70002")
    kept = await keeps(theirs, png())
    assert isinstance(kept, Kept)
    await mine.walk("شکایت", "2", TEXT)
    for ids in ((kept.id.hex(),), ("0" * 32,), ("../../etc/passwd",), ("zz",)):
        assert (await sends(mine, files=ids)).text.startswith("فایل نرسید")
    [number] = numbers((await mine.write("بله")).text)[:1]
    _found, words = await here.services.complaints.read(number)
    assert [word.file for word in words] == [None]
    rows = await here.database.read(select(complaints.c.id))
    assert len(rows) == 1
