"""Builds every object once and wires them: the composition root behind ``server.py``.

A request enters by a door of ``ussd/``, ``conversation/`` takes the turn with the flows that ``engine/``
advances and the services that meet their needs, ``records/`` commits it, the door answers; what has to be
sent waits in the outbox, and ``dispatch/`` sends it.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import structlog
from aiohttp import ClientSession, ClientTimeout, web
from prometheus_client import CollectorRegistry, Gauge
from sqlalchemy import select

import sandbox
from conversation.conversation import Conversation
from conversation.fallback import SORRY, fallback
from conversation.measures import Measures
from conversation.meeting import Needs
from conversation.needs import SPECS
from conversation.timers import Timers
from conversation.turns import Turns
from dispatch.dispatcher import Dispatcher
from dispatch.provider import Provider
from dispatch.providers.email.smtp import Smtp
from dispatch.providers.sandbox import Sandbox
from dispatch.providers.sms.kavenegar import Kavenegar
from engine.layout import USSD, Layout
from engine.library import Library
from languages import Language, Languages
from records import claims, migrate
from records.cache import Cache, MemoryCache, RedisCache
from records.committer import Committer
from records.database import Database, read_url
from records.flows import FlowStore
from records.keyring import Keyring
from records.sessions import SessionStore
from records.tables import outbox
from records.unit import Unavailable
from records.vault import Vault
from services import Services
from services.calendar import Calendar
from services.identity import Registry
from services.publishing import Publisher, tell
from settings import SettingError, Settings
from ussd import door
from ussd.exchange import Route
from web import monitor
from web.access import LOOPBACK, AnyOf, RouteSecret

HERE = Path(__file__).parent
LOCALES = HERE / "locales"
AGAIN = 1.0  # Seconds before what failed begins again.

log = structlog.get_logger()


def now() -> datetime:
    """The clock of the whole house."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class House:
    """Everything that is built once and shared."""

    settings: Settings
    database: Database
    committer: Committer
    vault: Vault
    cache: Cache
    sessions: SessionStore
    languages: Mapping[str, Language]
    library: Library
    publisher: Publisher
    services: Services
    http: ClientSession
    registry: CollectorRegistry
    wake: asyncio.Event


class Refused(Exception):
    """The command cannot do what was asked; the message is one line that says why and what to do."""


@asynccontextmanager
async def house(settings: Settings) -> AsyncIterator[House]:
    """Opens what every command that touches the records needs, and closes it again. Raises ``Refused``,
    ``SettingError``, ``KeyringError`` and ``Unavailable``, each with one line to show."""
    async with AsyncExitStack() as stack:
        prepare(settings)
        vault = Vault(keyring(settings))
        if settings.embedded:
            await migrate.upgrade(settings.database)
        elif await migrate.pending(settings.database):
            raise Refused("DATABASE_URL: its tables are not up to date; run `server.py migrate` first")
        database = await Database.open(settings.database)
        stack.push_async_callback(database.close)
        committer = await stack.enter_async_context(Committer(database))
        cache: Cache = MemoryCache(settings.cache_bytes)
        if settings.redis_url:
            cache = await redis(settings.redis_url)
        stack.push_async_callback(cache.close)
        http = await stack.enter_async_context(ClientSession(timeout=ClientTimeout(total=30)))
        languages = Languages.load(LOCALES)
        library = Library(SPECS)
        publisher = publisher_of(settings, library, languages, FlowStore(database, committer))
        await publisher.load()
        yield House(
            settings=settings,
            database=database,
            committer=committer,
            vault=vault,
            cache=cache,
            sessions=SessionStore(database, vault, cache),
            languages=languages,
            library=library,
            publisher=publisher,
            services=Services.build(
                database=database,
                committer=committer,
                vault=vault,
                languages=languages,
                http=http,
                calendar=Calendar.load(),
                registry=Registry(url=settings.identity_url, token=settings.identity_token),
                domain=settings.site_domain,
                complaint_days=settings.complaint_days,
            ),
            http=http,
            registry=CollectorRegistry(),
            wake=asyncio.Event(),
        )


