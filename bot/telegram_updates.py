"""What happens to each update of a bot, however it came: by webhook or by polling.

An update is taken when what it causes is in the records; only then may the messenger forget it. One that
cannot be understood, or that fails by a defect of ours, is logged, counted and taken: it would hold up the
ones behind it for ever.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Protocol

import msgspec
import structlog
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector
from telegram.error import BadRequest, TelegramError

from bot import telegram_words as words
from bot.asides import Asides
from bot.telegram import (
    Contact,
    Elsewhere,
    FileSent,
    Ignored,
    Membership,
    Other,
    Press,
    Unreadable,
    Update,
    parse,
)
from conversation.incoming import Caller, Incoming, Reply
from conversation.lease import Leases
from conversation.outgoing import Parcel
from dispatch.providers.bot.line import Line
from engine.channels import CHANNELS
from engine.turn import Language
from records import blocking
from records.committer import Committer
from records.database import Database
from records.unit import Unavailable, Unit
from records.vault import Vault

log = structlog.get_logger()

# The kinds of updates that a messenger is asked for, where it lets us ask.
WANTED = ("message", "callback_query", "my_chat_member")

AT_ONCE = 64  # Updates at work in one process; more wait.
PAUSES = (0.3, 1.0, 2.0, 4.0, 8.0, 15.0)  # Seconds between tries of one update.
GIVE_UP = 8  # Tries after which an update is at fault, if as many others were taken meanwhile.
PATIENCE = 10.0  # Seconds for ``answerCallbackQuery``, which nobody waits for.


class Conversation(Protocol):
    """What updates need of the conversation."""

    async def take_turn(self, incoming: Incoming) -> Reply:
        """The reply to one message; it is in the outbox by then, unless it was not ``taken``."""


class Files(Protocol):
    """Who keeps the files that people send."""

    @property
    def most(self) -> int:
        """The most bytes that one may have."""

    async def keep(self, sent: FileSent, content: Callable[[], AsyncIterator[bytes]]) -> Incoming:
        """The message as the conversation takes it: with the file's id, or with why it was not kept.
        ``content`` fetches it from the messenger. Doing it twice is as doing it once. Raises ``Unavailable``
        and what ``content`` raises."""


class Taken(msgspec.Struct, frozen=True):
    """``done``: the messenger may forget the update; else it should bring it again. ``answer`` is a method
    with its parameters that stops the pressed button's waiting, to be sent wherever that costs least."""

    done: bool
    answer: Mapping[str, str] | None = None


DONE, AGAIN = Taken(True), Taken(False)


