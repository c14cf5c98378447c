"""Messages over the Bot API, to a server that answers as the messengers do on bad days."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from aiohttp import ClientSession, web

from dispatch.errors import (
    Ambiguous,
    Away,
    DispatchError,
    Misconfigured,
    Rejected,
    Throttled,
    Unsubscribed,
)
from dispatch.provider import Accepted, Outgoing
from dispatch.providers.bot import telegram
from dispatch.providers.bot.line import Line, Standings
from dispatch.providers.bot.platforms import PLATFORMS
from dispatch.providers.bot.request import Request, session
from dispatch.providers.bot.telegram import BotApi
from records.unit import Unavailable
from records.vault import Unreadable
from tests.bot.messenger import TOKEN, Messenger, messenger, refusal

FAR = datetime(2030, 1, 1, tzinfo=UTC)
Api = Callable[..., BotApi]


@pytest.fixture
async def chats() -> AsyncIterator[Messenger]:
    async with messenger() as made:
        yield made


@pytest.fixture
async def http() -> AsyncIterator[ClientSession]:
    async with session() as made:
        yield made


@pytest.fixture
async def api(chats: Messenger, http: ClientSession) -> Api:
    def made(platform: str = "telegram", proxy: str = "", url: str = "", **limits: float) -> BotApi:
        line = Line(platform, PLATFORMS[platform], TOKEN, Request(http, proxy), base_url=url or chats.url)
        rates = {"rate": 0.0, "chat_rate": 0.0, **limits}
        return BotApi(PLATFORMS[platform], {platform: line}, rate=rates["rate"], chat_rate=rates["chat_rate"])

    return made


_ids = iter(range(1, 10_000))


def message(body: str = "سلام", to: str = "7001", payload: Any = None, route: str = "") -> Outgoing:
    id = next(_ids).to_bytes(16)
    encoded = payload if isinstance(payload, bytes) else msgspec.json.encode(payload) if payload else b""
    return Outgoing(id, "", "service", to, "", body, 1, FAR, encoded, route)


def line_of(api: BotApi) -> Line:
    return next(iter(api._bots.values())).line


async def test_a_message_goes(api: Api, chats: Messenger) -> None:
    one = api()
    keyboard = {"inline_keyboard": [[{"text": "بله", "callback_data": "x"}]]}
    assert await one.send_one(message()) == Accepted("7001:1")
    menu = message("چاپار", payload={"method": "sendMessage", "reply_markup": keyboard})
    assert await one.send_one(menu) == Accepted("7001:2")
    edit = message("", payload={"method": "editMessageReplyMarkup", "message_id": 2, "reply_markup": {}})
    assert await one.send_one(edit) == Accepted()
    assert [(sent.method, sent.given) for sent in chats.bot.sent] == [
        ("sendMessage", {"chat_id": "7001", "text": "سلام", "message_id": 1}),
        (
            "sendMessage",
            {"chat_id": "7001", "text": "چاپار", "reply_markup": keyboard, "message_id": 2},
        ),
        ("editMessageReplyMarkup", {"chat_id": "7001", "message_id": 2, "reply_markup": {}}),
    ]


async def test_a_batch_keeps_the_order_of_each_chat(api: Api, chats: Messenger) -> None:
    batch = [message(f"{person}-{place}", to=str(person)) for place in range(5) for person in range(1, 4)]
    outcomes = await api().send(batch)
    assert all(isinstance(outcome, Accepted) for outcome in outcomes)
    for person in range(1, 4):
        said = [sent.text for sent in chats.bot.sent if sent.chat == str(person)]
        assert said == [f"{person}-{place}" for place in range(5)]


async def test_a_long_text_goes_in_parts(api: Api, chats: Messenger) -> None:
    text = "سلام دنیا " * 1_000
    assert isinstance(await api().send_one(message(text)), Accepted)
    assert len(chats.bot.sent) == 3
    assert " ".join(sent.text for sent in chats.bot.sent).split() == text.split()


async def test_a_long_text_goes_on_where_it_was(api: Api, chats: Messenger) -> None:
    one, parts = api(), message("سلام دنیا " * 1_000)
    seen: list[str] = []

    def second_fails(method: str, given: dict[str, Any]) -> web.Response | None:
        seen.append(given["text"])
        return refusal(500, "Internal Server Error") if len(seen) == 2 else None

    chats.fault = second_fails
    assert isinstance(await one.send_one(parts), Ambiguous)
    assert isinstance(await one.send_one(parts), Accepted)
    assert len(chats.bot.sent) == 3


@pytest.mark.parametrize(
    ("code", "description", "error"),
    [
        (400, "Bad Request: chat not found", Rejected),
        (400, "Bad Request: message text is empty", Rejected),
        (401, "Unauthorized", Misconfigured),
        (403, "Forbidden: bot was blocked by the user", Unsubscribed),
        (403, "Forbidden: user is deactivated", Unsubscribed),
        (404, "Not Found", Misconfigured),
        (404, "", Misconfigured),
        (404, "no such group or user", Rejected),
        (413, "Request Entity Too Large", Rejected),
        (429, "Too Many Requests", Throttled),
        (500, "Internal Server Error", Ambiguous),
        (418, "I'm a teapot", Ambiguous),
    ],
)
async def test_refusals(
    api: Api, chats: Messenger, code: int, description: str, error: type[DispatchError]
) -> None:
    chats.fault = lambda method, given: refusal(code, description)
    outcome = await api().send_one(message())
    assert type(outcome) is error
    assert outcome.detail == f"{code} {description}"


@pytest.mark.parametrize(
    ("code", "description", "error"),
    [
        (403, "Forbidden: HIT_LIMIT", Throttled),
        (403, "Forbidden: bot was blocked by the user", Unsubscribed),
        (400, "bot limit exceed", Throttled),
        (400, "local_rate_limited", Throttled),
        (400, "Bad Request: Token not found", Misconfigured),
        (401, "Unauthorized", Misconfigured),
        (404, "no such group or user", Rejected),
    ],
)
async def test_bale_says_it_in_its_own_words(
    api: Api, chats: Messenger, code: int, description: str, error: type[DispatchError]
) -> None:
    chats.fault = lambda method, given: refusal(code, description)
    one = api("bale")
    assert type(await one.send_one(message())) is error
    assert line_of(one).refused is (error is Misconfigured)


async def test_a_chat_that_is_none_is_no_alarm(
    api: Api, chats: Messenger, capfd: pytest.CaptureFixture[str]
) -> None:
    """Bale says 404 of a chat that it does not know, as Telegram does of a token."""
    one = api("bale")
    chats.fault = lambda method, given: refusal(404, "no such group or user")
    assert isinstance(await one.send_one(message()), Rejected)
    chats.fault = None
    assert isinstance(await one.send_one(message(to="2")), Accepted)
    chats.fault = lambda method, given: web.Response(status=404, text="nginx")
    assert isinstance(await one.send_one(message()), Misconfigured)
    assert "".join(capfd.readouterr()).count("bot token refused") == 1


async def test_what_is_so_already_is_done(api: Api, chats: Messenger) -> None:
    chats.fault = lambda method, given: refusal(400, "Bad Request: message is not modified: specified new …")
    edit = message("", payload={"method": "editMessageReplyMarkup", "message_id": 2})
    assert await api().send_one(edit) == Accepted()


async def test_a_chat_that_is_told_to_wait_waits_alone(api: Api, chats: Messenger) -> None:
    def one_chat(method: str, given: dict[str, Any]) -> web.Response | None:
        if given.get("chat_id") != "1":
            return None
        return refusal(429, "Too Many Requests: retry after 17", retry_after=17)

    chats.fault = one_chat
    one = api()
    told = await one.send_one(message(to="1"))
    assert isinstance(told, Throttled)
    assert told.retry_after == timedelta(seconds=17)
    waits = await one.send_one(message(to="1"))
    assert isinstance(waits, Throttled)
    assert waits.retry_after is not None
    assert timedelta(seconds=10) < waits.retry_after <= timedelta(seconds=17)
    assert isinstance(await one.send_one(message(to="2")), Accepted)
    assert chats.bot.calls == ["sendMessage", "sendMessage"], "it is not asked while it is told to wait"


async def test_a_storm_of_429_is_the_bots(api: Api, chats: Messenger) -> None:
    """When several chats are told to wait, the bot is left alone: hammering makes it longer."""
    chats.fault = lambda method, given: refusal(429, "Too Many Requests: retry after 30", retry_after=30)
    one = api()
    outcomes = [await one.send_one(message(to=str(chat))) for chat in range(200)]
    assert all(isinstance(outcome, Throttled) for outcome in outcomes)
    assert len(chats.bot.calls) == telegram.FLOOD


async def test_a_revoked_token_is_an_alarm_once_and_others_go_on(
    api: Api, chats: Messenger, http: ClientSession, capfd: pytest.CaptureFixture[str]
) -> None:
    other = "987654321:AAOtherTokenOfOurOwnMaking987654321"
    chats.bots[other] = type(chats.bot)(other)
    platform = PLATFORMS["telegram"]
    lines = {
        name: Line(name, platform, token, Request(http), base_url=chats.url)
        for name, token in (("telegram", TOKEN), ("telegram-shop", other))
    }
    one = BotApi(platform, lines, rate=0, chat_rate=0)
    chats.refused.add(TOKEN)
    first = await one.send_one(message())
    assert isinstance(first, Misconfigured)
    assert first.retry_after == timedelta(seconds=telegram.REFUSED)
    assert isinstance(await one.send_one(message(route="telegram")), Misconfigured)
    assert isinstance(await one.send_one(message(route="telegram-shop")), Accepted)
    assert chats.bot.calls == []
    said = "".join(capfd.readouterr())
    assert said.count("bot token refused") == 1
    assert TOKEN not in said
    metric, _away = Standings(list(lines.values())).collect()
    assert {sample.labels["bot"]: sample.value for sample in metric.samples} == {
        "telegram": 1.0,
        "telegram-shop": 0.0,
    }
    chats.refused.clear()
    one._bots["telegram"].until = 0.0  # A minute later.
    assert isinstance(await one.send_one(message()), Accepted)
    assert not lines["telegram"].refused


async def test_nobody_there(api: Api, chats: Messenger) -> None:
    """A refused connection is nobody's fault: no attempt is spent, and few try."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))  # It does not listen.
        port = listener.getsockname()[1]
        one = api(url=f"http://127.0.0.1:{port}/bot")
        outcomes = await asyncio.gather(*(one.send_one(message(to=str(chat))) for chat in range(100)))
    assert {type(outcome) for outcome in outcomes} == {Away}
    assert all(isinstance(each, Away) and each.retry_after is not None for each in outcomes)
    assert all(TOKEN not in each.detail for each in outcomes if isinstance(each, Away))
    [standing] = one._bots.values()
    assert standing.failures == 1, "they failed together, and that is one failure"


