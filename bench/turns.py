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
    for name in (BARE, SQLITE_FLOOR, FLOOR):
        yield _rate(f"floor: {name}", runs[name])
        yield _cpu(f"floor: {name}: CPU", runs[name])
    beside = ((SQLITE, SQLITE_FLOOR), (SQLITE_QUIET, SQLITE_FLOOR), (POSTGRESQL, FLOOR))
    for name, floor_is in beside:
        some, floors = runs[name], runs[floor_is]
        yield _rate(
            name,
            some,
            least=POSTGRESQL_RATE if name == POSTGRESQL else SQLITE_RATE,
            floor=median(run.rate for run in floors),
            floor_is=floor_is,
            floor_share=OF_FLOOR if name == POSTGRESQL else None,
        )
        cpu = median(run.cpu for run in floors)
        yield _cpu(f"{name}: CPU", some, most=CPU, floor=cpu, floor_is=floor_is)
        foreign = _foreign(some)
        yield Figure.of(f"{name}: half answered within", [run.p50 for run in some], "ms", foreign=foreign)
        yield Figure.of(
            f"{name}: 99 % answered within", [run.p99 for run in some], "ms", most=P99, foreign=foreign
        )


def _rate(name: str, runs: list[Run], **more: object) -> Figure:
    note = f"its processor {median(run.busy for run in runs):.0%} busy"
    return Figure.of(name, [run.rate for run in runs], "turns/s", note=note, foreign=_foreign(runs), **more)


def _cpu(name: str, runs: list[Run], **more: object) -> Figure:
    note = ""
    if any(run.stores_cpu for run in runs):
        note = f"and {median(run.stores_cpu for run in runs):.0f} of the stores"
    return Figure.of(name, [run.cpu for run in runs], "µs/turn", note=note, foreign=_foreign(runs), **more)


def _foreign(runs: list[Run]) -> float:
    return median(run.foreign for run in runs)
