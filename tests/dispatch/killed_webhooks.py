"""What tells webhooks, to be killed: run as a program with a database and a key file."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aiohttp import ClientSession

from records.committer import Committer
from records.database import Database
from records.keyring import Keyring
from records.vault import Vault
from tests.dispatch.webhook_shop import Shop


async def main(url: str, keys: str) -> None:
    database = await Database.open(url)
    async with Committer(database) as committer, ClientSession() as http:
        shop = Shop(database, committer, Vault(Keyring.load(Path(keys))), lambda: datetime.now(UTC))
        async with shop.telling(http, lease=timedelta(seconds=2)):
            await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
