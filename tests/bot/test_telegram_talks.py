"""Whole conversations through the real server, its engine and its records, by webhook and by polling."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.bot.messenger import TOKEN, Messenger, Person, messenger
from tests.running import Server, free_port, within
from tests.ussd.test_end_to_end import numbers

# Each of these starts the server.
pytestmark = pytest.mark.xdist_group("bots")

WORDS = "سه روز است قطع است و کسی پاسخ نمی‌دهد"


@asynccontextmanager
async def served(
    folder: Path, chats: Messenger, mode: str, platform: str = "telegram", **more: str
) -> AsyncIterator[Server]:
    """The server with one bot."""
    name = platform.upper()
    port = free_port()
    settings = {
        f"{name}_TOKEN": TOKEN,
        f"{name}_BASE_URL": chats.url,
        f"{name}_MODE": mode,
        f"{name}_CHAT_RATE": "0",
        f"{name}_RATE": "0",
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        **more,
    }
    async with Server(folder, settings, port=port) as server:
        if mode == "webhook":
            async with asyncio.timeout(20):
                while chats.bot.webhook is None:
                    await asyncio.sleep(0.01)
        yield server


@pytest.mark.parametrize("platform", ["telegram", "bale"])
@pytest.mark.parametrize("mode", ["webhook", "polling"])
@within(60)
async def test_a_complaint_and_what_became_of_it(tmp_path: Path, mode: str, platform: str) -> None:
    async with messenger() as chats, served(tmp_path, chats, mode, platform) as server:
        sara = Person(chats)
        sara.say("/start")
        menu = await sara.hears()
        assert [button["text"] for button in menu.buttons][:2]
        await sara.presses("شکایت")
        await sara.presses("قطعی")
        assert "ثبت شود" in await sara.asks(WORDS)
        sara.press(sara.messages[-1].buttons[0]["text"])
        filed = await sara.hears()
        assert "ثبت شد" in filed.text
        [number] = numbers(filed.text)
        assert await server.stop() == 0
