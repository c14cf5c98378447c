"""A dispatcher to be killed: run as a program with a database, a key file and a file that it writes each
message to before it hangs, as a process does that dies between the provider's yes and its settlement."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dispatch.dispatcher import Dispatcher
from dispatch.provider import Outcome, Outgoing
from records.database import Database
from records.keyring import Keyring
from records.vault import Vault


class Hanging:
    name = "hanging"
    channel = "sms"
    batch = 100
    repeatable = False

    def __init__(self, taken: Path) -> None:
        self.taken = taken

    async def send(self, batch: Sequence[Outgoing]) -> Sequence[Outcome]:
        with self.taken.open("a") as file:
            file.writelines(f"{outgoing.body}\n" for outgoing in batch)
        await asyncio.Event().wait()
        return ()


async def main(url: str, keys: str, taken: str) -> None:
    dispatcher = Dispatcher(
        await Database.open(url),
        Vault(Keyring.load(Path(keys))),
        {"sms": Hanging(Path(taken))},
        clock=lambda: datetime.now(UTC),
        wake=asyncio.Event(),
        lease=timedelta(seconds=1),
    )
    await dispatcher.run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
