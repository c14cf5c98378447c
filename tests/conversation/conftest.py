"""Processes that take turns, as the composition root builds them, on real databases."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from conversation.conversation import Conversation
from conversation.incoming import Caller, Incoming, Reply
from conversation.measures import Measures
from conversation.meeting import Needs
from conversation.needs import SPECS
from conversation.outgoing import Render, Replies
from conversation.timers import Timers
from conversation.turns import Turns
from conversation.unasked import Unasked
from engine.channels import CHANNELS
from engine.layout import USSD
from engine.library import Library
from languages import Languages
from records.cache import Cache, MemoryCache
from records.committer import Committer
from records.database import Database
from records.flows import FlowStore
from records.keyring import Keyring
from records.sessions import SessionStore
from records.vault import Vault
from services import Services
from services.calendar import Calendar
from services.identity import Registry
from services.publishing import Publisher, read_folder

ROOT = Path(__file__).parent.parent.parent
KEYS = Keyring.new()


@dataclass
class Clock:
    """Time that moves when a test says so."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __call__(self) -> datetime:
        return self.now

    def passes(self, **time: float) -> None:
        self.now += timedelta(**time)


@dataclass
class Process:
    """One process's conversation with what it stands on."""

    database: Database
    committer: Committer
    cache: Cache
    sessions: SessionStore
    library: Library
    publisher: Publisher
    services: Services
    conversation: Conversation
    timers: Timers
    measured: Measures
    vault: Vault


@asynccontextmanager
async def process(
    url: str,
    clock: Clock,
    *,
    cache: Cache | None = None,
    flows: Path = ROOT / "flows",
    deadline: float = 8.0,
    need_deadline: float = 5.0,
    in_flight: int = 128,
    renders: Mapping[str, Render] | None = None,
    keys: Keyring = KEYS,
) -> AsyncIterator[Process]:
    async with AsyncExitStack() as stack:
        database = await Database.open(url)
        stack.push_async_callback(database.close)
        committer = await stack.enter_async_context(Committer(database))
        cache = cache or MemoryCache()
        vault = Vault(keys)
        languages = Languages.load(ROOT / "locales")
        library = Library(SPECS)
        store = FlowStore(database, committer)
        publisher = Publisher(
            folder=flows,
            library=library,
            store=store,
            needs=SPECS,
            languages=languages,
            layouts=CHANNELS,
            clock=clock,
        )
        await publisher.load()
        if not library.names():
            # What is shipped was linted and tested elsewhere; a test must not wait for that each time.
            shipped, _findings = read_folder(flows)
            for source in shipped:
                await store.publish(source.name, source.version, source.text, clock())
            await publisher.load()
        services = Services.build(
            database=database,
            committer=committer,
            vault=vault,
            languages=languages,
            http=None,
            calendar=Calendar.load(),
            registry=Registry(),
            domain="chapar.test",
        )
        measured = Measures(CollectorRegistry())
        sessions = SessionStore(database, vault, cache)
        replies = Replies(vault, renders or {})
        turns = Turns(
            library=library,
            load_flow=publisher.flow,
            sessions=sessions,
            committer=committer,
            needs=Needs(services, measured, need_deadline),
            subscribers=services.subscribers,
            languages=languages,
            clock=clock,
            measured=measured,
            replies=replies,
        )
        conversation = Conversation(
            turns=turns,
            unasked=Unasked(
                turns=turns, sessions=sessions, committer=committer, clock=clock, replies=replies
            ),
            sessions=sessions,
            vault=vault,
            languages=languages,
            clock=clock,
            measured=measured,
            deadline=deadline,
            in_flight=in_flight,
        )
        timers = Timers(conversation, sessions, committer, {}, clock)
        yield Process(
            database,
            committer,
            cache,
            sessions,
            library,
            publisher,
            services,
            conversation,
            timers,
            measured,
            vault,
        )


@dataclass
class Handset:
    """A phone on a gateway that sends all that was typed each time (Africa's Talking), or with
    ``cumulative`` False only what is new (Nalo)."""

    process: Process
    number: str = "+989121234567"
    session: str = "S1"
    cumulative: bool = True
    code: str = "*733#"
    typed: list[str] = field(default_factory=list)

    @property
    def caller(self) -> Caller:
        return Caller("ussd", "test", self.session, self.number, USSD, "127.0.0.1", verified=True)

    def on(self, process: Process) -> Handset:
        """The same handset, its next request going to another process."""
        return replace(self, process=process, typed=list(self.typed))

    async def send(self, text: str, begins: bool | None = None, key: str | None = None) -> Reply:
        incoming = Incoming(
            self.caller,
            text,
            f"raw {text}".encode(),
            code=self.code,
            cumulative=self.cumulative,
            begins=begins,
            key=text if self.cumulative else key,
        )
        return await self.process.conversation.take_turn(incoming)

    async def dial(self, *answers: str) -> Reply:
        self.typed = list(answers)
        return await self.send("*".join(answers), begins=None if self.cumulative else True)

    async def type(self, answer: str) -> Reply:
        self.typed.append(answer)
        if self.cumulative:
            return await self.send("*".join(self.typed))
        return await self.send(answer, begins=False)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def here(database_url: str, clock: Clock) -> AsyncIterator[Process]:
    async with process(database_url, clock) as one:
        yield one


Second = Callable[[], AsyncIterator[Process]]


@pytest.fixture
async def there(database_url: str, clock: Clock, here: Process) -> AsyncIterator[Process]:
    """A second process on the same database, with a cache of its own."""
    async with process(database_url, clock) as other:
        yield other
