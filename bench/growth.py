"""What a turn costs with ever more conversations stored. Beside each size the same load runs on a database
that has a hundred, so that a machine whose speed drifts does not look like growth."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Protocol

from bench.figures import Effort, Figure, number
from bench.product import Run, complaint, measured, on_stores, prepare, product
from bench.rows import fill_postgresql, fill_sqlite
from bench.stores import PostgreSQL, Redis, postgresql, redis

SMALL = 100
SIZES = (10_000, 100_000, 1_000_000)
QUICK_SIZES = (10_000, 100_000)
FLAT = 1.2  # Times the cost with a hundred stored conversations.


class Growing(Protocol):
    """A database that grows, beside fresh small ones."""

    name: str

    def grow(self, first: int, last: int, of: int) -> None:
        """Adds conversations to the one that grows."""

    def run_small(self) -> Run:
        """A load on a fresh one with ``SMALL`` conversations."""

    def run_grown(self) -> Run:
        """A load on the one that grows."""


class OnSQLite:
    """The embedded default: folders that hold a key ring and a database."""

    name = "SQLite"

    def __init__(self, folder: Path, load: Callable[..., Run]) -> None:
        self._load = load
        self._small, self._grown = folder / "small", folder / "grown"
        self._small.mkdir()
        with product({}, self._small):
            pass  # Its first start makes everything.
        shutil.copytree(self._small, self._grown)
        fill_sqlite(self._small / "var" / "chapar.sqlite3", 0, SMALL, SMALL)

    def grow(self, first: int, last: int, of: int) -> None:
        fill_sqlite(self._grown / "var" / "chapar.sqlite3", first, last, of)

    def run_small(self) -> Run:
        with tempfile.TemporaryDirectory(prefix="chapar-bench-") as folder:
            copy = shutil.copytree(self._small, Path(folder) / "copy")
            with product({}, copy) as process:
                return self._load(process)

    def run_grown(self) -> Run:
        with product({}, self._grown) as process:
            return self._load(process)


class OnPostgreSQL:
    """PostgreSQL and Redis."""

    name = "PostgreSQL + Redis"

    def __init__(self, database: PostgreSQL, cache: Redis, load: Callable[..., Run]) -> None:
        self._database, self._cache, self._load = database, cache, load
        self._settings = on_stores(database.create("small"), cache)
        prepare(self._settings)
        database.sql("CREATE DATABASE grown TEMPLATE small")
        asyncio.run(fill_postgresql(database.url("small"), 0, SMALL, SMALL))

    def grow(self, first: int, last: int, of: int) -> None:
        asyncio.run(fill_postgresql(self._database.url("grown"), first, last, of))

    def run_small(self) -> Run:
        self._database.sql("CREATE DATABASE copy TEMPLATE small")
        try:
            return self._run("copy")
        finally:
            self._database.sql("DROP DATABASE copy WITH (FORCE)")

    def run_grown(self) -> Run:
        return self._run("grown")

    def _run(self, name: str) -> Run:
        with product(self._settings | {"DATABASE_URL": self._database.url(name)}) as process:
            return self._load(process, self._database, self._cache)


def measure(effort: Effort) -> Iterator[Figure]:
    plan = complaint(seconds=effort.seconds / 2, warm_up=effort.warm_up)

    def load(process: object, *stores: object) -> Run:
        return measured(process, plan, *stores)  # type: ignore[arg-type]

    with tempfile.TemporaryDirectory(prefix="chapar-bench-") as folder:
        yield from _grown(OnSQLite(Path(folder), load), effort)
    with postgresql() as database, redis() as cache:
        yield from _grown(OnPostgreSQL(database, cache, load), effort)


def _grown(growing: Growing, effort: Effort) -> Iterator[Figure]:
    sizes = QUICK_SIZES if effort.quick else SIZES
    before = 0
    for size in sizes:
        growing.grow(before, size, sizes[-1])
        before = size
        small: list[Run] = []
        grown: list[Run] = []
        for _round in range(effort.rounds):
            small.append(growing.run_small())
            grown.append(growing.run_grown())
        yield _figure(f"{growing.name}: {size:,} stored conversations", small, grown)


def _figure(name: str, small: list[Run], grown: list[Run]) -> Figure:
    def cost(run: Run) -> float:
        return run.cpu + run.stores_cpu

    ratios = [cost(after) / cost(before) for before, after in zip(small, grown, strict=True)]

    def beside(read: Callable[[Run], float]) -> str:
        return f"{number(median(map(read, grown)))} beside {number(median(map(read, small)))}"

    note = f"server {beside(lambda run: run.cpu)} µs/turn"
    if any(run.stores_cpu for run in small):
        note += f", stores {beside(lambda run: run.stores_cpu)} µs/turn"
    note += f", {beside(lambda run: run.rate)} turns/s, p99 {beside(lambda run: run.p99)} ms"
    foreign = median(run.foreign for run in (*small, *grown))
    return Figure.of(name, ratios, f"× {SMALL}", most=FLAT, foreign=foreign, note=note)
