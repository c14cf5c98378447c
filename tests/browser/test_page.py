"""The newcomer's page in a real browser, in front of the real server."""

from __future__ import annotations

import re
from urllib.parse import parse_qs

import pytest
from playwright.async_api import Browser, Page, Request, Route, expect

from engine.alphabet import size
from tests.browser.handset import Handset
from tests.running import Server

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.asyncio(loop_scope="module")]


async def test_a_complaint_by_keyboard_alone_and_its_sms(handset: Handset) -> None:
    await handset.type("*733#", "شکایت")
    await handset.type("2", "ثبت شکایت")
    await handset.type("2", "شکایت خود را")
    await handset.type("اینترنت خانه از دیروز قطع است", "ثبت شود؟")
    await handset.type("1", "شکایت شما ثبت شد")
    await handset.shows("گفت‌وگو پایان یافت")
    await expect(handset.mine.first).to_contain_text("شکایت شما ثبت شد")
    await expect(handset.mine.first.locator(".status")).to_have_text("رسید")
    assert handset.complaints == []


async def test_the_one_time_code_is_beside_the_phone(handset: Handset) -> None:
    other = "09351119999"
    await handset.type("*733#", "خط دیگر")
    await handset.type("6", "شماره همراه دیگر")
    await handset.type(other, "کد ۶ رقمی")
    card = handset.messages.filter(has_text=other).first
    code = re.search(r"#(\d{6})", await card.inner_text())
    assert code is not None
    await expect(card.locator(".class")).to_have_text("رمز یک‌بارمصرف")
    assert await card.locator("bdi.to").inner_text() == other
    before = await handset.words()
    await handset.page.keyboard.type(code[1])
    await handset.page.keyboard.press("Enter")
    await expect(handset.screen).not_to_contain_text("کد ۶ رقم است")
    await expect(handset.screen).not_to_have_text(before)


async def test_the_keypad_by_mouse(handset: Handset) -> None:
    page = handset.page
    for key in "*7339":
        await page.locator(f"[data-key='{key}']").click()
    await page.locator("#erase").click()
    await page.locator("[data-key='#']").click()
    assert await page.locator("#typed").input_value() == "*733#"
    await page.locator(".key.call").click()
    await handset.shows("شکایت")
    await page.locator("#end").click()
    await handset.shows("گفت‌وگو را بستید")


async def test_typing_reaches_the_phone_from_anywhere(handset: Handset) -> None:
    await handset.screen.focus()
    await handset.page.keyboard.type("*733#")
    assert await handset.page.locator("#typed").input_value() == "*733#"
    await handset.page.locator("body").click(position={"x": 5, "y": 5})
    await handset.page.keyboard.press("Enter")
    await handset.shows("شکایت")


async def test_hanging_up_tells_the_network(handset: Handset) -> None:
    await handset.type("*733#", "شکایت")
    await handset.type("2", "ثبت شکایت")

    def is_end(request: Request) -> bool:
        return request.url.endswith("/ussd/africastalking/events")

    async with handset.page.expect_request(is_end) as asked:
        await handset.page.keyboard.press("Escape")
    request = await asked.value
    form = parse_qs(request.post_data or "")
    response = await request.response()
    assert response is not None
    assert response.status == 200
    assert form["status"] == ["Incomplete"]
    assert form["phoneNumber"] == [f"+98{handset.number[1:]}"]
    await handset.shows("گفت‌وگو را بستید")
    # Whoever dials again soon may go on where the dialog stopped.
    await handset.type("*733#", "ادامه")


async def test_it_speaks_the_gateways_form(handset: Handset) -> None:
    page = handset.page

    async def next_form(text: str, shows: str) -> dict[str, list[str]]:
        async with page.expect_request("**/ussd/africastalking") as asked:
            await handset.type(text, shows)
        return parse_qs((await asked.value).post_data or "", keep_blank_values=True)

    first = await next_form("*733*2#", "قطعی")
    second = await next_form("۱", "پیگیری پیام")
    assert first["serviceCode"] == ["*733#"]
    assert first["text"] == ["2"]
    assert second["text"] == ["2*۱"]  # What was typed goes as it was typed: folding is the server's.
    assert first["sessionId"] == second["sessionId"]


async def test_the_count_is_the_servers_own(handset: Handset) -> None:
    await handset.type("*733#", "شکایت")
    _alphabet, cost = size(await handset.words())
    await expect(handset.page.locator("#count")).to_contain_text(persian(cost))


