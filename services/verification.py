"""Proves that a person holds a number: sends a one-time code to it and checks what comes back.

The code itself is never kept and never logged: its row holds an HMAC under the server's key. Nothing here
looks at whether a number is known, so that no answer can tell. A code is good only for who asked for it:
another person's guesses neither use up its checks nor pass as its owner's.

Every limit holds against simultaneous requests as well, because each step takes something that only one can
take: a wrong check moves the counter from the number it saw, a right one uses up the live row, and a send
takes the place after the last send of its number and of its asker (``records.changes.place``). The loser of a
race is a ``Conflict``: it runs again and finds what the winner left. Only the limit of a prefix, which guards
against floods and not against a person, can be passed by as many as ask in the same instant.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from engine.numbers import mobile
from records import verifications as records
from records.changes import as_left_by, place, waiting
from records.database import Database
from records.tables import microseconds, verifications
from records.unit import Unit
from records.vault import Vault
from records.verifications import Code, Ratio
from services.notices import Notices, Recipient
from services.sending_limits import DAY, Go, Limits, Past, TooMany, Wait, next_send

log = structlog.get_logger()

# Digits that tell one operator's or one region's range from the next: +98912, +44790.
PREFIX_LENGTH = 6

PURPOSE_LENGTH = 32

# Below this share of verified codes, among at least so many, somebody may be sending codes for their price.
ALARMING_SHARE = 0.3
ALARMING_SENDS = 20

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")


class BadNumber(ValueError):
    """What was given is not a phone number in E.164, and no Iranian mobile number in any other form."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A code is on its way ``by`` sms or voice."""

    by: str


