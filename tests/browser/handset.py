"""The page as a person uses it, by keyboard."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass

from playwright.async_api import Locator, Page, expect

_numbers = itertools.count(9_351_110_000)


@dataclass
class Handset:
    page: Page
    number: str
    complaints: list[str]  # What the browser says against the page.
    asked: list[str]  # Every address that the page asked for.

    @classmethod
    async def open(cls, page: Page, url: str) -> Handset:
        handset = cls(page, f"0{next(_numbers)}", [], [])
        page.on("pageerror", lambda error: handset.complaints.append(str(error)))
        page.on("request", lambda request: handset.asked.append(request.url))
        page.on(
            "console",
            lambda message: (
                handset.complaints.append(message.text) if message.type in ("error", "warning") else None
            ),
        )
        await page.goto(url)
        await handset.be(handset.number)
        return handset

    async def be(self, number: str) -> None:
        """Calls from another number."""
        field = self.page.locator("#number")
        await field.fill(number)
        await field.press("Tab")
        await self.page.locator("#typed").focus()

    @property
    def screen(self) -> Locator:
        return self.page.locator("#screen")

    @property
    def messages(self) -> Locator:
        return self.page.locator("#messages > li")

    @property
    def mine(self) -> Locator:
        """Messages to this phone."""
        return self.messages.filter(has=self.page.locator(".mine"))

    async def type(self, text: str, shows: str) -> None:
        """Types and presses Enter; then the screen shows ``shows``."""
        await self.page.keyboard.type(text)
        await self.page.keyboard.press("Enter")
        await self.shows(shows)

    async def shows(self, text: str) -> None:
        await expect(self.screen).to_contain_text(text)

    async def words(self) -> str:
        """The screen line by line, without what the page itself adds."""
        rows = self.screen.locator(".row:not(.note)")
        lines = [await rows.nth(place).inner_text() for place in range(await rows.count())]
        return "\n".join(re.sub(r"^\u00a0$", "", line) for line in lines)
