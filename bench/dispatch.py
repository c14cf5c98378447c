"""Claim, send, settle through a provider that takes everything at once and sends nothing: one process on one
processor, with ten thousand and with two million messages queued, and how long a one-time code takes that is
queued behind a million advertisements."""

from __future__ import annotations

import asyncio
import gc
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import asyncpg
import uvloop

from bench.figures import Effort, Figure
from bench.stores import postgresql
from composition.sending import AT_ONCE
from dispatch.dispatcher import Dispatcher
from dispatch.provider import Accepted, Outcome, Outgoing, Provider
from records import migrate
from records.committer import Committer
from records.database import Database
from records.ids import IdMaker
from records.keyring import Keyring
from records.outbox import Content, _context, _encoder, queue
from records.tables import microseconds, outbox
from records.unit import Unit
from records.vault import Vault

RATE = 8_000.0
P95, P99 = 300.0, 1_000.0
FLAT = 0.8  # Of the rate with few messages queued, at least, with many.
FEW, MANY, QUICK_MANY = 10_000, 2_000_000, 100_000
BEHIND, QUICK_BEHIND = 1_000_000, 50_000
CODES = 100
NUMBER = "+989121234567"
SENDERS = 20
CHUNK = 10_000

COLUMNS = (
    "id", "tracking", "idempotency_key", "channel", "class", "party", "sealed", "status", "created_at",
    "due_at", "expires_at", "attempts", "parts", "sender",
)  # fmt: skip


class Counting(Provider, Protocol):
    """A provider that counts what went."""

    count: int


class Null:
    """Takes everything. ``taken`` is when each one-time code came."""

    name = "null"
    channel = "sms"
    batch = 500
    repeatable = True

    def __init__(self) -> None:
        self.count = 0
        self.codes: dict[str, float] = {}

    async def send(self, batch: Sequence[Outgoing]) -> Sequence[Outcome]:
        self.count += len(batch)
        if batch[0].klass == "otp":
            at = time.perf_counter()
            for each in batch:
                self.codes[each.body] = at
        return [Accepted(outgoing.tracking, "none") for outgoing in batch]


