"""Updates by polling: ``getUpdates``, one process for each bot.

``offset`` tells the messenger to forget what lies below it, so it goes no further than to the first update
that is not taken yet. What came after that comes again with each answer and is passed over. Killed at any
point, we are given again what was not forgotten; what of that was taken already changes nothing.

Several processes on one database agree by a lease on who polls. Somebody who polls beside us without it (409)
is left the bot for a while, without a word for each time.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec
import structlog
from telegram.error import TelegramError

from bot.telegram_updates import WANTED, Updates
from dispatch.providers.bot.line import Answer, Line
from records import leases
from records.database import Database
from records.unit import Unavailable

log = structlog.get_logger()

HELD = 5  # Seconds that the messenger holds a request to which it has nothing to answer.
LEASE = timedelta(seconds=15)  # Longer than one request takes.
RENEW = timedelta(seconds=8)  # Renewed when so much or less is left: not with each request.
LOOK = 3.0  # Seconds between looks for a lease that somebody else has.
PAUSES = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)  # Seconds between tries while the messenger is away.
REFUSED = 60.0  # Seconds before a refused token is tried again.
BESIDE = (8.0, 20.0)  # Seconds that a bot is left to whoever else polls it, at random.
MOST = 100  # Updates in one answer.


class _Id(msgspec.Struct):
    update_id: int


_read_id = msgspec.json.Decoder(_Id).decode
_read_list = msgspec.json.Decoder(list[msgspec.Raw]).decode


class Polling:
    """Polls one bot. ``database`` has the lease; None where this is the only process. ``held`` is how many
    seconds a request may be held that there is no answer to yet."""

    def __init__(
        self,
        line: Line,
        updates: Updates,
        *,
        clock: Callable[[], datetime],
        database: Database | None = None,
        held: int = HELD,
    ) -> None:
        self._line = line
        self._updates = updates
        self._clock = clock
        self._database = database
        self._held = held
        self._owner = os.urandom(16)
        self._until: datetime | None = None
        self._offset: int | None = None
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._failures = 0
        self._beside = False

    async def run(self) -> None:
        """Until it is cancelled; then what was begun is ended, and the lease given back."""
        try:
            while True:
                if await self._leads():
                    await self.poll()
                else:
                    await self._ended()
                    self._offset = None
                    await asyncio.sleep(LOOK)
        finally:
            await self._ended()
            if self._database is not None and self._until is not None:
                try:
                    await leases.drop(self._database, self._name, self._owner)
                except Unavailable:
                    pass  # It runs out by itself.

    @property
    def _name(self) -> str:
        return f"polling {self._line.route}"

    async def _leads(self) -> bool:
        """Whether this process is the one that polls."""
        if self._database is None:
            return True
        now = self._clock()
        if self._until is not None and self._until - now > RENEW:
            return True
        until = now + LEASE
        try:
            mine = await leases.take(self._database, self._name, self._owner, now, until)
        except Unavailable:
            # Without the records nothing is taken; whoever has the lease keeps it.
            return self._until is not None and self._until > now
        if mine and self._until is None:
            log.info("polling", bot=self._line.route)
        self._until = until if mine else None
        return mine

    async def poll(self) -> None:
        """One request, and what follows from its answer."""
        idle = not self._tasks
        waiting = any(not task.done() for task in self._tasks.values())
        try:
            answer = await self._ask(0 if waiting else self._held)
            if not answer.ok:
                await self._refused(answer)
                return
        except TelegramError as error:
            self._failures += 1
            self._line.away = True
            if self._failures == 3:
                log.warning("bot unreachable", bot=self._line.route, error=type(error).__name__)
            await asyncio.sleep(PAUSES[min(self._failures, len(PAUSES)) - 1])
            return
        if self._failures >= 3:
            log.warning("bot reachable again", bot=self._line.route)
        self._failures, self._beside, self._line.reached, self._line.away = 0, False, True, False
        self._line.accept()
        fresh = self._begin(answer)
        if not fresh:
            await self._pause()
        self._advance()
        if idle and not fresh:
            # All below the offset is forgotten by now. After a quiet week Telegram counts from elsewhere, so
            # that an old offset might lie above what comes.
            self._offset = None

    async def _ask(self, held: int) -> Answer:
        request: dict[str, object] = {"timeout": held, "limit": MOST}
        if self._offset is not None:
            request["offset"] = self._offset
        if self._line.platform.members:
            request["allowed_updates"] = WANTED
        return await self._line.ask("getUpdates", msgspec.json.encode(request), held + 15.0)

    def _begin(self, answer: Answer) -> int:
        """Begins with each update that is new; how many there were."""
        try:
            updates = _read_list(answer.result)
        except msgspec.MsgspecError:
            log.error("bot answered what is no list of updates", bot=self._line.route)
            return 0
        fresh = 0
        for update in updates:
            raw = bytes(update)
            try:
                id = _read_id(raw).update_id
            except (msgspec.MsgspecError, UnicodeDecodeError):
                log.warning("update unreadable", bot=self._line.route, problem="it has no id", bytes=len(raw))
                continue
            if id not in self._tasks and (self._offset is None or id >= self._offset):
                # Tasks begin in the order in which they are made, and so those of one chat keep theirs.
                self._tasks[id] = asyncio.create_task(self._take(raw))
                fresh += 1
        return fresh

    async def _take(self, raw: bytes) -> None:
        taken = await self._updates.take(raw, self._line, tries=0)
        if taken.answer is not None:
            self._updates.answer(self._line, taken.answer)

    async def _pause(self) -> None:
        """Nothing new came. While something is under way the messenger answers at once, with the same."""
        under_way = [task for task in self._tasks.values() if not task.done()]
        if under_way:
            await asyncio.wait(under_way, timeout=0.3, return_when=asyncio.FIRST_COMPLETED)

    def _advance(self) -> None:
        """Moves the offset to the first update that is not taken yet."""
        while self._tasks:
            first = min(self._tasks)
            if not self._tasks[first].done():
                self._offset = first
                return
            self._tasks.pop(first).result()
            self._offset = first + 1

    async def _refused(self, answer: Answer) -> None:
        code, said = answer.error_code, answer.description
        if self._line.refuses_token(code, said):
            self._line.refuse()
            await asyncio.sleep(REFUSED)
        elif code == 409 and "webhook" in said.lower():
            log.warning("bot had a webhook, which polling takes away", bot=self._line.route)
            await self._line.ask("deleteWebhook", b"{}")
        elif code == 409:
            if not self._beside:
                log.warning("somebody else polls this bot", bot=self._line.route)
            self._beside = True
            await asyncio.sleep(random.uniform(*BESIDE))  # noqa: S311 - only to get out of step.
        else:
            self._failures += 1
            log.warning("bot refused getUpdates", bot=self._line.route, error=code, why=said[:100])
            await asyncio.sleep(answer.retry_after or PAUSES[min(self._failures, len(PAUSES)) - 1])

    async def _ended(self) -> None:
        """Lets go of what is under way: it is given again to whoever polls next, if it does not end now."""
        tasks = [task for task in self._tasks.values() if not task.done()]
        if tasks:
            _done, late = await asyncio.wait(tasks, timeout=5.0)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        self._tasks.clear()
