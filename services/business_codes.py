"""One-time codes for the people of a business: our verification, with its limits, under the business's name.

A verification's id is sealed and not kept: it says whose it is, the number and the purpose, to us alone.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import msgspec

from records.outbox import content
from records.tables import outbox
from records.unit import Unit
from records.vault import Unreadable, Vault
from services.accounts import Holder
from services.credit import Credit, Said, reserve
from services.sending_limits import Limits, TooMany, Wait
from services.submissions import own
from services.verification import Expired, Right, Sent, Verification, Wrong, e164

SANDBOX_CODE = "123456"
"""The code of every verification of a sandbox key, which sends nothing."""


class _Name(msgspec.Struct, array_like=True):
    """What an id seals."""

    account: bytes
    sandbox: bool
    number: str
    purpose: str


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Name)
_CONTEXT = b"business verification"


@dataclass(frozen=True, slots=True)
class Started:
    id: str
    by: Literal["sms", "voice"]
    seconds: int


class BusinessCodes:
    def __init__(self, *, verification: Verification, vault: Vault, credit: Credit) -> None:
        self._credit = credit
        self._verification = verification
        self._vault = vault

    async def start(
        self, unit: Unit, holder: Holder, *, now: datetime, number: str, purpose: str, language: str
    ) -> Started | Wait | TooMany:
        """Sends a code. Raises ``BadNumber``, ``NotEnough``, ``Unavailable``."""
        number = e164(number)
        name = _encoder.encode(_Name(holder.account, holder.sandbox, number, purpose))
        id = base64.urlsafe_b64encode(self._vault.seal(name, _CONTEXT)).decode().rstrip("=")
        life = int(Limits().life.total_seconds())
        if holder.sandbox:
            return Started(id, "sms", life)
        sent = await self._verification.send(
            unit,
            now=now,
            number=number,
            purpose=_purpose(holder.account, purpose),
            language=language,
            asker=self._asker(holder.account, number),
        )
        if not isinstance(sent, Sent):
            return sent
        row = unit.rows[outbox][-1]
        text = content(self._vault, row["id"], row["sealed"]).body
        said = Said(row["channel"], row["class"], number, text, now)
        prices = await self._credit.prices(holder.account, [[said]])
        own(unit, holder, row["tracking"], None, now)
        reserve(unit, holder.account, [row["id"]], prices, now)
        return Started(id, "voice" if sent.by == "voice" else "sms", life)

    async def check(
        self, unit: Unit, holder: Holder, id: str, code: str, now: datetime
    ) -> Right | Wrong | Expired | TooMany | None:
        """Checks a code; None where the account has no such verification. Raises ``Unavailable``."""
        name = self._read(id)
        if name is None or (name.account, name.sandbox) != (holder.account, holder.sandbox):
            return None
        if name.sandbox:
            return Right() if code == SANDBOX_CODE else Wrong(Limits().checks - 1)
        return await self._verification.check(
            unit,
            now=now,
            number=name.number,
            purpose=_purpose(name.account, name.purpose),
            code=code,
            asker=self._asker(name.account, name.number),
        )

    def _asker(self, account: bytes, number: str) -> bytes:
        """A business asks for many people: whose limits hold is each one's own, not the business's."""
        return self._vault.index("account", f"{account.hex()} {number}")

    def _read(self, id: str) -> _Name | None:
        try:
            sealed = base64.b64decode(id + "=" * (-len(id) % 4), altchars=b"-_", validate=True)
            return _decoder.decode(self._vault.open(sealed, _CONTEXT))
        except (binascii.Error, ValueError, Unreadable, msgspec.DecodeError):
            return None


def _purpose(account: bytes, purpose: str) -> str:
    """What the records call the purpose of this account's: codes of two businesses do not meet."""
    named = account + purpose.encode()
    return "api:" + hashlib.blake2b(named, digest_size=14).hexdigest()[:28]
