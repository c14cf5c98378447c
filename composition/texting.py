"""Inbound SMS: what it is made of, and what of it is at work while the service is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter

from bot import sms_door
from bot.sms_consent import ConsentRule
from bot.sms_intake import Intake
from bot.sms_kavenegar import Received
from bot.sms_loops import OUTCOMES
from bot.sms_polling import Poller
from bot.sms_reading import AT_ONCE, Reader
from composition.house import House, kept, now
from composition.smscs import Smscs
from conversation.accepting import Accepting
from conversation.conversation import Conversation
from dispatch.providers.sms.kavenegar_api import Api
from web.access import RouteSecret


@dataclass(frozen=True, slots=True)
class Texting:
    """``intake`` takes SMS from every source, and ``reader`` their turns; ``poller`` and ``smscs`` are two of
    the sources, where the settings say so."""

    home: House
    intake: Intake
    reader: Reader
    poller: Poller | None
    smscs: Smscs

    @classmethod
    def of(cls, home: House, conversation: Conversation, smscs: Smscs | None = None) -> Texting:
        settings = home.settings
        accepting = Accepting(
            library=home.library,
            load_flow=home.publisher.flow,
            sessions=home.sessions,
            languages=home.languages,
            vault=home.vault,
        )
        wake = asyncio.Event()
        intake = Intake(
            database=home.database, committer=home.committer, vault=home.vault, clock=now, wake=wake
        )
        reader = Reader(
            conversation=conversation,
            consents=ConsentRule(
                accepting=accepting,
                consents=home.services.consents,
                subscribers=home.services.subscribers,
                vault=home.vault,
                languages=home.languages,
            ),
            database=home.database,
            committer=home.committer,
            vault=home.vault,
            lines=settings.lines,
            clock=now,
            wake=wake,
            # One channel must not take all of a process's turns.
            at_once=max(1, min(AT_ONCE, settings.turns_in_flight // 4)),
            alone=settings.embedded,
            watch=counted(home.registry),
        )
        poller = None
        if settings.sms_inbound_every is not None:
            url, proxy = settings.kavenegar_url, settings.sms_proxy
            api = Api(home.http, settings.kavenegar_key, url, proxy=proxy)
            poller = Poller(
                Received(api),
                intake,
                settings.lines,
                database=home.database,
                clock=now,
                every=settings.sms_inbound_every,
            )
        return cls(home, intake, reader, poller, smscs or Smscs(home))

    def routes(self) -> Sequence[web.RouteDef]:
        """The routes, each beside its rule."""
        settings = self.home.settings
        rule = RouteSecret(
            settings.sms_inbound_secret.encode() or None,
            settings.sms_inbound_addresses,
            loopback_only_without=settings.embedded,
            trusted_proxies=settings.trusted_proxies,
        )
        return sms_door.routes(self.intake, rule, now, settings.trusted_proxies)

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Messages are fetched and worked; on the way out turns under way are ended, and what was fetched is
        stored."""
        working = asyncio.create_task(kept(self.reader.run))
        polling = None if self.poller is None else asyncio.create_task(kept(self.poller.run))
        try:
            async with self.smscs.inbound(self.intake):
                yield
        finally:
            if self.poller is not None and polling is not None:
                await self.poller.stop(polling)
            self.reader.stop()
            await working


def counted(registry: CollectorRegistry) -> Callable[[str], None]:
    """Counts what was done with messages."""
    counter = Counter(
        "chapar_sms_received", "SMS that people sent, by what was done", ["outcome"], registry=registry
    )
    for outcome in OUTCOMES:
        counter.labels(outcome)
    return lambda outcome: counter.labels(outcome).inc()
