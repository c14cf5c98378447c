"""Where the processor time of a turn goes, by layer: the load of ``turns`` on a server that py-spy looks at
(``pip install py-spy``), or, without it, on one that runs under cProfile, which tells less: it slows Python
down more than C, and does not see SQLite's thread. Named on the command line only, since it has no target."""

from __future__ import annotations

import pstats
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.figures import Effort, Figure
from bench.load import Plan
from bench.machine import OTHERS, on, thread_seconds
from bench.product import (
    ROOT,
    Broken,
    Process,
    complaint,
    environment,
    free_port,
    measured,
    on_stores,
    prepare,
    product,
    started,
)
from bench.stores import PostgreSQL, Redis, postgresql, redis

RATE = 400  # Samples a second.
LINES = 30  # Places shown, the dearest first.

# Where a thread of a pool waits for work, which py-spy cannot always tell from working.
WAITING = ("concurrent/futures/thread.py", "_worker")

# The layer of a place in our code, by the beginning of its path; the first that fits.
LAYERS = (
    ("ussd/", "doors: parse, render"),
    ("web/", "doors: parse, render"),
    ("conversation/needs/", "needs and services"),
    ("conversation/meeting", "needs and services"),
    ("services/", "needs and services"),
    ("conversation/", "conversation"),
    ("engine/session", "sessions: serialise, seal"),
    ("engine/", "engine"),
    ("languages", "engine"),
    ("records/sessions", "sessions: serialise, seal"),
    ("records/vault", "sessions: serialise, seal"),
    ("records/keyring", "sessions: serialise, seal"),
    ("records/cache", "cache"),
    ("records/committer", "commit"),
    ("records/bulk", "commit"),
    ("records/arrays", "commit"),
    ("records/columns", "commit"),
    ("records/row_by_row", "commit"),
    ("records/unit", "commit"),
    ("records/arrivals", "look-ups"),
    ("records/gathered", "look-ups"),
    ("records/claims", "dispatch"),
    ("records/lanes", "dispatch"),
    ("records/many", "dispatch"),
    ("records/settlement", "dispatch"),
    ("dispatch/", "dispatch"),
    ("records/", "other records"),
)
# Layers that are told by who calls: the place itself serves several.
SHARED = ("records/database", "records/driver_errors", "records/ids", "records/tables")
# Packages that run by themselves, called by nothing of ours.
BESIDE = {"aiohttp": "aiohttp", "asyncpg": "asyncpg's protocol", "redis": "redis-py's protocol"}
LOOP = "event loop: sockets, and waiting for them"
THREADS = "SQLite's threads"


@dataclass
class Profile:
    """Seconds by layer, by package within a layer, and by place."""

    layers: Counter[str] = field(default_factory=Counter)
    packages: Counter[tuple[str, str]] = field(default_factory=Counter)
    places: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, stack: list[tuple[str, str]], weight: float, beside: str = LOOP) -> None:
        """One stack of (function, file), the innermost first; ``beside`` is its layer where none of ours is
        in it."""
        layer = layer_of([file for _function, file in stack]) or beside
        function, file = stack[0]
        # Counter's values may be of any number.
        self.layers[layer] += weight  # type: ignore[assignment]
        self.packages[layer, package_of(file)] += weight  # type: ignore[assignment]
        self.places[layer, f"{short(file)} {function}"] += weight  # type: ignore[assignment]


def measure(effort: Effort) -> Iterator[Figure]:
    plan = complaint(seconds=effort.seconds * 2, warm_up=effort.warm_up)
    yield from _profiled("SQLite", {"DISPATCH_IN_SERVE": "no"}, plan)
    yield from _profiled("SQLite, dispatching", {}, plan)
    with postgresql() as database, redis() as cache:
        settings = on_stores(database.create("product"), cache)
        prepare(settings)
        yield from _profiled("PostgreSQL + Redis", settings, plan, database, cache)


def _profiled(
    name: str, settings: Mapping[str, str], plan: Plan, *stores: PostgreSQL | Redis
) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="chapar-bench-") as made:
        folder = Path(made)
        spied = shutil.which("py-spy", path=str(Path(sys.executable).parent)) or shutil.which("py-spy")
        if spied:
            with product(settings, folder) as process, _spying(spied, process.pid, plan, folder / "stacks"):
                before = thread_seconds(process.pid)
                run = measured(process, plan, *stores)
                after = thread_seconds(process.pid)
            took = {thread: seconds - before.get(thread, 0.0) for thread, seconds in after.items()}
            profile = read_stacks((folder / "stacks").read_text().splitlines(), took)
        else:
            with _profiling(settings, folder) as process:
                run = measured(process, plan, *stores)
            profile = read_cprofile(folder / "profile")
    whole = sum(profile.layers.values())
    yield Figure(f"{name}: CPU", run.cpu, "µs/turn", note=f"looked at by {'py-spy' if spied else 'cProfile'}")
    for layer, weight in profile.layers.most_common():
        parts = Counter({package: part for (of, package), part in profile.packages.items() if of == layer})
        note = ", ".join(f"{package} {run.cpu * part / whole:.1f}" for package, part in parts.most_common(5))
        yield Figure(f"{name}: {layer}", run.cpu * weight / whole, "µs/turn", note=note)
    for (layer, place), weight in profile.places.most_common(LINES):
        print(f"    {run.cpu * weight / whole:6.1f} µs  {layer:<26} {place}")


