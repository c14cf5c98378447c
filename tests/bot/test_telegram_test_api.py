"""The same conversations with a Bot API that somebody else wrote: npm's telegram-test-api.

It is driven by its own client's requests (``/sendMessage``, ``/sendCommand``, ``/sendCallback`` and
``/getUpdatesHistory``). Its corrections are in ``telegram_test_api.js``.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

import pytest
from aiohttp import ClientSession, ClientTimeout

from tests import npm
from tests.bot.serving import eventually
from tests.running import Server, free_port, within
from tests.ussd.test_end_to_end import numbers

pytestmark = pytest.mark.xdist_group("bots")

API = "telegram-test-api@4.2.1"
TOKEN = "123456789:AAFakeTokenOfOurOwnMaking0123456789"
WORDS = "سه روز است قطع است و کسی پاسخ نمی‌دهد"


@pytest.fixture
def api() -> Iterator[str]:
    """Its address."""
    modules, port = npm.modules(API), free_port()
    script = Path(__file__).parent / "telegram_test_api.js"
    with Popen([npm.node(), str(script), str(modules), str(port)], stdout=PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().strip() == b"ready"
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


@pytest.fixture
async def http() -> AsyncIterator[ClientSession]:
    async with ClientSession(timeout=ClientTimeout(total=15)) as session:
        yield session


class Client:
    """Somebody who chats, as the package's own client does."""

    def __init__(self, http: ClientSession, url: str, id: int = 1) -> None:
        self.http = http
        self.url = url
        self.id = id
        self.heard = 0

    async def _post(self, path: str, body: dict[str, Any]) -> Any:
        async with self.http.post(f"{self.url}/{path}", json=body) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    @property
    def _common(self) -> dict[str, Any]:
        person = {"id": self.id, "first_name": "TestName", "username": "testUserName"}
        return {
            "from": {**person, "is_bot": False},
            "chat": {**person, "title": "Test Name", "type": "private"},
        }

    @property
    def _meta(self) -> dict[str, Any]:
        return {"botToken": TOKEN, "date": int(time.time())}

    async def say(self, text: str) -> None:
        await self._post("sendMessage", {**self._common, **self._meta, "text": text})

    async def command(self, text: str) -> None:
        entities = [{"offset": 0, "length": len(text.split()[0]), "type": "bot_command"}]
        await self._post("sendCommand", {**self._common, **self._meta, "text": text, "entities": entities})

    async def press(self, label: str) -> None:
        for message in reversed(await self.messages()):
            for row in (message.get("reply_markup") or {}).get("inline_keyboard", []):
                for button in row:
                    if button["text"] == label:
                        common = self._common
                        await self._post(
                            "sendCallback",
                            {
                                **self._meta,
                                "from": common["from"],
                                "message": common,
                                "data": button["callback_data"],
                            },
                        )
                        return
        raise AssertionError(f"there is no button {label}")

    async def messages(self) -> list[dict[str, Any]]:
        """What the bot sent to this person."""
        found = (await self._post("getUpdatesHistory", {"token": TOKEN}))["result"]
        said = [each["message"] for each in found if "chat_id" in each.get("message", {})]
        return [message for message in said if str(message["chat_id"]) == str(self.id)]

    async def hears(self) -> str:
        async with asyncio.timeout(20):
            while len(found := await self.messages()) <= self.heard:
                await asyncio.sleep(0.01)
        self.heard += 1
        return str(found[self.heard - 1]["text"])

    async def asks(self, text: str) -> str:
        await self.say(text)
        return await self.hears()


@pytest.mark.parametrize("mode", ["webhook", "polling"])
@within(90)
async def test_a_complaint_and_what_became_of_it(
    tmp_path: Path, api: str, http: ClientSession, mode: str
) -> None:
    port = free_port()
    settings = {
        "TELEGRAM_TOKEN": TOKEN,
        "TELEGRAM_BASE_URL": api,  # It needs no ``/bot`` at its end.
        "TELEGRAM_MODE": mode,
        "TELEGRAM_CHAT_RATE": "0",
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
    }
    async with Server(tmp_path, settings, port=port) as server:
        if mode == "webhook":
            await eventually(lambda: "webhook set" in server.log.read_text())
        sara, reza = Client(http, api), Client(http, api, 2)
        await sara.command("/start")
        assert await sara.hears()
        await sara.press("شکایت")
        assert "ثبت شکایت" in await sara.hears()
        await sara.press("قطعی")
        assert "در یک پیام" in await sara.hears()
        assert "ثبت شود" in await sara.asks(WORDS)
        filed = await sara.asks("1")
        [number] = numbers(filed)
        await sara.command("/follow")
        assert "شماره شکایت" in await sara.hears()
        assert "بررسی" in await sara.asks(number)
        await reza.command("/start follow")
        assert "شماره شکایت" in await reza.hears()
        assert "نیست" in await reza.asks(number)
        assert await server.stop() == 0
        said = server.log.read_text()
        assert "Traceback" not in said
        assert TOKEN not in said