@contextmanager
def calm() -> Iterator[None]:
    """The collector as the product has it (``server.py``)."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def now() -> datetime:
    return datetime.now(UTC)


def rows(vault: Vault, first: int, last: int) -> Iterator[list[tuple[object, ...]]]:
    """Advertisements of several senders, ready to be sent."""
    new_id = IdMaker()
    party = vault.index("msisdn", NUMBER)
    senders = [bytes([number]) * 16 for number in range(1, SENDERS + 1)]
    body = _encoder.encode(Content(NUMBER, "", "حراج بزرگ پاییزی تا پایان هفته در همهٔ فروشگاه‌ها\nلغو11"))
    at = now()
    due, ends = microseconds(at), microseconds(at + timedelta(days=2))
    some: list[tuple[object, ...]] = []
    for number in range(first, last):
        id = new_id(at)
        sealed = vault.seal(body, _context(id))
        some.append(
            (
                id, f"{number:010}", None, "sms", "bulk", party, sealed, "queued", due, due, ends, 0, 1,
                senders[number % SENDERS],
            )
        )  # fmt: skip
        if len(some) == CHUNK:
            yield some
            some = []
    if some:
        yield some


def fill_sqlite(path: Path, vault: Vault, first: int, last: int) -> None:
    marks = ", ".join("?" * len(COLUMNS))
    names = ", ".join(f'"{name}"' for name in COLUMNS)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        for some in rows(vault, first, last):
            connection.execute("BEGIN")
            connection.executemany(f"INSERT INTO outbox ({names}) VALUES ({marks})", some)  # noqa: S608
            connection.execute("COMMIT")
        # Everything is on the disk before anything is measured: a file system writes it all with the next
        # commit otherwise.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with path.open("rb+") as file:
        os.fsync(file.fileno())


async def fill_postgresql(url: str, vault: Vault, first: int, last: int) -> None:
    connection = await asyncpg.connect(url)
    try:
        for some in rows(vault, first, last):
            await connection.copy_records_to_table("outbox", records=some, columns=COLUMNS)
        await connection.execute("VACUUM ANALYZE outbox")
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()


@asynccontextmanager
async def sending(
    database: Database, vault: Vault, provider: Provider, wake: asyncio.Event | None = None
) -> AsyncIterator[Dispatcher]:
    dispatcher = Dispatcher(
        database, vault, {"sms": provider}, clock=now, wake=wake or asyncio.Event(), at_once=AT_ONCE
    )
    running = asyncio.create_task(dispatcher.run())
    try:
        yield dispatcher
    finally:
        dispatcher.stop()
        await running


async def rate(
    url: str, vault: Vault, seconds: float, most: int, provider: Counting | None = None
) -> tuple[float, float]:
    """Messages a second that were sent, and CPU microseconds of this process for each."""
    database = await Database.open(url)
    provider = provider or Null()
    with calm():
        return await _rate(database, vault, seconds, most, provider)


async def _rate(
    database: Database, vault: Vault, seconds: float, most: int, provider: Counting
) -> tuple[float, float]:
    async with sending(database, vault, provider):
        began, used, first = time.perf_counter(), time.process_time(), provider.count
        while time.perf_counter() < began + seconds and provider.count < most:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        passed, cpu = time.perf_counter() - began, time.process_time() - used
        count = provider.count - first
    await database.close()
    return count / passed, cpu / max(count, 1) * 1e6


async def codes(url: str, vault: Vault) -> list[float]:
    """Milliseconds from when a code was put in to when its provider had it. As the product has it: on SQLite
    by the process that sends, which wakes its dispatcher; on PostgreSQL by another one, which does not."""
    database = await Database.open(url)
    other = database if database.dialect == "sqlite" else await Database.open(url)
    provider, wake = Null(), asyncio.Event()
    asked: dict[str, float] = {}
    async with Committer(other) as committer, sending(database, vault, provider, wake):
        if other is database:
            committer.wake(outbox, wake)
        await asyncio.sleep(1)
        for number in range(CODES):
            unit = Unit()
            body = f"{number:06}"
            queue(
                unit, vault, now=now(), channel="sms", klass="otp", kind="msisdn", to=NUMBER, body=body,
                lifetime=timedelta(minutes=2),
            )  # fmt: skip
            asked[body] = time.perf_counter()
            await committer.commit(unit)
            await asyncio.sleep(0.05)
        for _look in range(500):
            if len(provider.codes) == CODES:
                break
            await asyncio.sleep(0.01)
    await database.close()
    if other is not database:
        await other.close()
    return sorted((provider.codes[body] - asked[body]) * 1000 for body in provider.codes)


def measure(effort: Effort) -> Iterator[Figure]:
    many = QUICK_MANY if effort.quick else MANY
    behind = QUICK_BEHIND if effort.quick else BEHIND
    vault = Vault(Keyring.new())
    folder = Path(tempfile.mkdtemp(prefix="chapar-bench-dispatch-"))
    try:
        path = folder / "chapar.sqlite3"
        uvloop.run(migrate.upgrade(f"sqlite:///{path}"))
        yield from _measured(
            "SQLite", f"sqlite:///{path}", vault, effort, many, behind,
            lambda first, last: fill_sqlite(path, vault, first, last),
        )  # fmt: skip
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    with postgresql() as server:
        url = server.create("dispatch")
        uvloop.run(migrate.upgrade(url))
        yield from _measured(
            "PostgreSQL", url, vault, effort, many, behind,
            lambda first, last: uvloop.run(fill_postgresql(url, vault, first, last)),
        )  # fmt: skip


def _measured(
    name: str,
    url: str,
    vault: Vault,
    effort: Effort,
    many: int,
    behind: int,
    fill: Callable[[int, int], None],
) -> Iterator[Figure]:
    number, few = 0, []
    for _round in range(effort.rounds):
        fill(number, number + FEW)
        number += FEW
        few.append(uvloop.run(rate(url, vault, effort.seconds, FEW)))
    yield Figure.of(f"{name}, {FEW:,} queued", [each[0] for each in few], "msg/s", least=RATE)
    yield Figure.of(f"{name}, {FEW:,} queued: CPU", [each[1] for each in few], "µs/msg")
    fill(number, number + many)
    full = [uvloop.run(rate(url, vault, effort.seconds, many)) for _round in range(effort.rounds)]
    yield Figure.of(
        f"{name}, {many:,} queued",
        [each[0] for each in full],
        "msg/s",
        least=RATE,
        floor=max(each[0] for each in few),
        floor_is=f"{FEW:,} queued",
        floor_share=FLAT,
    )
    yield Figure.of(f"{name}, {many:,} queued: CPU", [each[1] for each in full], "µs/msg")
    fill(number + many, number + many + behind)
    waits = uvloop.run(codes(url, vault))
    if waits:
        p95, p99 = waits[int(len(waits) * 0.95)], waits[int(len(waits) * 0.99)]
        yield Figure(f"{name}, a code behind {behind:,}: 95 %", p95, "ms", most=P95)
        yield Figure(f"{name}, a code behind {behind:,}: 99 %", p99, "ms", most=P99)