def prepare(settings: Settings) -> None:
    """Looks at what the settings name before anything is opened, and makes the data folder."""
    try:
        read_url(settings.database)
    except ValueError as error:
        raise SettingError(f"DATABASE_URL: {error}") from None
    try:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingError(f"DATA_DIR: {settings.data_dir} cannot be made: {error.strerror}") from None


async def redis(url: str) -> RedisCache:
    """Redis in front of the database. One that does not answer may come later; one named badly may not."""
    try:
        return await RedisCache.open(url)
    except (TypeError, ValueError):  # It depends on which part of the URL is wrong.
        raise SettingError("REDIS_URL: its value is not like redis://host:6379/0 or unix:///path") from None


def keyring(settings: Settings) -> Keyring:
    """The keys from the environment, else from the key file, which the first start makes."""
    return Keyring.parse(settings.keys, "KEYS") if settings.keys else Keyring.load(settings.key_path)


def layouts(settings: Settings) -> dict[str, Layout]:
    """How each gateway's screens are cut."""
    return {
        gateway: Layout(
            channel="ussd",
            septets=route.septets,
            units=route.units,
            strip_zwnj=route.strip_zwnj,
            rlm=route.rlm,
        )
        for gateway, route in settings.routes.items()
    }


def publisher_of(
    settings: Settings, library: Library, languages: Mapping[str, Language], store: FlowStore | None
) -> Publisher:
    """Who brings the flow files to life. Screens are checked for the default layout and for each route that
    is cut otherwise."""
    different = {name: layout for name, layout in layouts(settings).items() if layout != USSD}
    return Publisher(
        folder=settings.flows_dir,
        library=library,
        store=store,
        needs=SPECS,
        languages=languages,
        layouts={"ussd": USSD, **different},
        clock=now,
    )


def conversation_of(home: House) -> Conversation:
    """Who takes the turns of this process."""
    settings, measured = home.settings, Measures(home.registry)
    turns = Turns(
        library=home.library,
        load_flow=home.publisher.flow,
        sessions=home.sessions,
        committer=home.committer,
        needs=Needs(home.services, measured, settings.need_deadline),
        subscribers=home.services.subscribers,
        languages=home.languages,
        clock=now,
        measured=measured,
    )
    return Conversation(
        turns=turns,
        sessions=home.sessions,
        vault=home.vault,
        languages=home.languages,
        clock=now,
        measured=measured,
        deadline=settings.turn_deadline,
        in_flight=settings.turns_in_flight,
    )


def providers(home: House, stack: AsyncExitStack) -> dict[str, Provider]:
    """Who carries the messages of each channel."""
    settings = home.settings
    carriers: dict[str, Provider] = {channel: Sandbox(channel) for channel in ("sms", "voice", "email")}
    if settings.sms_provider == "kavenegar":
        carriers["sms"] = Kavenegar(
            home.http, settings.kavenegar_key, settings.kavenegar_sender, settings.kavenegar_url
        )
    if settings.email_provider == "smtp":
        try:
            smtp = Smtp(settings.smtp_url, settings.mail_from, clock=now)
        except ValueError as error:
            raise SettingError(f"SMTP_URL, MAIL_FROM: {error}") from None
        stack.push_async_callback(smtp.close)
        carriers["email"] = smtp
    return carriers


@asynccontextmanager
async def dispatching(home: House) -> AsyncIterator[Dispatcher]:
    """A dispatcher at work; on the way out it finishes what it has begun."""
    async with AsyncExitStack() as stack:
        dispatcher = Dispatcher(home.database, home.vault, providers(home, stack), clock=now, wake=home.wake)
        home.committer.wake(outbox, home.wake)
        running = asyncio.create_task(kept(dispatcher.run))
        watching = asyncio.create_task(kept(partial(watch_codes, home, codes_share(home))))
        try:
            yield dispatcher
        finally:
            dispatcher.stop()
            await running
            await _cancel([watching])


def codes_share(home: House) -> Gauge:
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


