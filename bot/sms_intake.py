"""Takes turns from the inbox: the one place for every source of SMS.

A message is stored, acknowledged to its source, and then worked: of each sender one at a time and in the
order of arrival, whichever process has it; senders at once, as many as there is room for. A process that is
killed leaves its messages to whoever looks next: the turn knows the message by its key, so it is taken once.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import msgspec
import structlog

from bot import sms, sms_loops
from bot.sms import InboundSms
from bot.sms_consent import ConsentRule, wish_of
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
from conversation.request import digest
from logs import masked
from records import inbox
from records.committer import Committer
from records.database import Database
from records.inbox import Kept
from records.unit import Conflict, Unavailable, Unit
from records.vault import Vault

AT_ONCE = 32  # Senders whose turns are under way: one channel must not take all of a process's turns.
LEASE = timedelta(seconds=10)  # So long a killed process's messages wait for the next one.
POLL = 1.0  # Seconds between looks at the inbox, unless woken.
GRACE = 15.0  # Seconds that a stop waits for turns under way.

# Seconds until a message is tried again that could not be worked (too many turns, the records away).
PAUSES = (1, 2, 5, 15, 60)
MOST_TRIES = 5  # With an error that is a defect of ours; else it is tried for as long as it makes sense:
FORGOTTEN = timedelta(hours=24)
MINUTE = timedelta(minutes=1)

# What blind indexes of these are made for: senders without a number, what somebody said.
STRANGER, SAID = "sms-sender", "sms-said"

log = structlog.get_logger()


class Conversation(Protocol):
    """What is needed of the conversation."""

    async def take_turn(self, incoming: Incoming) -> Reply:
        """The reply to one message, queued already. It does not raise."""


class Intake:
    """``lines`` are our numbers; without any, each that is written to is ours. ``watch`` is told what was
    done with each message (``sms_loops.OUTCOMES``)."""

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
        self._watch = watch
        self._limits = limits
        self._lease = lease
        self._poll = poll
        self._wake = asyncio.Event()
        self._stopping = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._held: dict[bytes, bytes] = {}  # Row → lease.
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(InboundSms)

    async def accept(self, sms: InboundSms) -> bool:
        """See ``bot.sms.Taker``."""
        unit = Unit()
        keys = self._add(unit, sms)
        if len(keys) > 1 and await inbox.known(self._database, keys[1:], self._clock() - MINUTE):
            return False
        try:
            await self._committer.commit(unit)
        except Conflict:
            return False
        self._wake.set()
        return True

    def _add(self, unit: Unit, message: InboundSms) -> list[bytes]:
        """Adds the message to the unit; the keys that it may be known by."""
        keys = [digest(key) for key in sms.keys_of(message)]
        number = sms.number_of(message.sender)
        party = self._vault.index("msisdn", number) if number else self._vault.index(STRANGER, message.sender)
        words = sms_loops.skeleton(message.text, self._limits)
        inbox.add(
            unit,
            self._vault,
            now=self._clock(),
            key=keys[0],
            party=party,
            said=self._vault.index(SAID, f"{party.hex()} {words}") if words else None,
            content=self._encoder.encode(message),
        )
        return keys

    # What waits.

    async def run(self) -> None:
        """Works the inbox until ``stop``; turns under way are ended first."""
        renewing = asyncio.create_task(self._renew())
        try:
            while not self._stopping:
                self._wake.clear()
                if not await self._claim():
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

    async def _claim(self) -> bool:
        """Sets to work what is due and there is room for; whether there was anything."""
        room = AT_ONCE - len(self._tasks)
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

    async def _work(self, kept: Kept, lease: bytes) -> None:
        """One message, from its claim to its mark."""
        try:
            outcome = await self._outcome(kept, lease)
            if outcome:
                self._watch(outcome)
            else:
                await self._put_off(kept, lease)
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
        message = self._decoder.decode(kept.content)
        incoming = sms.parse(message, self._lines)
        if incoming is None:
            if sms.number_of(message.sender):
                log.warning("sms to a line that SMS_LINES does not name", line=message.line[:32])
            return await self._mark(kept, lease, KEPT)
        now, limits = self._clock(), self._limits
        past = await inbox.past(
            self._database, kept.party, kept.id, kept.received_at - limits.memory, limits.flood
        )
        rule = sms_loops.broken(past, kept.said, kept.received_at, limits)
        wish = wish_of(message.text)
        if wish is not None and await self._consents.holds(wish, incoming, now):
            unit = Unit()
            await self._consents.obey(unit, wish, incoming, now, kept.id, silent=bool(rule))
            return await self._mark(kept, lease, CONSENT, unit)
        if rule == "rest":
            return await self._mark(kept, lease, SILENT)
        if rule:
            log.warning("sms loop cut", sender=masked(incoming.caller.address), rule=rule)
            return await self._mark(kept, lease, CUT)
        if now - kept.received_at > FORGOTTEN:
            log.error("sms given up", sender=masked(incoming.caller.address), tries=kept.tries)
            return await self._mark(kept, lease, LATE)
        reply = await self._conversation.take_turn(incoming)
        if not reply.taken:
            return ""
        return await self._mark(kept, lease, ANSWERED if reply.text else QUIET)

    async def _mark(self, kept: Kept, lease: bytes, outcome: str, unit: Unit | None = None) -> str:
        unit = unit or Unit()
        inbox.finish(unit, kept.id, lease, outcome, self._clock())
        await self._committer.commit(unit)
        return outcome

    async def _put_off(self, kept: Kept, lease: bytes) -> None:
        pause = timedelta(seconds=PAUSES[min(kept.tries, len(PAUSES) - 1)])
        await inbox.release(self._database, lease, [kept.id], self._clock() + pause, 1)

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
