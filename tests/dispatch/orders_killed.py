"""A dispatcher to be killed, of messages that go by push and then by SMS: run as a program with a database, a
key file and a file to which it writes what it hands to whom. A push is taken and its receipt awaited; an SMS
is known when it comes again, as by a provider that asks for our own name of it."""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dispatch.dispatcher import Dispatcher
from dispatch.provider import Accepted, Outcome, Outgoing
from records.database import Database
from records.keyring import Keyring
from records.vault import Vault


class Writing:
    batch = 5
    repeatable = True

    def __init__(self, channel: str, taken: Path) -> None:
        self.name = self.channel = channel
        self._taken = taken

    async def send(self, batch: Sequence[Outgoing]) -> Sequence[Outcome]:
        with self._taken.open("a") as file:
            file.writelines(f"{self.name} {outgoing.tracking}\n" for outgoing in batch)
        await asyncio.sleep(random.uniform(0, 0.3))  # So that it may be killed here.
        names = [f"{self.name}-{outgoing.tracking}" for outgoing in batch]
        if self.name == "push":
            return [Accepted(name, "pending") for name in names]
        return [Accepted(name) for name in names]


async def main(url: str, keys: str, taken: str) -> None:
    dispatcher = Dispatcher(
        await Database.open(url),
        Vault(Keyring.load(Path(keys))),
        [Writing("push", Path(taken)), Writing("sms", Path(taken))],
        clock=lambda: datetime.now(UTC),
        wake=asyncio.Event(),
        poll=0.02,
        lease=timedelta(seconds=1),
        receipts=0.1,
    )
    await dispatcher.run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
