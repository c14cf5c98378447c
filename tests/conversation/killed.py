"""A process that takes chat turns until it is killed: run as a program with a database, a key file, how many
updates each chat gets, and a file of those that were acknowledged, which it reads first and goes on
writing."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from records.keyring import Keyring
from tests.conversation.chats import RENDERS, Chat
from tests.conversation.conftest import Clock, process

CHATS = 6
TEXTS = ("شکایت", "2", "سه روز است قطع است و کسی پاسخ نمی‌دهد", "1")


async def talk(chat: Chat, first: int, last: int, acknowledged: Path) -> None:
    """Brings updates as a platform does: what was not acknowledged comes again, and so may the one before."""
    for update in range(max(1, first - 1), last + 1):
        reply = await chat.give(update, TEXTS[(update - 1) % len(TEXTS)])
        assert reply.taken, reply.text
        with acknowledged.open("a") as file:
            file.write(f"{chat.address} {update}\n")


async def main(url: str, keys: str, updates: str, acknowledged: str) -> None:
    path = Path(acknowledged)
    taken = dict.fromkeys(map(str, range(CHATS)), 0)
    if path.exists():
        for line in path.read_text().splitlines():
            chat, _, update = line.partition(" ")
            taken[chat] = max(taken[chat], int(update))
    async with process(url, Clock(), renders=RENDERS, keys=Keyring.load(Path(keys))) as here:
        await asyncio.gather(
            *(
                talk(Chat(here, address=address), first + 1, int(updates), path)
                for address, first in taken.items()
            )
        )


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
