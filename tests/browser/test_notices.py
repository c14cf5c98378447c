"""Notifications of the page ``/chat`` in a real browser: its service worker, its button, what a push shows.

A browser subscribes at its maker's push service, which is not to be had here: ``subscribe`` is played, and a
push is handed to the worker as the browser itself would (``ServiceWorker.deliverPushMessage`` of the DevTools
protocol). Nobody can press a notification of a browser without a screen: the worker is told that one was.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Locator, Page, expect

from tests.bot.test_webchat_push import kept
from tests.browser.test_chat import Chat
from tests.browser.test_page import violations
from tests.browser.wire import Shop
from tests.dispatch.test_webpush import PEM
from tests.running import Server, free_port

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.asyncio(loop_scope="module")]

SHOP_PORT = free_port()
# What the browser's maker would do; and how often the person was asked for permission.
PLAYED = """
window.asked = 0;
const ask = Notification.requestPermission.bind(Notification);
Notification.requestPermission = () => { window.asked += 1; return ask(); };
const made = (endpoint, key) => ({
  endpoint, key,
  toJSON: () => ({ endpoint, expirationTime: null, keys: { p256dh: "B".repeat(87), auth: "A".repeat(22) } }),
  unsubscribe: async () => { localStorage.removeItem("played"); return true; },
});
PushManager.prototype.subscribe = async ({ userVisibleOnly, applicationServerKey }) => {
  if (!userVisibleOnly) throw new Error("silent");
  const endpoint = `https://fcm.googleapis.com/fcm/send/${Math.random()}`;
  localStorage.setItem("played", JSON.stringify([endpoint, applicationServerKey]));
  return made(endpoint, applicationServerKey);
};
PushManager.prototype.getSubscription = async () => {
  const played = localStorage.getItem("played");
  return played === null ? null : made(...JSON.parse(played));
};
"""


@pytest.fixture(scope="module")
def push_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("pushes")
    file = folder / "vapid.pem"
    file.write_bytes(PEM)
    origin = f"http://127.0.0.1:{SHOP_PORT}"
    server = Server(folder, {"WEBPUSH_KEY_FILE": str(file), "WEBCHAT_ORIGINS": origin})
    asyncio.run(server.start())
    yield server
    asyncio.run(server.stop())


@pytest_asyncio.fixture(loop_scope="module")
async def context(browser: Browser, push_server: Server) -> AsyncIterator[BrowserContext]:
    context = await browser.new_context(viewport={"width": 900, "height": 900}, reduced_motion="reduce")
    await context.add_init_script(PLAYED)
    yield context
    await context.close()


def bell(page: Page) -> Locator:
    return page.get_by_role("button", name="اعلان‌ها")


async def opened(context: BrowserContext, server: Server) -> Chat:
    chat = Chat(await context.new_page())
    await chat.page.goto(f"{server.url}/chat")
    await chat.online()
    return chat


async def allowed(context: BrowserContext, server: Server) -> Chat:
    """One who has pressed the button and allowed it."""
    await context.grant_permissions(["notifications"], origin=server.url)
    chat = await opened(context, server)
    await bell(chat.page).click()
    await expect(bell(chat.page)).to_have_attribute("aria-pressed", "true")
    return chat


# How many notifications the worker has shown. Chromium now and then loses one that somebody asks for while it
# is being shown, so nobody asks before.
COUNTED = """() => {
  if (self.shownSoFar === undefined) {
    self.shownSoFar = 0;
    const real = self.registration.showNotification.bind(self.registration);
    self.registration.showNotification = async (...said) => {
      await real(...said);
      self.shownSoFar += 1;
    };
  }
  return self.shownSoFar;
}"""


async def push(page: Page, said: Any) -> None:
    """The browser gets a push for the worker of this page."""
    devtools = await page.context.new_cdp_session(page)
    found: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def updated(event: dict[str, Any]) -> None:
        for each in event["registrations"]:
            if not each["isDeleted"] and not found.done():
                found.set_result(each["registrationId"])

    devtools.on("ServiceWorker.workerRegistrationUpdated", updated)
    await devtools.send("ServiceWorker.enable")
    async with asyncio.timeout(10):
        registration = await found
    data = said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)
    # To one that is not at work yet a push service would deliver it later; the tools of developers do not.
    origin = await page.evaluate(
        """async () => {
          const { active } = await navigator.serviceWorker.ready;
          while (active.state !== "activated") await new Promise((later) => setTimeout(later, 10));
          return location.origin;
        }"""
    )
    [worker] = page.context.service_workers
    before = await worker.evaluate(COUNTED)
    await devtools.send(
        "ServiceWorker.deliverPushMessage",
        {"origin": origin, "registrationId": registration, "data": data},
    )
    await devtools.detach()
    async with asyncio.timeout(20):
        while await worker.evaluate("self.shownSoFar") == before:
            await asyncio.sleep(0.01)


async def shown(page: Page, how_many: int = 1) -> list[list[str]]:
    """[title, body] of the notifications that there are, once there are so many."""
    return list(
        await page.evaluate(
            """async (many) => {
              const registration = await navigator.serviceWorker.ready;
              for (let wait = 0; wait < 400; wait += 1) {
                const found = await registration.getNotifications();
                if (found.length === many) return found.map((each) => [each.title, each.body]);
                await new Promise((later) => setTimeout(later, 50));
              }
              return [];
            }""",
            how_many,
        )
    )


async def test_nobody_is_asked_before_they_press(
    context: BrowserContext, push_server: Server, axe: str
) -> None:
    before = await kept(push_server)
    await context.grant_permissions(["notifications"], origin=push_server.url)
    chat = await opened(context, push_server)
    page = chat.page
    await expect(bell(page)).to_have_attribute("aria-pressed", "false")
    assert await page.evaluate("window.asked") == 0
    assert await page.evaluate("navigator.serviceWorker.getRegistrations().then((all) => all.length)") == 0
    await bell(page).focus()
    await page.keyboard.press("Enter")
    await expect(bell(page)).to_have_attribute("aria-pressed", "true")
    await expect(page.locator(".chat .notice")).to_be_visible()
    assert await page.evaluate("window.asked") == 1
    scope = await page.evaluate("navigator.serviceWorker.ready.then(({ scope }) => new URL(scope).pathname)")
    assert scope == "/chat"
    assert len(await kept(push_server) - before) == 1
    key = await page.evaluate("JSON.parse(localStorage.getItem('played'))[1]")
    assert len(key) == 87, "it subscribes with the key of the server"
    assert chat.complaints == [], "and nothing is against the page's own rules"
    assert [url for url in chat.asked if not url.startswith((push_server.url, "ws://127.0.0.1"))] == []


async def test_a_push_is_shown_and_a_later_one_takes_its_place(
    context: BrowserContext, push_server: Server
) -> None:
    chat = await allowed(context, push_server)
    await push(chat.page, {"title": "چاپار", "body": "پیام تازه‌ای هست.", "tag": "1"})
    assert await shown(chat.page) == [["چاپار", "پیام تازه‌ای هست."]]
    await push(chat.page, {"title": "چاپار", "body": "<b>دوم</b>", "tag": "2"})
    await expect_body(chat.page, "<b>دوم</b>")
    assert len(await shown(chat.page)) == 1
    await push(chat.page, "not JSON")
    await expect_body(chat.page, "")
    assert await shown(chat.page) == [["چاپار", ""]]


async def expect_body(page: Page, body: str) -> None:
    async with asyncio.timeout(10):
        while [each[1] for each in await shown(page)] != [body]:
            await asyncio.sleep(0.05)


async def test_one_that_is_pressed_opens_the_chat(context: BrowserContext, push_server: Server) -> None:
    chat = await allowed(context, push_server)
    await push(chat.page, {"title": "چاپار", "body": "پیام تازه‌ای هست."})
    assert len(await shown(chat.page)) == 1
    [worker] = context.service_workers
    press = """async (there) => {
      const done = [];
      // Only a person's press may open or focus a window.
      const open = async (url) => done.push(url);
      const windows = there.map((url) => ({ url, focus: () => open("focus") }));
      Object.defineProperty(self.clients, "openWindow", { configurable: true, value: open });
      Object.defineProperty(self.clients, "matchAll", { configurable: true, value: async () => windows });
      let notification;
      while (!notification) [notification] = await self.registration.getNotifications();
      const event = new NotificationEvent("notificationclick", { notification });
      let waited;
      event.waitUntil = (promise) => { waited = promise; };
      self.dispatchEvent(event);
      await waited;
      return done;
    }"""
    assert await worker.evaluate(press, []) == ["/chat"]
    # It is taken away a moment later, and with it one that took its place meanwhile.
    await shown(chat.page, 0)
    await push(chat.page, {"title": "چاپار", "body": "باز هم"})
    assert len(await shown(chat.page)) == 1
    assert await worker.evaluate(press, [f"{push_server.url}/chat?lang=en"]) == ["focus"]


async def test_who_presses_again_is_told_no_more(context: BrowserContext, push_server: Server) -> None:
    before = await kept(push_server)
    chat = await allowed(context, push_server)
    page = chat.page
    assert len(await kept(push_server) - before) == 1
    await page.reload()
    await chat.online()
    await expect(bell(page)).to_have_attribute("aria-pressed", "true")
    assert await page.evaluate("window.asked") == 0
    async with page.expect_response(lambda response: response.request.method == "DELETE") as deleted:
        await bell(page).click()
    assert (await deleted.value).status == 200
    await expect(bell(page)).to_have_attribute("aria-pressed", "false")
    assert await page.evaluate("localStorage.getItem('played')") is None
    assert await kept(push_server) == before
    assert chat.complaints == []


async def test_who_forgets_the_chat_is_told_no_more(context: BrowserContext, push_server: Server) -> None:
    before = await kept(push_server)
    chat = await allowed(context, push_server)
    await chat.page.get_by_role("button", name="فراموش کردن این گفتگو").click()
    await chat.page.get_by_role("button", name="مطمئنید؟ دوباره بزنید").click()
    await expect(bell(chat.page)).to_have_attribute("aria-pressed", "false")
    async with asyncio.timeout(10):
        while await kept(push_server) != before:
            await asyncio.sleep(0.1)
    assert await chat.page.evaluate("localStorage.getItem('played')") is None


async def test_who_says_no_is_told_what_to_do(context: BrowserContext, push_server: Server) -> None:
    before = await kept(push_server)
    await context.add_init_script("Notification.requestPermission = async () => 'denied';")
    chat = await opened(context, push_server)
    await bell(chat.page).click()
    await expect(chat.page.locator(".chat .notice")).to_contain_text("اجازه")
    await expect(bell(chat.page)).to_have_attribute("aria-pressed", "false")
    assert await kept(push_server) == before


async def test_the_widget_elsewhere_has_no_such_button(context: BrowserContext, push_server: Server) -> None:
    async with Shop(SHOP_PORT) as shop:
        shop.chat = push_server.url
        chat = Chat(await context.new_page())
        await chat.open(shop.url)
        await chat.online()
        await expect(chat.page.get_by_role("button", name="فرستادن فایل")).to_be_visible()
        await expect(bell(chat.page)).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_nobody_is_shut_out_from_the_button(
    browser: Browser, push_server: Server, axe: str, scheme: Any
) -> None:
    context = await browser.new_context(
        viewport={"width": 380, "height": 800},
        color_scheme=scheme,
        reduced_motion="reduce",
        bypass_csp=True,  # For axe, not for us.
    )
    await context.add_init_script(PLAYED)
    await context.grant_permissions(["notifications"], origin=push_server.url)
    chat = await opened(context, push_server)
    await expect(bell(chat.page)).to_be_visible()
    assert await violations(chat.page, axe) == []
    await bell(chat.page).click()
    await expect(bell(chat.page)).to_have_attribute("aria-pressed", "true")
    assert await violations(chat.page, axe) == []
    await context.close()