class Updates(Collector):
    """Takes updates: those of one chat one after another, chats side by side."""

    def __init__(
        self,
        *,
        conversation: Conversation,
        asides: Asides,
        database: Database,
        committer: Committer,
        vault: Vault,
        languages: Mapping[str, Language],
        clock: Callable[[], datetime],
        files: Files | None = None,
        at_once: int = AT_ONCE,
    ) -> None:
        self._conversation = conversation
        self._asides = asides
        self._database = database
        self._committer = committer
        self._vault = vault
        self._languages = languages
        self._clock = clock
        self._files = files
        self._chats = Leases()
        self._room = asyncio.Semaphore(at_once)
        self._answering: set[asyncio.Task[None]] = set()
        self._taken = 0
        self.counts: Counter[tuple[str, str]] = Counter()

    async def take(self, raw: bytes, line: Line, *, tries: int = 3) -> Taken:
        """Does what the update asks for, if need be ``tries`` times (0: as long as it takes) while those of
        its chat that came later wait: once they are taken, it would be too late for it. Never raises."""
        try:
            update = parse(raw, line)
        except Unreadable as error:
            self.counts[line.route, "unreadable"] += 1
            log.warning("update unreadable", bot=line.route, problem=str(error), bytes=len(raw))
            return DONE
        caller = _speaker(update)
        if caller is None:
            return await self._try(update, line, tries)
        async with self._chats.hold(f"{line.route}\x1f{caller.session}".encode()):
            return await self._try(update, line, tries)

    async def _try(self, update: Update, line: Line, tries: int) -> Taken:
        others, tried = self._taken, 0
        while True:
            async with self._room:
                taken = await self._once(update, line)
            tried += 1
            if taken.done:
                self._taken += 1
                return taken
            if tried == tries:
                return taken
            if tried >= GIVE_UP and self._taken - others >= GIVE_UP:
                # Nothing is away: others were taken all the while.
                log.error("update given up", bot=line.route, kind=type(update).__name__, tries=tried)
                self.counts[line.route, "given_up"] += 1
                return DONE
            await asyncio.sleep(PAUSES[min(tried, len(PAUSES)) - 1])

    async def _once(self, update: Update, line: Line) -> Taken:
        try:
            taken = await self._react(update, line)
        except Unavailable as error:
            log.info("update waits for the database", bot=line.route, reason=str(error))
            taken = AGAIN
        except Exception:
            # Whatever it was, it would be so again: the updates behind this one must not wait for a repair.
            log.exception("update failed", bot=line.route, kind=type(update).__name__)
            self.counts[line.route, "broken"] += 1
            return DONE
        self.counts[line.route, type(update).__name__.lower() if taken.done else "again"] += 1
        return taken

    def answer(self, line: Line, answer: Mapping[str, str]) -> None:
        """Stops a button's waiting by a request of its own; nobody waits for that, and it may fail."""
        task = asyncio.create_task(self._answer(line, answer))
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def settled(self) -> None:
        """Waits for the requests that nobody waits for."""
        if self._answering:
            await asyncio.wait(self._answering, timeout=PATIENCE)

    def collect(self) -> Iterator[Metric]:
        """For ``/metrics``."""
        metric = CounterMetricFamily(
            "chapar_bot_updates", "Updates by what they were", labels=["bot", "kind"]
        )
        for labels, count in self.counts.items():
            metric.add_metric(list(labels), count)
        yield metric

    async def _react(self, update: Update, line: Line) -> Taken:
        match update:
            case Incoming():
                return await self._turn(update)
            case Press():
                return await self._pressed(update)
            case Contact():
                return await self._say(update.incoming, words.NOT_YOURS)
            case FileSent():
                return await self._file(update, line)
            case Other():
                return await self._say(update.incoming, words.WORDS_PLEASE)
            case Elsewhere():
                return await self._leave(update, line)
            case Membership():
                return await self._member(update)
        return Taken(True, _stop(update.press)) if update.press else DONE

    async def _turn(self, incoming: Incoming) -> Taken:
        return await self._replied(incoming, await self._conversation.take_turn(incoming))

    async def _replied(self, incoming: Incoming, reply: Reply) -> Taken:
        """A reply that is no turn's, because of a defect of ours, is not in the outbox yet."""
        if not reply.taken:
            return AGAIN
        if not reply.sequence and not reply.repeated and reply.text:
            await self._asides.send(incoming.caller, [Parcel(reply.text)], incoming.key or "")
        return DONE

    async def _pressed(self, press: Press) -> Taken:
        reply = await self._conversation.take_turn(press.incoming)
        if not (await self._replied(press.incoming, reply)).done:
            return AGAIN
        if not reply.repeated:
            return Taken(True, _stop(press.id))
        language = self._languages.get(reply.language) or self._languages["fa"]
        return Taken(True, {**_stop(press.id), "text": language.translate(words.OLD_MENU)})

    async def _file(self, sent: FileSent, line: Line) -> Taken:
        files = self._files
        if files is None:
            return await self._say(sent.incoming, words.FILE_LATER)
        if sent.size > files.most:
            return await self._say(sent.incoming, words.FILE_TOO_LARGE)
        try:
            incoming = await files.keep(sent, partial(_content, line, sent.id, files.most))
        except BadRequest:
            return await self._say(sent.incoming, words.FILE_TOO_LARGE)  # Or it is gone.
        except TelegramError as error:
            log.info("file not fetched", bot=line.route, error=type(error).__name__)
            return AGAIN
        return await self._turn(incoming)

    async def _say(self, incoming: Incoming, text: str) -> Taken:
        await self._asides.say(incoming.caller, text, incoming.key or "")
        return DONE

    async def _leave(self, elsewhere: Elsewhere, line: Line) -> Taken:
        """Out of a group or channel, after one message, once a day at the most."""
        channel = line.platform.name
        group = Caller(channel, line.route, elsewhere.chat, elsewhere.chat, CHANNELS[channel])
        text = self._languages["fa"].translate(words.PRIVATE_ONLY)
        leave = Parcel("", msgspec.json.encode({"method": "leaveChat"}))
        key = f"{elsewhere.chat}:{self._clock():%y%j}"
        await self._asides.send(group, [Parcel(text), leave], key)
        return DONE

    async def _member(self, member: Membership) -> Taken:
        caller, unit = member.caller, Unit()
        party = self._vault.index(caller.channel, caller.address)
        if member.blocked:
            await blocking.close(
                self._database, unit, kind=caller.channel, party=party, route=caller.route, now=self._clock()
            )
        else:
            blocking.reopen(unit, kind=caller.channel, party=party)
        await self._committer.commit(unit)
        log.info("chat closed to us" if member.blocked else "chat open to us again", bot=caller.route)
        return DONE

    async def _answer(self, line: Line, answer: Mapping[str, str]) -> None:
        body = msgspec.json.encode({name: value for name, value in answer.items() if name != "method"})
        try:
            await line.ask(answer["method"], body, PATIENCE)
        except TelegramError:
            pass  # The button waits until the messenger gives it up; nothing else depends on it.


def _stop(press: str) -> Mapping[str, str]:
    return {"method": "answerCallbackQuery", "callback_query_id": press}


def _speaker(update: Update) -> Caller | None:
    match update:
        case Incoming():
            return update.caller
        case Membership():
            return update.caller
        case Elsewhere() | Ignored():
            return None
    return update.incoming.caller


async def _content(line: Line, file: str, most: int) -> AsyncIterator[bytes]:
    """A file from the messenger. Raises python-telegram-bot's errors."""
    found = await line.bot.get_file(file)
    if not found.file_path:
        raise TelegramError("the file is not there any more")
    async for chunk in line.request.stream(found.file_path, most):
        yield chunk