async def test_back_again(api: Api, chats: Messenger) -> None:
    one = api()
    port = await chats.stop()
    assert isinstance(await one.send_one(message()), Away)
    await chats.start(port)
    [standing] = one._bots.values()
    standing.until = 0.0  # Half a second later.
    outcomes = await asyncio.gather(*(one.send_one(message(to=str(chat))) for chat in range(20)))
    assert sum(isinstance(outcome, Accepted) for outcome in outcomes) >= 1
    assert all(isinstance(outcome, Accepted | Away) for outcome in outcomes)
    outcomes = await asyncio.gather(*(one.send_one(message(to=str(chat))) for chat in range(20)))
    assert all(isinstance(outcome, Accepted) for outcome in outcomes)


async def test_broken_off_after_it_was_sent(api: Api) -> None:
    async def hangs_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"}")
        writer.close()

    server = await asyncio.start_server(hangs_up, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        outcome = await api(url=f"http://127.0.0.1:{port}/bot").send_one(message())
    assert isinstance(outcome, Ambiguous)


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>Bad Gateway</html>",
        b"",
        b"[]",
        b'{"ok": "perhaps"',
        b'{"ok": false, "error_code": "x"}',
        b"\xff\xfe",
    ],
)
async def test_an_answer_that_is_none(api: Api, chats: Messenger, answer: bytes) -> None:
    chats.fault = lambda method, given: web.Response(body=answer, status=502)
    assert isinstance(await api().send_one(message()), Ambiguous)


