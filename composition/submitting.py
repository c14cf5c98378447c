"""The REST API wired, and the commands of whoever gives businesses their accounts and keys."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

import structlog
from aiohttp import web

from api import doors
from api.access import Guard
from api.balance import Balance
from api.costs import Costs
from api.devices import DeviceDoor
from api.kavenegar import Kavenegar
from api.limits import Limits
from api.messages import Messages
from api.templates import Templates
from api.verifications import Verifications
from api.webhooks import Webhooks
from composition import jobbing
from composition.house import House, cancel, kept, now
from dispatch.guard import public, public_or_own
from records.limits import RedisBuckets
from records.unit import Unavailable
from services.accounts import Accounts
from services.business_codes import BusinessCodes
from services.business_templates import BusinessTemplates
from services.credit import Credit
from services.devices import Devices
from services.received import Inbound
from services.submissions import Submissions
from services.webhooks import Webhooks as WebhookService

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Api:
    """What the API is made of."""

    home: House
    accounts: Accounts
    submissions: Submissions
    credit: Credit
    buckets: RedisBuckets | None

    @classmethod
    def of(cls, home: House) -> Api:
        database, committer, vault = home.database, home.committer, home.vault
        url, credit = home.settings.redis_url, Credit(database=database, tariffs=home.services.tariffs)
        return cls(
            home,
            Accounts(database=database, committer=committer, vault=vault),
            Submissions(database=database, committer=committer, vault=vault, credit=credit),
            credit,
            RedisBuckets(url) if url else None,
        )

    def add_to(self, app: web.Application) -> None:
        """Adds every route, each beside its rule."""
        home = self.home
        guard = Guard(self.accounts, Limits(self.buckets), home.settings.trusted_proxies)
        messages = Messages(
            submissions=self.submissions,
            inbound=Inbound(database=home.database, vault=home.vault),
            guard=guard,
            vault=home.vault,
            routes=routes(home),
            clock=now,
        )
        codes = BusinessCodes(verification=home.services.verification, vault=home.vault, credit=self.credit)
        verifications = Verifications(codes=codes, committer=home.committer, clock=now)
        kept_texts = BusinessTemplates(
            database=home.database, committer=home.committer, plain=home.languages["en"]
        )
        templates = Templates(templates=kept_texts, messages=messages, clock=now)
        vendor = Kavenegar(submissions=self.submissions, guard=guard, templates=kept_texts, clock=now)
        app.add_routes(vendor.routes())
        costs = Costs(tariffs=home.services.tariffs, submissions=self.submissions, clock=now)
        app.add_subapp(
            doors.PREFIX,
            doors.application(
                guard,
                messages,
                templates,
                costs,
                verifications,
                webhooks(home),
                Balance(credit=self.credit),
                devices(home),
                jobbing.door(home, self.submissions, kept_texts, routes(home)),
                home.languages,
            ),
        )

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Old answers are forgotten and credits corrected, until it is left."""
        tidying = [
            asyncio.create_task(kept(self._tidy)),
            asyncio.create_task(kept(partial(self.credit.follow, now))),
        ]
        try:
            yield
        finally:
            await cancel(tidying)
            if self.buckets is not None:
                await self.buckets.close()

    async def _tidy(self) -> None:
        while True:
            try:
                more = await self.submissions.tidy(now())
            except Unavailable:
                log.warning("old answers wait for the database")
                more = 0
            await asyncio.sleep(1 if more else 3_600)


def devices(home: House) -> DeviceDoor:
    """Where businesses say whose devices are whose."""
    service = Devices(database=home.database, committer=home.committer, vault=home.vault)
    return DeviceDoor(devices=service, clock=now)


def webhooks(home: House) -> Webhooks:
    """Where businesses say what they want to be told, and where."""
    service = WebhookService(database=home.database, committer=home.committer, vault=home.vault)
    if home.settings.webhooks_loopback:
        return Webhooks(service=service, clock=now, allowed=public_or_own, schemes=("https", "http"))
    return Webhooks(service=service, clock=now, allowed=public)


def routes(home: House) -> Mapping[str, str]:
    """The channels that somebody sends, with the first bot of each that people talk on."""
    bots = {line.platform.name: at for at, line in reversed(list(home.lines.items()))}
    return {"sms": "", "voice": "", "email": "", "push": "", "ussd": "", **bots}
