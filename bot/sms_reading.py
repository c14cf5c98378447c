"""Reads what was stored: one place takes the turns of SMS from every source.

Of each sender one message is worked at a time and in the order of arrival, whichever process has it; senders
at once, as many as there is room for. A process that is killed leaves its messages to whoever looks next: the
turn knows the message by its key, so it is taken once.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from bot import sms, sms_loops
from bot.sms_consent import ConsentRule, wish_of
from bot.sms_intake import read
from bot.sms_loops import (
    ANSWERED,
    BROKEN,
    CONSENT,
    CUT,
    KEPT,
    LATE,
    LIMITS,
    QUIET,
    SILENT,
    UNREADABLE,
    Limits,
)
from conversation.incoming import Incoming, Reply
from logs import masked
from records import inbox
from records.committer import Committer
from records.database import Database
from records.inbox import Kept
from records.unit import Conflict, Unavailable, Unit
from records.vault import Vault

AT_ONCE = 32  # Senders whose turns are under way.
LEASE = timedelta(seconds=10)  # So long a killed process's messages wait for the next one.
POLL = 1.0  # Seconds between looks at the inbox, unless woken.
GRACE = 15.0  # Seconds that a stop waits for turns under way.

# Seconds until a message is tried again that could not be worked (too many turns, the records away).
PAUSES = (0.2, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0)
MOST_TRIES = 6  # With an error that is a defect of ours; else it is tried for as long as it makes sense:
FORGOTTEN = timedelta(hours=24)

log = structlog.get_logger()


class Conversation(Protocol):
    """What is needed of the conversation."""

    async def take_turn(self, incoming: Incoming) -> Reply:
        """The reply to one message, queued already. It does not raise."""


class Reader:
    """``lines`` are our numbers; without any, each that is written to is ours. ``alone``: there is no other
    process, so that what is leased at the start is what a killed one left. ``watch`` is told what was done
    with each message (``sms_loops.OUTCOMES``)."""

    def __init__(
        self,
        *,
        conversation: Conversation,
        consents: ConsentRule,
        database: Database,
        committer: Committer,
        vault: Vault,
        lines: Sequence[str],
        clock: Callable[[], datetime],
        wake: asyncio.Event,
        at_once: int = AT_ONCE,
        alone: bool = False,
        watch: Callable[[str], None] = lambda outcome: None,
        limits: Limits = LIMITS,
        lease: timedelta = LEASE,
        poll: float = POLL,
    ) -> None:
        self._conversation = conversation
        self._consents = consents
        self._database = database
        self._committer = committer
        self._vault = vault
        self._lines = lines
        self._clock = clock
        self._wake = wake
        self._at_once = at_once
        self._alone = alone
        self._watch = watch
        self._limits = limits
        self._lease = lease
        self._poll = poll
        self._stopping = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._held: dict[bytes, bytes] = {}  # Row → lease.

    async def run(self) -> None:
        """Reads until ``stop``; turns under way are ended first."""
        renewing = asyncio.create_task(self._renew())
        try:
            while not self._stopping:
                self._wake.clear()
                if not (await self._left() and await self._claim()):
                    await _within(self._wake, self._poll)
        finally:
            if self._tasks:
                _ended, late = await asyncio.wait(self._tasks, timeout=GRACE)
                for task in late:  # Their leases run out, and others take over.
                    task.cancel()
            renewing.cancel()

    def stop(self) -> None:
        """Claims nothing more."""
        self._stopping = True
        self._wake.set()

    async def _left(self) -> bool:
        """Gives back, once, what a killed process left; whether that is done."""
        if self._alone:
            try:
                await inbox.release_all(self._database)
            except Unavailable as error:
                log.warning("the inbox waits for the database", reason=str(error))
                return False
            self._alone = False
        return True

    async def _claim(self) -> bool:
        """Sets to work what is due and there is room for; whether there was anything."""
        room = self._at_once - len(self._held)
        if room <= 0:
            return False
        lease, now = os.urandom(16), self._clock()
        try:
            claimed = await inbox.claim(
                self._database, self._vault, now=now, lease=lease, until=now + self._lease, most=room
            )
        except Unavailable as error:
            log.warning("the inbox waits for the database", reason=str(error))
            return False
        for kept in claimed:
            self._held[kept.id] = lease
            task = asyncio.create_task(self._work(kept, lease))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return bool(claimed)

    # One message.

    async def _work(self, kept: Kept, lease: bytes) -> None:
        """From its claim to its mark."""
        try:
            outcome = await self._outcome(kept, lease)
            if outcome:
                self._watch(outcome)
            else:
                pause = timedelta(seconds=PAUSES[min(kept.tries, len(PAUSES) - 1)])
                await inbox.release(self._database, lease, [kept.id], self._clock() + pause, 1)
        except (Unavailable, Conflict) as error:
            # Its lease runs out, and it is looked at anew: what was done is found done.
            log.warning("sms not worked yet", reason=str(error))
        finally:
            self._held.pop(kept.id, None)
            self._wake.set()

    async def _outcome(self, kept: Kept, lease: bytes) -> str:
        """What was done with a message, which is marked so; "" when it has to wait."""
        try:
            return await self._treat(kept, lease)
        except (Unavailable, Conflict):
            raise
        except Exception:
            log.exception("sms failed", tries=kept.tries)
            return await self._mark(kept, lease, BROKEN) if kept.tries >= MOST_TRIES else ""

    async def _treat(self, kept: Kept, lease: bytes) -> str:
        if kept.content is None:
            log.error("sms unreadable: its key is not in the key ring")
            return await self._mark(kept, lease, UNREADABLE)
        message = read(kept.content)
        incoming = sms.parse(message, self._lines)
        if incoming is None:
            if sms.number_of(message.sender):
                log.warning("sms to a line that SMS_LINES does not name", line=message.line[:32])
            return await self._mark(kept, lease, KEPT)
        now, sender = self._clock(), masked(incoming.caller.address)
        rule = await self._broken(kept)
        wish = wish_of(message.text)
        if wish is not None and await self._consents.holds(wish, incoming, now):
            unit = Unit()
            await self._consents.obey(unit, wish, incoming, now, kept.id, silent=bool(rule))
            return await self._mark(kept, lease, CONSENT, unit)
        if rule == sms_loops.REST:
            return await self._mark(kept, lease, SILENT)
        if rule:
            log.warning("sms loop cut", sender=sender, rule=rule)
            return await self._mark(kept, lease, CUT)
        if now - kept.received_at > FORGOTTEN:
            log.error("sms given up", sender=sender, tries=kept.tries)
            return await self._mark(kept, lease, LATE)
        reply = await self._conversation.take_turn(incoming)
        if not reply.taken:
            return ""
        return await self._mark(kept, lease, ANSWERED if reply.text else QUIET)

    async def _broken(self, kept: Kept) -> str:
        """The rule against loops that it breaks, if any."""
        limits = self._limits
        since = kept.received_at - limits.memory
        past = await inbox.past(self._database, kept.party, kept.id, since, limits.flood)
        return sms_loops.broken(past, kept.said, kept.received_at, limits)

    async def _mark(self, kept: Kept, lease: bytes, outcome: str, unit: Unit | None = None) -> str:
        unit = unit or Unit()
        inbox.finish(unit, kept.id, lease, outcome, self._clock())
        await self._committer.commit(unit)
        return outcome

    async def _renew(self) -> None:
        """Holds the leases of what is under way."""
        while True:
            await asyncio.sleep(self._lease.total_seconds() / 3)
            leases: dict[bytes, list[bytes]] = {}
            for id, lease in self._held.items():
                leases.setdefault(lease, []).append(id)
            for lease, ids in leases.items():
                try:
                    await inbox.renew(self._database, lease, self._clock() + self._lease, ids)
                except Unavailable as error:
                    log.warning("sms leases not renewed", messages=len(ids), reason=str(error))


async def _within(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass  # Nobody woke us: time to look again.
