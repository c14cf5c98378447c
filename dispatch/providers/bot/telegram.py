"""Messages of bots over Telegram's Bot API, https://core.telegram.org/bots/api, and over Bale's, which is
like it (``platforms.py``).

What goes to one chat goes in order; chats do not wait for one another. A message's ``payload`` is the method
and its parameters as JSON (``{"method": "sendMessage", "reply_markup": …}``); who is written to and what the
words are stand in ``to`` and ``body``. ``{"method": "sendFile", "file": <id>}`` is a file of ours, as a photo
where it can be one. Without a payload it is a plain message. The Bot API knows no key of ours: a message that
may have gone, and is sent again, is there twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import msgspec
import structlog
from telegram.error import TelegramError

from dispatch.errors import (
    Ambiguous,
    Away,
    DispatchError,
    Misconfigured,
    Rejected,
    Throttled,
    Unreachable,
    Unsubscribed,
)
from dispatch.provider import Accepted, Outcome, Outgoing
from dispatch.providers.bot.line import Answer, Attachment, Line
from dispatch.providers.bot.pace import Pace
from dispatch.providers.bot.platforms import MESSAGE_UNITS, Platform
from dispatch.providers.bot.request import CONNECT, Broken, Unconnected
from dispatch.providers.bot.splitting import split
from records.unit import Unavailable
from records.vault import Unreadable

# Why a request was refused, by ``error_code``, where that is not the token (``Line.refuses_token``).
ERRORS: Mapping[int, type[DispatchError]] = {
    400: Rejected,  # chat not found, text is empty, …
    403: Unsubscribed,  # blocked by the user, user is deactivated, kicked from the group, …
    404: Rejected,  # Bale: no such group or user
    409: Unreachable,
    413: Rejected,  # too large
    420: Throttled,  # FLOOD_WAIT, of older servers
    429: Throttled,
}

# A request that asks for what is so already: done.
DONE_ALREADY = "message is not modified"

SHOWN_WITHIN = 3.0  # Seconds after which it is no use to show that somebody was writing.
# What the messenger takes as a photo (core.telegram.org/bots/api, sendPhoto).
PHOTOS = ("image/jpeg", "image/png")
PHOTO_BYTES = 10_000_000

PATIENCE = 3.0  # Seconds that a message waits here for its place; for longer it goes back to the outbox.
FLOOD = 3  # Chats told to wait at once, from which on it is the bot that is told.
SILENCE = 3  # Requests without an answer one after another, from which on nobody is there.
RETRY = 5.0  # Seconds, where a 429 does not say for how long.
REFUSED = 60.0  # Seconds before a refused token is tried again.
AWAY = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0)  # Seconds between tries while the Bot API cannot be reached.
LONG = 4  # Tries from which on it has been away for long.

log = structlog.get_logger(__name__)


class _Sent(msgspec.Struct):
    message_id: int


_read_payload = msgspec.json.Decoder(dict[str, Any]).decode
_read_sent = msgspec.json.Decoder(_Sent).decode
_encode = msgspec.json.Encoder().encode


@dataclass(slots=True)
class _Standing:
    """How a bot may send at present. ``until`` is when it may again, and ``why`` not before; ``chats`` are
    those that were told to wait, and until when; ``failures`` in a row found nobody, ``unanswered`` requests
    in a row were taken and not answered. ``trying``: one message finds out whether somebody is there again.
    ``told``: what the log says of it, until it goes well again."""

    line: Line
    pace: Pace
    until: float = 0.0
    why: DispatchError | None = None
    chats: dict[str, float] = field(default_factory=dict)
    failures: int = 0
    unanswered: int = 0
    trying: bool = False
    told: str = ""


class BotApi:
    """The bots of one platform, ``lines`` by route; the first of them sends what names no route. ``rate``
    and ``chat_rate`` are messages a second, of each bot and to each of its chats (0: no limit). ``files``
    reads one of ours by its id; it raises ``LookupError`` where there is no such file."""

    batch = 100
    repeatable = False
    at_once = 256

    def __init__(
        self,
        platform: Platform,
        lines: Mapping[str, Line],
        *,
        rate: float = 30.0,
        chat_rate: float = 1.0,
        files: Callable[[bytes], Awaitable[Attachment]] | None = None,
    ) -> None:
        self.name = self.channel = platform.name
        self._platform = platform
        self._clock = asyncio.get_running_loop().time
        self._bots = {
            route: _Standing(line, Pace(rate, chat_rate, clock=self._clock)) for route, line in lines.items()
        }
        self._first = next(iter(self._bots))
        self._files = files
        self._begun: dict[bytes, int] = {}

    async def send(self, batch: Sequence[Outgoing]) -> Sequence[Outcome]:
        chats: dict[tuple[str, str], list[Outgoing]] = {}
        for outgoing in batch:
            chats.setdefault((outgoing.route, outgoing.to), []).append(outgoing)
        outcomes: dict[bytes, Outcome] = {}

        async def one_chat(messages: Sequence[Outgoing]) -> None:
            for outgoing in messages:
                outcomes[outgoing.id] = await self.send_one(outgoing)

        await asyncio.gather(*(one_chat(messages) for messages in chats.values()))
        return [outcomes[outgoing.id] for outgoing in batch]

    async def send_one(self, outgoing: Outgoing) -> Outcome:
        """Sends one message, once its place among the others has come. Never raises."""
        bot = self._bots.get(outgoing.route or self._first)
        if bot is None:
            return Misconfigured(f"there is no bot {outgoing.route} here")
        if not outgoing.payload:
            return await self._say(bot, outgoing)
        try:
            request = _read_payload(outgoing.payload)
            method = str(request.pop("method", "sendMessage"))
        except msgspec.MsgspecError:
            return Rejected("the payload is not JSON")
        if method == "sendFile":
            return await self._send_file(bot, outgoing, str(request.get("file")))
        return await self._ask(bot, outgoing, method, request, outgoing.body)

    async def _send_file(self, bot: _Standing, outgoing: Outgoing, file: str) -> Outcome:
        """A file of ours; as a document where the messenger does not like it as a photo."""
        if self._files is None:
            return Rejected("this bot sends no files")
        try:
            attachment = await self._files(bytes.fromhex(file))
        except (LookupError, ValueError):
            return Rejected("there is no such file")
        except Unreadable:
            return Misconfigured("its key is not in the key ring")
        except Unavailable:
            wait = timedelta(seconds=AWAY[-1])
            return Away("the records are away", retry_after=wait, tried=False)
        photo = attachment.type in PHOTOS and len(attachment.content) <= PHOTO_BYTES
        for kind in ("photo", "document") if photo else ("document",):
            outcome = await self._ask(bot, outgoing, f"send{kind.title()}", {}, "", (kind, attachment))
            if not isinstance(outcome, Rejected):
                break
        return outcome

    async def show_typing(self, route: str, chat: str) -> None:
        """Shows in a chat that somebody is writing, which the messenger does for five seconds. Never raises:
        where a message could not go at once, or nobody answers, nothing is shown."""
        bot = self._bots.get(route or self._first)
        if bot is None or bot.failures or self._waits(bot, chat) is not None or bot.pace.place(chat, 0.0):
            return
        try:
            body = _encode({"chat_id": chat, "action": "typing"})
            answer = await bot.line.ask("sendChatAction", body, SHOWN_WITHIN)
        except TelegramError:
            return
        # That it may be asked for less is all that counts: a messenger that does not know of this is well.
        if not answer.ok and self._kind(bot, answer) is Throttled:
            self._slower(bot, chat, str(answer.error_code), answer.retry_after or RETRY)

    async def _say(self, bot: _Standing, outgoing: Outgoing) -> Outcome:
        """Plain words, in as many messages as they need. One that fails in between goes on where it was, as
        long as this process remembers."""
        parts = split(outgoing.body, MESSAGE_UNITS)
        if len(parts) == 1:
            return await self._ask(bot, outgoing, "sendMessage", {}, parts[0])
        outcome: Outcome = Rejected("there are no words")
        for place in range(self._begun.pop(outgoing.id, 0), len(parts)):
            outcome = await self._ask(bot, outgoing, "sendMessage", {}, parts[place])
            if not isinstance(outcome, Accepted):
                self._begun[outgoing.id] = place
                break
        return outcome

    async def _ask(
        self,
        bot: _Standing,
        outgoing: Outgoing,
        method: str,
        request: dict[str, Any],
        words: str,
        attached: tuple[str, Attachment] | None = None,
    ) -> Outcome:
        chat = outgoing.to
        if (waits := self._waits(bot, chat)) is not None:
            return waits
        if wait := bot.pace.place(chat, PATIENCE):
            if wait > PATIENCE:
                return Throttled("its turn has not come", retry_after=timedelta(seconds=wait), tried=False)
            await asyncio.sleep(wait)
            if (waits := self._waits(bot, chat)) is not None:
                return waits  # The bot was told to wait meanwhile.
        request["chat_id"] = chat
        if method == "sendMessage":
            request["text"] = words
        try:
            body = _encode(request)
        except UnicodeEncodeError:
            return Rejected("half of a character is in the text")
        tries = bot.trying = bot.failures > 0
        try:
            if attached is None:
                answer = await bot.line.ask(method, body)
            else:
                answer = await bot.line.upload(method, {"chat_id": chat}, *attached)
        except Unconnected as error:
            return self._away(bot, str(error))
        except Broken as error:
            # Once is this message's bad luck. Again and again it is a way that swallows what goes into it:
            # not everything that waits is to be thrown after it.
            bot.unanswered += 1
            if bot.unanswered >= SILENCE:
                self._away(bot, str(error))
            return Ambiguous(str(error))
        finally:
            if tries:
                bot.trying = False
        bot.failures = bot.unanswered = 0
        bot.line.away = False
        return self._outcome(bot, chat, answer)

    def _waits(self, bot: _Standing, chat: str) -> DispatchError | None:
        """Why the bot, or this chat, is left alone now."""
        now = self._clock()
        if bot.why is not None:
            if now < bot.until:
                rest = timedelta(seconds=bot.until - now)
                return type(bot.why)(bot.why.detail, retry_after=rest, tried=False)
            bot.why = None
        if bot.trying:
            # After a while nobody expects it to take but a moment.
            wait = AWAY[0] if bot.failures < LONG else CONNECT
            return Away("others try first", retry_after=timedelta(seconds=wait), tried=False)
        until = bot.chats.get(chat)
        if until is not None:
            if now < until:
                rest = timedelta(seconds=until - now)
                return Throttled("the chat was told to wait", retry_after=rest, tried=False)
            del bot.chats[chat]
        return None

    def _outcome(self, bot: _Standing, chat: str, answer: Answer) -> Outcome:
        if answer.ok or DONE_ALREADY in answer.description:
            bot.line.accept()
            if bot.told:
                log.warning("bot sends again", bot=bot.line.route)
                bot.told = ""
            try:
                return Accepted(f"{chat}:{_read_sent(answer.result).message_id}")
            except msgspec.MsgspecError:
                return Accepted()  # ``True``, as most methods answer.
        detail = bot.line.without_token(f"{answer.error_code} {answer.description}")[:200]
        error = self._kind(bot, answer)
        if error is None:
            known = 500 <= answer.error_code < 600
            if not known:
                log.error("bot.unknown_error", bot=bot.line.route, error=answer.error_code)
            # They failed in the middle of it, or before it: nobody knows.
            return Ambiguous(detail)
        if error is Throttled:
            return self._slower(bot, chat, detail, answer.retry_after or RETRY)
        if error is Misconfigured:
            bot.line.refuse()
            return self._rest(bot, Misconfigured(detail), REFUSED)
        return error(detail)

    def _kind(self, bot: _Standing, answer: Answer) -> type[DispatchError] | None:
        """What a refusal is; None for one that is not known."""
        if any(word in answer.description for word in self._platform.throttled):
            return Throttled
        if bot.line.refuses_token(answer.error_code, answer.description):
            return Misconfigured
        return ERRORS.get(answer.error_code)

    def _slower(self, bot: _Standing, chat: str, detail: str, seconds: float) -> DispatchError:
        """A chat was told to wait, or the bot: the answer does not say which. Several chats are the bot."""
        now = self._clock()
        bot.chats[chat] = now + seconds
        if len(bot.chats) >= FLOOD:
            bot.chats = {known: until for known, until in bot.chats.items() if until > now}
            if len(bot.chats) >= FLOOD:
                return self._rest(bot, Throttled(detail), max(seconds, bot.until - now))
        return Throttled(detail, retry_after=timedelta(seconds=seconds))

    def _away(self, bot: _Standing, detail: str) -> DispatchError:
        """Nobody is there: the whole bot waits, and one message after each wait finds out."""
        if bot.why is not None and bot.until > self._clock():
            return Away(detail, retry_after=timedelta(seconds=bot.until - self._clock()))
        seconds = AWAY[min(bot.failures, len(AWAY) - 1)]
        bot.failures += 1
        bot.line.away = True
        return self._rest(bot, Away(detail), seconds)

    def _rest(self, bot: _Standing, why: DispatchError, seconds: float) -> DispatchError:
        if bot.told != why.name:
            bot.told = why.name
            log.warning("bot left alone", bot=bot.line.route, error=why.name, why=why.detail, seconds=seconds)
        bot.why, bot.until = why, self._clock() + seconds
        return type(why)(why.detail, retry_after=timedelta(seconds=seconds))
