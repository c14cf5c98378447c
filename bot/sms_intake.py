"""Takes SMS from their sources: a message is stored, and only then may its source forget it.

What comes of it is ``sms_reading``'s, which the event that is shared with it wakes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec

from bot import sms, sms_loops
from bot.sms import InboundSms
from bot.sms_loops import LIMITS, Limits
from conversation.request import digest
from records import inbox
from records.committer import Committer
from records.database import Database
from records.unit import Conflict, Unit
from records.vault import Vault
from services.webhooks import heard

MINUTE = timedelta(minutes=1)

# What blind indexes of these are made for: senders without a number, what somebody said.
STRANGER, SAID = "sms-sender", "sms-said"

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(InboundSms)


class Intake:
    """A ``bot.sms.Taker`` for every source. ``wake`` is set when there is something to read."""

    def __init__(
        self,
        *,
        database: Database,
        committer: Committer,
        vault: Vault,
        clock: Callable[[], datetime],
        wake: asyncio.Event,
        limits: Limits = LIMITS,
    ) -> None:
        self._database = database
        self._committer = committer
        self._vault = vault
        self._clock = clock
        self._wake = wake
        self._limits = limits

    async def accept(self, message: InboundSms) -> bool:
        """See ``bot.sms.Taker``."""
        key, *before = (digest(each) for each in sms.keys_of(message))
        unit, now = Unit(), self._clock()
        id = self._add(unit, message, key, now)
        if before and await inbox.known(self._database, before, now - MINUTE):
            return False
        await heard(self._database, unit, message.line, id, now)
        try:
            await self._committer.commit(unit)
        except Conflict:
            return False
        self._wake.set()
        return True

    def _add(self, unit: Unit, message: InboundSms, key: bytes, now: datetime) -> bytes:
        number = sms.number_of(message.sender)
        party = self._vault.index("msisdn", number) if number else self._vault.index(STRANGER, message.sender)
        words = sms_loops.skeleton(message.text, self._limits)
        return inbox.add(
            unit,
            self._vault,
            now=now,
            key=key,
            party=party,
            said=self._vault.index(SAID, f"{party.hex()} {words}") if words else None,
            content=_encoder.encode(message),
        )


def read(content: bytes) -> InboundSms:
    """The message that was stored."""
    return _decoder.decode(content)
