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
from pathlib import Path
from typing import Any

import structlog
import uvloop
from aiohttp import ClientSession, web
from prometheus_client import CollectorRegistry

import logs
import settings as environment
from conversation.conversation import Conversation
from conversation.measures import Measures
from conversation.needs import SPECS
from conversation.timers import Timers
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
from services.publishing import Publisher, tell
from settings import SettingError, Settings

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
    conversation: Conversation
    timers: Timers
    registry: CollectorRegistry
