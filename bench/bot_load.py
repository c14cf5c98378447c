"""A load of people who chat with a bot: each sends an update to the webhook and waits for the message that
the bot sends back to a Bot API that is here too.

Speaks HTTP/1.1 over bare asyncio protocols on both sides, so that the load costs far less than what it
measures. Run as a process of its own: ``python -m bench.bot_load '{"port": …}'`` prints one JSON line.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict, dataclass
from functools import partial
from time import perf_counter, process_time
from typing import cast

import uvloop

from bench.load import Figures

ANSWER = b'{"ok":true,"result":{"message_id":1,"date":1700000000,"chat":{"id":1,"type":"private"}}}'
ANSWERED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
    len(ANSWER),
    ANSWER,
)


@dataclass
class BotPlan:
    """``texts`` are said one after another, again and again, by each of ``chats`` people; ``last_word`` is in
    the answer to the last. It goes on for ``seconds`` after ``warm_up``. ``port`` is the webhook's, ``api``
    the port that the Bot API is to have."""

    port: int
    api: int
    path: str
    secret: str
    texts: list[str]
    last_word: str = ""
    chats: int = 64
    seconds: float = 10.0
    warm_up: float = 2.0
    first_chat: int = 100_000


class People:
    """Who talks, and what they have heard."""

    def __init__(self, plan: BotPlan, figures: Figures) -> None:
        self.plan = plan
        self.figures = figures
        self.began = perf_counter()
        self.counted = self.began + plan.warm_up
        self.until = self.counted + plan.seconds
        self.updates = 0
        self.by_chat: dict[int, Person] = {}
        self.last_word = json.dumps(plan.last_word)[1:-1].encode(), plan.last_word.encode()


class Person(asyncio.Protocol):
    """One person on one connection to the webhook."""

    def __init__(self, people: People, chat: int) -> None:
        self._people = people
        self._chat = chat
        self._step = 0
        self._sent = 0.0
        self._accepted = self._heard = False
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        plan = people.plan
        self._head = (
            f"POST {plan.path} HTTP/1.1\r\nHost: 127.0.0.1:{plan.port}\r\nContent-Type: application/json\r\n"
            f"X-Telegram-Bot-Api-Secret-Token: {plan.secret}\r\nContent-Length: "
        )
        people.by_chat[chat] = self

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._say()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.over.done():
            self.over.set_exception(error or ConnectionError("the server closed a connection"))

    def _say(self) -> None:
        people = self._people
        people.updates += 1
        person = {"id": self._chat, "is_bot": False, "first_name": "کسی", "language_code": "fa"}
        chat = {"id": self._chat, "first_name": "کسی", "type": "private"}
        message = {
            "message_id": people.updates,
            "from": person,
            "chat": chat,
            "date": 1_700_000_000,
            "text": people.plan.texts[self._step],
        }
        body = json.dumps({"update_id": people.updates, "message": message}).encode()
        self._accepted = self._heard = False
        assert self._transport is not None
        self._sent = perf_counter()
        self._transport.write(f"{self._head}{len(body)}\r\n\r\n".encode() + body)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head = self._buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        if not self._buffer.startswith(b"HTTP/1.1 200"):
            self._wrong(self._buffer)
        self._buffer = b""  # Its answers have no body.
        self._accepted = True
        self._go_on()

    def hear(self, body: bytes) -> None:
        """The bot's message to this person."""
        plan = self._people.plan
        last = self._step == len(plan.texts) - 1
        if last and plan.last_word and not any(word in body for word in self._people.last_word):
            self._wrong(body)
        self._heard = True
        self._go_on()

    def _wrong(self, what: bytes) -> None:
        figures = self._people.figures
        figures.wrong += 1
        figures.example = what[-400:].decode(errors="replace")

    def _go_on(self) -> None:
        if not (self._accepted and self._heard):
            return
        people, now = self._people, perf_counter()
        figures = people.figures
        figures.all_turns += 1
        if now >= people.counted:
            figures.turns += 1
            figures.latencies.append((now - self._sent) * 1_000)
        self._step = (self._step + 1) % len(people.plan.texts)
        figures.conversations += not self._step
        if now < people.until:
            self._say()
            return
        self.over.set_result(None)
        assert self._transport is not None
        self._transport.close()


class BotApi(asyncio.Protocol):
    """Takes whatever it is asked to do."""

    def __init__(self, people: People) -> None:
        self._people = people
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (head := self._buffer.find(b"\r\n\r\n")) >= 0:
            lower = self._buffer[:head].lower()
            at = lower.find(b"content-length:")
            length = int(lower[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            end = head + 4 + length
            if len(self._buffer) < end:
                return
            first, body = self._buffer[: self._buffer.find(b"\r\n")], self._buffer[head + 4 : end]
            self._buffer = self._buffer[end:]
            assert self._transport is not None
            self._transport.write(ANSWERED)
            if b"/sendMessage" in first:
                person = self._people.by_chat.get(int(json.loads(body)["chat_id"]))
                if person is not None:
                    person.hear(body)


async def run(plan: BotPlan) -> Figures:
    """Talks in all chats at once."""
    figures = Figures()
    people = People(plan, figures)
    loop = asyncio.get_running_loop()
    api = await loop.create_server(partial(BotApi, people), "127.0.0.1", plan.api)
    persons: list[Person] = []
    for place in range(plan.chats):
        _transport, person = await loop.create_connection(
            partial(Person, people, plan.first_chat + place), "127.0.0.1", plan.port
        )
        persons.append(person)
    async with asyncio.timeout(plan.warm_up + plan.seconds + 30):
        await asyncio.gather(*(person.over for person in persons))
    figures.seconds = perf_counter() - people.counted
    api.close()
    figures.conclude(process_time())
    return figures


if __name__ == "__main__":
    print(json.dumps(asdict(uvloop.run(run(BotPlan(**json.loads(sys.argv[1])))))))
