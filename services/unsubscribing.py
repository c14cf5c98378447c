"""The way out of mails by one click (RFC 8058): a URL for each address, which ends advertising there.

The URL holds the blind index of the address and a seal of ours: it works for as long as the key ring has its
index key, whatever became of the message, and tells nobody who it is for.
"""

from __future__ import annotations

import binascii
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime

from records import suppressions
from records.database import Database
from records.suppressions import Suppression
from records.vault import Vault

PATH = "/unsubscribe/"
_PARTY = 16
_SEAL = 16


class Unsubscribing:
    """``public_url``: where the service is reached. Without https there are no such URLs."""

    def __init__(self, *, database: Database, vault: Vault, public_url: str) -> None:
        self._database = database
        self._vault = vault
        self._base = public_url.rstrip("/") if public_url.startswith("https://") else ""

    @property
    def offered(self) -> bool:
        return bool(self._base)

    def url(self, to: str) -> str:
        """That of an e-mail address, "" where there are none."""
        if not self._base:
            return ""
        party = self._vault.index("email", to)
        return f"{self._base}{PATH}{urlsafe_b64encode(party + self._seal(party)).decode().rstrip('=')}"

    def knows(self, token: str) -> bool:
        """Whether the last part of a URL is one of ours."""
        return self._party(token) is not None

    async def act(self, token: str, now: datetime) -> bool:
        """No more advertising there; False for a token that is none of ours. Raises ``Unavailable``."""
        party = self._party(token)
        if party is None:
            return False
        await suppressions.add(
            self._database, [Suppression("email", party, "advertising", "unsubscribed", now)]
        )
        return True

    def _party(self, token: str) -> bytes | None:
        try:
            octets = urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
        except (binascii.Error, ValueError):
            return None
        party, seal = octets[:_PARTY], octets[_PARTY:]
        return party if hmac.compare_digest(seal, self._seal(party)) else None

    def _seal(self, party: bytes) -> bytes:
        return self._vault.digest("unsubscribe", party.hex())[:_SEAL]
