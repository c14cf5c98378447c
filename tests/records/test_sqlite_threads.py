"""The threads below SQLite: a job at a time, for callers who may go, fail or wait no longer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from threading import Event, get_ident

import pytest
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.pool import QueuePool

from records.sqlite_threads import Threads


@pytest.fixture
def engine(tmp_path: object) -> Engine:
    return create_engine(f"sqlite:///{tmp_path}/x.db", poolclass=QueuePool, pool_size=1, max_overflow=0)


@pytest.fixture
async def threads(engine: Engine) -> AsyncIterator[Threads]:
    threads = Threads(engine.connect, 1, patience=5)
    yield threads
    await threads.close()
    engine.dispose()


def seven(connection: Connection) -> int:
    return int(connection.execute(text("SELECT 7")).scalar_one())


async def until(event: Event) -> None:
    while not event.is_set():
        await asyncio.sleep(0.001)


async def test_a_job_is_done_in_another_thread(threads: Threads) -> None:
    assert await threads.do(seven) == 7
    assert await threads.do(lambda _connection: get_ident()) != get_ident()


async def test_what_a_job_raises_its_caller_gets_and_the_next_goes_on(threads: Threads) -> None:
    def fail(connection: Connection) -> None:
        connection.execute(text("CREATE TABLE half (way INTEGER)"))
        connection.execute(text("INSERT INTO half VALUES (1)"))
        raise LookupError("on the way")

    for _ in range(3):
        with pytest.raises(LookupError, match="on the way"):
            await threads.do(fail)
        await threads.do(lambda connection: connection.execute(text("DROP TABLE IF EXISTS half")).close())
        assert await threads.do(seven) == 7


async def test_a_connection_that_cannot_be_made_is_tried_again(engine: Engine) -> None:
    tried = 0

    def connect() -> Connection:
        nonlocal tried
        tried += 1
        if tried == 1:
            raise OSError("no such place")
        return engine.connect()

    threads = Threads(connect, 1, patience=5)
    with pytest.raises(OSError, match="no such place"):
        await threads.do(seven)
    assert await threads.do(seven) == 7
    await threads.close()


async def test_a_job_whose_caller_has_gone_is_not_begun(threads: Threads) -> None:
    begun, go_on, done = Event(), Event(), []

    def hold(_connection: Connection) -> None:
        begun.set()
        go_on.wait()

    first = asyncio.create_task(threads.do(hold))
    await until(begun)
    second = asyncio.create_task(threads.do(lambda _connection: done.append("second")))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.sleep(0)
    go_on.set()
    await first
    assert await threads.do(seven) == 7
    assert done == []


async def test_nobody_waits_longer_than_patience(engine: Engine) -> None:
    go_on = Event()
    threads = Threads(engine.connect, 1, patience=0.05)
    with pytest.raises(TimeoutError):
        await threads.do(lambda _connection: go_on.wait())
    await threads.close()  # Nor at the end.
    go_on.set()
    with pytest.raises(RuntimeError, match="closed"):
        await threads.do(seven)


async def test_closing_begins_nothing_more(engine: Engine) -> None:
    begun, go_on, done = Event(), Event(), []
    threads = Threads(engine.connect, 1, patience=5)

    def hold(_connection: Connection) -> str:
        begun.set()
        go_on.wait()
        return "held"

    first = asyncio.create_task(threads.do(hold))
    await until(begun)
    second = asyncio.create_task(threads.do(lambda _connection: done.append("second")))
    await asyncio.sleep(0)
    closing = asyncio.create_task(threads.close())
    await asyncio.sleep(0)
    go_on.set()
    await closing
    assert await first == "held"
    assert (await asyncio.gather(second, return_exceptions=True))[0].__class__ is asyncio.CancelledError
    assert done == []
    engine.dispose()
