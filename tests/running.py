"""A real server in a process of its own, and a phone that dials it, for tests of the whole."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from aiohttp import ClientError, ClientSession, ClientTimeout

ROOT = Path(__file__).parent.parent


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@dataclass
class Server:
    """``python server.py COMMAND`` with an environment of its own. ``async with`` starts and stops it."""

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ("serve",)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TZ") if name in os.environ}
        own = {"PORT": str(self.port), "DATA_DIR": str(self.folder / "var"), "LOG_FORMAT": "json"}
        return kept | own | self.settings

    async def start(self) -> None:
        """Starts the process and waits until it serves."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "server.py", *self.command],
                cwd=ROOT,
                env=self.environment(),
                stdout=log,
                stderr=log,
            )
        if self.command[0] != "serve":
            return
        async with ClientSession(timeout=ClientTimeout(total=2)) as http:
            for _try in range(600):
                if self.process.poll() is not None:
                    raise AssertionError(f"the server ended at its start:\n{self.log.read_text()}")
                try:
                    async with http.get(f"{self.url}/readyz") as response:
                        if response.status == 200:
                            return
                except (ClientError, OSError, TimeoutError):
                    pass
                await asyncio.sleep(0.05)
        raise AssertionError(f"the server was not ready in time:\n{self.log.read_text()}")

    def kill(self) -> None:
        """``kill -9``."""
        self.signal(signal.SIGKILL)
        self.wait()

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def wait(self) -> int:
        assert self.process is not None
        return self.process.wait(timeout=40)

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


class Phone:
    """One handset behind an Africa's Talking gateway. ``texts`` are the cumulative texts sent so far."""

    def __init__(
        self,
        http: ClientSession,
        url: str,
        number: str = "+989121234567",
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