async def test_an_answer_without_a_message_is_an_answer(api: Api, chats: Messenger) -> None:
    chats.fault = lambda method, given: web.json_response({"ok": True, "result": None})
    assert await api().send_one(message()) == Accepted()


async def test_a_chat_is_not_written_to_faster_than_it_may_be(api: Api, chats: Messenger) -> None:
    one = api(chat_rate=1.0)
    outcomes = [await one.send_one(message()) for _ in range(5)]
    assert all(isinstance(outcome, Accepted) for outcome in outcomes)
    for _message in range(4):  # Each takes its place and is not there yet.
        one._bots["telegram"].pace.place("7001", 10)
    late = await one.send_one(message())
    assert isinstance(late, Throttled)
    assert late.retry_after is not None
    assert late.retry_after > timedelta(seconds=3)
    assert isinstance(await one.send_one(message(to="2")), Accepted)


async def test_what_cannot_be_sent_by_anybody(api: Api, chats: Messenger) -> None:
    one = api()
    assert isinstance(await one.send_one(message(route="telegram-gone")), Misconfigured)
    assert isinstance(await one.send_one(message(payload=b"{")), Rejected)
    assert isinstance(await one.send_one(message(payload=b"[]")), Rejected)
    assert isinstance(await one.send_one(message("\ud800")), Rejected)
    assert chats.bot.calls == []


