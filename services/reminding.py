"""Tells visitors of the web chat who are away that something waits for them there: one push for all of it.

Posts that the person has not read for a while are looked for again and again, among the latest ones; so a
process that dies forgets nobody, and where several look, the devices' rows say who was first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from languages import _
from records import devices as records
from records.committer import Committer
from records.database import Database
from records.outbox import queue
from records.schema import OURSELVES
from records.threads import where
from records.unit import Conflict, Unavailable, Unit
from records.vault import Unreadable, Vault
from services.notices import Notices

WAITS = _("در گفتگوی شما با چاپار پیام تازه‌ای هست.")
NAME = _("چاپار")

ROUTE = "webchat"
UNREAD = timedelta(seconds=30)  # Who has not read it by then is away.
LATELY = timedelta(minutes=30)  # Older posts are looked at no more.
PAUSE = timedelta(minutes=10)  # From one push to the next one to the same person, whatever comes.
LIFETIME = timedelta(days=1)
EVERY = 5.0  # Seconds between looks.
MOST = 500

log = structlog.get_logger()


class Reminding:
    def __init__(
        self,
        *,
        database: Database,
        committer: Committer,
        vault: Vault,
        notices: Notices,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._committer = committer
        self._vault = vault
        self._notices = notices
        self._clock = clock

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            try:
                await self.look()
            except Unavailable as error:
                log.warning("reminding.database_away", error=str(error))
            await asyncio.sleep(EVERY)

    async def look(self) -> int:
        """Queues a push for each who is away; for how many. Raises ``Unavailable``."""
        now = self._clock()
        waiting = await records.waiting(
            self._database, since=now - LATELY, until=now - UNREAD, told_before=now - PAUSE, most=MOST
        )
        if not waiting:
            return 0
        known = await records.of(self._database, {(OURSELVES, each.party) for each in waiting})
        told = 0
        for thread in {each.party: each for each in waiting}.values():
            browsers = known.get((OURSELVES, thread.party), ())
            if not any(each.pushed_at is None or each.pushed_at <= now - PAUSE for each in browsers):
                continue  # Somebody told them between the two looks at the database.
            unit = Unit()
            records.note_push(unit, browsers, now)
            try:
                to = where(self._vault, thread).address
            except Unreadable as error:
                log.error("reminding.unreadable", error=str(error))
                continue
            queue(
                unit,
                self._vault,
                now=now,
                channel="push",
                klass="service",
                kind=ROUTE,
                to=to,
                subject=self._notices.words(thread.language, NAME, {}),
                body=self._notices.words(thread.language, WAITS, {}),
                route=ROUTE,
                lifetime=LIFETIME,
            )
            try:
                await self._committer.commit(unit)
            except Conflict:
                continue  # Another process told them, or the browser was registered anew.
            told += 1
        return told
