"""Addresses that nothing, or no advertising, is sent to: what operators and customers add and take away. What
dispatching itself learns is added in ``dispatch.permission``, which also looks, when a message is sent."""

from __future__ import annotations

from datetime import datetime

from records import suppressions as records
from records.database import Database
from records.suppressions import Suppression
from records.vault import Vault

# The kind of address of each channel.
KINDS = {"sms": "msisdn", "voice": "msisdn", "ussd": "msisdn", "email": "email", "push": "push"}


class Suppressions:
    def __init__(self, *, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    async def add(
        self,
        channel: str,
        address: str,
        *,
        now: datetime,
        scope: str = "advertising",
        reason: str = "operator",
        until: datetime | None = None,
    ) -> None:
        """From now on (``until`` then) nothing, or with ``scope`` advertising no advertising, goes there."""
        if scope not in records.SCOPES:
            raise ValueError(f"a scope is {' or '.join(records.SCOPES)}, not {scope!r}")
        await records.add(
            self._database,
            [Suppression(channel, self._party(channel, address), scope, reason, now, until)],
        )

    async def remove(self, channel: str, address: str) -> bool:
        """Whether it was suppressed."""
        return await records.remove(self._database, channel, self._party(channel, address))

    async def of(self, channel: str, address: str, now: datetime) -> Suppression | None:
        """What is suppressed there now."""
        party = self._party(channel, address)
        return (await records.found(self._database, channel, [party], now)).get(party)

    def _party(self, channel: str, address: str) -> bytes:
        # A push goes to a person, by their number, or to one device.
        person = channel == "push" and address.startswith("+")
        return self._vault.index("msisdn" if person else KINDS[channel], address)
