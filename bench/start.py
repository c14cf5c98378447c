"""From the start of the process to ``/readyz`` with a hundred flows: the first time, which lints, tests and
publishes them all, and the times after it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.figures import Effort, Figure
from bench.machine import PRODUCT, Watch, cpu_seconds, on
from bench.product import ROOT, Broken, environment, product

FLOWS = 100
MOST = 2.0
# There is one of each of these, by name.
ALONE = ("main", "resume")


@dataclass(frozen=True, slots=True)
class Start:
    """Until it was ready: seconds by the clock, and of processor time; and the share of the machine that
    others took."""

    seconds: float
    cpu: float
    foreign: float


def measure(effort: Effort) -> Iterator[Figure]:
    firsts: list[Start] = []
    nexts: list[Start] = []
    imports: list[float] = []
    for _round in range(effort.rounds):
        with tempfile.TemporaryDirectory(prefix="chapar-bench-") as made:
            folder = Path(made)
            write_flows(folder / "flows", FLOWS)
            _record(folder)
            imports.append(_imported(folder))
            firsts.append(_started(folder))
            if _published(folder) != FLOWS:
                raise Broken(f"not all flows were published:\n{(folder / 'log').read_text()}")
            nexts.append(_started(folder))
    for name, starts in (
        ("first start, linting, testing and publishing", firsts),
        ("next start with", nexts),
    ):
        yield Figure.of(
            f"{name} {FLOWS} flows",
            [start.seconds for start in starts],
            "s",
            most=MOST,
            floor=median(imports),
            floor_is="importing the program",
            foreign=median(start.foreign for start in starts),
            note=f"{median(start.cpu for start in starts):.2f} s of processor time",
        )


def write_flows(folder: Path, flows: int) -> None:
    """The shipped flows and copies of them with their tests; each has its own name, codes and keywords."""
    shutil.copytree(ROOT / "flows", folder)
    names = sorted(path.stem for path in folder.glob("*.yaml"))
    made = len(names)
    # Those that run no other come first, so that none is copied without what it runs.
    runs = {
        name: len(re.findall(r"^ +run:", (folder / f"{name}.yaml").read_text("utf-8"), re.M))
        for name in names
    }
    copied = sorted((name for name in names if name not in ALONE), key=lambda name: runs[name])
    for number in range(1, flows):
        for name in copied:
            if made == flows:
                return
            made += 1
            for path in (folder / f"{name}.yaml", folder / "tests" / f"{name}.yaml"):
                copy = path.with_name(f"{name}{number}.yaml")
                copy.write_text(_renamed(path.read_text("utf-8"), copied, number), "utf-8")


def _renamed(text: str, names: list[str], number: int) -> str:
    text = re.sub(r"^flow: (\w+)", rf"flow: \g<1>{number}", text, flags=re.MULTILINE)
    text = re.sub(rf"\brun: ({'|'.join(names)})$", rf"run: \g<1>{number}", text, flags=re.MULTILINE)
    # *733*2# becomes *733*207#, where flows say what opens them and where tests dial.
    text = re.sub(r'^(  codes: \["\*733\*\d+)', rf"\g<1>{number:02}", text, flags=re.MULTILINE)
    text = re.sub(r'(- dial: "\*733\*\d+)(?=[*#])', rf"\g<1>{number:02}", text)
    return re.sub(
        r"^  keywords: \[(.*)\]$",
        lambda found: f"  keywords: [{', '.join(f'{word} x{number}' for word in found[1].split(', '))}]",
        text,
        flags=re.MULTILINE,
    )


def _record(folder: Path) -> None:
    """Some screens name the code that opens their flow, and each copy has a code of its own."""
    done = subprocess.run(
        [sys.executable, "server.py", "flows", "test", "--record"],
        cwd=ROOT,
        env=environment(folder, {"FLOWS_DIR": str(folder / "flows")}),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode:
        raise Broken(f"the copies of the flows are not sound:\n{done.stdout[-2_000:]}")


def _started(folder: Path) -> Start:
    watch, began = Watch([]), time.monotonic()
    with product({"FLOWS_DIR": str(folder / "flows")}, folder) as process:
        took = cpu_seconds(process.pid)
        return Start(time.monotonic() - began, took, watch.foreign(took))


def _imported(folder: Path) -> float:
    """Seconds that Python needs to begin and to import the program."""
    began = time.monotonic()
    with on(PRODUCT):
        subprocess.run([sys.executable, "-c", "import server"], cwd=ROOT, check=True, timeout=60)
    return time.monotonic() - began


def _published(folder: Path) -> int:
    """How many flows are live."""
    done = subprocess.run(
        [sys.executable, "server.py", "flows", "list"],
        cwd=ROOT,
        env=environment(folder, {}),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return len(done.stdout.splitlines())
