"""Turns over HTTP in Africa's Talking's format: one process on one processor, 64 connections, each turn
durable before it is answered. Product and floors take turns, so that a machine whose speed drifts does so for
all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import partial
from statistics import median

from bench.figures import Effort, Figure
from bench.load import Plan
from bench.product import Process, Run, complaint, floor, measured, on_stores, prepare, product
from bench.stores import PostgreSQL, Redis, postgresql, redis

SQLITE_RATE, POSTGRESQL_RATE, OF_FLOOR = 6_000, 5_000, 0.6
P99, CPU = 50.0, 200.0

BARE = "bare aiohttp"
SQLITE_FLOOR = "aiohttp, one SQLite insert"
SQLITE, SQLITE_QUIET = "SQLite", "SQLite, dispatching elsewhere"
FLOOR = "aiohttp, redis-py, asyncpg"
POSTGRESQL = "PostgreSQL + Redis"


@dataclass
class Contestant:
    """What is loaded, and what came of it."""

    start: Callable[[], AbstractContextManager[Process]]
    plan: Plan
    stores: tuple[PostgreSQL | Redis, ...] = ()
    runs: list[Run] = field(default_factory=list)

    def run(self) -> None:
        with self.start() as process:
            self.runs.append(measured(process, self.plan, *self.stores))


def measure(effort: Effort) -> Iterator[Figure]:
    plan = complaint(seconds=effort.seconds, warm_up=effort.warm_up)
    bare = replace(plan, last_word="")  # The floor says less, and the same each time.
    with postgresql() as database, redis() as cache:
        settings = on_stores(database.create("product"), cache)
        prepare(settings)
        stores = (database, cache)
        contestants = {
            BARE: Contestant(floor, bare),
            SQLITE_FLOOR: Contestant(partial(floor, "sqlite:///{folder}/floor"), bare),
            SQLITE: Contestant(partial(product, {}), plan),
            SQLITE_QUIET: Contestant(partial(product, {"DISPATCH_IN_SERVE": "no"}), plan),
            FLOOR: Contestant(partial(floor, database.create("floor"), cache.url), bare, stores),
            POSTGRESQL: Contestant(partial(product, settings), plan, stores),
        }
        for _round in range(effort.rounds):
            for each in contestants.values():
                each.run()
    yield from _told({name: each.runs for name, each in contestants.items()})


def _told(runs: dict[str, list[Run]]) -> Iterator[Figure]:
    rates = {name: median(run.rate for run in some) for name, some in runs.items()}
    for name in (BARE, SQLITE_FLOOR, FLOOR):
        yield _rate(f"floor: {name}", runs[name])
        yield _cpu(f"floor: {name}: CPU", runs[name])
    for name in (SQLITE, SQLITE_QUIET):
        beside = {"floor": rates[SQLITE_FLOOR], "floor_is": SQLITE_FLOOR}
        yield _rate(name, runs[name], least=SQLITE_RATE, **beside)
        yield from _cost(name, runs[name])
    beside = {"floor": rates[FLOOR], "floor_is": FLOOR}
    yield _rate(POSTGRESQL, runs[POSTGRESQL], least=POSTGRESQL_RATE, floor_share=OF_FLOOR, **beside)
    yield from _cost(POSTGRESQL, runs[POSTGRESQL])


def _cost(name: str, runs: list[Run]) -> Iterator[Figure]:
    yield _cpu(f"{name}: CPU", runs, most=CPU)
    yield Figure.of(f"{name}: half answered within", [run.p50 for run in runs], "ms")
    yield Figure.of(f"{name}: 99 % answered within", [run.p99 for run in runs], "ms", most=P99)


def _rate(name: str, runs: list[Run], **more: object) -> Figure:
    busy, foreign = (median(getattr(run, name) for run in runs) for name in ("busy", "foreign"))
    note = f"its processor {busy:.0%} busy, others took {foreign:.0%} of the machine"
    return Figure.of(name, [run.rate for run in runs], "turns/s", note=note, **more)


def _cpu(name: str, runs: list[Run], **more: object) -> Figure:
    return Figure.of(name, [run.cpu for run in runs], "µs/turn", **more)
