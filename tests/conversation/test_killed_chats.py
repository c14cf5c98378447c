"""``kill -9`` while chats are answered: every update has its turn and its reply once, whole or not at all."""

from __future__ import annotations

import asyncio
import random
import sys
from collections import Counter
from pathlib import Path

from sqlalchemy import func, select

from records.keyring import Keyring
from records.tables import complaints, outbox, turns
from tests.conversation.chats import RENDERS, Chat, sent
from tests.conversation.conftest import Clock, process
from tests.conversation.killed import CHATS
from tests.running import ROOT

UPDATES = 120
KILLS = 4


async def test_replies_are_there_exactly_when_their_turns_are(database_url: str, tmp_path: Path) -> None:
    chance = random.Random(733)
    keys, acknowledged = tmp_path / "keys.json", tmp_path / "acknowledged"
    Keyring.load(keys)

    async def run(enough: int) -> bool:
        """Whether the process came to its end before so many updates were acknowledged."""
        victim = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.conversation.killed", database_url, str(keys), str(UPDATES),
            str(acknowledged), cwd=ROOT,
        )  # fmt: skip
        try:
            while victim.returncode is None:
                if acknowledged.exists() and acknowledged.read_text().count("\n") >= enough:
                    await asyncio.sleep(chance.random() * 0.02)
                    return False
                await asyncio.sleep(0.002)
            assert victim.returncode == 0
            return True
        finally:
            if victim.returncode is None:
                victim.kill()
            await victim.wait()

    for kill in range(KILLS):
        assert not await run(round((kill + 0.5) * CHATS * UPDATES / (KILLS + 1)))
    assert await run(10**9)

    async with process(database_url, Clock(), renders=RENDERS, keys=Keyring.load(keys)) as here:
        taken = await here.database.read(select(turns.c.session, turns.c.input_key))
        assert len(taken) == CHATS * UPDATES
        assert len({row.input_key for row in taken}) == UPDATES, "each chat numbers its updates"
        waiting = select(func.count()).select_from(outbox).where(outbox.c.channel == "telegram")
        assert (await here.database.read(waiting))[0][0] == CHATS * UPDATES
        filed = await here.database.read(select(complaints.c.session))
        assert len({row.session for row in filed}) == len(filed) >= CHATS, "a complaint was filed twice"
        replies = Counter(message.to for message in await sent(here))
        assert replies == {str(number): UPDATES for number in range(CHATS)}
        for number in range(CHATS):
            last = await here.sessions.last_turn(Chat(here, address=str(number)).key)
            assert last is not None
            assert last.session.finished
