"""A dispatcher to be killed while it sends by SMPP: run as a program with a database, a key file and the
SMSC's port."""

from __future__ import annotations

import asyncio
import sys
from datetime import timedelta
from pathlib import Path

from dispatch.dispatcher import Dispatcher
from dispatch.providers.sms.smpp import Smpp
from records.database import Database
from records.keyring import Keyring
from records.vault import Vault
from tests.dispatch.smpp_lines import LINE, connected, wall_clock


async def main(url: str, keys: str, port: str) -> None:
    shared = connected(int(port))
    async with shared.used():
        dispatcher = Dispatcher(
            await Database.open(url),
            Vault(Keyring.load(Path(keys))),
            [Smpp("smpp", shared.connection, (LINE,), clock=wall_clock)],
            clock=wall_clock,
            wake=asyncio.Event(),
            lease=timedelta(seconds=1),
        )
        await dispatcher.run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
