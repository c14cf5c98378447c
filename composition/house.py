"""The composition root: opens everything once and lets it go again. Who serves and who sends share it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog
from aiohttp import ClientSession, ClientTimeout
from prometheus_client import CollectorRegistry

from composition import carriers
from conversation.needs import SPECS
from dispatch.providers.bot.line import Line, Standings
from dispatch.providers.bot.platforms import PLATFORMS
from dispatch.providers.bot.request import Request
from dispatch.providers.bot.request import session as bot_session
from engine.channels import CHANNELS
from engine.layout import USSD, Layout
from engine.library import Library
from languages import Language, Languages
from records import migrate
from records.cache import Cache, MemoryCache, RedisCache
from records.committer import Committer
from records.database import Database, read_url
from records.flows import FlowStore
from records.keyring import Keyring
from records.sessions import SessionStore
from records.signals import LocalSignals, OwnSignals, RedisSignals, Signals
from records.vault import Vault
from services import Services
from services.calendar import Calendar
from services.file_types import ENDINGS
from services.files import FileLimits
from services.handover_hours import BadHours, read_hours
from services.identity import Registry
from services.publishing import Publisher
from services.subscribers import Trust
from settings import RouteSettings, SettingError, Settings, SmppSettings

HERE = Path(__file__).parent.parent
LOCALES = HERE / "locales"
AGAIN = 5.0  # Seconds before what failed begins again.

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
    signals: Signals
    http: ClientSession
    lines: Mapping[str, Line]
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
        signals = signals_of(settings)
        stack.push_async_callback(signals.close)
        http = await stack.enter_async_context(ClientSession(timeout=ClientTimeout(total=30)))
        languages = Languages.load(LOCALES)
        library = Library(SPECS)
        publisher = publisher_of(settings, library, languages, FlowStore(database, committer))
        await publisher.load()
        bots = lines(settings, await stack.enter_async_context(bot_session()))
        registry = CollectorRegistry()
        registry.register(Standings(list(bots.values())))
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
                signals=signals,
                handover_hours=settings.handover_hours,
                handover_patience=timedelta(seconds=settings.handover_patience),
                carriers=carriers.usual(settings),
                trust=Trust(
                    proof=timedelta(days=settings.number_proof_days),
                    silence=timedelta(days=settings.number_silence_days),
                ),
                file_limits=file_limits(settings),
            ),
            signals=signals,
            http=http,
            lines=bots,
            registry=registry,
            wake=asyncio.Event(),
        )


def file_limits(settings: Settings) -> FileLimits:
    """Which files of people are taken."""
    limits = FileLimits(most=settings.file_bytes, day=settings.file_day_bytes, pixels=settings.file_pixels)
    return replace(limits, types=settings.file_types) if settings.file_types else limits


def lines(settings: Settings, http: ClientSession) -> dict[str, Line]:
    """Every bot by its route: ``telegram``, ``bale``, and ``telegram-<name>`` for further ones."""
    made: dict[str, Line] = {}
    for name, bots in settings.bots.items():
        request = Request(http, bots.proxy)
        for bot, token in bots.tokens.items():
            route = f"{name}-{bot}" if bot else name
            made[route] = Line(route, PLATFORMS[name], token, request, base_url=bots.base_url)
    return made


def prepare(settings: Settings) -> None:
    """Looks at what the settings name before anything is opened, and makes the data folder."""
    try:
        read_url(settings.database)
    except ValueError as error:
        raise SettingError(f"DATABASE_URL: {error}") from None
    try:
        read_hours(settings.handover_hours)
    except BadHours as error:
        raise SettingError(f"HANDOVER_HOURS: {settings.handover_hours!r} is not {error}") from None
    unknown = sorted(set(settings.file_types) - set(ENDINGS))
    if unknown:
        raise SettingError(
            f"FILE_TYPES: {unknown[0]} cannot be told from other files; {', '.join(ENDINGS)} can"
        )
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


def signals_of(settings: Settings) -> Signals:
    """How processes signal to one another: by Redis where there is one, else on this machine."""
    if settings.redis_url:
        return RedisSignals(settings.redis_url)
    try:
        return LocalSignals(settings.data_dir / "signals")
    except OSError as error:
        log.warning("no signals to other processes", reason=error.strerror)
        return OwnSignals()


def keyring(settings: Settings) -> Keyring:
    """The keys from the environment, else from the key file, which the first start makes."""
    return Keyring.parse(settings.keys, "KEYS") if settings.keys else Keyring.load(settings.key_path)


def layouts(settings: Settings) -> dict[str, Layout]:
    """How each USSD route's screens are cut."""
    routes: dict[str, RouteSettings | SmppSettings] = {**settings.routes}
    if settings.smpp_ussd.url:
        routes["smpp"] = settings.smpp_ussd
    return {
        name: Layout(
            channel="ussd",
            septets=route.septets,
            units=route.units,
            strip_zwnj=route.strip_zwnj,
            rlm=route.rlm,
        )
        for name, route in routes.items()
    }


def publisher_of(
    settings: Settings, library: Library, languages: Mapping[str, Language], store: FlowStore | None
) -> Publisher:
    """Who brings the flow files to life. Screens are checked for the layout of every channel and for each
    route that is cut otherwise."""
    different = {name: layout for name, layout in layouts(settings).items() if layout != USSD}
    return Publisher(
        folder=settings.flows_dir,
        library=library,
        store=store,
        needs=SPECS,
        languages=languages,
        layouts={**CHANNELS, **different},
        clock=now,
    )


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


async def cancel(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Ends tasks and waits until they have ended."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
