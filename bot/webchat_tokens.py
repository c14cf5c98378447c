"""Who a visitor of the web chat is: an unguessable id, and the signed token that proves it.

A token is ``1.<visitor>.<issued>.<generation>.<mac>``: the visitor's id (128 random bits), when it was issued
(seconds since 1970 in base 36), how often it was renewed before, and an HMAC-SHA256 of the three with a key
of the vault. It is no cookie and never part of a URL: the widget keeps it in the storage of the page that it
stands in, and says it in its first message.

A token ends ``lifetime`` after it was issued, and a younger one is handed out once it is older than
``renewal``. The first use of that one ends the older: whoever copied it is left with nothing, and where the
thief was first, the visitor's own stops working, which shows. The records keep the generation in use.
"""

from __future__ import annotations

import base64
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from records.vault import Vault

LIFETIME = timedelta(days=30)
RENEWAL = timedelta(days=1)
LENGTH = 128  # More than any token has.

_PURPOSE = "webchat.token"
_TOKEN = re.compile(r"1\.([A-Za-z0-9_-]{22})\.([0-9a-z]{1,9})\.([0-9]{1,9})\.([A-Za-z0-9_-]{43})")
_AHEAD = timedelta(minutes=5)  # How far the clocks of two processes may be apart.
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Visitor:
    """``id`` is the person's address on the channel. ``renew``: the token has come of age."""

    id: str
    generation: int = 0
    renew: bool = False


class Tokens:
    """Issues and reads tokens; keeps nothing."""

    def __init__(self, vault: Vault, *, lifetime: timedelta = LIFETIME, renewal: timedelta = RENEWAL) -> None:
        self._vault = vault
        self._lifetime = lifetime
        self._renewal = renewal

    def new(self) -> Visitor:
        """A visitor who was never here."""
        return Visitor(secrets.token_urlsafe(16))

    def issue(self, visitor: str, generation: int, now: datetime) -> str:
        """The token of a visitor."""
        issued = _base36(int(now.timestamp()))
        return f"1.{visitor}.{issued}.{generation}.{self._mac(visitor, issued, str(generation))}"

    def read(self, token: str, now: datetime) -> Visitor | None:
        """Whose token it is; None for one that is forged, broken or too old."""
        match = _TOKEN.fullmatch(token)
        if match is None:
            return None
        visitor, issued, generation, mac = match.groups()
        if not hmac.compare_digest(mac, self._mac(visitor, issued, generation)):
            return None
        age = now.timestamp() - int(issued, 36)
        if not -_AHEAD.total_seconds() <= age < self._lifetime.total_seconds():
            return None
        return Visitor(visitor, int(generation), age >= self._renewal.total_seconds())

    def _mac(self, *parts: str) -> str:
        return base64.urlsafe_b64encode(self._vault.digest(_PURPOSE, *parts)).rstrip(b"=").decode()


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits or "0"
