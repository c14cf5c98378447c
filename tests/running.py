"""The program as processes of its own, and phones that dial it, for tests of the whole.

Everything here ends by itself: a server that does not start or stop, and a test that hangs, fail.
"""

from __future__ import annotations

import asyncio
import functools
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import ParamSpec

from aiohttp import ClientError, ClientSession, ClientTimeout

P = ParamSpec("P")

ROOT = Path(__file__).parent.parent
SECRET = "open-sesame"
NUMBER = "+989121234567"

# The key ring of processes that share a database.
KEYS = (
    '{"current": "k1", "keys": {"k1": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}, '
    '"index": "Hx4dHBsaGRgXFhUUExIREA8ODQwLCgkIBwYFBAMCAQA="}'
)

START = 30.0  # Seconds that a process may take until it serves, on a machine that is busy otherwise.
STOP = 20.0


def within(seconds: float) -> Callable[[Callable[P, Awaitable[None]]], Callable[P, Awaitable[None]]]:
    """A test that takes longer fails."""

    def limit(test: Callable[P, Awaitable[None]]) -> Callable[P, Awaitable[None]]:
        @functools.wraps(test)
        async def limited(*arguments: P.args, **named: P.kwargs) -> None:
            async with asyncio.timeout(seconds):
                await test(*arguments, **named)

        return limited

    return limit


def free_port() -> int:
    """A port that nobody listens on now, outside of the range that outgoing connections take theirs from."""
    while True:
        port = random.randrange(10_000, 32_000)
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


@dataclass
class Server:
    """``python server.py COMMAND`` with an environment of its own. ``async with`` starts and stops it.
    ``program``: something else that takes the same commands."""

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ("serve",)
    port: int = field(default_factory=free_port)
    program: tuple[str, ...] = ("server.py",)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @property
    def data(self) -> Path:
        return self.folder / "var"

    @property
    def secret(self) -> str:
        return self.settings.get("USSD_AFRICASTALKING_SECRET", "")

    @property
    def database_url(self) -> str:
        return self.settings.get("DATABASE_URL") or f"sqlite:///{self.data / 'chapar.sqlite3'}"

    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TZ") if name in os.environ}
        own = {"PORT": str(self.port), "DATA_DIR": str(self.data), "LOG_FORMAT": "json"}
        return kept | own | self.settings

    async def start(self) -> None:
        """Starts the process and waits until it serves."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *self.program, *self.command],
                cwd=ROOT,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            async with asyncio.timeout(START):
                while not await self.ready():
                    if self.process.poll() is not None:
                        raise AssertionError(f"the process ended at its start:\n{self.log.read_text()}")
                    await asyncio.sleep(0.02)
        except TimeoutError:
            self.kill()
            raise AssertionError(f"the process was not ready in time:\n{self.log.read_text()}") from None

    async def ready(self) -> bool:
        """Whether it serves."""
        if self.command[0] == "dispatch":
            return '"dispatching"' in self.log.read_text()
        try:
            async with (
                ClientSession(timeout=ClientTimeout(total=5)) as http,
                http.get(f"{self.url}/readyz") as response,
            ):
                return response.status == 200
        except (ClientError, OSError, TimeoutError):
            return False

    def kill(self) -> None:
        """``kill -9``."""
        self.signal(signal.SIGKILL)
        self.wait()

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def wait(self) -> int:
        """Its exit code, once it has ended."""
        assert self.process is not None
        return self.process.wait(timeout=STOP)

    async def stop(self) -> int:
        """Stops it as an operator does; its exit code."""
        self.signal(signal.SIGTERM)
        return await asyncio.to_thread(self.wait)

    async def __aenter__(self) -> Server:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()


def command(
    *arguments: str, folder: Path, settings: dict[str, str] | None = None, typed: str = ""
) -> subprocess.CompletedProcess[str]:
    """Runs ``python server.py ARGUMENTS`` to its end, with the same environment as a ``Server`` there."""
    server = Server(folder, settings or {})
    return subprocess.run(
        [sys.executable, "server.py", *arguments],
        cwd=ROOT,
        env=server.environment(),
        input=typed,
        capture_output=True,
        text=True,
        timeout=START,
        check=False,
    )


class Phone:
    """One handset behind an Africa's Talking gateway. ``typed`` are the answers of this dialog so far."""

    def __init__(
        self,
        http: ClientSession,
        url: str,
        number: str = NUMBER,
        session: str = "S1",
        secret: str = "",
    ) -> None:
        self.http = http
        self.url = url
        self.number = number
        self.session = session
        self.secret = secret
        self.typed: list[str] = []

    @property
    def text(self) -> str:
        return "*".join(self.typed)

    async def post(self, text: str, code: str = "*733#") -> str:
        """Sends one request as the gateway does; the raw body of the answer."""
        form = {
            "sessionId": self.session,
            "phoneNumber": self.number,
            "networkCode": "43235",
            "serviceCode": code,
            "text": text,
        }
        query = {"secret": self.secret} if self.secret else {}
        async with self.http.post(f"{self.url}/ussd/africastalking", data=form, params=query) as response:
            body = await response.text()
            if response.status != 200:
                raise AssertionError(f"{response.status}: {body}")
            return body

    async def dial(self, code: str = "*733#") -> str:
        self.typed = []
        return await self.post("", code)

    async def type(self, answer: str) -> str:
        self.typed.append(answer)
        return await self.post(self.text)

    async def walk(self, *answers: str) -> str:
        """Dials and types; the last screen."""
        screen = await self.dial()
        for answer in answers:
            screen = await self.type(answer)
        return screen
