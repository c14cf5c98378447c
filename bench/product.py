"""The real server, or its floor, in a process of its own on a processor of its own, and a load against it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from http.client import HTTPConnection, HTTPException
from itertools import count
from pathlib import Path

from bench.load import Figures, Plan
from bench.machine import OTHERS, PRODUCT, Watch, cpu_seconds, family, on
from bench.stores import PostgreSQL, Redis
from records.keyring import Keyring

ROOT = Path(__file__).parent.parent
SECRET = "bench-secret"
READY_WITHIN = 60.0  # Seconds.
STOPPED_WITHIN = 40.0

# The complaint conversation: dial, "complaint", "unwanted message", "I have no tracking number", the text,
# "yes". Six turns; the last files the complaint and queues the SMS that confirms it.
COMPLAINT = ["2", "1", "1", "از دیروز پیامک تبلیغاتی مزاحم می‌گیرم", "1"]
FILED = "شکایت شما ثبت شد"

# Each run calls from numbers of its own, so that none meets the sessions of the one before.
_NUMBERS = count(9_100_000_000, 2_000_000)


class Broken(Exception):
    """There is nothing to measure: a process did not start, or what it answers is wrong."""


@dataclass(frozen=True, slots=True)
class Process:
    """A server that listens on ``port``."""

    pid: int
    port: int


@dataclass(frozen=True, slots=True)
class Run:
    """One load: ``rate`` in turns a second, latencies in ms; ``cpu`` and ``stores_cpu`` in µs of processor
    time for a turn, of the server and of its stores. ``busy`` is the share of its processor that the server
    took, ``foreign`` the share of the machine that others took meanwhile."""

    rate: float
    p50: float
    p99: float
    cpu: float
    stores_cpu: float
    busy: float
    foreign: float


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def complaint(**more: object) -> Plan:
    """The complaint conversation, for ``load``."""
    return replace(Plan(0, list(COMPLAINT), last_word=FILED, secret=SECRET), **more)  # type: ignore[arg-type]


def environment(folder: Path, settings: Mapping[str, str]) -> dict[str, str]:
    """What the server finds around it: only what is meant for it."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TZ") if name in os.environ}
    own = {"DATA_DIR": str(folder / "var"), "LOG_LEVEL": "warning", "LOG_FORMAT": "json"}
    return kept | own | {"USSD_AFRICASTALKING_SECRET": SECRET} | dict(settings)


def on_stores(database: str, cache: Redis) -> dict[str, str]:
    """The settings with which the product uses this database and this Redis."""
    return {"DATABASE_URL": database, "REDIS_URL": cache.url, "KEYS": Keyring.new().text()}


def prepare(settings: Mapping[str, str]) -> None:
    """Makes the tables and publishes the flows, as a deployment does before its first start."""
    with tempfile.TemporaryDirectory(prefix="chapar-bench-") as folder:
        for command in (["migrate"], ["flows", "publish"]):
            done = subprocess.run(
                [sys.executable, "server.py", *command],
                cwd=ROOT,
                env=environment(Path(folder), settings),
                capture_output=True,
                text=True,
                timeout=READY_WITHIN,
                check=False,
            )
            if done.returncode:
                raise Broken(f"server.py {' '.join(command)}: {done.stdout}{done.stderr}")


@contextmanager
def product(settings: Mapping[str, str], folder: Path | None = None) -> Iterator[Process]:
    """``server.py serve``, ready; without ``folder`` in a new one that is removed afterwards."""
    if folder is None:
        with (
            tempfile.TemporaryDirectory(prefix="chapar-bench-") as made,
            product(settings, Path(made)) as process,
        ):
            yield process
        return
    port = free_port()
    given = environment(folder, settings) | {"PORT": str(port)}
    with started([sys.executable, "server.py", "serve"], given, folder / "log", port, "/readyz") as process:
        yield process


@contextmanager
def floor(*urls: str) -> Iterator[Process]:
    """The floor (``bench.floor``) with these stores."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="chapar-bench-") as folder:
        command = [
            sys.executable,
            "-m",
            "bench.floor",
            str(port),
            *(url.format(folder=folder) for url in urls),
        ]
        with started(command, dict(os.environ), Path(folder) / "log", port, "/readyz") as process:
            yield process


@contextmanager
def started(
    command: Sequence[str], given: Mapping[str, str], log: Path, port: int, ready: str
) -> Iterator[Process]:
    """A server process on the product's processor, once it answers ``ready``; stopped afterwards."""
    with log.open("wb") as said, on(PRODUCT):
        process = subprocess.Popen(command, cwd=ROOT, env=dict(given), stdout=said, stderr=said)
    try:
        until = time.monotonic() + READY_WITHIN
        while not answers(port, ready):
            if (ended := process.poll()) is not None or time.monotonic() > until:
                why = "is not ready" if ended is None else f"ended with {ended}"
                raise Broken(f"{' '.join(command)} {why}: {log.read_text(errors='replace')[-2_000:]}")
            time.sleep(0.01)
        yield Process(process.pid, port)
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Asks a process to end, and ends it if it does not."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOPPED_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def answers(port: int, path: str) -> bool:
    """Whether a GET is answered with 200."""
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def dial(plan: Plan) -> Figures:
    """Runs a load in a process of its own on the others' processor; ``Broken`` when an answer was wrong."""
    plan = replace(plan, first_number=next(_NUMBERS))
    return loaded("bench.load", asdict(plan), plan.warm_up + plan.seconds)


def loaded(module: str, plan: Mapping[str, object], seconds: float) -> Figures:
    """The same for any module that takes a plan as JSON and prints its figures; it takes ``seconds``."""
    with on(OTHERS):
        done = subprocess.run(
            [sys.executable, "-m", module, json.dumps(plan)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=seconds + 60,
            check=False,
        )
    if done.returncode:
        raise Broken(f"the load ended: {done.stderr[-2_000:]}")
    figures = Figures(**json.loads(done.stdout))
    if figures.wrong:
        raise Broken(f"{figures.wrong} of {figures.all_turns} answers were wrong, such as: {figures.example}")
    return figures


def measured(process: Process, plan: Plan, *stores: PostgreSQL | Redis) -> Run:
    """One load against a server. ``stores`` are those that it uses."""
    return weighed(process, lambda: dial(replace(plan, port=process.port)), *stores)


def weighed(process: Process, load: Callable[[], Figures], *stores: PostgreSQL | Redis) -> Run:
    """What a load took of a server and of the stores that it uses."""
    watch = Watch([process.pid, *(store.pid for store in stores)])
    server, behind, began = cpu_seconds(process.pid), _together(stores), time.monotonic()
    figures = load()
    server, behind = cpu_seconds(process.pid) - server, _together(stores) - behind
    return Run(
        rate=figures.rate,
        p50=figures.p50,
        p99=figures.p99,
        cpu=server / figures.all_turns * 1e6,
        stores_cpu=behind / figures.all_turns * 1e6,
        busy=server / (time.monotonic() - began),
        foreign=watch.foreign(figures.cpu),
    )


def _together(stores: Sequence[PostgreSQL | Redis]) -> float:
    """Processor time that the stores took so far, in seconds."""
    return sum(cpu_seconds(each.pid) for store in stores for each in family(store.pid))
