"""The web chat in a real browser: the widget on the page of another site, and the page ``/chat``."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import ClientSession
from playwright.async_api import Browser, BrowserContext, Locator, Page, expect

from services.handover_posts import ACCEPTED
from tests.bot.test_webchat_uploads import PNG
from tests.bot.visiting import Visitor
from tests.browser.test_page import violations
from tests.browser.wire import Shop, Wire
from tests.desk.conftest import Operator
from tests.running import Server, free_port

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.asyncio(loop_scope="module")]

SHOP_PORT = free_port()
MARKUP = "<img src=x onerror=window.hit=1><script>window.hit=1</script>"


@pytest.fixture(scope="module")
def chat_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    origin = f"http://127.0.0.1:{SHOP_PORT}"
    server = Server(tmp_path_factory.mktemp("chats"), {"WEBCHAT_ORIGINS": origin})
    asyncio.run(server.start())
    yield server
    asyncio.run(server.stop())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop() -> AsyncIterator[Shop]:
    async with Shop(SHOP_PORT) as shop:
        yield shop


@pytest_asyncio.fixture(loop_scope="module")
async def wire(chat_server: Server, shop: Shop) -> AsyncIterator[Wire]:
    async with Wire(chat_server.port) as wire:
        shop.chat = wire.url
        yield wire


class Chat:
    """A person at the chat, by keyboard. ``asked`` is every address that the page asked for."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.asked: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("websocket", lambda socket: self.asked.append(socket.url))
        page.on(
            "console",
            lambda message: (
                self.complaints.append(message.text) if message.type in ("error", "warning") else None
            ),
        )

    async def open(self, url: str) -> Chat:
        """Opens a page with the widget, and the widget by keyboard."""
        await self.page.goto(url)
        await expect(self.launcher).to_be_visible()
        await self.page.keyboard.press("Tab")
        await expect(self.launcher).to_be_focused()
        await self.page.keyboard.press("Enter")
        await expect(self.field).to_be_focused()
        return self

    @property
    def launcher(self) -> Locator:
        return self.page.locator(".launcher")

    @property
    def field(self) -> Locator:
        return self.page.locator(".chat textarea")

    @property
    def log(self) -> Locator:
        return self.page.get_by_role("log")

    @property
    def mine(self) -> Locator:
        return self.page.locator(".chat .row.you .text")

    @property
    def status(self) -> Locator:
        return self.page.locator(".chat .state")

    async def online(self) -> None:
        await expect(self.page.locator(".chat")).to_have_attribute("data-state", "online", timeout=20_000)

    async def write(self, text: str) -> None:
        await self.page.keyboard.type(text)
        await self.page.keyboard.press("Enter")

    async def say(self, text: str, shows: str) -> None:
        await self.write(text)
        await expect(self.log).to_contain_text(shows, timeout=20_000)

    async def said(self) -> list[str]:
        """What stands in the log as the person's own words."""
        return [text.strip() for text in await self.mine.all_inner_texts()]

    async def shown(self) -> list[str]:
        """All bubbles, in their order."""
        texts = await self.page.locator(".chat .bubble > .text").all_inner_texts()
        return [text.strip() for text in texts]

    async def token(self, host: str) -> str:
        kept = await self.page.evaluate("name => localStorage.getItem(name)", f"chapar.chat:{host}")
        return str(json.loads(kept)["token"])


@pytest_asyncio.fixture(loop_scope="module")
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    context = await browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    yield context
    await context.close()


@pytest_asyncio.fixture(loop_scope="module")
async def chat(context: BrowserContext) -> Chat:
    return Chat(await context.new_page())