async def test_the_way_goes_through_the_proxy(api: Api, chats: Messenger) -> None:
    asked: list[str] = []

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        asked.append(head.split("\r\n", 1)[0])
        length = int(re.findall(r"(?i)content-length: (\d+)", head)[0])
        await reader.readexactly(length)
        answer = b'{"ok":true,"result":{"message_id":5}}'
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(answer), answer))
        writer.close()

    server = await asyncio.start_server(relay, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        one = api(proxy=f"http://127.0.0.1:{port}", url="http://tapi.bale.test/bot")
        assert await one.send_one(message()) == Accepted("7001:5")
    assert asked == [f"POST http://tapi.bale.test/bot{TOKEN}/sendMessage HTTP/1.1"]


@dataclass
class Attached:
    name: str
    type: str
    content: bytes


@pytest.fixture
def filing(chats: Messenger, http: ClientSession) -> Callable[..., BotApi]:
    """A bot with these files by their ids."""

    def made(kept: dict[bytes, Any]) -> BotApi:
        async def read(id: bytes) -> Attached:
            found = kept[id]
            if isinstance(found, Exception):
                raise found
            return Attached(*found)

        line = Line("bale", PLATFORMS["bale"], TOKEN, Request(http), base_url=chats.url)
        return BotApi(PLATFORMS["bale"], {"bale": line}, rate=0, chat_rate=0, files=read)

    return made


def of_file(id: str) -> Outgoing:
    return message("نام", payload={"method": "sendFile", "file": id})


async def test_files_go_as_what_they_are(filing: Callable[..., BotApi], chats: Messenger) -> None:
    kept = {
        b"\x01": ("عکس.jpg", "image/jpeg", b"j" * 70_000),
        b"\x02": ('قرار"داد.pdf', "application/pdf", b"%PDF"),
        b"\x03": ("big.png", "image/png", b"p" * (telegram.PHOTO_BYTES + 1)),
    }
    one = filing(kept)
    assert [await one.send_one(of_file(id)) for id in ("01", "02", "03")] == [
        Accepted("7001:1"),
        Accepted("7001:2"),
        Accepted("7001:3"),
    ]
    photo, bill, big = chats.bot.sent
    assert (photo.method, photo.given["photo"]["name"]) == ("sendPhoto", "عکس.jpg")
    assert photo.given["photo"]["content"] == b"j" * 70_000
    assert (bill.method, bill.given["document"]["type"]) == ("sendDocument", "application/pdf")
    assert bill.given["document"]["content"] == b"%PDF"
    assert big.method == "sendDocument"
    assert {sent.chat for sent in chats.bot.sent} == {"7001"}


async def test_files_that_cannot_go(filing: Callable[..., BotApi], api: Api, chats: Messenger) -> None:
    one = filing({b"\x01": Unreadable(), b"\x02": Unavailable("away")})
    assert isinstance(await one.send_one(of_file("0f")), Rejected)
    assert isinstance(await one.send_one(of_file("no id")), Rejected)
    assert isinstance(await one.send_one(of_file("01")), Misconfigured)
    later = await one.send_one(of_file("02"))
    assert isinstance(later, Away)
    assert not later.tried
    assert isinstance(await api().send_one(of_file("01")), Rejected)
    assert chats.bot.calls == []


async def test_a_way_that_swallows_what_goes_into_it_is_left_alone(api: Api) -> None:
    """Somebody takes connections and hangs up: a few find that out, and not everything that waits."""
    taken = 0

    async def hangs_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal taken
        taken += 1
        await reader.readuntil(b"}")
        writer.close()

    server = await asyncio.start_server(hangs_up, "127.0.0.1", 0)
    async with server:
        one = api(url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/bot")
        outcomes = [await one.send_one(message(to=str(chat))) for chat in range(20)]
    assert [type(outcome) for outcome in outcomes] == [Ambiguous] * 3 + [Away] * 17
    assert taken == telegram.SILENCE
    assert all(not outcome.tried for outcome in outcomes[3:] if isinstance(outcome, Away))


async def test_who_is_writing_is_shown_where_that_costs_nobody(api: Api, chats: Messenger) -> None:
    one = api(chat_rate=1.0)
    await one.show_typing("", "7001")
    assert [(sent.method, sent.given) for sent in chats.bot.sent] == [
        ("sendChatAction", {"chat_id": "7001", "action": "typing"})
    ]
    await one.show_typing("telegram-gone", "7001")
    for _place in range(6):
        one._bots["telegram"].pace.place("7001", 10)
    await one.show_typing("", "7001")
    assert len(chats.bot.sent) == 1, "a message needs the place more"
    chats.fault = lambda method, given: refusal(404, "Not Found") if method == "sendChatAction" else None
    await one.show_typing("", "4")
    assert isinstance(await one.send_one(message(to="4")), Accepted), "this method alone is not known"
    chats.bot.calls.clear()
    chats.fault = lambda method, given: refusal(429, "Too Many Requests: retry after 9", retry_after=9)
    await one.show_typing("", "2")
    assert isinstance(await one.send_one(message(to="2")), Throttled)
    port = await chats.stop()
    await one.show_typing("", "3")
    await chats.start(port)
    assert chats.bot.calls == ["sendChatAction"]