@dataclass(frozen=True, slots=True)
class Right:
    """The code was right and is used up: the number is verified."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """The code was wrong; so many checks are left."""

    left: int


@dataclass(frozen=True, slots=True)
class Expired:
    """There is no code to check: none was asked for, its time is over, or it was used or replaced."""


class Verification:
    """``domain`` is the site in the last line of the SMS."""

    def __init__(
        self,
        *,
        database: Database,
        vault: Vault,
        notices: Notices,
        domain: str,
        limits: Limits | None = None,
    ) -> None:
        self._database = database
        self._vault = vault
        self._notices = notices
        self._domain = domain
        self._limits = limits or Limits()

    async def send(
        self, unit: Unit, *, now: datetime, number: str, purpose: str, language: str, asker: bytes
    ) -> Sent | Wait | TooMany:
        """Sends a new code for ``purpose`` to ``number``; the one before it ends. ``asker`` is the blind
        index of whoever asks. Raises ``BadNumber``."""
        if len(purpose) > PURPOSE_LENGTH:
            raise ValueError(f"a purpose has at most {PURPOSE_LENGTH} characters")
        number = e164(number)
        party, prefix = self._vault.index("msisdn", number), number[:PREFIX_LENGTH]
        to_number = await records.sent_to(self._database, party, self._limits.number_day)
        to_number = [
            *_waiting(unit, party=party),
            *(as_left_by(unit, verifications, each) for each in to_number),
        ]
        by_asker = await records.asked_by(self._database, asker, self._limits.asker_day)
        by_asker = [*_waiting(unit, asker=asker), *by_asker]
        decision = next_send(
            self._limits,
            now,
            purpose,
            [Past(code.purpose, code.created_at, code.consumed_at is not None) for code in to_number],
            [code.created_at for code in by_asker],
            await records.count_of_prefix(
                self._database, prefix, now - self._limits.window, self._limits.prefix_sends
            ),
        )
        if isinstance(decision, TooMany):
            log.info("code refused", purpose=purpose, prefix=prefix, limit=decision.limit)
        if not isinstance(decision, Go):
            return decision
        old = await self._live(unit, purpose, party)
        if old is not None:
            records.replaced(unit, old, now)
        # Later than every code that it follows, so that "the last one" is the same for whoever looks.
        made = max(
            [now, *(code.created_at + timedelta(microseconds=1) for code in (*to_number[:1], *by_asker[:1]))]
        )
        row = place("verification", party, _predecessor(to_number, now))
        code = _draw(self._limits.digits)
        unit.insert(
            verifications,
            {
                "id": row,
                "purpose": purpose,
                "party": party,
                "prefix": prefix,
                "requested_by": asker,
                "digest": self._digest(row, purpose, number, code),
                "channel": decision.by,
                "created_at": made,
                "expires_at": now + self._limits.life,
                "checks": 0,
                "consumed_at": None,
                "replaced_at": None,
            },
        )
        key = place("asked", asker, _predecessor(by_asker, now)).hex()
        recipient = Recipient(number, language)
        self._notices.code(
            unit, now, recipient, decision.by, code, self._domain, self._limits.life, f"verification:{key}"
        )
        log.info("code sent", purpose=purpose, prefix=prefix, by=decision.by)
        return Sent(decision.by)

    async def check(
        self, unit: Unit, *, now: datetime, number: str, purpose: str, code: str, asker: bytes
    ) -> Right | Wrong | Expired | TooMany:
        """Checks a code that ``asker`` asked for. ``Right`` is told once for each code. Raises
        ``BadNumber``."""
        number = e164(number)
        live = await self._live(unit, purpose, self._vault.index("msisdn", number))
        if live is None or live.expires_at <= now or live.requested_by != asker:
            return Expired()
        if live.checks >= self._limits.checks:
            return TooMany("checks")
        if hmac.compare_digest(live.digest, self._digest(live.id, purpose, number, code)):
            records.consumed(unit, live, now)
            return Right()
        records.checked(unit, live)
        left = self._limits.checks - live.checks - 1
        return Wrong(left) if left else TooMany("checks")

    async def proved(self, unit: Unit, *, number: str, asker: bytes, since: datetime) -> bool:
        """Whether ``asker`` has verified ``number`` since then, this very turn included."""
        party = self._vault.index("msisdn", e164(number))
        codes = await records.sent_to(self._database, party, self._limits.number_day)
        for code in (as_left_by(unit, verifications, each) for each in codes):
            if code.requested_by == asker and code.consumed_at is not None and code.consumed_at >= since:
                return True
        return False

    async def watch(self, now: datetime, span: timedelta = timedelta(hours=1)) -> Sequence[Ratio]:
        """Verified ÷ sent by prefix over the last ``span``, of codes whose time is over; logs a warning for
        each prefix where it fell. To be called every few minutes by one process."""
        until = now - self._limits.life
        found = await records.ratios(self._database, until - span, until)
        for ratio in found:
            if ratio.sent >= ALARMING_SENDS and ratio.share < ALARMING_SHARE:
                log.warning(
                    "few codes are verified", prefix=ratio.prefix, sent=ratio.sent, verified=ratio.verified
                )
        return found

    async def _live(self, unit: Unit, purpose: str, party: bytes) -> Code | None:
        """The live code as this unit leaves it."""
        for code in _waiting(unit, party=party):
            if code.purpose == purpose:
                return code
        live = await records.live(self._database, purpose, party)
        if live is not None:
            live = as_left_by(unit, verifications, live)
        return live if live and live.consumed_at is None and live.replaced_at is None else None

    def _digest(self, row: bytes, purpose: str, number: str, code: str) -> bytes:
        return self._vault.digest("verification", row.hex(), purpose, number, code)


def e164(number: str) -> str:
    """The number in E.164; raises ``BadNumber``."""
    found = mobile(number) or (number if _E164.fullmatch(number) else None)
    if found is None:
        raise BadNumber("not a phone number")
    return found


def _draw(digits: int) -> str:
    return f"{secrets.randbelow(10**digits):0{digits}}"


def _waiting(unit: Unit, *, party: bytes | None = None, asker: bytes | None = None) -> list[Code]:
    """Codes that this unit itself will insert."""
    found = (Code(**row) for row in waiting(unit, verifications))
    return [
        code for code in found if code.party == party or (asker is not None and code.requested_by == asker)
    ]


def _predecessor(codes: Sequence[Code], now: datetime) -> bytes:
    """What a new code comes after: the last one of the same day's span, else the date. A chain that went on
    for longer would meet its own beginning again once old rows are purged."""
    if codes and now - codes[0].created_at < DAY:
        return codes[0].id
    return (microseconds(now) // 86_400_000_000).to_bytes(4, "big")
