"""What sends: the providers that carry each channel, the dispatcher at work, and what is watched of both."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial

import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from bot.sms_intake import Intake
from composition import carriers, reaching
from composition.charging import charger, credit_left, watch_credit
from composition.house import House, cancel, kept, now
from composition.jobbing import feeding
from composition.messaging import correspondents, typing_shown
from composition.smscs import Smscs
from composition.submitting import routes as channels
from dispatch import receipts_door
from dispatch.charging import Charger
from dispatch.dispatcher import Dispatcher
from dispatch.guard import guarded, public, public_or_own
from dispatch.limits import Rates
from dispatch.permission import Permission, read_hours
from dispatch.provider import Provider
from dispatch.providers.push.devices import Devices
from dispatch.providers.ussd.smpp import SmppPush
from dispatch.routes import Routes, plain, read_routes
from dispatch.talking import Talking
from dispatch.watching import Watcher
from dispatch.webhook_batches import Teller, Watch
from dispatch.webhooks import Webhooks
from records.claims import Lane
from records.limits import RedisBuckets
from records.tables import TALKING, outbox, webhook_deliveries
from records.unit import Unavailable
from services.webhook_bodies import Bodies
from settings import NEEDS, PROVIDERS, SettingError, demand
from web.access import RouteSecret

log = structlog.get_logger()

AT_ONCE = 4  # Batches of one lane that are worked together, so that one slow answer holds up no other.


@asynccontextmanager
async def dispatching(home: House, smscs: Smscs | None = None) -> AsyncIterator[Dispatcher]:
    """A dispatcher at work; on the way out it finishes what it has begun. ``smscs``: those of the process,
    where it has other uses for them too."""
    watch, charge = outcomes(home.registry), charger(home)
    await home.services.tariffs.refresh()
    async with AsyncExitStack() as stack:
        routes = routes_of(home)
        carry = await providers(home, stack, routes, smscs or Smscs(home))
        shared = None
        if routes.rates and home.settings.redis_url:
            shared = RedisBuckets(home.settings.redis_url)
            stack.push_async_callback(shared.close)
        hurry = asyncio.Event()
        dispatcher = Dispatcher(
            home.database,
            home.vault,
            carry,
            routes,
            clock=now,
            wake=home.wake,
            hurry=hurry,
            watch=watch,
            charge=charge,
            gate=permission(home),
            limits=Rates(routes.rates, shared, time.monotonic),
            at_once=AT_ONCE,
            steady=time.monotonic,
        )
        home.committer.wake(outbox, home.wake, lambda row: row["channel"] not in TALKING)
        home.committer.wake(outbox, hurry, lambda row: row["class"] == "otp")
        await stack.enter_async_context(talking(home, watch, charge))
        await stack.enter_async_context(feeding(home, channels(home)))
        await stack.enter_async_context(telling(home))
        running = asyncio.create_task(kept(dispatcher.run))
        watching = [
            asyncio.create_task(kept(partial(watch_codes, home, codes_share(home)))),
            asyncio.create_task(kept(partial(watch_credit, carry, credit_left(home.registry)))),
            asyncio.create_task(kept(home.services.tariffs.follow)),
        ]
        try:
            yield dispatcher
        finally:
            dispatcher.stop()
            await running
            await cancel(watching)


@asynccontextmanager
async def talking(home: House, watch: Watcher, charge: Charger) -> AsyncIterator[None]:
    """What sends where people talk, at work, if there is a bot."""
    carriers = correspondents(home)
    if not carriers:
        yield
        return
    talks = Talking(
        home.database,
        home.vault,
        carriers,
        clock=now,
        wake=asyncio.Event(),
        watch=watch,
        charge=charge,
        alone=home.settings.embedded,
        steady=time.monotonic,
    )
    home.committer.wake(outbox, talks.wake, lambda row: row["channel"] in TALKING)
    running = asyncio.create_task(kept(talks.run))
    try:
        async with typing_shown(home, carriers):
            yield
    finally:
        talks.stop()
        await running


@asynccontextmanager
async def telling(home: House) -> AsyncIterator[None]:
    """What tells businesses by their webhooks, at work."""
    allowed = public_or_own if home.settings.webhooks_loopback else public
    async with guarded(allowed, limit=0) as http:
        teller = Teller(
            database=home.database,
            committer=home.committer,
            vault=home.vault,
            http=http,
            bodies=Bodies(database=home.database, vault=home.vault),
            clock=now,
            watch=told(home.registry),
        )
        wake = asyncio.Event()
        webhooks = Webhooks(home.database, teller, clock=now, wake=wake, alone=home.settings.embedded)
        home.committer.wake(webhook_deliveries, wake)
        running = asyncio.create_task(kept(webhooks.run))
        try:
            yield
        finally:
            webhooks.stop()
            await running


def told(registry: CollectorRegistry) -> Watch:
    """Counts what became of webhooks, and how long after its event one was told."""
    counted = Counter(
        "chapar_webhooks", "Tries to tell a webhook, by outcome", ["outcome"], registry=registry
    )
    waiting = Histogram(
        "chapar_webhook_wait_seconds",
        "Seconds from an event until a webhook was told",
        buckets=(0.3, 1, 3, 10, 60, 600, 3_600, 86_400),
        registry=registry,
    )
    for outcome in ("delivered", "again", "given_up"):
        counted.labels(outcome)

    def watch(outcome: str, waited: timedelta) -> None:
        counted.labels(outcome).inc()
        if outcome == "delivered":
            waiting.observe(waited.total_seconds())

    return watch


def routes_of(home: House) -> Routes:
    """The file of routes; for a channel that it does not name, the provider that the settings name."""
    settings = home.settings
    usual = {
        "sms": settings.sms_provider,
        "voice": settings.voice_provider,
        "email": settings.email_provider,
        "ussd": settings.ussd_push_provider,
    }
    found = Routes([])
    if settings.routes_file is not None:
        try:
            found = read_routes(settings.routes_file.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise SettingError(f"ROUTES_FILE: {settings.routes_file}: {error}") from None
    for channel, known in PROVIDERS.items():
        more = settings.smscs if channel == "sms" else ()
        for name in found.names(channel):
            if name not in known and name not in more:
                raise SettingError(f"ROUTES_FILE: there is no provider {name} of {channel}")
            demand(settings, NEEDS.get(name, ()), f"{name} in ROUTES_FILE")
    named = {each.channel for each in found.routes}
    rest = plain([(channel, name) for channel, name in usual.items() if channel not in named])
    pushes = [] if "push" in named else reaching.push_routes(settings.push_provider)
    return Routes([*found.routes, *rest.routes, *pushes, *reaching.PEOPLE], found.rates)


async def providers(home: House, stack: AsyncExitStack, routes: Routes, smscs: Smscs) -> list[Provider]:
    """Every provider that a route names."""
    carry: list[Provider] = texts(home, routes)
    # What people write may come to this process too; whoever answers it looks for it.
    wake = asyncio.Event()
    intake = Intake(database=home.database, committer=home.committer, vault=home.vault, clock=now, wake=wake)
    for name in routes.names("sms"):
        if name in home.settings.smscs:
            carry.append(await stack.enter_async_context(smscs.sms(name, intake)))
    if SmppPush.name in routes.names("ussd"):
        carry.append(await stack.enter_async_context(smscs.push()))
    for channel in ("voice", "email", "push", "ussd"):
        for name in routes.names(channel):
            if name not in (Devices.name, SmppPush.name):
                provider, close = reaching.provider(channel, name, home)
                stack.push_async_callback(close)
                carry.append(provider)
    services = {each.name: each for each in carry if each.channel == Devices.channel}
    return [*carry, Devices(home.database, home.vault, services)]


def texts(home: House, routes: Routes) -> list[Provider]:
    """Every provider of SMS over HTTP that a route names."""
    names = [name for name in routes.names("sms") if name not in home.settings.smscs]
    return [carriers.sms(name, home.settings, home.http) for name in names]


def receipt_routes(home: House) -> list[web.RouteDef]:
    """Where providers call with receipts, behind its rule."""
    settings = home.settings
    rule = RouteSecret(
        settings.receipts_secret.encode() or None,
        settings.receipts_addresses,
        loopback_only_without=settings.embedded,
        trusted_proxies=settings.trusted_proxies,
    )
    return receipts_door.routes(home.database, texts(home, routes_of(home)), rule, now)


def permission(home: House) -> Permission:
    """What is looked at when a message is sent."""
    settings = home.settings
    ways = {"bulk": settings.advertising_way_out, "service": settings.notices_way_out}
    return Permission(
        home.database,
        read_hours(settings.advertising_hours),
        {klass: words for klass, words in ways.items() if words != "-"},
        asked_first=settings.advertising_consent,
    )


def outcomes(registry: CollectorRegistry) -> Watcher:
    """Counts what became of messages, and how long they waited for it."""
    counted = Counter(
        "chapar_messages", "Attempts to send, by outcome", ["channel", "class", "outcome"], registry=registry
    )
    waiting = Histogram(
        "chapar_message_wait_seconds",
        "Seconds from when a message was due to the end of the attempt",
        ["class"],
        buckets=(0.05, 0.1, 0.3, 1, 3, 10, 30, 120, 600),
        registry=registry,
    )

    # Finding a metric by its labels takes longer than counting.
    found: dict[tuple[Lane, str], tuple[Counter, Histogram]] = {}

    def watch(lane: Lane, outcome: str, waited: timedelta) -> None:
        both = found.get((lane, outcome))
        if both is None:
            channel, klass = lane
            both = counted.labels(channel, klass, outcome), waiting.labels(klass)
            found[lane, outcome] = both
        both[0].inc()
        both[1].observe(waited.total_seconds())

    return watch


def codes_share(home: House) -> Gauge:
    """What ``watch_codes`` keeps up to date."""
    return Gauge(
        "chapar_codes_verified_share",
        "Verified ÷ sent codes of the last hour",
        ["prefix"],
        registry=home.registry,
    )


async def watch_codes(home: House, share: Gauge) -> None:
    """Every five minutes, what share of the one-time codes sent comes back right, by prefix. When it falls
    somebody may be having codes sent to numbers that earn by them."""
    while True:
        try:
            for ratio in await home.services.verification.watch(now()):
                share.labels(ratio.prefix).set(ratio.share)
        except Unavailable:
            log.warning("the codes' share waits for the database")
        await asyncio.sleep(300)
