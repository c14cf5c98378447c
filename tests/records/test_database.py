"""The door to the database: URLs, reading, transactions, durability settings."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest
from sqlalchemy import Connection, func, insert, select, text

from records.database import Database, read_url
from records.tables import subscribers
from records.unit import Conflict
from tests.records.rows import NOW, count, subscriber


@pytest.mark.parametrize(
    ("url", "read"),
    [
        ("postgresql://u:p@db.example/chapar", "postgresql+asyncpg://u:p@db.example/chapar"),
        ("postgres://db/chapar", "postgresql+asyncpg://db/chapar"),
        ("postgresql://u@/chapar?host=/run/pg", "postgresql+asyncpg://u@/chapar?host=%2Frun%2Fpg"),
        ("postgresql://db/chapar?sslmode=require", "postgresql+asyncpg://db/chapar?ssl=require"),
        ("sqlite:///var/chapar.db", "sqlite+pysqlite:///var/chapar.db"),
        ("sqlite:////srv/chapar.db", "sqlite+pysqlite:////srv/chapar.db"),
    ],
)
def test_urls_are_read(url: str, read: str) -> None:
    assert read_url(url).render_as_string(hide_password=False) == read


@pytest.mark.parametrize(
    "url",
    ["", "chapar", "mysql://db/chapar", "sqlite://", "sqlite:///:memory:", "postgresql://db/chapar?fast=1"],
)
def test_urls_that_are_none_are_told(url: str) -> None:
    with pytest.raises(ValueError, match="a database URL"):
        read_url(url)


async def test_a_transaction_is_whole_or_absent(database: Database) -> None:
    def add(connection: Connection) -> None:
        connection.execute(insert(subscribers).values(subscriber(b"a" * 16)))

    def fail(connection: Connection) -> None:
        connection.execute(insert(subscribers).values(subscriber(b"b" * 16)))
        raise RuntimeError("on the way")

    await database.transaction(add)
    with pytest.raises(RuntimeError, match="on the way"):
        await database.transaction(fail)
    with pytest.raises(Conflict):
        await database.transaction(add)
    [row] = await database.read(select(subscribers))
    assert (row.id, row.created_at) == (b"a" * 16, NOW)


async def test_what_a_transaction_returns_is_returned(database: Database) -> None:
    assert await database.transaction(lambda connection: connection.scalar(text("SELECT 7"))) == 7
    assert await database.look(lambda connection: connection.scalar(text("SELECT 8"))) == 8


async def test_parameters_are_bound(database: Database) -> None:
    [row] = await database.read(text("SELECT :word AS said"), {"word": "'; DROP TABLE turns"})
    assert row.said == "'; DROP TABLE turns"


async def test_reads_and_transactions_run_beside_each_other(database: Database) -> None:
    def add(place: int, connection: Connection) -> None:
        connection.execute(insert(subscribers).values(subscriber(bytes([place]) * 16)))

    await asyncio.gather(
        *[database.transaction(partial(add, place)) for place in range(30)],
        *[database.read(select(func.count()).select_from(subscribers)) for _ in range(30)],
    )
    assert await count(database, subscribers) == 30


async def test_a_cancelled_read_harms_no_other(database: Database) -> None:
    for _round in range(5):
        tasks = [asyncio.create_task(database.read(text("SELECT 1"))) for _ in range(20)]
        await asyncio.sleep(0.001)
        for task in tasks[::2]:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(not isinstance(result, BaseException) for result in results[1::2])
    assert (await database.read(text("SELECT 1")))[0][0] == 1


async def test_an_unknown_table_is_a_defect_and_not_an_absence(database: Database) -> None:
    with pytest.raises(Exception, match="no_such_table"):
        await database.read(text("SELECT * FROM no_such_table"))


async def test_sqlite_commits_survive_a_power_cut_and_keys_are_checked(sqlite_url: str) -> None:
    database = await Database.open(sqlite_url)

    def settings(connection: Connection) -> list[object]:
        pragmas = ("journal_mode", "synchronous", "foreign_keys")
        return [connection.exec_driver_sql(f"PRAGMA {pragma}").scalar() for pragma in pragmas]

    assert await database.transaction(settings) == ["wal", 2, 1]
    await database.close()


async def test_opening_sqlite_makes_its_folder(tmp_path: object) -> None:
    database = await Database.open(f"sqlite:///{tmp_path}/deep/down/chapar.db")
    assert (await database.read(text("SELECT 1")))[0][0] == 1
    await database.close()


async def test_a_database_can_be_asked_whether_it_takes_writes(database: Database) -> None:
    await database.touch()
    await database.touch()
