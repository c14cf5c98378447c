"""Chapar's composition root and command line: builds every object once, wires them, serves.

Read it from ``serve`` down: a request enters by a door of ``ussd/``, ``conversation/`` takes the turn with the
flows that ``engine/`` advances and the services that meet their needs, ``records/`` commits it, the door
answers; what has to be sent waits in the outbox, and ``dispatch/`` sends it.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import signal
import sys
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import structlog
import uvloop
from aiohttp import ClientSession, ClientTimeout, web
from prometheus_client import CollectorRegistry

import logs
import sandbox
import settings as environment
from conversation.conversation import Conversation
from conversation.measures import Measures
from conversation.needs import SPECS
from conversation.timers import Timers
from dispatch.dispatcher import Dispatcher
from dispatch.provider import Provider
from engine.layout import USSD, Layout
from engine.library import Library
from languages import Language, Languages
from records import migrate
from records.cache import Cache, MemoryCache, RedisCache
from records.committer import Committer
from records.database import Database
from records.flows import FlowStore
from records.keyring import Keyring, KeyringError
from records.sessions import SessionStore
from records.vault import Vault
from services import Services
from services.publishing import Publisher, read_folder, tell
from settings import SettingError, Settings
from ussd import door
from web import monitor
from web.access import Loopback

HERE = Path(__file__).parent
LOCALES = HERE / "locales"

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
    layouts: Mapping[str, Layout]
    library: Library
    publisher: Publisher
    services: Services


class Refused(Exception):
    """The command cannot do what was asked; the message is one line that says why and what to do."""


@asynccontextmanager
async def house(settings: Settings) -> AsyncIterator[House]:
    """Opens what every command needs that touches the records, and closes it again."""
    async with AsyncExitStack() as stack:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        vault = Vault(keyring(settings))
        if settings.embedded:
            await migrate.upgrade(settings.database)
        elif await migrate.pending(settings.database):
            raise Refused("DATABASE_URL: its tables are not up to date; run `server.py migrate` first")
        database = await Database.open(settings.database)
        stack.push_async_callback(database.close)
        committer = await stack.enter_async_context(Committer(database))
        cache: Cache
        if settings.redis_url:
            cache = await RedisCache.open(settings.redis_url)
            stack.push_async_callback(cache.close)
        else:
            cache = MemoryCache(settings.cache_bytes)
        languages = Languages.load(LOCALES)
        layouts = {
            gateway: Layout(
                channel="ussd",
                septets=route.septets,
                units=route.units,
                strip_zwnj=route.strip_zwnj,
                rlm=route.rlm,
            )
            for gateway, route in settings.routes.items()
        }
        library = Library(SPECS)
        publisher = Publisher(
            folder=settings.flows_dir,
            library=library,
            store=FlowStore(database, committer),
            needs=SPECS,
            languages=languages,
            layouts={"ussd": USSD, **layouts},
            clock=now,
        )
        await publisher.load()
        http = await stack.enter_async_context(ClientSession(timeout=ClientTimeout(total=30)))
        yield House(
            settings=settings,
            database=database,
            committer=committer,
            vault=vault,
            cache=cache,
            sessions=SessionStore(database, vault, cache),
            languages=languages,
            layouts=layouts,
            library=library,
            publisher=publisher,
            services=services(settings, database, committer, vault, languages, http),
        )


def keyring(settings: Settings) -> Keyring:
    """The keys from the environment, else from the key file, which the first start makes."""
    return Keyring.parse(settings.keys) if settings.keys else Keyring.load(settings.key_path)
