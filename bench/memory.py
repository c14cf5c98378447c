"""Memory of the serving process with a hundred thousand conversations under way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from bench.figures import Effort, Figure
from bench.load import Plan
from bench.machine import resident
from bench.product import SECRET, Broken, dial, on_stores, prepare, product
from bench.stores import postgresql, redis

SESSIONS, QUICK_SESSIONS = 100_000, 10_000
MOST = 250.0
CONNECTIONS = 50
SECONDS = 280.0  # Less than the ten minutes after which the first of them would end by itself.


def measure(effort: Effort) -> Iterator[Figure]:
    sessions = QUICK_SESSIONS if effort.quick else SESSIONS
    yield from _opened("SQLite", {}, sessions)
    with postgresql() as database, redis() as cache:
        settings = on_stores(database.create("product"), cache)
        prepare(settings)
        yield from _opened("PostgreSQL + Redis", settings, sessions)


def _opened(name: str, settings: Mapping[str, str], sessions: int) -> Iterator[Figure]:
    """Each person dials, answers the first menu and leaves it at that."""
    plan = Plan(
        0,
        ["2"],
        secret=SECRET,
        connections=CONNECTIONS,
        conversations=sessions // CONNECTIONS,
        seconds=SECONDS,
        warm_up=0.0,
        ends=False,
    )
    with product(settings) as process:
        before, _most = resident(process.pid)
        figures = dial(replace(plan, port=process.port))
        if figures.conversations < sessions:
            raise Broken(f"only {figures.conversations} of {sessions} conversations in {SECONDS:g} s")
        now, most = resident(process.pid)
    note = f"at its start {before:.0f}, at most {most:.0f}, opened at {figures.rate:,.0f} turns/s"
    yield Figure(f"{name}: {sessions:,} open conversations", now, "MB", most=MOST, note=note)
