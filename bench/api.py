"""Messages that the API takes over, a hundred in a call: a call counts once it is answered with 202, and so
once its messages are durable. One process on one processor, with the connections of eight callers; what is
taken is sent by others, so nothing is sent here."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from itertools import count
from pathlib import Path
from statistics import median

from bench.api_load import ApiPlan
from bench.figures import Effort, Figure
from bench.load import Figures
from bench.product import ROOT, Broken, Run, environment, loaded, on_stores, prepare, product, weighed
from bench.stores import PostgreSQL, Redis, postgresql, redis

RATE = 2_000.0
A_CALL = 100
BUSINESS = "bench"

_NUMBERS = count(9_100_000_000, 10_000_000)


def measure(effort: Effort) -> Iterator[Figure]:
    yield from _measured("SQLite", {"DISPATCH_IN_SERVE": "no"}, effort)
    with postgresql() as database, redis() as cache:
        settings = on_stores(database.create("product"), cache)
        prepare(settings)
        yield from _measured("PostgreSQL + Redis", settings, effort, database, cache)


def _measured(
    name: str, settings: Mapping[str, str], effort: Effort, *stores: PostgreSQL | Redis
) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="chapar-bench-") as made:
        folder = Path(made)
        token = _key(settings, folder)
        with product(settings, folder) as process:
            runs: list[Run] = []
            for _round in range(effort.rounds):
                plan = ApiPlan(
                    process.port,
                    token,
                    each=A_CALL,
                    seconds=effort.seconds,
                    warm_up=effort.warm_up,
                    first_number=next(_NUMBERS),
                )
                seconds = plan.seconds + plan.warm_up

                def load(plan: ApiPlan = plan, seconds: float = seconds) -> Figures:
                    return loaded("bench.api_load", asdict(plan), seconds)

                runs.append(weighed(process, load, *stores))
    foreign = median(run.foreign for run in runs)
    yield Figure.of(f"API, {name}", [run.rate * A_CALL for run in runs], "msg/s", least=RATE, foreign=foreign)
    yield Figure.of(f"API, {name}: CPU", [run.cpu / A_CALL for run in runs], "µs/msg", foreign=foreign)
    yield Figure.of(f"API, {name}: half answered within", [run.p50 for run in runs], "ms", foreign=foreign)
    yield Figure.of(f"API, {name}: 99 % answered within", [run.p99 for run in runs], "ms", foreign=foreign)


def _key(settings: Mapping[str, str], folder: Path) -> str:
    """An account with a key that is not held up by its rate."""
    said = ""
    for command in (
        ["accounts", "add", BUSINESS, "--line", "10004346"],
        ["accounts", "key", BUSINESS, "--scope", "send", "--rate", "100000"],
    ):
        done = subprocess.run(
            [sys.executable, "server.py", *command],
            cwd=ROOT,
            env=environment(folder, settings),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode:
            raise Broken(f"server.py {' '.join(command[:2])}: {done.stdout}{done.stderr}")
        said = done.stdout
    return said.splitlines()[0]
