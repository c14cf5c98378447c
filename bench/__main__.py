"""``python -m bench [--quick] [--json FILE] [NAME …]``: measures, and prints each figure beside its floor and
its target. The exit code is 1 when something could not be measured; a target that is missed is said, in each
line and at the end, and is no failure of the program."""

from __future__ import annotations

import argparse
import importlib
import json
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

from bench.figures import Effort, Figure
from bench.machine import OTHERS, TooLong, bounded, described, on
from bench.product import Broken

# Each measurement and how many seconds it may take at most.
MEASUREMENTS = {
    "engine": ("the engine alone", 300),
    "turns": ("turns over HTTP, one process, 64 connections", 1_500),
    "growth": ("cost of a turn beside that with a hundred stored conversations", 3_600),
    "memory": ("memory of the serving process", 1_200),
    "start": ("start of the process", 600),
    "mail": ("e-mail to npm smtp-server over kept connections", 300),
    "dispatch": ("messages claimed, sent and settled, at every depth of the queue", 3_600),
    "vendors": ("SMS by HTTP to a vendor that answers after 50 ms, in batches", 900),
    "api": ("messages taken over by the API, a hundred in a call", 600),
    "bots": ("turns of a bot by webhook, replies sent", 600),
    "webchat": ("turns of the web chat, and chats that are open and quiet", 900),
    "smpp": ("SMPP with npm smpp: one bind, and USSD over it", 600),
}
# Only when they are named.
OTHER_MEASUREMENTS = {"profile": ("where the time of a turn goes", 900)}


def main() -> int:
    known = MEASUREMENTS | OTHER_MEASUREMENTS
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measures speed beside a floor.")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"{', '.join(known)}; all but profile if none"
    )
    parser.add_argument("--quick", action="store_true", help="short runs: rough figures")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(known):
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are: {', '.join(known)}")
    signal.signal(signal.SIGTERM, _terminated)
    machine = described()
    print(f"{machine}{'; quick, so the figures are rough' if arguments.quick else ''}", flush=True)
    figures: dict[str, list[Figure]] = {}
    broken: list[str] = []
    with on(OTHERS):
        for name in arguments.names or MEASUREMENTS:
            title, seconds = known[name]
            print(f"\n{name}: {title}", flush=True)
            try:
                figures[name] = _measured(name, seconds, Effort(arguments.quick))
            except (Broken, TooLong) as error:
                print(f"  NOT MEASURED: {error}", flush=True)
                broken.append(name)
            except Exception:
                print(f"  NOT MEASURED:\n{traceback.format_exc()}", flush=True)
                broken.append(name)
    _conclude(figures, broken)
    if arguments.json is not None:
        _write(arguments.json, machine, arguments.quick, figures, broken)
    return 1 if broken else 0


def _measured(name: str, seconds: int, effort: Effort) -> list[Figure]:
    measure: Callable[[Effort], Iterator[Figure]] = importlib.import_module(f"bench.{name}").measure
    told: list[Figure] = []
    with bounded(seconds):
        for figure in measure(effort):
            print(figure.line(), flush=True)
            told.append(figure)
    return told


def _conclude(figures: dict[str, list[Figure]], broken: list[str]) -> None:
    aimed = [(name, figure) for name, some in figures.items() for figure in some if figure.aimed]
    missed = [f"{name}: {figure.name}: {why}" for name, figure in aimed for why in figure.missed]
    print(
        f"\n{sum(not figure.missed for _name, figure in aimed)} of {len(aimed)} figures meet their targets."
    )
    for line in missed:
        print(f"MISSED  {line}")
    disturbed = [figure.foreign for some in figures.values() for figure in some if figure.disturbed]
    if disturbed:
        print(
            f"Others took up to {max(disturbed):.0%} of the machine: of {len(disturbed)} figures only the "
            "ratios to floors of the same run are worth something. Measure again when it is free."
        )
    for name in broken:
        print(f"NOT MEASURED  {name}")


def _write(
    path: Path, machine: str, quick: bool, figures: dict[str, list[Figure]], broken: list[str]
) -> None:
    told = {name: [figure.plain() for figure in some] for name, some in figures.items()}
    whole = {
        "machine": machine,
        "at": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "quick": quick,
        "figures": told,
        "not_measured": broken,
    }
    path.write_text(json.dumps(whole, ensure_ascii=False, indent=1) + "\n", "utf-8")


def _terminated(_number: int, _frame: FrameType | None) -> None:
    # As if interrupted, so that servers and stores are stopped and removed.
    raise SystemExit(143)


if __name__ == "__main__":
    sys.exit(main())
