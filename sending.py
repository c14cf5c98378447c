"""What sends: the providers that carry each channel, the dispatcher at work, and what is watched of both."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

import carriers
from charging import charger, credit_left, watch_credit
from dispatch.charging import Charger
from dispatch.dispatcher import Dispatcher
from dispatch.provider import Provider
from dispatch.providers.email.smtp import Smtp
from dispatch.providers.sandbox import Sandbox
from dispatch.talking import Talking
from dispatch.watching import Watcher
from house import House, cancel, kept, now
from messaging import correspondents
from records.claims import Lane
from records.tables import TALKING, outbox
from records.unit import Unavailable
from settings import SettingError

log = structlog.get_logger()


@asynccontextmanager
async def dispatching(home: House) -> AsyncIterator[Dispatcher]:
    """A dispatcher at work; on the way out it finishes what it has begun."""
    watch, charge = outcomes(home.registry), charger(home)
    await home.services.tariffs.refresh()
    async with AsyncExitStack() as stack:
        carry = providers(home, stack)
        dispatcher = Dispatcher(
            home.database,
            home.vault,
            carry,
            clock=now,
            wake=home.wake,
            watch=watch,
            charge=charge,
        )
        home.committer.wake(outbox, home.wake, lambda row: row["channel"] not in TALKING)
        await stack.enter_async_context(talking(home, watch, charge))
        running = asyncio.create_task(kept(dispatcher.run))
        watching = [
            asyncio.create_task(kept(partial(watch_codes, home, codes_share(home)))),
            asyncio.create_task(kept(partial(watch_credit, carry.values(), credit_left(home.registry)))),
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
    )
    home.committer.wake(outbox, talks.wake, lambda row: row["channel"] in TALKING)
    running = asyncio.create_task(kept(talks.run))
    try:
        yield
    finally:
        talks.stop()
        await running


def providers(home: House, stack: AsyncExitStack) -> dict[str, Provider]:
    """Who carries the messages of each channel."""
    settings = home.settings
    carry: dict[str, Provider] = {channel: Sandbox(channel) for channel in ("voice", "email")}
    carry["sms"] = carriers.sms(settings.sms_provider, settings, home.http)
    if settings.email_provider == "smtp":
        try:
            smtp = Smtp(settings.smtp_url, settings.mail_from, clock=now)
        except ValueError as error:
            raise SettingError(f"SMTP_URL, MAIL_FROM: {error}") from None
        stack.push_async_callback(smtp.close)
        carry["email"] = smtp
    return carry


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
