"""E-mail to npm ``smtp-server`` on loopback, over the provider's kept connections: with and without a
signature (DKIM, RSA of 2,048 bits). The server is on one processor, the provider on the other."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

from bench.figures import Effort, Figure
from bench.machine import OTHERS, PRODUCT, Watch, on
from bench.product import ROOT, Broken
from tests import npm

SCRIPT = ROOT / "tests" / "dispatch" / "mail_server.js"
PACKAGE = "smtp-server@3.21.6"
LEAST = 800.0


@contextmanager
def server() -> Iterator[tuple[int, int]]:
    """Its port, and its process."""
    modules = npm.modules(PACKAGE)
    with on(OTHERS):
        process = subprocess.Popen(
            [npm.node(), str(SCRIPT), str(modules), "quiet"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # It warns of the certificate that it comes with, which nobody uses.
            text=True,
        )
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline()), process.pid
    finally:
        process.kill()
        process.wait()


def measure(effort: Effort) -> Iterator[Figure]:
    for name, signed in (("mails", False), ("mails, signed", True)):
        runs, foreign = [], []
        for _round in range(effort.rounds):
            with server() as (port, pid):
                watch = Watch([pid])
                order = {"port": port, "seconds": effort.seconds, "signed": signed}
                with on(PRODUCT):
                    done = subprocess.run(
                        [sys.executable, "-m", "bench.mails", json.dumps(order)],
                        cwd=ROOT,
                        capture_output=True,
                        text=True,
                        timeout=120,
                        check=False,
                    )
                if done.returncode:
                    raise Broken(done.stderr[-1_000:])
                runs.append(json.loads(done.stdout))
                # The client has ended: what it took is known from itself.
                used = runs[-1]["cpu"] * runs[-1]["rate"] * effort.seconds / 1e6
                foreign.append(watch.foreign(used))
        share = median(foreign)
        yield Figure.of(name, [run["rate"] for run in runs], "mails/s", foreign=share, least=LEAST)
        yield Figure.of(f"{name}: CPU", [run["cpu"] for run in runs], "µs/mail", foreign=share)