@contextmanager
def _spying(spy: str, pid: int, plan: Plan, stacks: Path) -> Iterator[None]:
    """py-spy at work; the stacks are there afterwards."""
    seconds = plan.warm_up + plan.seconds
    command = [spy, "record", "--pid", str(pid), "--format", "raw", "--full-filenames", "--nolineno"]
    more = ["--threads", "--rate", str(RATE), "--duration", str(int(seconds)), "--output", str(stacks)]
    with on(OTHERS), stacks.with_suffix(".log").open("wb") as said:
        process = subprocess.Popen([*command, *more], stdout=said, stderr=said)
    try:
        yield
        process.wait(seconds + 30)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    if process.returncode or not stacks.exists():
        raise Broken(f"py-spy: {stacks.with_suffix('.log').read_text(errors='replace')[-1_000:]}")


@contextmanager
def _profiling(settings: Mapping[str, str], folder: Path) -> Iterator[Process]:
    """The server under cProfile; what it found is there afterwards."""
    port = free_port()
    given = environment(folder, settings) | {"PORT": str(port)}
    command = [sys.executable, "-m", "cProfile", "-o", str(folder / "profile"), "server.py", "serve"]
    with started(command, given, folder / "log", port, "/readyz") as process:
        yield process


def read_stacks(lines: Iterable[str], took: Mapping[int, float]) -> Profile:
    """py-spy's raw format: ``thread (ID): name;function (file);function (file) samples``, the outermost
    first. The time that a thread took is spread over its samples."""
    stacks: dict[int, list[tuple[list[tuple[str, str]], int]]] = {}
    names: dict[int, str] = {}
    for line in lines:
        frames, _space, samples = line.rpartition(" ")
        thread, *rest = frames.split(";")
        number = int(thread[thread.index("(") + 1 : thread.index(")")])
        names[number] = thread.rpartition(" ")[2]
        stack = [
            (function, file.rstrip(")")) for function, _, file in (frame.partition(" (") for frame in rest)
        ]
        if stack and not (stack[-1][0] == WAITING[1] and stack[-1][1].endswith(WAITING[0])):
            stacks.setdefault(number, []).append((stack[::-1], int(samples)))
    profile = Profile()
    for number, some in stacks.items():
        each = took.get(number, 0.0) / sum(samples for _stack, samples in some)
        for stack, times in some:
            profile.add(stack, each * times, LOOP if names[number] == "MainThread" else THREADS)
    return profile


def read_cprofile(path: Path) -> Profile:
    """Each function's own time goes to the layer of its file; time in C to that of its callers."""
    profile = Profile()
    stats = pstats.Stats(str(path)).stats  # type: ignore[attr-defined]  # It is there, undocumented.
    for (file, _line, name), (_calls, _primitive, own, _all, callers) in stats.items():
        if file != "~":
            profile.add([(name, file)], own)
            continue
        for (caller, _caller_line, caller_name), times in callers.items():
            profile.add([(name, caller), (caller_name, caller)], times[2])
    return profile


def layer_of(files: list[str]) -> str:
    """The layer of a stack of files, the innermost first; "" when it is none of them."""
    for file in files:
        place = short(file)
        if package_of(file) != "chapar" or place.startswith(SHARED):
            continue
        for beginning, layer in LAYERS:
            if place.startswith(beginning):
                return layer
    for file in files:
        if (beside := BESIDE.get(package_of(file))) is not None:
            return beside
    return ""


def package_of(file: str) -> str:
    """Whose file this is: ours, an installed package's, or Python's."""
    if "site-packages/" in file:
        return file.split("site-packages/")[1].split("/")[0].removesuffix(".py")
    return "chapar" if file.startswith(str(ROOT)) or not file.startswith("/") else "python"


def short(file: str) -> str:
    """The path within its package."""
    if "site-packages/" in file:
        return file.split("site-packages/")[1]
    return file.removeprefix(f"{ROOT}/")
