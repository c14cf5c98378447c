"""The floor: a bare aiohttp handler with one session read and one write, gathered into redis-py pipelines,
and one group-committed insert by asyncpg; or one group-committed insert into SQLite by a thread. No engine,
no flows, no encryption, no checks: what the parts themselves cost.

``python -m bench.floor PORT [DATABASE_URL [REDIS_URL]]``; without a URL the handler only parses and answers.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Generic, TypeVar
from urllib.parse import parse_qsl

import asyncpg
import uvloop
from aiohttp import web
from redis.asyncio import Redis

Given = TypeVar("Given")
Answer = TypeVar("Answer")
Row = tuple[str, str]


class Together(Generic[Given, Answer]):
    """Does all that came while the last was under way at once; ``do`` answers in order."""

    def __init__(self, do: Callable[[Sequence[Given]], Awaitable[Sequence[Answer]]]) -> None:
        self._do = do
        self._waiting: list[tuple[Given, asyncio.Future[Answer]]] = []
        self._task: asyncio.Task[None] | None = None

    async def ask(self, given: Given) -> Answer:
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((given, future))
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        return await future

    async def _run(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            answers = await self._do([given for given, _future in batch])
            for (_given, future), answer in zip(batch, answers, strict=True):
                future.set_result(answer)
        self._task = None


def pipelines(url: str) -> Together[tuple[Any, ...], Any]:
    """Redis commands, by redis-py."""
    redis = Redis.from_url(url)

    async def do(commands: Sequence[tuple[Any, ...]]) -> Sequence[Any]:
        pipeline = redis.pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)
        return await pipeline.execute()

    return Together(do)


async def inserts(url: str) -> Together[Row, None]:
    """Rows for PostgreSQL, by asyncpg; one statement, committed, for each batch."""
    connection = await asyncpg.connect(url)
    await connection.execute(
        "CREATE TABLE IF NOT EXISTS floor (id bigserial PRIMARY KEY, session text, text text)"
    )

    async def do(rows: Sequence[Row]) -> Sequence[None]:
        await connection.execute(
            "INSERT INTO floor (session, text) SELECT * FROM unnest($1::text[], $2::text[])",
            [session for session, _text in rows],
            [text for _session, text in rows],
        )
        return [None] * len(rows)

    return Together(do)


def rows_in_file(url: str) -> Together[Row, None]:
    """Rows for SQLite, as durable as the product's, by one thread."""
    thread = ThreadPoolExecutor(1)
    connection = sqlite3.connect(
        url.removeprefix("sqlite:///"), isolation_level=None, check_same_thread=False
    )
    for statement in ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL"):
        connection.execute(statement)
    connection.execute("CREATE TABLE IF NOT EXISTS floor (id INTEGER PRIMARY KEY, session, text)")

    def write(rows: Sequence[Row]) -> Sequence[None]:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO floor (session, text) VALUES (?, ?)", rows)
        connection.execute("COMMIT")
        return [None] * len(rows)

    async def do(rows: Sequence[Row]) -> Sequence[None]:
        return await asyncio.get_running_loop().run_in_executor(thread, write, rows)

    return Together(do)


async def main(port: int, database_url: str = "", redis_url: str = "") -> None:
    cache = pipelines(redis_url) if redis_url else None
    records: Together[Row, None] | None = None
    if database_url:
        sqlite = database_url.startswith("sqlite:")
        records = rows_in_file(database_url) if sqlite else await inserts(database_url)

    async def ready(request: web.Request) -> web.Response:
        return web.Response()

    async def handle(request: web.Request) -> web.Response:
        form = dict(parse_qsl((await request.read()).decode(), keep_blank_values=True))
        session, text = form["sessionId"], form["text"]
        if cache is not None:
            await cache.ask(("GET", f"floor:{session}"))
        if records is not None:
            await records.ask((session, text))
        if cache is not None:
            await cache.ask(("SET", f"floor:{session}", text * 4, "EX", 900))
        return web.Response(text="CON 1 ادامه\n2 بازگشت" if text.count("*") < 4 else "END")

    app = web.Application()
    app.router.add_get("/readyz", ready)
    app.router.add_post("/ussd/africastalking", handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), *sys.argv[2:4]))
