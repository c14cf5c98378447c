"""A business with webhooks, and the server of a business that does what a test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from aiohttp import ClientSession, ClientTimeout, web
from aiohttp.test_utils import TestServer
from sqlalchemy import select

from dispatch.webhook_batches import Teller
from dispatch.webhooks import LEASE, Webhooks
from records import account_messages, accounts, webhooks
from records.committer import Committer
from records.database import Database
from records.outbox import queue
from records.tables import outbox, webhook_deliveries
from records.unit import Unit
from records.vault import Vault
from services.webhook_bodies import Bodies

SECRET = "whsec_" + "c2VjcmV0" * 4  # The bytes "secret", four times.


@dataclass
class Customer:
    """Answers what ``answer`` says, once ``open`` is set; keeps what was posted."""

    answer: Callable[[web.Request], web.Response] = lambda request: web.Response(status=204)
    posted: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    entered: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.open.set()

    @property
    def ids(self) -> list[str]:
        return [head["webhook-id"] for head, _body in self.posted]

    def app(self) -> web.Application:
        async def take(request: web.Request) -> web.Response:
            head = {name.lower(): value for name, value in request.headers.items()}
            self.posted.append((head, await request.read()))
            self.entered.set()
            await self.open.wait()
            return self.answer(request)

        app = web.Application()
        app.router.add_post("/{path:.*}", take)
        return app


@dataclass
class Shop:
    database: Database
    committer: Committer
    vault: Vault
    clock: Callable[[], datetime]
    account: bytes = b""

    async def open(self, name: str = "shop") -> Shop:
        unit = Unit()
        self.account = accounts.add(unit, name, ["10004346"], self.clock())
        await self.committer.commit(unit)
        return self

    async def webhook(self, url: str, *events: str) -> bytes:
        unit = Unit()
        made = webhooks.add(
            unit,
            self.vault,
            account=self.account,
            sandbox=False,
            url=url,
            secret=SECRET,
            events=events or webhooks.EVENTS,
            description="",
            now=self.clock(),
        )
        await self.committer.commit(unit)
        return made.id

    async def owe(self, webhook: bytes, how_many: int = 1) -> None:
        """Events that mean nothing, to be told."""
        unit = Unit()
        for _ in range(how_many):
            webhooks.owe(unit, webhook, webhooks.TEST, None, self.clock())
        await self.committer.commit(unit)

    async def message(self, text: str = "سلام", reference: str | None = None) -> bytes:
        """Queues an SMS of the shop's; its id."""
        unit = Unit()
        queue(
            unit,
            self.vault,
            now=self.clock(),
            channel="sms",
            klass="service",
            kind="msisdn",
            to="+989121234567",
            body=text,
            lifetime=timedelta(hours=1),
            sender=self.account,
        )
        id = bytes(unit.rows[outbox][-1]["id"])
        account_messages.add(unit, id, self.account, False, reference)
        await self.committer.commit(unit)
        return id

    async def rows(self, status: str | None = None) -> Sequence[Any]:
        each = webhook_deliveries.c
        found = await self.database.read(select(webhook_deliveries).order_by(each.id))
        return [row for row in found if status is None or row.status == status]

    async def told(self, how_many: int) -> bool:
        return len(await self.rows("delivered")) == how_many

    async def place(self, id: bytes) -> webhooks.Webhook:
        found = await webhooks.find(self.database, self.account, False, id)
        assert found is not None
        return found

    @asynccontextmanager
    async def telling(
        self, http: ClientSession, *, seconds: float = 30, lease: timedelta = LEASE
    ) -> AsyncIterator[Webhooks]:
        """At work, until it is left. ``seconds``: after which an answer is too late."""
        teller = Teller(
            database=self.database,
            committer=self.committer,
            vault=self.vault,
            http=http,
            bodies=Bodies(database=self.database, vault=self.vault),
            clock=self.clock,
            watch=lambda outcome, waited: None,
            limit=ClientTimeout(total=seconds),
        )
        made = Webhooks(self.database, teller, clock=self.clock, wake=asyncio.Event(), poll=0.02, lease=lease)
        running = asyncio.create_task(made.run())
        try:
            yield made
        finally:
            made.stop()
            await running


@asynccontextmanager
async def served(customer: Customer) -> AsyncIterator[str]:
    """Where the customer is."""
    async with TestServer(customer.app()) as server:
        yield str(server.make_url("/told"))


@asynccontextmanager
async def raw(
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[str]:
    """The URL of a server that speaks no proper HTTP: ``talk`` has each connection once its head has come."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await reader.readuntil(b"\r\n\r\n")
            await talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/x"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
