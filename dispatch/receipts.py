"""Follows what became of messages that went: asks providers that can be asked, gives receipts that came too
early to their messages, and has messages go again whose receipt did not come in the time of their route."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

import structlog

from dispatch.carriers import Carriers
from dispatch.errors import DispatchError
from dispatch.provider import Provider, Receipt, ReceiptSource
from dispatch.routes import choose
from dispatch.settling import told
from records.awaited import Awaited, claim_receipts, send_again
from records.claims import settle
from records.database import Database
from records.orders import take_due
from records.outbox import content
from records.receipts import match_orphans
from records.routes import tried
from records.unit import Unavailable
from records.vault import Unreadable, Vault

EVERY = 5.0  # Seconds between looks for messages whose time to be asked about has come.
TOGETHER = 200  # Of a provider that is not asked.

log = structlog.get_logger(__name__)


class Receipts:
    """The providers of ``carriers`` are asked ``every`` so many seconds, in batches under a lease as messages
    are sent."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        carriers: Carriers,
        *,
        clock: Callable[[], datetime],
        lease: timedelta,
        every: float = EVERY,
    ) -> None:
        self._database = database
        self._vault = vault
        self._carriers = carriers
        self._clock = clock
        self._lease = lease
        self._every = every
        self._orphan = b""

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            await asyncio.sleep(self._every)
            for provider in self._carriers.all():
                if not self._carriers.asked(provider.name):
                    continue
                try:
                    while await self.ask(provider):
                        pass
                except Unavailable as error:
                    log.warning("receipts.database_away", provider=provider.name, error=str(error))
                except Exception:
                    log.exception("receipts.failed", provider=provider.name)
            try:
                await self.match()
                if late := await take_due(self._database, self._clock()):
                    log.info("receipts.next_channel", messages=late)
            except Unavailable as error:
                log.warning("receipts.database_away", error=str(error))
            except Exception:
                log.exception("receipts.failed")

    async def match(self) -> None:
        """Looks whether the messages of orphans are known by now."""
        matched, self._orphan = await match_orphans(self._database, self._clock(), self._orphan)
        if matched:
            log.info("receipts.matched", receipts=matched)

    async def ask(self, provider: Provider) -> bool:
        """Asks once; whether there may be more to ask for."""
        now = self._clock()
        lease = os.urandom(16)
        source = provider if isinstance(provider, ReceiptSource) else None
        most = source.receipts_batch if source is not None else TOGETHER
        awaited = await claim_receipts(
            self._database, provider.name, now=now, lease=lease, until=now + self._lease, most=most
        )
        if not awaited:
            return False
        full = len(awaited) == most
        answered: Mapping[str, Receipt] = {}
        if source is not None:
            try:
                answered = await source.receipts([each.external_id for each in awaited if each.external_id])
            except DispatchError as error:
                log.warning("receipts.refused", provider=provider.name, error=error.name, why=error.detail)
                full = False
        now = self._clock()
        open_ = [
            each
            for each in awaited
            if (said := answered.get(each.external_id)) is None or said.status == "sent"
        ]
        late = await self._late(provider, open_, now)
        settled = [
            told(each, answered.get(each.external_id), provider.name, now)
            for each in awaited
            if each.id not in late
        ]
        await settle(self._database, lease, settled, now)
        if late:
            log.warning("receipts.late", provider=provider.name, messages=len(late))
            await send_again(self._database, lease, list(late.values()), provider.name, now)
        return full

    async def _late(
        self, provider: Provider, awaited: Sequence[Awaited], now: datetime
    ) -> Mapping[bytes, Awaited]:
        """Those that another provider is to carry, since no receipt came in the time of their route."""
        if not self._carriers.routes.waits(provider.channel):
            return {}
        late: dict[bytes, Awaited] = {}
        for each in awaited:
            try:
                said = content(self._vault, each.id, each.sealed)
            except Unreadable:
                continue
            route = self._carriers.routes.of(each.channel, each.klass, said.to, said.route)
            if route is None or route.receipt_within is None or each.expires_at is None:
                continue
            if now < each.sent_at + route.receipt_within or now >= each.expires_at:
                continue
            before = [name for name, _status in (await tried(self._database, [each.id])).get(each.id, ())]
            shares = self._carriers.shares(each.channel, route.providers, now)
            if any(name not in before for name in choose(route, shares, before, 0.0)):
                late[each.id] = each
        return late
