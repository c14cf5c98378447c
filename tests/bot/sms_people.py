"""People who write SMS to a real server, by Kavenegar's callback, and what they get."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import ClientSession
from sqlalchemy import Table, func, select

from records.database import Database
from records.tables import attempts, inbox, metadata
from tests.running import Server

LINE = "10004346"
PATH = "/sms/kavenegar"

_numbers = itertools.count(35_850_000)


def new_id() -> str:
    """As Kavenegar numbers messages."""
    return str(next(_numbers))


@dataclass
class Texter:
    """Somebody with a phone. ``http`` and ``url`` are those of the server that the line belongs to."""

    http: ClientSession
    url: str
    number: str = "+989121234567"
    line: str = LINE
    secret: str = ""
    seen: int = field(default=0, init=False)

    async def send(self, text: str, id: str | None = None, **more: str) -> int:
        """Sends one SMS; how the callback was answered. ``id`` "" is a callback without one."""
        form = {"from": self.number, "to": self.line, "message": text, "messageid": id or new_id(), **more}
        if id == "":
            del form["messageid"]
        query = {"secret": self.secret} if self.secret else {}
        async with self.http.post(f"{self.url}{PATH}", data=form, params=query) as response:
            await response.read()
            return response.status

    async def messages(self) -> list[dict[str, Any]]:
        """All that came to the phone so far, the first first."""
        query = {"to": self.number, "limit": "200"}
        async with self.http.get(f"{self.url}/sandbox/messages", params=query) as response:
            found: list[dict[str, Any]] = (await response.json())["messages"]
        return [each for each in reversed(found) if each["status"] == "delivered"]

    async def answers(self, count: int = 1) -> list[str]:
        """The next so many messages that came to the phone."""
        while len(found := await self.messages()) < self.seen + count:
            await asyncio.sleep(0.02)
        new = [message["body"] for message in found[self.seen : self.seen + count]]
        self.seen += count
        return new

    async def say(self, text: str) -> str:
        """Sends one SMS and waits for its answer."""
        assert await self.send(text) == 200
        [answer] = await self.answers()
        return answer


@asynccontextmanager
async def records(server: Server) -> AsyncIterator[Database]:
    database = await Database.open(server.database_url)
    try:
        yield database
    finally:
        await database.close()


async def worked(database: Database) -> list[str]:
    """Waits until nothing is left in the inbox; what was done with each message, in their order."""
    while True:
        rows = await database.read(select(inbox.c.outcome).order_by(inbox.c.id))
        outcomes = [row.outcome for row in rows]
        if None not in outcomes:
            return outcomes
        await asyncio.sleep(0.02)


async def count(database: Database, table: Table) -> int:
    [[rows]] = await database.read(select(func.count()).select_from(table))
    return int(rows)


async def written(database: Database) -> dict[str, int]:
    """How many rows each table has, but for what the dispatcher writes when it has the time."""
    return {
        table.name: await count(database, table) for table in metadata.sorted_tables if table is not attempts
    }
