"""The web chat: what twenty thousand open and quiet chats take of one process, and how fast turns are while
they are there. Each turn is durable before it is shown; one process on one processor."""

from __future__ import annotations

import resource
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from statistics import median

from bench.chat_load import ChatPlan
from bench.figures import Effort, Figure
from bench.machine import resident
from bench.product import Process, Run, loaded, on_stores, prepare, product, weighed
from bench.stores import PostgreSQL, Redis, postgresql, redis

QUIET, QUICK_QUIET = 20_000, 2_000
MEMORY, RATE, P99 = 1_000.0, 3_000.0, 100.0
OTHER_FILES = 200  # What a process has open beside the quiet chats: those that talk, the stores.
OPENING = 120.0  # Seconds that opening them all may take.
# Opens the main menu, goes into a flow and comes back.
TEXTS = ["شروع", "2", "منو"]
MENU = "چاپار"
# One machine is everybody here.
OPEN = {
    "WEBCHAT": "yes",
    "WEBCHAT_ADDRESS_SOCKETS": "1000000",
    "WEBCHAT_ADDRESS_RATE": "0",
    "WEBCHAT_VISITOR_RATE": "0",
}


def measure(effort: Effort) -> Iterator[Figure]:
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    # A machine may allow a process fewer files than there should be chats: then as many as it allows.
    quiet = min(QUICK_QUIET if effort.quick else QUIET, hard - OTHER_FILES)
    yield from _measured("SQLite", {"DISPATCH_IN_SERVE": "no"}, effort, quiet)
    with postgresql() as database, redis() as cache:
        settings = on_stores(database.create("product"), cache)
        prepare(settings)
        yield from _measured("PostgreSQL + Redis", settings, effort, quiet, database, cache)


def _measured(
    name: str, settings: Mapping[str, str], effort: Effort, quiet: int, *stores: PostgreSQL | Redis
) -> Iterator[Figure]:
    runs: list[Run] = []
    with product({**settings, **OPEN}) as process:
        before, _most = resident(process.pid)
        for _round in range(effort.rounds):
            plan = ChatPlan(
                process.port, TEXTS, MENU, quiet=0, seconds=effort.seconds, warm_up=effort.warm_up
            )
            runs.append(_weighed(process, plan, *stores))
        crowded = ChatPlan(
            process.port, TEXTS, MENU, quiet=quiet, seconds=effort.seconds, warm_up=effort.warm_up
        )
        beside = _weighed(process, crowded, *stores)
        _now, most = resident(process.pid)
    foreign = median(run.foreign for run in runs)
    rates = [run.rate for run in runs]
    yield Figure.of(f"web chat, {name}", rates, "turns/s", least=RATE, foreign=foreign)
    yield Figure.of(f"web chat, {name}: CPU", [run.cpu for run in runs], "µs/turn", foreign=foreign)
    p99 = [run.p99 for run in runs]
    yield Figure.of(f"web chat, {name}: 99 % shown within", p99, "ms", most=P99, foreign=foreign)
    note = (
        f"at its start {before:.0f}; {beside.rate:,.0f} turns/s beside them, 99 % within {beside.p99:.0f} ms"
    )
    yield Figure(f"web chat, {name}: {quiet:,} quiet chats", most, "MB", most=MEMORY, note=note)


def _weighed(process: Process, plan: ChatPlan, *stores: PostgreSQL | Redis) -> Run:
    seconds = plan.seconds + plan.warm_up + (OPENING if plan.quiet else 0.0)
    return weighed(process, lambda: loaded("bench.chat_load", asdict(plan), seconds), *stores)