def persian(number: int) -> str:
    return str(number).translate(str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹"))


async def test_measured_as_the_server_measures(handset: Handset) -> None:
    for text in ("hello", "a€b^", "سلام", "پیام\n1 x", "😀", "é ü Ω", "a\tb", "«1»", ""):
        measured = await handset.page.evaluate(
            "async (text) => (await import('/sandbox/static/measure.js')).measure(text)", text
        )
        alphabet, cost = size(text)
        assert (measured["kind"], measured["used"]) == ("septets" if alphabet == "gsm7" else "units", cost)


async def test_english(handset: Handset) -> None:
    page = handset.page
    assert await page.locator("html").get_attribute("dir") == "rtl"
    await page.get_by_role("button", name="English").click()
    assert await page.locator("html").get_attribute("dir") == "ltr"
    assert await page.locator("html").get_attribute("lang") == "en"
    await expect(page.get_by_role("heading", name="What to dial")).to_be_visible()
    await page.reload()
    await expect(page.get_by_role("heading", name="What to dial")).to_be_visible()
    assert not re.search(r"[\u0600-\u06ff]", await page.locator(".desk").inner_text())


async def test_another_number_is_another_caller(handset: Handset) -> None:
    await handset.type("*733#", "شکایت")
    await handset.be("+98 935 222 3344")
    await handset.shows("گفت‌وگو را بستید")
    async with handset.page.expect_request("**/ussd/africastalking") as asked:
        await handset.type("*733#", "شکایت")
    assert parse_qs((await asked.value).post_data or "")["phoneNumber"] == ["+989352223344"]


async def test_a_number_that_is_none(handset: Handset) -> None:
    await handset.be("12")
    await handset.page.keyboard.type("*733#")
    await handset.page.keyboard.press("Enter")
    await expect(handset.page.locator("#number-help")).to_contain_text("یازده رقم")
    assert await handset.page.locator("#number").get_attribute("aria-invalid") == "true"
    await expect(handset.page.locator("#number")).to_be_focused()


async def test_what_is_no_code(handset: Handset) -> None:
    for typed in ("733", "*733", "*#", "hello", "#733*"):
        await handset.type(typed, "با ستاره آغاز")
        await handset.page.keyboard.press("Escape")


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (403, "no", "نپذیرفت"),
        (404, "no", "روی کارساز نیست"),
        (503, "later", "شلوغ"),
        (500, "oh", "خواندنی نبود"),
        (200, "<html>", "خواندنی نبود"),
    ],
)
async def test_a_gateway_that_refuses(handset: Handset, status: int, body: str, says: str) -> None:
    async def refuse(route: Route) -> None:
        await route.fulfill(status=status, body=body)

    await handset.page.route("**/ussd/africastalking", refuse)
    await handset.type("*733#", says)
    await handset.page.unroute("**/ussd/africastalking")
    await handset.type("*733#", "شکایت")


async def test_no_network(handset: Handset) -> None:
    await handset.page.context.set_offline(True)
    await handset.type("*733#", "کارساز پاسخ نمی‌دهد")
    await expect(handset.page.locator("#post-state")).to_contain_text("به‌روز نمی‌شود")
    await handset.page.context.set_offline(False)
    await handset.type("*733#", "شکایت")
    await expect(handset.page.locator("#post-state")).to_have_text("")


async def test_what_people_write_is_not_markup(handset: Handset) -> None:
    async def answer(route: Route) -> None:
        await route.fulfill(body="CON <b>bold</b> <script>alert(1)</script>")

    await handset.page.route("**/ussd/africastalking", answer)
    await handset.type("*733#", "<b>bold</b>")
    assert await handset.screen.locator("b, script").count() == 0


async def test_it_asks_nobody_else(handset: Handset, server: Server) -> None:
    await handset.type("*733#", "شکایت")
    assert handset.asked
    assert [url for url in handset.asked if not url.startswith(server.url)] == []
    assert handset.complaints == []  # The content security policy complains on the console.


async def test_the_policy_forbids_what_is_not_ours(handset: Handset) -> None:
    await handset.page.evaluate(
        "() => { const script = document.createElement('script'); script.textContent = 'window.inline = 1';"
        " document.head.append(script); }"
    )
    assert await handset.page.evaluate("window.inline") is None
    assert any("Content Security Policy" in complaint for complaint in handset.complaints)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 380])
