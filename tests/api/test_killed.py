"""Calls whose server is killed, and a database that is away: what is repeated with its key is done once."""

from __future__ import annotations

import asyncio
from pathlib import Path

from aiohttp import ClientError, ClientSession
from sqlalchemy import func, select

from records.database import Database
from records.tables import account_messages, outbox
from tests.api.conftest import opened, sms
from tests.running import Server, command, within
from tests.servers import PostgreSQL

CALLS, EACH = 12, 50


@within(120)
async def test_calls_of_a_server_that_is_killed_are_done_once(tmp_path: Path) -> None:
    assert command("accounts", "add", "shop", folder=tmp_path).returncode == 0
    done = command("accounts", "key", "shop", "--rate", "100000", folder=tmp_path)
    head = {"Authorization": f"Bearer {done.stdout.splitlines()[0]}"}
    server = Server(tmp_path)
    async with ClientSession(headers=head) as http:
        answers: dict[int, int] = {}

        async def call(number: int) -> None:
            body = {"messages": [sms(f"{number}")] * EACH}
            try:
                async with http.post(
                    f"{server.url}/api/v1/messages", json=body, headers={"Idempotency-Key": f"c-{number}"}
                ) as response:
                    await response.read()
                    answers[number] = response.status
            except (ClientError, OSError):
                pass  # It was killed meanwhile; whether the call was done is not known.

        for first in range(0, CALLS, 4):
            async with server:
                calls = [asyncio.create_task(call(number)) for number in range(first, first + 4)]
                while not answers.keys() & set(range(first, first + 4)):
                    await asyncio.sleep(0.001)
                server.kill()
                await asyncio.gather(*calls)
        async with server:
            await asyncio.gather(*(call(number) for number in range(CALLS)))
    assert answers == dict.fromkeys(range(CALLS), 202)
    database = await Database.open(server.database_url)
    [[count]] = await database.read(select(func.count()).select_from(outbox))
    [[owned]] = await database.read(select(func.count()).select_from(account_messages))
    await database.close()
    assert (count, owned) == (CALLS * EACH, CALLS * EACH)


@within(60)
async def test_a_database_that_is_away_is_told_and_the_call_can_come_again(
    postgresql: PostgreSQL, postgresql_url: str, tmp_path: Path
) -> None:
    async with opened(tmp_path, DATABASE_URL=postgresql_url) as business:
        assert (await business.send(sms(), **{"Idempotency-Key": "1"}))[0] == 202
        postgresql.stop()
        try:
            status, body = await business.send(sms(), **{"Idempotency-Key": "2"})
            assert (status, body["type"]) == (503, "urn:chapar:problem:away")
            assert int(business.headers["Retry-After"]) > 0
        finally:
            postgresql.start()
        assert (await business.send(sms(), **{"Idempotency-Key": "2"}))[0] == 202
        [[count]] = await business.home.database.read(select(func.count()).select_from(outbox))
        assert count == 2
