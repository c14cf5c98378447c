"""The machine that is measured on: its processors, the time that processes take, and who else was busy."""

from __future__ import annotations

import os
import platform
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from types import FrameType

import psutil

# The product on one processor; load, database and Redis on another.
ALLOWED = sorted(os.sched_getaffinity(0))
PRODUCT, OTHERS = {ALLOWED[0]}, {ALLOWED[min(1, len(ALLOWED) - 1)]}

_TICK = 1 / os.sysconf("SC_CLK_TCK")


class TooLong(Exception):
    """A measurement took longer than it may."""


@contextmanager
def bounded(seconds: int) -> Iterator[None]:
    """Ends what is within when its time is over, so that its own ``finally`` clauses clean up."""

    def ring(_number: int, _frame: FrameType | None) -> None:
        raise TooLong(f"not done after {seconds} seconds")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def on(processors: set[int]) -> Iterator[None]:
    """Runs this process, and the processes that it starts meanwhile, on these processors."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, processors)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def pin(pid: int, processors: set[int]) -> None:
    """Puts a process that runs already, and its children, on these processors."""
    for each in family(pid):
        try:
            each.cpu_affinity(sorted(processors))
        except psutil.NoSuchProcess:
            pass  # A short-lived child.


def family(pid: int) -> list[psutil.Process]:
    """A process and all its descendants."""
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def cpu_seconds(pid: int) -> float:
    """Processor time, user and system, that one process took so far; proc(5), stat, fields 14 and 15."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * _TICK


def thread_seconds(pid: int) -> dict[int, float]:
    """Processor time that each thread of a process took so far."""
    taken: dict[int, float] = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            fields = (task / "stat").read_text().rpartition(")")[2].split()
        except FileNotFoundError:
            continue  # It has just ended.
        taken[int(task.name)] = (int(fields[11]) + int(fields[12])) * _TICK
    return taken


def resident(pid: int) -> tuple[float, float]:
    """MB of memory that a process has now, and the most that it ever had; proc(5), status."""
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    sizes = {line.split(":")[0]: int(line.split()[1]) for line in status if line.endswith(" kB")}
    return sizes["VmRSS"] / 1024, sizes["VmHWM"] / 1024


def described() -> str:
    """The machine in one line."""
    info = Path("/proc/cpuinfo")
    names = info.read_text().split("model name") if info.exists() else []
    model = names[1].split("\n")[0].strip("\t :") if len(names) > 1 else platform.machine()
    memory = psutil.virtual_memory().total / 2**30
    load = " ".join(f"{each:.2f}" for each in os.getloadavg())
    return (
        f"{os.cpu_count()} × {model}, {memory:.0f} GB, Python {platform.python_version()}, "
        f"{pace():.1f} million steps/s of a bare loop, load average {load}"
    )


def pace() -> float:
    """How fast this machine is at this moment: millions of steps of an empty Python loop in a second."""
    steps = 2_000_000
    best = 0.0
    for _attempt in range(3):
        began = perf_counter()
        for _step in range(steps):
            pass
        best = max(best, steps / (perf_counter() - began) / 1e6)
    return best


class Watch:
    """Who used the machine for a while: this program with what it started (``own`` processes), or others."""

    def __init__(self, own: Iterable[int]) -> None:
        self._own = {process.pid for pid in {*own, os.getpid()} for process in family(pid)}
        self._began = perf_counter()
        self._busy = _busy()
        self._ours = self._seconds()

    def foreign(self, ended: float = 0.0) -> float:
        """The share of the whole machine that others took since then. ``ended`` are the seconds of processes
        of ours that began and ended in between."""
        span = (perf_counter() - self._began) * (os.cpu_count() or 1)
        return max(0.0, _busy() - self._busy - (self._seconds() - self._ours) - ended) / span

    def _seconds(self) -> float:
        return sum(cpu_seconds(pid) for pid in self._own if Path(f"/proc/{pid}").exists())


def _busy() -> float:
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system + times.irq + times.softirq + times.steal)