async def test_nobody_is_shut_out(
    browser: Browser, server: Server, axe: str, scheme: str, width: int
) -> None:
    context = await browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if scheme == "dark" else "light",
        reduced_motion="reduce",
    )
    handset = await Handset.open(await context.new_page(), server.url)
    assert await violations(handset.page, axe) == []
    await handset.type("*733*2#", "قطعی")
    assert await violations(handset.page, axe) == []
    await handset.type("2", "شکایت خود را")
    await handset.type("اینترنت خانه از دیروز قطع است", "ثبت شود؟")
    await handset.type("1", "شکایت شما ثبت شد")
    await expect(handset.mine.first).to_be_visible()
    assert await violations(handset.page, axe) == []
    await handset.page.get_by_role("button", name="English").click()
    assert await violations(handset.page, axe) == []
    await context.close()


async def violations(page: Page, axe: str) -> list[str]:
    """What axe finds against WCAG 2.2 AA and its best practices."""
    await page.evaluate(axe)
    found = await page.evaluate("async () => (await axe.run()).violations")
    return [f"{each['id']}: {[node['target'] for node in each['nodes']]}" for each in found]


async def test_every_stop_of_the_tab_key_is_seen(handset: Handset) -> None:
    page = handset.page
    await page.locator("body").click(position={"x": 5, "y": 5})
    names: list[str] = []
    for _stop in range(40):
        await page.keyboard.press("Tab")
        stop = await page.evaluate(
            """() => {
              let element = document.activeElement;
              if (element === document.body) return null;
              while (element.shadowRoot) element = element.shadowRoot.activeElement;
              const style = getComputedStyle(element);
              const seen = style.outlineStyle !== "none" || style.boxShadow.includes("inset 0px -3px")
                || style.boxShadow.includes("0px -3px 0px 0px inset");
              return [element.id || element.dataset.key || element.className, seen];
            }"""
        )
        if stop is None:
            break
        name, seen = stop
        assert seen, f"no focus is seen on {name}"
        names.append(name)
    assert {"typed", "end", "erase", "number", "language", "screen", "*", "#", "0"} <= set(names)


async def test_the_chat_stands_beside_the_phone(handset: Handset) -> None:
    page = handset.page
    chat, phone = page.locator("#talk .chat"), page.locator(".handset")
    await expect(chat).to_have_attribute("data-state", "online")
    beside, box = await chat.bounding_box(), await phone.bounding_box()
    assert beside is not None
    assert box is not None
    assert beside["x"] + beside["width"] <= box["x"], "right to left, the phone is first"
    assert abs(beside["y"] - box["y"]) < 2
    # What is written there is not for the phone, and the other way.
    await chat.locator("textarea").focus()
    await page.keyboard.type("شکایت")
    await page.keyboard.press("Enter")
    await expect(chat.get_by_role("log")).to_contain_text("پیام مزاحم")
    assert await page.locator("#typed").input_value() == ""
    await page.keyboard.press("Escape")
    await page.locator("#typed").focus()
    await handset.type("*733#", "شکایت")
    await chat.get_by_role("button", name="قطعی").click()
    await expect(chat.get_by_role("log")).to_contain_text("شکایت خود را")
    await handset.shows("شکایت")
    await page.get_by_role("button", name="English").click()
    await expect(chat.get_by_label("Your message")).to_be_visible()
    await expect(chat.get_by_role("log")).to_contain_text("پیام مزاحم")


async def test_the_screen_is_read_out(handset: Handset) -> None:
    await handset.type("*733#", "شکایت")
    said = handset.page.locator("#said")
    assert await said.get_attribute("aria-live") == "polite"
    for line in (await handset.words()).split("\n"):
        await expect(said).to_contain_text(line)


async def test_nothing_moves_for_whom_it_disturbs(browser: Browser, server: Server) -> None:
    context = await browser.new_context(reduced_motion="reduce")
    handset = await Handset.open(await context.new_page(), server.url)
    await handset.type("*733#", "شکایت")
    moving = await handset.page.evaluate("document.getAnimations().length")
    assert moving == 0
    await context.close()


@pytest.mark.parametrize("width", [320, 380, 768, 1280])
async def test_no_page_is_wider_than_its_window(browser: Browser, server: Server, width: int) -> None:
    context = await browser.new_context(viewport={"width": width, "height": 800})
    handset = await Handset.open(await context.new_page(), server.url)
    await handset.type("*733#", "شکایت")
    assert await handset.page.evaluate("document.documentElement.scrollWidth") <= width
    # A whole screen of a Persian menu is seen without scrolling.
    assert await handset.screen.evaluate("screen => screen.scrollHeight <= screen.clientHeight")
    await context.close()
