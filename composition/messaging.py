"""The bots on Telegram and Bale, wired: how each gets its updates, and what sends for them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog
from aiohttp import web
from telegram.error import TelegramError

from bot.asides import Asides
from bot.telegram_commands import commands
from bot.telegram_files import Cabinet
from bot.telegram_polling import Polling
from bot.telegram_typing import Typing
from bot.telegram_updates import Updates
from bot.telegram_webhook import Registration, route, secret_of
from composition.house import House, cancel, kept, now
from conversation.conversation import Conversation
from dispatch.providers.bot.line import Line
from dispatch.providers.bot.platforms import PLATFORMS
from dispatch.providers.bot.telegram import BotApi
from settings import BotSettings

log = structlog.get_logger()


def correspondents(home: House) -> dict[str, BotApi]:
    """Who carries what is said on each messenger that has a bot here."""
    carriers: dict[str, BotApi] = {}
    for name, bots in home.settings.bots.items():
        here = {at: line for at, line in home.lines.items() if line.platform.name == name}
        if here:
            carriers[name] = BotApi(
                PLATFORMS[name],
                here,
                rate=bots.rate,
                chat_rate=bots.chat_rate,
                files=home.services.files.read,
            )
    return carriers


@asynccontextmanager
async def typing_shown(home: House, carriers: Mapping[str, BotApi]) -> AsyncIterator[None]:
    """Whom an operator is writing to sees it meanwhile."""
    typing = Typing(home.database, home.vault, carriers, clock=now, alone=home.settings.embedded)
    silence = home.signals.listen(typing.heard)
    try:
        yield
    finally:
        silence()
        await typing.settled()


@dataclass(frozen=True, slots=True)
class Bots:
    """The bots of a process that answers."""

    home: House
    updates: Updates

    @classmethod
    def of(cls, home: House, conversation: Conversation) -> Bots | None:
        """None where there is no bot."""
        if not home.lines:
            return None
        asides = Asides(
            committer=home.committer,
            vault=home.vault,
            subscribers=home.services.subscribers,
            languages=home.languages,
            clock=now,
        )
        updates = Updates(
            conversation=conversation,
            asides=asides,
            database=home.database,
            committer=home.committer,
            vault=home.vault,
            languages=home.languages,
            clock=now,
            files=Cabinet(home.services.files, home.vault, now),
        )
        home.registry.register(updates)
        return cls(home, updates)

    def routes(self) -> Sequence[web.RouteDef]:
        """The doors of the bots that get their updates by webhook."""
        return [
            route(self.updates, line, secret_of(line, self._settings(line).webhook_secret))
            for line in self.home.lines.values()
            if self._by_webhook(line)
        ]

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Webhooks are set and the other bots polled, until it is left; then what was begun is ended."""
        lines = self.home.lines.values()
        tasks = [asyncio.create_task(kept(self._work(line).run)) for line in lines]
        tasks += [asyncio.create_task(self._introduce(line)) for line in lines if line.platform.commands]
        try:
            yield
        finally:
            await cancel(tasks)
            await self.updates.settled()

    async def _introduce(self, line: Line) -> None:
        """Tells the messenger what commands there are. Without them everything works."""
        library = self.home.library
        shown = commands([library.live(name) for name in library.names()], line.platform.name)
        try:
            await line.bot.set_my_commands(shown)
        except TelegramError as error:
            log.info("commands not set", bot=line.route, error=type(error).__name__)

    def _work(self, line: Line) -> Registration | Polling:
        settings = self.home.settings
        if self._by_webhook(line):
            secret = secret_of(line, self._settings(line).webhook_secret)
            return Registration(line, settings.public_url, secret)
        # On SQLite there is but one process.
        database = None if settings.embedded else self.home.database
        return Polling(line, self.updates, clock=now, database=database)

    def _settings(self, line: Line) -> BotSettings:
        return self.home.settings.bots[line.platform.name]

    def _by_webhook(self, line: Line) -> bool:
        mode = self._settings(line).mode
        return mode == "webhook" or (not mode and bool(self.home.settings.public_url))
