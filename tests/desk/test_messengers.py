"""An operator at the desk, and people on a messenger: what is written, and the files of both."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from itertools import pairwise
from pathlib import Path

import pytest
from aiohttp import ClientSession
from sqlalchemy import select

from records import tables
from services.handover_posts import ACCEPTED
from tests.bot.messenger import Fault, Messenger, Person, Sent, messenger, refusal
from tests.bot.serving import eventually, rows, settings_of
from tests.bot.test_telegram_people import document, photo
from tests.bot.visiting import Visitor
from tests.desk.conftest import Operator, shown
from tests.desk.test_desk import again, asks
from tests.running import Server, free_port, within
from tests.services.files import archive, jpeg, ogg, pdf, png


@pytest.fixture
async def chats() -> AsyncIterator[Messenger]:
    async with messenger() as made:
        yield made


@pytest.fixture(params=["telegram", "bale"])
def bot_service(request: pytest.FixtureRequest, chats: Messenger, tmp_path: Path) -> Server:
    """A service with a bot, not started yet."""
    port = free_port()
    settings = settings_of(chats, "polling", request.param, port)
    return Server(tmp_path / "one", settings, port=port)


def refusing(refused: str) -> Fault:
    """What the messenger says to one method."""
    return lambda method, given: refusal(400, "Bad Request: not this") if method == refused else None


async def accepted(operator: Operator, person: Person) -> None:
    """The person asks for an operator, who accepts."""
    person.say("کارشناس")
    assert "در صف هستید" in (await person.hears()).text
    await operator.see("support")
    await operator.type("1")
    assert (await person.hears()).text == ACCEPTED


@within(120)
async def test_the_person_sees_the_operator_write(bot_service: Server, chats: Messenger) -> None:
    """About once in four seconds for as long as the operator does; nothing depends on it."""
    async with bot_service, Operator(bot_service, terminal=True) as operator:
        sara = Person(chats)
        await accepted(operator, sara)

        def signs() -> list[Sent]:
            return [sent for sent in chats.bot.sent if sent.method == "sendChatAction"]

        async with again(lambda: operator.type("x\x7f", enter=False)):
            await eventually(lambda: len(signs()) == 3)
        times = [sign.at for sign in signs()]
        assert all(later - sooner > 2.0 for sooner, later in pairwise(times))
        assert {(sign.chat, sign.given["action"]) for sign in signs()} == {(str(sara.id), "typing")}
        chats.bot.calls.clear()
        chats.fault = refusing("sendChatAction")
        async with again(lambda: operator.type("x\x7f", enter=False)):
            await eventually(lambda: "sendChatAction" in chats.bot.calls)
        await operator.type("سلام")
        assert (await sara.hears()).text == "سلام"
        assert "Traceback" not in bot_service.log.read_text()


@within(120)
async def test_files_both_ways(bot_service: Server, chats: Messenger, tmp_path: Path) -> None:
    folder = tmp_path / "گرفته‌ها"
    folder.mkdir()
    async with bot_service, Operator(bot_service) as operator:
        sara = Person(chats)
        await accepted(operator, sara)
        # What comes is shown with its name, kind and size, and written where the operator says.
        picture, bill = jpeg(body=bytes(40_000)), pdf()
        photo(sara, chats, picture, "این عکس")
        await operator.see("[فایل ۱: image.jpg، تصویر، ۴۰ کیلوبایت] این عکس")
        document(sara, chats, bill, "../../\u202etmp/رسید.pdf", "application/pdf")
        await operator.see("[فایل ۲: رسید.pdf، سند، ۱ کیلوبایت]")
        for _time in range(2):
            await operator.type(f"/ذخیره ۲ {folder}")
            await operator.see("نوشته شد")
        await operator.type(f"/ذخیره 1 {folder}")
        await operator.see("نوشته شد")
        found = {path.name: path for path in folder.iterdir()}
        assert sorted(found) == ["image.jpg", "رسید (2).pdf", "رسید.pdf"]
        assert found["image.jpg"].read_bytes() == picture
        assert found["رسید.pdf"].read_bytes() == found["رسید (2).pdf"].read_bytes() == bill
        assert {path.stat().st_mode & 0o777 for path in found.values()} == {0o600}
        for line, told in (
            ("/ذخیره 3 /tmp", "فایلی با این شماره نیست"),
            (f"/ذخیره 1 {folder}/none", "نشد: "),
            ("/ذخیره 1", "این‌گونه بنویسید: /ذخیره"),
            ("/فایل /nowhere.pdf", "نشد: "),
            ("/فایل /dev/zero", "نشد: "),
        ):
            await operator.type(line)
            await operator.see(told)
        # What goes is looked at as what comes is.
        sent = {"نقشه.png": png(), "قرارداد.pdf": pdf(), "صدا.ogg": ogg()}
        for name, content in sent.items():
            (folder / name).write_bytes(content)
            await operator.type(f"/فایل {folder / name}")
            await operator.see("فایل فرستاده شد.")
        (folder / "زیپ.pdf").write_bytes(archive(1_000))
        (folder / "بزرگ.png").write_bytes(png(body=bytes(6_000_000)))
        (folder / "برنامه.png").write_bytes(b"MZ" + bytes(500))
        for name in ("زیپ.pdf", "بزرگ.png", "برنامه.png"):
            await operator.type(f"/فایل {folder / name}")
            await operator.see("نشد: ")
        await operator.type("همین بود")
        assert (await sara.hears()).text == "همین بود"
        got = [each for each in chats.bot.sent if each.method in ("sendPhoto", "sendDocument")]
        assert [(each.method, each.chat) for each in got] == [
            ("sendPhoto", str(sara.id)),
            ("sendDocument", str(sara.id)),
            ("sendDocument", str(sara.id)),
        ]
        files = [each.given.get("photo") or each.given["document"] for each in got]
        assert {file["name"]: file["content"] for file in files} == sent
        # None of them is swept away as one that nobody wanted.
        kept = await rows(bot_service, select(tables.files.c.session))
        assert len(kept) == 5
        assert all(row.session is not None for row in kept)
        assert "Traceback" not in bot_service.log.read_text()
        assert await operator.quit() == 0


@within(120)
async def test_a_photo_that_the_messenger_does_not_like_is_a_document(
    bot_service: Server, chats: Messenger, tmp_path: Path
) -> None:
    async with bot_service, Operator(bot_service) as operator:
        sara = Person(chats)
        await accepted(operator, sara)
        chats.fault = refusing("sendPhoto")
        (tmp_path / "long.png").write_bytes(png(9_000, 3))
        await operator.type(f"/فایل {tmp_path / 'long.png'}")
        await eventually(lambda: [each.method for each in chats.bot.sent][-1] == "sendDocument")


@within(120)
async def test_files_both_ways_on_the_web(service: Server, http: ClientSession, tmp_path: Path) -> None:
    async with service, Operator(service) as operator:
        visitor = await asks(http, service)
        await operator.see("support")
        await operator.type("1")
        await shown(visitor, ACCEPTED)
        headers = {
            "Authorization": f"Bearer {visitor.token}",
            "Content-Type": "image/png",
            "X-Chapar-Name": "a.png",
        }
        async with http.post(f"{service.url}/chat/files", data=png(), headers=headers) as response:
            kept = await response.json()
        await visitor.send(
            type="say", id="f" * 16, text="ببینید", files=[{"id": kept["id"], "name": "a.png"}]
        )
        await operator.see("[فایل ۱: a.png، تصویر، ۱ کیلوبایت] ببینید")
        await operator.type(f"/ذخیره 1 {tmp_path}")
        await operator.see("نوشته شد")
        assert (tmp_path / "a.png").read_bytes() == png()
        (tmp_path / "پاسخ.pdf").write_bytes(pdf())
        await operator.type(f"/فایل {tmp_path / 'پاسخ.pdf'}")
        await operator.see("فایل فرستاده شد.")
        post = await visitor.until(lambda frame: frame.get("text") == "پاسخ.pdf")
        async with http.get(f"{service.url}/chat/files/{post['file']}", headers=headers) as response:
            assert (response.status, response.content_type) == (200, "application/pdf")
            assert await response.read() == pdf()
        other = await Visitor(http, service.url).come()
        async with http.get(
            f"{service.url}/chat/files/{post['file']}", headers={"Authorization": f"Bearer {other.token}"}
        ) as response:
            assert response.status == 404


@within(150)
async def test_two_that_answer_and_two_that_send(
    beyond: dict[str, str], chats: Messenger, tmp_path: Path
) -> None:
    """However many processes there are, the person sees one sign at a time, and gets a file once."""
    settings = settings_of(chats, "polling", "telegram", free_port()) | beyond
    answering = [Server(tmp_path / f"a{place}", dict(settings)) for place in range(2)]
    sending = [Server(tmp_path / f"s{place}", dict(settings), command=("dispatch",)) for place in range(2)]
    async with AsyncExitStack() as stack:
        for server in answering + sending:
            await stack.enter_async_context(server)
        operator = await stack.enter_async_context(Operator(answering[1], terminal=True))
        sara = Person(chats)
        await accepted(operator, sara)

        def sent(method: str) -> list[Sent]:
            return [each for each in chats.bot.sent if each.method == method]

        async with again(lambda: operator.type("x\x7f", enter=False)):
            await eventually(lambda: len(sent("sendChatAction")) == 3)
        times = [sign.at for sign in sent("sendChatAction")]
        assert all(later - sooner > 2.0 for sooner, later in pairwise(times))
        (tmp_path / "a.png").write_bytes(png())
        await operator.type(f"/فایل {tmp_path / 'a.png'}")
        await operator.see("فایل فرستاده شد.")
        await operator.type("همین بود")
        assert (await sara.hears()).text == "همین بود"
        assert len(sent("sendPhoto")) == 1
