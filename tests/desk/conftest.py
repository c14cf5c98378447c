"""A service and operators' desks as processes of their own, and people on the web chat."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import TracebackType

import pytest
from aiohttp import ClientSession, ClientTimeout

from tests import servers
from tests.bot.visiting import Visitor
from tests.running import KEYS, ROOT, START, STOP, Server, command


@pytest.fixture
async def http() -> AsyncIterator[ClientSession]:
    async with ClientSession(timeout=ClientTimeout(total=30)) as session:
        yield session


@pytest.fixture(scope="session")
def published(postgresql: servers.PostgreSQL, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a database that is migrated and has the flows."""
    name = postgresql.create()
    settings = {"DATABASE_URL": postgresql.url(name), "KEYS": KEYS}
    for arguments in (["migrate"], ["flows", "publish"]):
        done = command(*arguments, folder=tmp_path_factory.mktemp("operator"), settings=settings)
        assert done.returncode == 0, done.stderr
    return name


@pytest.fixture
def beyond(postgresql: servers.PostgreSQL, published: str, redis: servers.Redis) -> Iterator[dict[str, str]]:
    """The settings of processes on one PostgreSQL and one Redis, with a database of their own."""
    name = f"desk_of_{published}"
    postgresql.sql(f"CREATE DATABASE {name} TEMPLATE {published}")
    yield {
        "DATABASE_URL": postgresql.url(name),
        "REDIS_URL": redis.url,
        "KEYS": KEYS,
        "WEBCHAT": "yes",
    }
    postgresql.drop(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Server:
    """A service that is not started yet."""
    settings = {} if request.param == "sqlite" else request.getfixturevalue("beyond")
    return Server(tmp_path / "one", settings)


class Operator:
    """``server.py desk`` on the records of a service. ``shown`` is all that it printed."""

    def __init__(self, service: Server, name: str = "sara", *, terminal: bool = False) -> None:
        self.service = service
        self.name = name
        self.terminal = terminal
        self.shown = ""
        self._read = 0
        self._process: asyncio.subprocess.Process | None = None
        self._keys = -1
        self._reading: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Operator:
        arguments = [sys.executable, "server.py", "desk", "--name", self.name]
        environment = {**self.service.environment(), "TERM": "xterm", "COLUMNS": "100"}
        if self.terminal:
            self._keys, theirs = pty.openpty()
            os.set_blocking(self._keys, False)
            self._process = await asyncio.create_subprocess_exec(
                *arguments, cwd=ROOT, env=environment, stdin=theirs, stdout=theirs, stderr=theirs
            )
            os.close(theirs)
            self._reading = asyncio.create_task(self._read_terminal())
        else:
            self._process = await asyncio.create_subprocess_exec(
                *arguments,
                cwd=ROOT,
                env=environment,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            self._reading = asyncio.create_task(self._read_pipe())
        await self.see("میز")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        if self._process.returncode is None:
            self.kill()
        await self._process.wait()
        assert self._reading is not None
        self._reading.cancel()
        if self._keys >= 0:
            os.close(self._keys)

    async def type(self, line: str, *, enter: bool = True) -> None:
        data = f"{line}\n".encode() if enter else line.encode()
        if self.terminal:
            os.write(self._keys, data)
            return
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(data)
        await self._process.stdin.drain()

    async def see(self, text: str) -> str:
        """What was printed since the last look, up to ``text``, which must come."""
        end = asyncio.get_running_loop().time() + START
        while (found := self.shown.find(text, self._read)) < 0:
            assert self._process is not None
            if self._process.returncode is not None or asyncio.get_running_loop().time() > end:
                raise AssertionError(f"the desk did not show {text!r}:\n{self.shown}")
            await asyncio.sleep(0.02)
        before, self._read = self.shown[self._read : found + len(text)], found + len(text)
        return before

    def kill(self) -> None:
        """``kill -9``."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)

    async def quit(self) -> int:
        """Leaves as an operator does; the exit code."""
        await self.type("/خروج")
        return await self.ended()

    async def ended(self) -> int:
        assert self._process is not None
        async with asyncio.timeout(STOP):
            return await self._process.wait()

    def stop(self) -> None:
        """What a shutdown of the machine sends."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)

    async def _read_pipe(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        while data := await self._process.stdout.read(4096):
            self.shown += data.decode("utf-8", "replace")

    async def _read_terminal(self) -> None:
        loop, arrived = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._keys, arrived.set)
        try:
            while True:
                await arrived.wait()
                arrived.clear()
                try:
                    data = os.read(self._keys, 4096)
                except BlockingIOError:
                    continue
                except OSError:
                    return  # The desk closed its end.
                self.shown += data.decode("utf-8", "replace")
        finally:
            loop.remove_reader(self._keys)


async def shown(visitor: Visitor, text: str) -> None:
    """Waits until the visitor is shown this text, in a turn or a post."""
    if text not in visitor.texts:
        await visitor.until(lambda frame: frame.get("text") == text)


def count(visitor: Visitor, text: str) -> int:
    return visitor.texts.count(text)
