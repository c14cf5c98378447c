"""An SMSC that nobody here wrote: npm ``smpp``, in a process of its own, doing as a test says."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests import npm

SCRIPT = Path(__file__).with_name("smsc.js")
PACKAGE = "smpp@0.5.1"
PATIENCE = 20.0  # Seconds for anything to happen, on a machine that is busy otherwise.

Event = Mapping[str, Any]


@dataclass
class Smsc:
    """``events`` is all that happened so far."""

    process: asyncio.subprocess.Process
    port: int = 0
    events: list[Event] = field(default_factory=list)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def order(self, order: str, **more: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"order": order, **more}).encode() + b"\n")
        await self.process.stdin.drain()

    async def plan(self, **plan: Any) -> None:
        """What it does from now on; see the script. It is done when it has answered."""
        await self.order("plan", plan=plan)
        await self.count()

    async def count(self) -> Event:
        """How many messages were submitted, and how many at most were not answered at once."""
        before = len(self.of("count"))
        await self.order("count")
        return (await self.wait("count", before + 1))[before]

    async def deliver(self, name: str, via: int | None = None, sequence: int = 0, **pdu: Any) -> None:
        """Delivers a message. Octets are given as such."""
        given = {
            key: {"hex": value.hex()} if isinstance(value, bytes) else value for key, value in pdu.items()
        }
        more = {} if via is None else {"via": via}
        await self.order("deliver", name=name, pdu=given, sequence=sequence, **more)

    def of(self, event: str, **like: Any) -> list[Event]:
        """What happened of this kind."""
        return [
            each
            for each in self.events
            if each["event"] == event and all(each.get(key) == value for key, value in like.items())
        ]

    async def wait(self, event: str, count: int = 1, **like: Any) -> list[Event]:
        """Waits until so much of this kind has happened."""
        await self.until(lambda: len(self.of(event, **like)) >= count, f"{count} × {event} {like}")
        return self.of(event, **like)

    async def until(self, found: Callable[[], bool], what: str) -> None:
        """Waits for what happens here to be so."""
        try:
            async with asyncio.timeout(PATIENCE), self.changed:
                await self.changed.wait_for(found)
        except TimeoutError:
            raise AssertionError(f"no {what} in {self.events[-20:]}") from None

    async def listen(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            event = json.loads(line)
            if event["event"] == "listening":
                self.port = event["port"]
            async with self.changed:
                self.events.append(event)
                self.changed.notify_all()


@asynccontextmanager
async def smsc(pem: Path | None = None, port: int = 0, **plan: Any) -> AsyncIterator[Smsc]:
    """One at work, with TLS by this key and certificate."""
    modules = await asyncio.to_thread(npm.modules, PACKAGE)
    environment = {**os.environ, "NODE_PATH": str(modules), "SMSC_PORT": str(port)}
    if pem is not None:
        environment["SMSC_PEM"] = str(pem)
    process = await asyncio.create_subprocess_exec(
        npm.node(),
        str(SCRIPT),
        json.dumps(plan),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=environment,
        limit=2**20,
    )
    made = Smsc(process)
    listening = asyncio.create_task(made.listen())
    try:
        await made.wait("listening")
        yield made
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await listening


def octets(value: Any) -> bytes:
    """Octets as the script tells them."""
    return bytes.fromhex(value["hex"])
