"""SMS by HTTP in batches: claim, send to a vendor on another processor that answers after 50 ms, settle, and
ask for receipts beside it."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import uvloop
from aiohttp import ClientSession

from bench.dispatch import fill_postgresql, fill_sqlite, rate
from bench.figures import Effort, Figure
from bench.product import free_port, started
from bench.stores import postgresql
from dispatch.provider import Outcome, Outgoing
from dispatch.providers.sms.kavenegar import Kavenegar
from dispatch.providers.sms.kavenegar_api import Api
from records import migrate
from records.keyring import Keyring
from records.vault import Vault

RATE = 1_500.0
WAITING = 60_000  # Messages for each second that is measured.
ANSWERS_AFTER = 0.05


class Counted(Kavenegar):
    """Counts what the vendor took."""

    count = 0

    async def send(self, batch: Sequence[Outgoing]) -> Sequence[Outcome]:
        outcomes = await super().send(batch)
        self.count += len(batch)
        return outcomes


def measure(effort: Effort) -> Iterator[Figure]:
    vault = Vault(Keyring.new())
    with tempfile.TemporaryDirectory(prefix="chapar-bench-") as made:
        path = Path(made) / "chapar.sqlite3"
        uvloop.run(migrate.upgrade(f"sqlite:///{path}"))
        yield from _measured(
            "SQLite", f"sqlite:///{path}", vault, effort,
            lambda first, last: fill_sqlite(path, vault, first, last),
        )  # fmt: skip
    with postgresql() as server:
        url = server.create("vendors")
        uvloop.run(migrate.upgrade(url))
        yield from _measured(
            "PostgreSQL", url, vault, effort,
            lambda first, last: uvloop.run(fill_postgresql(url, vault, first, last)),
        )  # fmt: skip


def _measured(
    name: str, url: str, vault: Vault, effort: Effort, fill: Callable[[int, int], None]
) -> Iterator[Figure]:
    runs = []
    number = 0
    for _round in range(effort.rounds):
        many = int(WAITING * effort.seconds)
        fill(number, number + many)
        number += many
        port = free_port()
        with tempfile.TemporaryDirectory(prefix="chapar-bench-") as folder:
            command = [sys.executable, "-m", "bench.vendor", str(port), str(ANSWERS_AFTER)]
            with started(command, dict(os.environ), Path(folder) / "log", port, "/readyz"):
                runs.append(uvloop.run(_run(url, vault, effort.seconds, many, port)))
    yield Figure.of(f"{name}, batches of 200", [each[0] for each in runs], "msg/s", least=RATE)
    yield Figure.of(f"{name}, batches of 200: CPU", [each[1] for each in runs], "µs/msg")


async def _run(url: str, vault: Vault, seconds: float, most: int, port: int) -> tuple[float, float]:
    async with ClientSession() as http:
        provider = Counted(Api(http, "k", f"http://127.0.0.1:{port}"), ("10004346",))
        return await rate(url, vault, seconds, most, provider)