async def test_a_complaint_by_the_widget_with_the_connection_cut_twice(
    chat: Chat, shop: Shop, wire: Wire
) -> None:
    await chat.open(shop.url)
    await chat.online()
    await chat.say("شکایت", "پیام مزاحم")
    # Cut as the answer is under way; the message may have arrived or not.
    await chat.write("2")
    wire.cut()
    await expect(chat.log).to_contain_text("شکایت خود را", timeout=20_000)
    await chat.online()
    # Cut, and what is written meanwhile waits until there is a network again.
    wire.down = True
    wire.cut()
    await expect(chat.page.locator(".chat")).to_have_attribute("data-state", re.compile("offline|connecting"))
    await chat.write("اینترنت خانه از دیروز قطع است")
    await expect(chat.page.locator(".chat .row.you").last).to_contain_text("در حال فرستادن")
    wire.down = False
    await expect(chat.log).to_contain_text("ثبت شود؟", timeout=30_000)
    await chat.say("1", "شکایت شما ثبت شد")
    assert wire.cuts == 2
    assert await chat.said() == ["شکایت", "قطعی", "اینترنت خانه از دیروز قطع است", "بله"]
    shown = await chat.shown()
    assert len([text for text in shown if "شکایت شما ثبت شد" in text]) == 1
    # Everything is there again after a reload, once.
    await chat.open(shop.url)
    await expect(chat.log).to_contain_text("شکایت شما ثبت شد")
    assert await chat.shown() == shown


async def test_an_operator_answers_live(chat: Chat, shop: Shop, wire: Wire, chat_server: Server) -> None:
    async with Operator(chat_server) as operator:
        await chat.open(shop.url)
        await chat.say("کارشناس", "در صف هستید")
        await chat.say("پیامک‌هایم نمی‌رسد", "پیامک‌هایم نمی‌رسد")
        await operator.see("وب  support")
        await operator.type("1")
        await operator.see("شخص: پیامک‌هایم نمی‌رسد")
        await expect(chat.log).to_contain_text(ACCEPTED)
        await operator.type(f"سلام، بررسی می‌کنم {MARKUP}")
        await expect(chat.log).to_contain_text(f"سلام، بررسی می‌کنم {MARKUP}")
        # The connection is cut; what the operator says meanwhile waits.
        wire.down = True
        wire.cut()
        await operator.type("پیدا شد")
        wire.down = False
        await expect(chat.log).to_contain_text("پیدا شد", timeout=30_000)
        await chat.say("ممنون", "ممنون")
        await operator.see("شخص: ممنون")
        await operator.type("/بستن حل شد")
        await expect(chat.log).to_contain_text("چقدر راضی بودید؟")
        await chat.say("5", "ممنون که گفتید")
    assert await chat.page.evaluate("window.hit") is None
    shown = await chat.shown()
    assert [text for text in shown if "پیدا شد" in text] == ["پیدا شد"]


