"""The other side of a bot: a server that speaks the Bot API as its page describes it, and people who chat.

Written from core.telegram.org/bots/api alone, without our parsers. It confirms and repeats updates as
Telegram does: polled ones by ``offset``, those of webhooks in order for each chat until they are answered
2xx; of two who poll, the earlier is told 409.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout, web
from aiohttp.test_utils import TestServer

TOKEN = "123456789:AAFakeTokenOfOurOwnMaking0123456789"

Fault = Callable[[str, dict[str, Any]], web.Response | None]


def refusal(code: int, description: str, **parameters: Any) -> web.Response:
    """An error as the Bot API answers it."""
    body: dict[str, Any] = {"ok": False, "error_code": code, "description": description}
    if parameters:
        body["parameters"] = parameters
    return web.json_response(body, status=code)


@dataclass
class Sent:
    """A request of the bot that changed something."""

    method: str
    given: dict[str, Any]
    at: float

    @property
    def chat(self) -> str:
        return str(self.given.get("chat_id", ""))

    @property
    def text(self) -> str:
        return str(self.given.get("text", ""))

    @property
    def buttons(self) -> list[dict[str, str]]:
        keyboard = self.given.get("reply_markup") or {}
        return [button for row in keyboard.get("inline_keyboard", []) for button in row]


@dataclass
class Bot:
    """What the messenger knows of one bot."""

    token: str
    username: str = "chapar_bot"
    pending: list[dict[str, Any]] = field(default_factory=list)
    webhook: dict[str, Any] | None = None
    sent: list[Sent] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    answered: list[dict[str, Any]] = field(default_factory=list)
    poller: asyncio.Future[None] | None = None
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    queues: dict[int, deque[dict[str, Any]]] = field(default_factory=lambda: defaultdict(deque))
    delivering: set[int] = field(default_factory=set)
    offset: int = 0
    commands: list[dict[str, str]] = field(default_factory=list)


class Messenger:
    """``fault`` may answer a request in place of the messenger. ``known`` are the tokens that it knows."""

    def __init__(self, *tokens: str) -> None:
        self.bots = {token: Bot(token) for token in tokens or (TOKEN,)}
        self.fault: Fault | None = None
        self.refused: set[str] = set()
        self.refuses = (401, "Unauthorized")
        self.files: dict[str, bytes] = {}
        self.updates = 1_000
        self.messages = 0
        self.refusals: list[int] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._http: ClientSession | None = None
        self._server: TestServer | None = None

    @property
    def bot(self) -> Bot:
        return next(iter(self.bots.values()))

    @property
    def url(self) -> str:
        """What ``TELEGRAM_BASE_URL`` is set to."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.port}/bot"

    async def start(self, port: int = 0) -> None:
        app = web.Application(client_max_size=2**26)
        app.router.add_route("*", "/bot{token}/{method}", self._handle)
        app.router.add_get("/file/bot{token}/{path:.*}", self._file)
        self._server = TestServer(app, host="127.0.0.1", port=port)
        await self._server.start_server()
        if self._http is None:
            self._http = ClientSession(timeout=ClientTimeout(total=30))

    async def stop(self) -> int:
        """Away, as if its network were gone; the port to come back at."""
        assert self._server is not None
        port = self._server.port
        assert port
        await self._server.close()
        return port

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        if self._http is not None:
            await self._http.close()
        if self._server is not None:
            await self._server.close()

    # What people do.

    def update(self, bot: Bot, **content: Any) -> dict[str, Any]:
        """A new update, which the bot will get."""
        self.updates += 1
        update = {"update_id": self.updates, **content}
        self.give(bot, update)
        return update

    def give(self, bot: Bot, update: dict[str, Any]) -> None:
        """Gives the bot an update, perhaps one that it had before."""
        if bot.webhook is None:
            bot.pending.append(update)
            bot.arrived.set()
            return
        chat = _chat_of(update)
        bot.queues[chat].append(update)
        if chat not in bot.delivering:
            bot.delivering.add(chat)
            self._begin(self._deliver(bot, chat))

    def _begin(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, bot: Bot, chat: int) -> None:
        """One chat's updates by webhook, each until it is answered."""
        queue = bot.queues[chat]
        wait = 0.05
        while queue and bot.webhook is not None:
            status, answer = await self.post(bot, queue[0])
            if 200 <= status < 300:
                queue.popleft()
                wait = 0.05
                if answer.get("method") == "answerCallbackQuery":
                    bot.answered.append(answer)
            else:
                self.refusals.append(status)
                await asyncio.sleep(wait)
                wait = min(wait * 2, 0.5)
        bot.delivering.discard(chat)

    async def post(self, bot: Bot, update: Any, secret: str | None = None) -> tuple[int, dict[str, Any]]:
        """One webhook request; (0, {}) when nobody is there."""
        assert bot.webhook is not None
        assert self._http is not None
        body = update if isinstance(update, bytes) else json.dumps(update, ensure_ascii=False).encode()
        known = bot.webhook.get("secret_token") if secret is None else secret
        headers = {"Content-Type": "application/json"} | (
            {"X-Telegram-Bot-Api-Secret-Token": known} if known else {}
        )
        try:
            async with self._http.post(bot.webhook["url"], data=BytesIO(body), headers=headers) as response:
                text = await response.text()
                return response.status, json.loads(text) if text.startswith("{") else {}
        except (ClientError, OSError):
            return 0, {}

    # What the bot asks for.

    async def _handle(self, request: web.Request) -> web.Response:
        token, method = request.match_info["token"], request.match_info["method"]
        bot = self.bots.get(token)
        if bot is None or token in self.refused:
            return refusal(*self.refuses)
        given: dict[str, Any] = dict(request.query)
        if request.content_type == "multipart/form-data":
            form = await request.post()
            given = {name: part if isinstance(part, str) else _uploaded(part) for name, part in form.items()}
        elif body := await request.read():
            given = json.loads(body)
        bot.calls.append(method)
        if self.fault is not None and (answer := self.fault(method, given)) is not None:
            return answer
        if method == "getUpdates":
            return await self._get_updates(bot, given)
        return web.json_response({"ok": True, "result": self._do(bot, method, given)})

    def _do(self, bot: Bot, method: str, given: dict[str, Any]) -> Any:
        if method == "getMe":
            return {"id": 1, "is_bot": True, "first_name": "Chapar", "username": bot.username}
        if method == "setWebhook":
            bot.webhook = given if given.get("url") else None
            waiting, bot.pending = bot.pending, []
            for update in waiting:
                self.give(bot, update)
            return True
        if method == "deleteWebhook":
            bot.webhook = None
            bot.pending = [update for queue in bot.queues.values() for update in queue] + bot.pending
            bot.queues.clear()
            return True
        if method == "answerCallbackQuery":
            bot.answered.append(given)
            return True
        if method == "setMyCommands":
            bot.commands = given["commands"]
            return True
        if method == "getFile":
            path = str(given["file_id"])
            return {"file_id": path, "file_unique_id": path, "file_path": path}
        bot.sent.append(Sent(method, given, time.monotonic()))
        if method in ("sendMessage", "sendPhoto", "sendDocument"):
            self.messages += 1
            bot.sent[-1].given["message_id"] = self.messages
            chat = {"id": int(given["chat_id"]), "type": "private"}
            return {
                "message_id": self.messages,
                "date": int(time.time()),
                "chat": chat,
                "text": given.get("text", ""),
            }
        return True

    async def _get_updates(self, bot: Bot, given: dict[str, Any]) -> web.Response:
        if bot.webhook is not None:
            return refusal(409, "Conflict: can't use getUpdates method while webhook is active")
        if bot.poller is not None and not bot.poller.done():
            bot.poller.set_result(None)
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        bot.poller = mine
        offset = int(given.get("offset") or 0)
        bot.pending = [update for update in bot.pending if update.get("update_id", offset) >= offset]
        bot.offset = max(bot.offset, offset)
        end = time.monotonic() + float(given.get("timeout") or 0)
        while not bot.pending and (left := end - time.monotonic()) > 0 and not mine.done():
            bot.arrived.clear()
            waiting: asyncio.Future[Any] = asyncio.ensure_future(bot.arrived.wait())
            both: list[asyncio.Future[Any]] = [waiting, mine]
            await asyncio.wait(both, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
        if mine.done():
            return refusal(409, "Conflict: terminated by other getUpdates request")
        mine.set_result(None)
        return web.json_response({"ok": True, "result": bot.pending[: int(given.get("limit") or 100)]})

    async def _file(self, request: web.Request) -> web.Response:
        content = self.files.get(request.match_info["path"])
        return web.Response(status=404) if content is None else web.Response(body=content)


def _uploaded(part: Any) -> dict[str, Any]:
    return {"name": part.filename, "type": part.content_type, "content": part.file.read()}


def _chat_of(update: dict[str, Any]) -> int:
    content: Any = next((value for name, value in update.items() if name != "update_id"), {})
    message = content.get("message", content) if isinstance(content, dict) else {}
    chat = message.get("chat", {}) if isinstance(message, dict) else {}
    return int(chat.get("id", 0))


@dataclass
class Person:
    """Somebody who chats with a bot."""

    messenger: Messenger
    id: int = 7_001
    bot: Bot = field(default=None)  # type: ignore[assignment]
    language: str = "fa"
    heard: int = 0

    def __post_init__(self) -> None:
        self.bot = self.bot or self.messenger.bot

    @property
    def sender(self) -> dict[str, Any]:
        return {"id": self.id, "is_bot": False, "first_name": "سارا", "language_code": self.language}

    @property
    def chat(self) -> dict[str, Any]:
        return {"id": self.id, "first_name": "سارا", "type": "private"}

    @property
    def messages(self) -> list[Sent]:
        """What the bot sent to this person."""
        return [sent for sent in self.bot.sent if sent.chat == str(self.id) and sent.method == "sendMessage"]

    def message(self, **content: Any) -> dict[str, Any]:
        """A message of this person."""
        self.messenger.messages += 1
        return self.messenger.update(
            self.bot,
            message={
                "message_id": self.messenger.messages,
                "from": self.sender,
                "chat": self.chat,
                "date": int(time.time()),
                **content,
            },
        )

    def say(self, text: str) -> dict[str, Any]:
        return self.message(text=text)

    def press(self, label: str, menu: Sent | None = None) -> dict[str, Any]:
        """Presses the button with this label, under the last message that has it or under ``menu``."""
        for sent in [menu] if menu is not None else reversed(self.messages):
            for button in sent.buttons:
                if button["text"] == label:
                    return self.messenger.update(
                        self.bot,
                        callback_query={
                            "id": str(self.messenger.updates * 7),
                            "from": self.sender,
                            "chat_instance": "1",
                            "data": button["callback_data"],
                            "message": {
                                "message_id": sent.given["message_id"],
                                "from": {"id": 1, "is_bot": True, "first_name": "Chapar"},
                                "chat": self.chat,
                                "date": int(time.time()),
                                "text": sent.text,
                                "reply_markup": sent.given["reply_markup"],
                            },
                        },
                    )
        raise AssertionError(f"there is no button {label}: {[sent.given for sent in self.messages[-2:]]}")

    async def hears(self, messages: int = 1) -> Sent:
        """Waits for so many messages more; the last of them."""
        wanted = self.heard + messages
        async with asyncio.timeout(30):
            while len(self.messages) < wanted:
                await asyncio.sleep(0.005)
        self.heard = wanted
        return self.messages[wanted - 1]

    async def asks(self, text: str) -> str:
        """Says something; the answer."""
        self.say(text)
        return (await self.hears()).text

    async def presses(self, label: str) -> str:
        """Presses a button; the answer."""
        self.press(label)
        return (await self.hears()).text


@asynccontextmanager
async def messenger(*tokens: str) -> AsyncIterator[Messenger]:
    """A messenger at work."""
    made = Messenger(*tokens)
    await made.start()
    try:
        yield made
    finally:
        await made.close()
