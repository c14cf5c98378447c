"""The floor: a bare aiohttp handler with one session read and one write, gathered into redis-py pipelines,
and one group-committed insert by asyncpg. No engine, no flows, no encryption, no checks: what the parts
themselves cost.

``python -m bench.floor PORT DATABASE_URL REDIS_URL``; without the URLs the handler only parses and answers.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any
from urllib.parse import parse_qsl

import asyncpg
import uvloop
from aiohttp import web
from redis.asyncio import Redis


class Pipeline:
    """Sends what was asked for while the last pipeline was under way as the next one."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._waiting: list[tuple[tuple[Any, ...], asyncio.Future[Any]]] = []
        self._busy = False

    async def ask(self, *command: Any) -> Any:
        future = asyncio.get_running_loop().create_future()
        self._waiting.append((command, future))
        if not self._busy:
            self._busy = True
            self._task = asyncio.create_task(self._run())
        return await future

    async def _run(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            pipeline = self._redis.pipeline(transaction=False)
            for command, _future in batch:
                pipeline.execute_command(*command)
            for (_command, future), result in zip(batch, await pipeline.execute(), strict=True):
                future.set_result(result)
        self._busy = False


class Inserts:
    """One insert statement for all rows that came while the last one ran."""

    def __init__(self, connection: asyncpg.Connection[Any]) -> None:
        self._connection = connection
        self._waiting: list[tuple[str, str, asyncio.Future[None]]] = []
        self._busy = False

    async def add(self, session: str, text: str) -> None:
        future = asyncio.get_running_loop().create_future()
        self._waiting.append((session, text, future))
        if not self._busy:
            self._busy = True
            self._task = asyncio.create_task(self._run())
        await future

    async def _run(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            await self._connection.execute(
                "INSERT INTO floor (session, text) SELECT * FROM unnest($1::text[], $2::text[])",
                [each[0] for each in batch],
                [each[1] for each in batch],
            )
            for _session, _text, future in batch:
                future.set_result(None)
        self._busy = False


async def main(port: int, database_url: str, redis_url: str) -> None:
    last = b"END"
    if database_url:
        connection = await asyncpg.connect(database_url)
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS floor (id bigserial PRIMARY KEY, session text, text text)"
        )
        inserts, pipeline = Inserts(connection), Pipeline(Redis.from_url(redis_url))

    async def handle(request: web.Request) -> web.Response:
        form = dict(parse_qsl((await request.read()).decode(), keep_blank_values=True))
        session, text = form["sessionId"], form["text"]
        if database_url:
            await pipeline.ask("GET", f"floor:{session}")
            await inserts.add(session, text)
            await pipeline.ask("SET", f"floor:{session}", text * 4, "EX", 900)
        going_on = text.count("*") < 4
        return web.Response(text="CON 1 ادامه\n2 بازگشت" if going_on else last.decode())

    app = web.Application()
    app.router.add_post("/ussd/africastalking", handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), *(sys.argv[2:4] if len(sys.argv) > 3 else ("", ""))))