async def test_what_is_pressed_by_keyboard(chat: Chat, shop: Shop, wire: Wire) -> None:
    page = chat.page
    await chat.open(shop.url)
    await chat.online()
    await page.keyboard.press("Shift+Tab")  # From the line over the files to the button of the greeting.
    await page.keyboard.press("Shift+Tab")
    await expect(page.get_by_role("button", name="شروع")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(chat.log).to_contain_text("پیگیری شکایت")
    await expect(chat.field).to_be_focused()
    await page.get_by_role("button", name="شکایت", exact=True).focus()
    await page.keyboard.press("Space")
    await expect(chat.log).to_contain_text("پیام مزاحم")
    await expect(chat.field).to_be_focused()
    await expect(page.get_by_role("button", name="شکایت (انتخاب شد)", exact=True)).to_be_disabled()
    assert await chat.said() == ["شروع", "شکایت"]
    await page.keyboard.press("Escape")
    await expect(page.locator(".panel")).to_be_hidden()
    await expect(chat.launcher).to_be_focused()
    assert await chat.launcher.get_attribute("aria-expanded") == "false"


async def test_it_is_said_to_who_does_not_see(chat: Chat, shop: Shop, wire: Wire) -> None:
    await chat.open(shop.url)
    await expect(chat.log).to_have_attribute("aria-live", "polite")
    await expect(chat.log).to_have_attribute("aria-label", "پیام‌ها")
    await expect(chat.page.get_by_role("dialog", name="گفتگو با چاپار")).to_be_visible()
    await expect(chat.page.get_by_label("پیام شما")).to_be_focused()
    await chat.say("منو", "پیگیری شکایت")
    last = chat.page.locator(".chat .row.bot").last
    await expect(last.locator(".unseen").first).to_have_text("چاپار: ")
    await expect(last.get_by_role("group", name="گزینه‌ها")).to_be_visible()


async def test_the_page_around_it_and_the_widget_leave_each_other_alone(
    chat: Chat, shop: Shop, wire: Wire, context: BrowserContext
) -> None:
    await chat.open(shop.url)
    await chat.say("منو", "پیگیری شکایت")
    assert chat.complaints == [], "its content security policy forbids all but our own host"
    own = (shop.url, wire.url, wire.url.replace("http", "ws", 1))
    assert [url for url in chat.asked if not url.startswith(own)] == []
    assert [url for url in chat.asked if "1." in url.partition("/chat/ws")[2]] == [], "no token in a URL"
    assert await context.cookies() == []
    size = await chat.field.evaluate("field => getComputedStyle(field).fontSize")
    assert size == "16px"
    heading = chat.page.get_by_role("heading", name="فروشگاه")
    assert await heading.evaluate("heading => getComputedStyle(heading).color") == "rgb(255, 0, 0)"


async def test_another_site_may_not_hold_it(chat: Chat, shop: Shop, wire: Wire) -> None:
    """The same page by another name is another origin, which nobody allowed."""
    await chat.page.goto(shop.url.replace("127.0.0.1", "localhost"))
    await chat.launcher.click()
    await expect(chat.page.locator(".chat")).to_have_attribute("data-state", "offline")
    await chat.write("شکایت")
    await expect(chat.page.locator(".chat .row.you").last).to_contain_text("در حال فرستادن")
    assert await chat.page.locator(".chat .row.bot").count() == 0


@pytest.mark.parametrize(
    ("query", "words"),
    [("?page=en", "Your message"), ("?lang=en", "Your message"), ("?page=en&lang=fa", "پیام شما")],
)
async def test_languages(chat: Chat, shop: Shop, wire: Wire, query: str, words: str) -> None:
    await chat.open(shop.url + query)
    await expect(chat.page.get_by_label(words)).to_be_focused()
    english = words == "Your message"
    assert await chat.page.locator(".chat").get_attribute("dir") == ("ltr" if english else "rtl")
    await chat.say("menu", "Complaint" if english else "شکایت")


async def test_what_people_write_is_not_markup(chat: Chat, shop: Shop, wire: Wire) -> None:
    await chat.open(shop.url)
    await chat.say("شکایت", "پیام مزاحم")
    await chat.say("2", "شکایت خود را")
    await chat.say(MARKUP, "ثبت شود؟")
    assert (await chat.said())[-1] == MARKUP
    await chat.open(shop.url)
    await expect(chat.mine.last).to_have_text(MARKUP)
    assert await chat.page.evaluate("window.hit") is None
    assert await chat.page.locator(".chat :is(img, script)").count() == 0


async def test_windows_show_the_same_and_what_came_while_closed_is_counted(
    chat: Chat, context: BrowserContext, shop: Shop, wire: Wire, chat_server: Server
) -> None:
    await chat.open(shop.url)
    await chat.say("شکایت", "پیام مزاحم")
    other = await Chat(await context.new_page()).open(shop.url)
    await expect(other.log).to_contain_text("پیام مزاحم")
    await other.say("2", "شکایت خود را")
    await expect(chat.log).to_contain_text("شکایت خود را")
    assert await chat.shown() == await other.shown()
    # Closed, it goes on listening.
    await chat.page.bring_to_front()
    await chat.page.keyboard.press("Escape")
    await other.page.close()
    async with ClientSession() as http:
        visitor = Visitor(http, chat_server.url, token=await chat.token(f"127.0.0.1:{wire.port}"))
        await visitor.come()
        await visitor.say("0")
        await expect(chat.launcher).to_have_attribute("aria-label", "گفتگو، ۱ پیام تازه")
        await chat.page.reload()
        await expect(chat.launcher).to_have_attribute("aria-label", "گفتگو، ۱ پیام تازه")
        await visitor.go()
    await chat.launcher.click()
    await expect(chat.launcher).to_have_attribute("aria-label", "گفتگو")


async def test_forgotten_on_this_device(chat: Chat, shop: Shop, wire: Wire) -> None:
    await chat.open(shop.url)
    await chat.say("شکایت", "پیام مزاحم")
    forget = chat.page.get_by_role("button", name="فراموش کردن این گفتگو")
    await forget.click()
    await expect(chat.log).to_contain_text("پیام مزاحم")
    await chat.page.get_by_role("button", name="مطمئنید؟").click()
    await expect(chat.log).not_to_contain_text("پیام مزاحم")
    assert await chat.page.evaluate("localStorage.length") == 0
    await chat.page.locator(".chat textarea").focus()
    await chat.say("منو", "پیگیری شکایت")
    assert await chat.said() == ["منو"]


async def test_without_storage_it_lasts_as_long_as_the_page(chat: Chat, shop: Shop, wire: Wire) -> None:
    await chat.page.add_init_script(
        "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no'); } })"
    )
    await chat.open(shop.url)
    await chat.say("شکایت", "پیام مزاحم")
    wire.cut()
    await chat.online()
    await chat.say("2", "شکایت خود را")
    assert await chat.said() == ["شکایت", "قطعی"]


async def test_a_picture_is_sent_and_seen_again(chat: Chat, shop: Shop, wire: Wire) -> None:
    page = chat.page
    await chat.open(shop.url)
    await chat.online()
    async with page.expect_file_chooser() as chosen:
        await page.get_by_role("button", name="فرستادن فایل").click()
    await (await chosen.value).set_files({"name": "عکس.png", "mimeType": "image/png", "buffer": PNG})
    sent = page.get_by_role("button", name="عکس.png")
    await expect(sent).to_be_visible()
    await expect(page.locator(".chat .row.bot:not(.greeting)")).not_to_have_count(0)
    await chat.open(shop.url)
    await sent.click()
    picture = page.get_by_role("img", name="عکس.png")
    await expect(picture).to_be_visible()
    assert await picture.evaluate("picture => picture.decode().then(() => picture.naturalWidth)") == 1
    # One that is no picture is told why, and is no message.
    before = await chat.shown()
    async with page.expect_file_chooser() as chosen:
        await page.get_by_role("button", name="فرستادن فایل").click()
    await (await chosen.value).set_files({"name": "a.png", "mimeType": "image/png", "buffer": b"MZ" * 100})
    await expect(page.locator(".chat .notice")).to_be_visible()
    assert await chat.shown() == before
    assert await page.evaluate("window.hit") is None


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [380, 1280])
@pytest.mark.parametrize("where", ["widget", "page"])
async def test_nobody_is_shut_out(
    browser: Browser,
    chat_server: Server,
    shop: Shop,
    wire: Wire,
    axe: str,
    scheme: Any,
    width: int,
    where: str,
) -> None:
    context = await browser.new_context(
        viewport={"width": width, "height": 800},
        color_scheme=scheme,
        reduced_motion="reduce",
        bypass_csp=True,  # For axe, not for us.
    )
    chat = Chat(await context.new_page())
    if where == "widget":
        await chat.page.goto(f"{shop.url}/?page=fa")
        await chat.page.add_style_tag(content="* { color: revert !important; font-size: revert !important }")
        await chat.launcher.click()
    else:
        await chat.page.goto(f"{chat_server.url}/chat")
    await expect(chat.field).to_be_focused()
    await chat.online()
    assert await violations(chat.page, axe) == []
    await chat.say("شکایت", "پیام مزاحم")
    assert await violations(chat.page, axe) == []
    await chat.say("2", "شکایت خود را")
    await chat.say("اینترنت خانه از دیروز قطع است", "ثبت شود؟")
    await chat.say("1", "شکایت شما ثبت شد")
    assert await violations(chat.page, axe) == []
    paper = await chat.page.locator(".chat").evaluate("chat => getComputedStyle(chat).backgroundColor")
    assert (paper == "rgb(20, 24, 27)") == (scheme == "dark")
    assert await chat.page.evaluate("document.documentElement.scrollWidth") <= width
    await context.close()


async def test_the_page_of_the_chat_alone(chat: Chat, chat_server: Server) -> None:
    await chat.page.goto(f"{chat_server.url}/chat")
    await expect(chat.field).to_be_focused()
    await chat.say("منو", "پیگیری شکایت")
    assert chat.complaints == []
    assert [url for url in chat.asked if not url.startswith((chat_server.url, "ws://127.0.0.1"))] == []
    await chat.page.get_by_role("link", name="English").click()
    await expect(chat.page.get_by_label("Your message")).to_be_focused()
    assert await chat.page.locator("html").get_attribute("dir") == "ltr"
