"""SMPP with npm ``smpp`` on loopback: what one bind submits, alone and with all that a message goes through
(claimed from the outbox, submitted, settled), and turns of USSD over SMPP through the product. The SMSC, its
subscribers and the database are on one processor, the client or the product on the other."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import uvloop

from bench.dispatch import fill_postgresql, fill_sqlite
from bench.figures import Effort, Figure
from bench.machine import OTHERS, PRODUCT, Watch, cpu_seconds, on
from bench.product import COMPLAINT, FILED, ROOT, Broken, product
from bench.stores import postgresql
from records import migrate
from records.keyring import Keyring
from records.vault import Vault
from tests import npm

SCRIPT = Path(__file__).with_name("smsc.js")
PACKAGE = "smpp@0.5.1"
WINDOW = 50
DELAY = 0.05  # Seconds that an answer takes, where the window is the bound.
PHONES = 64
MOST = 16_000  # Messages a second that the outbox is filled for: nobody is to wait for more.


@dataclass
class Smsc:
    """One at work."""

    process: subprocess.Popen[str]
    port: int = 0

    def told(self) -> Any:
        """The next line that it prints."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise Broken("the SMSC ended")
        return json.loads(line)


@contextmanager
def smsc(**plan: Any) -> Iterator[Smsc]:
    modules = npm.modules(PACKAGE)
    with on(OTHERS):
        process = subprocess.Popen(
            [npm.node(), str(SCRIPT), json.dumps(plan)],
            env={"NODE_PATH": str(modules)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
    made = Smsc(process)
    try:
        made.port = made.told()["port"]
        yield made
    finally:
        process.kill()
        process.wait()


def measure(effort: Effort) -> Iterator[Figure]:
    yield from _submits(effort, "one bind, window 50", 0.0)
    yield from _submits(effort, "window 50, answers after 50 ms", DELAY)
    keys = Keyring.new().text()
    vault = Vault(Keyring.parse(keys, "keys"))
    messages = int(MOST * effort.seconds * 1.5)
    with TemporaryDirectory(prefix="chapar-bench-smpp-") as folder:
        path = Path(folder) / "chapar.sqlite3"
        url = f"sqlite:///{path}"
        uvloop.run(migrate.upgrade(url))
        yield from _path(
            effort, "SQLite", url, keys, lambda first: fill_sqlite(path, vault, first, first + messages)
        )
    with postgresql() as store:
        url = store.create("smpp")
        uvloop.run(migrate.upgrade(url))
        yield from _path(
            effort, "PostgreSQL", url, keys,
            lambda first: uvloop.run(fill_postgresql(url, vault, first, first + messages)),
        )  # fmt: skip
    yield from _turns(effort)


def _path(effort: Effort, store: str, url: str, keys: str, fill: Callable[[int], None]) -> Iterator[Figure]:
    """The whole path. There is always more in the outbox than goes, and what is left is enough for answers
    that take their time."""
    numbers = count(step=int(MOST * effort.seconds * 1.5))
    where: dict[str, Any] = {"url": url, "keys": keys}
    yield from _submits(
        effort, f"outbox to settled, {store}, window 50", 0.0, lambda: fill(next(numbers)), **where
    )
    yield from _submits(effort, f"outbox to settled, {store}, answers after 50 ms", DELAY, **where)


def _submits(
    effort: Effort, name: str, delay: float, before: Callable[[], None] = lambda: None, **where: Any
) -> Iterator[Figure]:
    runs, foreign = [], []
    for _round in range(effort.rounds):
        before()
        with smsc(delay=delay * 1_000) as server:
            watch = Watch([server.process.pid])
            order = {"port": server.port, "window": WINDOW, "seconds": effort.seconds, **where}
            with on(PRODUCT):
                done = subprocess.run(
                    [sys.executable, "-m", "bench.submits", json.dumps(order)],
                    cwd=ROOT,
                    capture_output=True,
                    text=True,
                    timeout=120,
                    check=False,
                )
            if done.returncode:
                raise Broken(done.stderr)
            runs.append(json.loads(done.stdout))
            # The client has ended: what it took is known from itself.
            used = runs[-1]["cpu"] * runs[-1]["rate"] * effort.seconds / 1e6
            foreign.append(watch.foreign(used))
    bound: dict[str, Any] = {}
    if delay:
        bound = {"floor": WINDOW / delay, "floor_is": "the window's bound", "floor_share": 0.9}
    else:
        bound = {"least": 8_000.0}
    share = median(foreign)
    yield Figure.of(name, [run["rate"] for run in runs], "submits/s", foreign=share, **bound)
    yield Figure.of(f"{name}: CPU", [run["cpu"] for run in runs], "µs/submit", foreign=share)


def _turns(effort: Effort) -> Iterator[Figure]:
    runs: list[dict[str, float]] = []
    foreign: list[float] = []
    for round in range(effort.rounds):
        plan = {
            "answers": COMPLAINT,
            "filed": FILED,
            "phones": PHONES,
            "seconds": effort.seconds,
            "warmUp": effort.warm_up,
            "number": 989_100_000_000 + round * 2_000_000,
        }
        with smsc(**plan) as server:
            settings = {
                "SMPP_USSD_URL": f"smpp://bench:bench@127.0.0.1:{server.port}",
                "SMPP_USSD_WINDOW": "200",
            }
            with product(settings) as process:
                if server.told() != "counting":
                    raise Broken("the conversations did not begin")
                watch, used = Watch([process.pid, server.process.pid]), cpu_seconds(process.pid)
                found = server.told()
                used = cpu_seconds(process.pid) - used
                foreign.append(watch.foreign())
        if found["wrong"] or not found["turns"]:
            raise Broken(f"{found['wrong']} screens of {found['turns']} are not what they should be")
        found |= {"rate": found["turns"] / found["seconds"], "cpu": used / found["turns"] * 1e6}
        runs.append(found)
    share = median(foreign)
    name = "USSD over SMPP, SQLite"
    yield Figure.of(name, [run["rate"] for run in runs], "turns/s", foreign=share)
    yield Figure.of(f"{name}: CPU", [run["cpu"] for run in runs], "µs/turn", foreign=share)
    yield Figure.of(f"{name}: 99 % shown within", [run["p99"] for run in runs], "ms", foreign=share)
