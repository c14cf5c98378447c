"""The real server with bots of the messenger that stands beside it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from inspect import isawaitable
from pathlib import Path
from typing import Any

from sqlalchemy import Select, func, select

from records.database import Database
from records.tables import metadata
from tests.bot.messenger import TOKEN, Messenger
from tests.running import Server, free_port


def settings_of(chats: Messenger, mode: str, platform: str, port: int) -> dict[str, str]:
    """The settings of one bot that may speak as fast as it can."""
    name = platform.upper()
    return {
        f"{name}_TOKEN": TOKEN,
        f"{name}_BASE_URL": chats.url,
        f"{name}_MODE": mode,
        f"{name}_CHAT_RATE": "0",
        f"{name}_RATE": "0",
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
    }


@asynccontextmanager
async def served(
    folder: Path, chats: Messenger, mode: str, platform: str = "telegram", **more: str
) -> AsyncIterator[Server]:
    """The server with one bot, ready for its updates."""
    port = free_port()
    async with Server(folder, settings_of(chats, mode, platform, port) | more, port=port) as server:
        if mode == "webhook":
            await eventually(lambda: chats.bot.webhook is not None)
        yield server


async def eventually(condition: Callable[[], Any | Awaitable[Any]]) -> None:
    """Waits for something that will be so; far longer than it can take."""
    async with asyncio.timeout(30):
        while True:
            found = condition()
            if await found if isawaitable(found) else found:
                return
            await asyncio.sleep(0.01)


async def rows(server: Server, statement: Select[Any]) -> list[Any]:
    database = await Database.open(server.database_url)
    try:
        return list(await database.read(statement))
    finally:
        await database.close()


async def written(server: Server) -> dict[str, int]:
    """How many rows each table has."""
    return {
        table.name: (await rows(server, select(func.count()).select_from(table)))[0][0]
        for table in metadata.sorted_tables
    }
