"""Where a business wants to be told what happens: its webhooks, their secrets, and what became of each
delivery. Who tells is ``dispatch.webhooks``."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from records import webhook_deliveries as deliveries
from records import webhooks as records
from records.committer import Committer
from records.database import Database
from records.unit import Conflict, Unavailable, Unit
from records.vault import Vault
from records.webhook_deliveries import Told
from records.webhooks import INBOUND, TEST, Place, Webhook
from services.accounts import Holder
from services.received import digits

MOST = 20  # Of one account. (Two who add one at once may come to one more.)
OVERLAP = timedelta(hours=24)  # For which the secret before is signed with too.
SECRET_BYTES = 32
TRIES = 4
TOGETHER = 500  # Replayed in one transaction,
MOST_REPLAYED = 10_000  # and by one call.


class TooMany(Exception):
    """The account has as many webhooks as it may have."""


class Webhooks:
    def __init__(self, *, database: Database, committer: Committer, vault: Vault) -> None:
        self._database = database
        self._committer = committer
        self._vault = vault

    def url(self, webhook: Webhook) -> str:
        """Where it leads. Raises ``Unreadable``."""
        return self._place(webhook).url

    async def create(
        self, holder: Holder, url: str, events: Sequence[str], description: str, now: datetime
    ) -> tuple[Webhook, str]:
        """A new webhook, and its secret for the only time. Raises ``TooMany``, ``Unavailable``."""
        if len(await self.every(holder)) >= MOST:
            raise TooMany
        unit, secret = Unit(), _secret()
        made = records.add(
            unit,
            self._vault,
            account=holder.account,
            sandbox=holder.sandbox,
            url=url,
            secret=secret,
            events=events,
            description=description,
            now=now,
        )
        await self._committer.commit(unit)
        return made, secret

    async def every(self, holder: Holder) -> Sequence[Webhook]:
        """All of the account's, the oldest first. Raises ``Unavailable``."""
        return await records.every(self._database, holder.account, holder.sandbox)

    async def find(self, holder: Holder, id: bytes) -> Webhook | None:
        """Raises ``Unavailable``."""
        return await records.find(self._database, holder.account, holder.sandbox, id)

    async def rotate(self, holder: Holder, id: bytes, now: datetime) -> str | None:
        """A new secret, for the only time; the last one is good for a day more. None where there is no such
        webhook. Raises ``Unavailable``."""
        secret = _secret()

        def change(unit: Unit, webhook: Webhook) -> None:
            place = self._place(webhook)
            before = [(old, until or now + OVERLAP) for old, until in place.secrets[:1]]
            sealed = records.seal(self._vault, id, Place(place.url, [(secret, None), *before]))
            records.change(unit, webhook, {"sealed": sealed})

        return secret if await self._changed(holder, id, change) else None

    async def delete(self, holder: Holder, id: bytes, now: datetime) -> bool:
        """Nothing more is told there; whether there was one. Raises ``Unavailable``."""
        return await self._changed(
            holder,
            id,
            lambda unit, webhook: records.change(unit, webhook, {"deleted_at": now, "sealed": b""}),
        )

    async def resume(self, holder: Holder, id: bytes) -> bool:
        """What waited is told; whether there is such a webhook. Raises ``Unavailable``."""
        values = {"paused_at": None, "paused_why": None, "failing_since": None}
        return await self._changed(holder, id, lambda unit, webhook: records.change(unit, webhook, values))

    async def test(self, holder: Holder, id: bytes, now: datetime) -> Told | None:
        """Has an event told that means nothing. Raises ``Unavailable``."""
        webhook = await self.find(holder, id)
        if webhook is None:
            return None
        unit = Unit()
        owed = records.owe(unit, id, TEST, None, now)
        await self._committer.commit(unit)
        return await deliveries.find(self._database, id, owed)

    async def page(
        self, webhook: Webhook, before: bytes | None, status: str | None, most: int
    ) -> Sequence[Told]:
        """Its deliveries, the newest first. Raises ``Unavailable``."""
        return await deliveries.page(self._database, webhook.id, before=before, status=status, most=most)

    async def replay(self, webhook: Webhook, id: bytes, now: datetime) -> Told | None:
        """Has one told again, also one that was told. Raises ``Unavailable``."""
        if not await deliveries.replay(self._database, webhook.id, id, now):
            return None
        return await deliveries.find(self._database, webhook.id, id)

    async def replay_failed(self, webhook: Webhook, since: datetime, now: datetime) -> tuple[int, bool]:
        """Has those told again that were given up, of events since then; how many, and whether there may be
        more. Raises ``Unavailable``."""
        done = 0
        while done < MOST_REPLAYED:
            some = await deliveries.replay_failed(self._database, webhook.id, since, now, TOGETHER)
            done += len(some)
            if len(some) < TOGETHER:
                return done, False
        return done, True

    def _place(self, webhook: Webhook) -> Place:
        return records.place(self._vault, webhook.id, webhook.sealed)

    async def _changed(self, holder: Holder, id: bytes, change: Callable[[Unit, Webhook], None]) -> bool:
        for _try in range(TRIES):
            webhook = await self.find(holder, id)
            if webhook is None:
                return False
            unit = Unit()
            change(unit, webhook)
            try:
                await self._committer.commit(unit)
            except Conflict:
                continue  # Somebody else changed it just now.
            return True
        raise Unavailable("others were first each time")


def _secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


async def heard(database: Database, unit: Unit, line: str, subject: bytes, now: datetime) -> None:
    """Adds what is to be told of an SMS to this line of ours to the unit that stores it. Raises
    ``Unavailable``."""
    number = digits(line)
    if not number:
        return
    for webhook, lines in await records.listening(database, INBOUND):
        if number in map(digits, lines):
            records.owe(unit, webhook, INBOUND, subject, now)
