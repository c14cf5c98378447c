"""The database stops, hangs, fills up or is locked: callers hear it in time, and it goes on by itself."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import Connection, select, text

from records.committer import Committer
from records.database import Database
from records.ids import new_id
from records.migrate import pending
from records.tables import turns
from records.unit import Conflict, Unavailable
from tests.records.rows import NOW, count, turn_unit
from tests.servers import PostgreSQL


@pytest.fixture
async def distant(postgresql_url: str) -> AsyncIterator[Database]:
    """PostgreSQL, with callers who wait for half a second."""
    database = await Database.open(postgresql_url, patience=0.5)
    yield database
    await database.close()


async def until_back(database: Database) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                await database.read(text("SELECT 1"))
                return
            except Unavailable:
                await asyncio.sleep(0.02)


async def test_postgresql_stops_under_load_and_returns(postgresql: PostgreSQL, distant: Database) -> None:
    known: set[bytes] = set()
    away = asyncio.Semaphore(0)
    acknowledged = asyncio.Semaphore(0)
    stop = asyncio.Event()

    async def call(committer: Committer) -> None:
        while not stop.is_set():
            session = new_id(NOW)
            try:
                await committer.commit(turn_unit(session))
            except Unavailable:
                away.release()
                await asyncio.sleep(0.01)
            else:
                known.add(session)
                acknowledged.release()

    async def see(times: int, semaphore: asyncio.Semaphore) -> None:
        async with asyncio.timeout(60):
            for _ in range(times):
                await semaphore.acquire()

    async with Committer(distant) as committer:
        callers = [asyncio.create_task(call(committer)) for _ in range(32)]
        await see(500, acknowledged)
        await asyncio.to_thread(postgresql.stop)
        try:
            await see(200, away)
            with pytest.raises(Unavailable):
                await distant.read(text("SELECT 1"))
        finally:
            await asyncio.to_thread(postgresql.start)
        await see(len(known), acknowledged)
        await see(500, acknowledged)
        stop.set()
        await asyncio.gather(*callers)
    stored = {row.session for row in await distant.read(select(turns.c.session))}
    assert known <= stored


async def test_postgresql_hangs_and_comes_to_itself(postgresql: PostgreSQL, distant: Database) -> None:
    async with Committer(distant) as committer:
        await committer.commit(turn_unit())
        await distant.read(text("SELECT 1"))
        postgresql.freeze()
        try:
            async with asyncio.timeout(10):
                results = await asyncio.gather(
                    *[committer.commit(turn_unit()) for _ in range(300)],
                    *[distant.read(text("SELECT 1")) for _ in range(20)],
                    return_exceptions=True,
                )
                assert {type(result) for result in results} == {Unavailable}
                with pytest.raises(Unavailable):
                    await committer.commit(turn_unit())
        finally:
            postgresql.thaw()
        await until_back(distant)
        await committer.commit(turn_unit())


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    database = await Database.open("postgresql://postgres@127.0.0.1:1/none")
    with pytest.raises(Unavailable):
        await database.read(text("SELECT 1"))
    async with Committer(database) as committer:
        with pytest.raises(Unavailable):
            await committer.commit(turn_unit())
    with pytest.raises(Unavailable):
        await pending("postgresql://postgres@127.0.0.1:1/none")
    await database.close()


async def test_a_restart_between_two_calls_is_not_even_noticed(
    postgresql: PostgreSQL, distant: Database
) -> None:
    async with Committer(distant) as committer:
        await committer.commit(turn_unit())
        await distant.read(text("SELECT 1"))
        await asyncio.to_thread(postgresql.stop)
        await asyncio.to_thread(postgresql.start)
        await asyncio.sleep(0)
        await committer.commit(turn_unit())
        assert await count(distant) == 2


async def test_a_locked_table_is_unavailable_until_it_is_free(postgresql_url: str, distant: Database) -> None:
    other = await Database.open(postgresql_url, patience=20)
    locked = asyncio.Event()

    def lock(connection: Connection) -> None:
        connection.execute(text("LOCK TABLE turns"))
        locked.set()
        connection.execute(text("SELECT pg_sleep(1)"))

    async with Committer(distant) as committer:
        holder = asyncio.create_task(other.transaction(lock))
        await locked.wait()
        with pytest.raises(Unavailable, match="timeout"):
            await committer.commit(turn_unit())
        await holder
        await committer.commit(turn_unit())
    await other.close()


async def test_processes_that_want_the_same_rows_share_them_out(database_url: str) -> None:
    """Their batches hold the same keys in different orders, so that on PostgreSQL they deadlock."""
    sessions = [new_id(NOW) for _ in range(120)]
    databases = [await Database.open(database_url) for _ in range(3)]
    won: Counter[bytes] = Counter()

    async def want(committer: Committer, session: bytes) -> None:
        try:
            await committer.commit(turn_unit(session))
            won[session] += 1
        except Conflict:
            pass

    async def process(database: Database, order: list[bytes]) -> None:
        async with Committer(database, most_units=40) as committer:
            await asyncio.gather(*[want(committer, session) for session in order])

    await asyncio.gather(
        *[
            process(database, random.Random(seed).sample(sessions, len(sessions)))
            for seed, database in enumerate(databases)
        ]
    )
    assert won == Counter(dict.fromkeys(sessions, 1))
    assert await count(databases[0]) == len(sessions)
    for database in databases:
        await database.close()


async def test_a_full_disk_is_unavailable_until_there_is_room(sqlite_url: str) -> None:
    database = await Database.open(sqlite_url)

    async def limit(pages: int) -> None:
        await database.transaction(
            lambda connection: connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}").all()
        )

    known = 0

    async def fill(committer: Committer) -> None:
        nonlocal known
        while known < 1_000:
            await committer.commit(turn_unit(content=b"x" * 3_000))
            known += 1

    async with Committer(database) as committer:
        await limit(1)  # SQLite takes the present size for it, if that is more.
        with pytest.raises(Unavailable, match="full"):
            await fill(committer)
        assert await count(database) == known > 0
        with pytest.raises(Unavailable, match="full"):
            await committer.commit(turn_unit(content=b"x" * 3_000))
        await limit(1_000_000)
        await committer.commit(turn_unit(content=b"x" * 3_000))
        assert await count(database) == known + 1
    await database.close()


async def test_a_locked_sqlite_file_is_unavailable_until_it_is_free(sqlite_url: str) -> None:
    database = await Database.open(sqlite_url, patience=0.3)
    other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    async with Committer(database) as committer:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match="locked"):
            await committer.commit(turn_unit())
        assert await count(database) == 0  # Reading goes on.
        other.execute("ROLLBACK")
        await committer.commit(turn_unit())
    other.close()
    await database.close()