def application(home: House, conversation: Conversation) -> web.Application:
    """Every route, each beside its rule."""
    settings = home.settings
    doors = {
        gateway: door.Door(
            Route(gateway, layout, settings.routes[gateway].code, dict(settings.routes[gateway].options)),
            RouteSecret(
                settings.routes[gateway].secret.encode() or None,
                settings.routes[gateway].addresses,
                loopback_only_without=settings.embedded,
                trusted_proxies=settings.trusted_proxies,
            ),
        )
        for gateway, layout in layouts(settings).items()
    }
    app = web.Application()
    sorry = fallback(SORRY, home.languages)
    try:
        app.add_routes(door.routes(conversation, doors, sorry, settings.trusted_proxies))
    except ValueError as error:
        raise SettingError(f"USSD_…_OPTIONS: {error}") from None
    app.add_routes(monitor_routes(home))
    if settings.sandboxed:
        app.add_routes(sandbox.routes(home.database, home.vault, settings.sandboxed))
    return app


def monitor_routes(home: House) -> list[web.RouteDef]:
    """Health and metrics."""
    committer, cache = home.committer, home.cache
    depth: dict[str, int] = {}

    async def read_depth() -> None:
        depth.clear()
        depth.update(await claims.depth(home.database))

    async def database() -> None:
        await home.database.read(select(1))

    async def flows() -> None:
        home.library.live("main")

    home.registry.register(
        monitor.Readings(
            {
                "chapar_commits": ("Transactions of turns", lambda: committer.batches),
                "chapar_committed_units": ("Units of work committed", lambda: committer.units),
                "chapar_commit_largest": ("Units in the largest transaction", lambda: committer.largest),
                "chapar_commit_waiting": ("Units that wait for a transaction", lambda: committer.waiting),
                "chapar_cache_hits": ("Sessions found in the cache", lambda: cache.hits),
                "chapar_cache_misses": ("Sessions not found in the cache", lambda: cache.misses),
                "chapar_cache_errors": ("Cache errors", lambda: cache.errors),
                "chapar_queue_depth": ("Messages that wait to be sent", lambda: sum(depth.values())),
            }
        )
    )
    addresses = RouteSecret(
        networks=home.settings.monitor_addresses, trusted_proxies=home.settings.trusted_proxies
    )
    return monitor.routes(
        {"database": database, "flows": flows}, home.registry, read_depth, AnyOf((LOOPBACK, addresses))
    )


@asynccontextmanager
async def serving(home: House) -> AsyncIterator[int]:
    """The service at work on its port, with its timers and all that it follows; the port."""
    settings = home.settings
    async with AsyncExitStack() as stack:
        if settings.dispatches:
            await stack.enter_async_context(dispatching(home))
        conversation = conversation_of(home)
        timers = Timers(conversation, home.sessions, home.committer, layouts(settings), now)
        if settings.embedded:
            tell(await home.publisher.publish())
            if not home.library.names():
                raise Refused(f"FLOWS_DIR: no flow of {settings.flows_dir} can go live; see `server.py lint`")
        elif not home.library.names():
            raise Refused("no flow is published yet; run `server.py flows publish` first")
        follow = home.publisher.follow_folder if settings.embedded else home.publisher.follow_store
        at_work = [asyncio.create_task(kept(timers.run)), asyncio.create_task(kept(follow))]
        stack.push_async_callback(_cancel, at_work)
        runner = web.AppRunner(
            application(home, conversation),
            access_log=None,
            handle_signals=False,
            shutdown_timeout=settings.turn_deadline + 1,
        )
        await runner.setup()
        # Taken apart in this order: no new request, also on connections that are kept open; requests under
        # way are answered; turns without a request end; then everything else stops.
        stack.push_async_callback(conversation.settled)
        stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, settings.host, settings.port, backlog=1024)
        try:
            await site.start()
        except OSError as error:
            raise Refused(f"HOST, PORT: no way to listen there: {error.strerror}") from None
        # What was built by now lives as long as the process: the collector need not look at it again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 100)
        assert runner.addresses
        yield int(runner.addresses[0][1])


async def kept(work: Callable[[], Awaitable[None]]) -> None:
    """Does what has to be done for as long as the process lives. Should it fail, which is a defect of ours,
    that is logged and it begins again: time-outs, publishing and sending must not end without a word."""
    while True:
        try:
            await work()
        except Exception:
            log.exception("began again after a failure", work=getattr(work, "__qualname__", str(work)))
            await asyncio.sleep(AGAIN)
        else:
            return


async def _cancel(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
