"""Dispatchers of messages that go by push and then by SMS are killed again and again. What decides that the
SMS goes is one transaction, so it is decided once; and never after a receipt."""

from __future__ import annotations

import asyncio
import random
import sys
from asyncio.subprocess import Process
from pathlib import Path
from typing import Any

from sqlalchemy import select

from records import receipts
from records.committer import Committer
from records.database import Database
from records.keyring import Keyring
from records.tables import attempts, order_steps
from records.tables import outbox as table
from records.vault import Vault
from tests.dispatch.outbox import Outbox, until
from tests.dispatch.test_killed import WallClock
from tests.dispatch.test_orders import order
from tests.running import ROOT

MESSAGES = 40
KILLS = 8


async def test_it_is_decided_once_whoever_dies(
    database_url: str, database: Database, committer: Committer, tmp_path: Path
) -> None:
    keys, taken = tmp_path / "keys.json", tmp_path / "taken"
    taken.touch()
    outbox = Outbox(database, committer, Vault(Keyring.load(keys)), WallClock())
    trackings = [await order(outbox, within=2) for _ in range(MESSAGES)]
    # Of these the receipt comes as soon as the push went.
    heard = set(trackings[::3])

    async def started() -> Process:
        command = ("-m", "tests.dispatch.orders_killed", database_url, str(keys), str(taken))
        return await asyncio.create_subprocess_exec(sys.executable, *command, cwd=ROOT)

    async def tell() -> None:
        """The receipts of pushes that went."""
        told: set[str] = set()
        while True:
            said = {line.split()[1] for line in taken.read_text().splitlines() if line.startswith("push ")}
            fresh = sorted((said & heard) - told)
            if fresh:
                some = [receipts.Told(f"push-{each}", "delivered") for each in fresh]
                await receipts.keep(database, "push", some, outbox.clock())
                told.update(fresh)
            await receipts.match_orphans(database, outbox.clock())
            await asyncio.sleep(0.05)

    draw = random.Random(733)
    telling = asyncio.create_task(tell())
    running = [await started() for _ in range(3)]
    try:
        for _kill in range(KILLS):
            await asyncio.sleep(draw.uniform(0.2, 0.9))
            victim = running.pop(draw.randrange(len(running)))
            victim.kill()
            await victim.wait()
            running.append(await started())

        async def over() -> bool:
            rows = await database.read(select(table.c.finished_at).where(table.c.finished_at.is_(None)))
            return not rows

        await until(over)
    finally:
        telling.cancel()
        for process in running:
            process.kill()
            await process.wait()

    handed = [tuple(line.split()) for line in taken.read_text().splitlines()]
    for tracking in trackings:
        row = await outbox.row(tracking)
        story = await database.read(
            select(attempts.c.kind, attempts.c.status, attempts.c.provider)
            .where(attempts.c.message == row.id)
            .order_by(attempts.c.id)
        )
        said = [tuple(each) for each in story]
        assert ("push", tracking) in handed
        assert said.count(("attempt", "unreceipted", "push")) <= 1, "it is decided once"
        went_on = ("attempt", "unreceipted", "push") in said
        steps = await _steps(database, row.id)
        assert steps == [("push", "unreceipted" if went_on else None), ("sms", None)]
        if went_on:
            assert (row.channel, row.status) in {("sms", "sent"), ("sms", "delivered")}
        else:
            assert (row.channel, row.status) == ("push", "delivered")
            assert ("sms", tracking) not in handed, "and never after a receipt"
        if tracking not in heard:
            assert went_on
            assert ("sms", tracking) in handed


async def _steps(database: Database, message: bytes) -> list[tuple[Any, ...]]:
    rows = await database.read(
        select(order_steps.c.channel, order_steps.c.ended)
        .where(order_steps.c.message == message)
        .order_by(order_steps.c.place)
    )
    return [tuple(row) for row in rows]
