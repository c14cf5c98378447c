"""``kill -9`` of a dispatcher in the middle of a batch that it submits to an SMSC (npm ``smpp``)."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from dispatch.dispatcher import Dispatcher
from dispatch.providers.sms.smpp import Smpp
from records.committer import Committer
from records.database import Database
from records.keyring import Keyring
from records.vault import Vault
from tests.dispatch.outbox import Outbox, until
from tests.dispatch.smpp_lines import LINE, WallClock, connected, wall_clock
from tests.running import ROOT, within
from tests.smpp.smsc import octets, smsc

pytestmark = pytest.mark.xdist_group("sms-smpp")

MANY = 40


@within(120)
async def test_another_dispatcher_takes_over(
    database_url: str, database: Database, committer: Committer, tmp_path: Path
) -> None:
    """Each message has one story. What was under way at the SMSC may go twice where its class allows that,
    never an advertisement."""
    keys = tmp_path / "keys.json"
    vault = Vault(Keyring.load(keys))
    outbox = Outbox(database, committer, vault, WallClock())
    trackings = {
        f"{klass} {number}": await outbox.add(f"{klass} {number}", klass=klass)
        for klass in ("service", "bulk")
        for number in range(MANY)
    }
    async with smsc(delay=100) as center:
        victim = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "tests.dispatch.smpp_killed", database_url, str(keys), str(center.port)),
            cwd=ROOT,
        )
        try:
            await center.wait("submit", 25)
        finally:
            victim.kill()
            await victim.wait()
        before = len(center.of("submit"))
        assert before < 2 * MANY
        shared = connected(center.port)
        async with shared.used():
            dispatcher = Dispatcher(
                database,
                vault,
                [Smpp("smpp", shared.connection, (LINE,), clock=wall_clock)],
                clock=wall_clock,
                wake=asyncio.Event(),
                poll=0.02,
                lease=timedelta(seconds=1),
            )
            running = asyncio.create_task(dispatcher.run())

            async def settled() -> bool:
                found = {await outbox.status(each) for each in trackings.values()}
                return found <= {"sent", "failed"}

            await until(settled)
            dispatcher.stop()
            await running
        went = Counter(octets(each["pdu"]["short_message"]).decode() for each in center.of("submit"))
        doubled = [body for body, count in went.items() if count > 1]
        assert all(count <= 2 for count in went.values())
        assert all(body.startswith("service") for body in doubled)
        assert len(doubled) <= 20, "no more than were handed over at once"
        for body, tracking in trackings.items():
            status = await outbox.status(tracking)
            assert status == "sent" or body.startswith("bulk")
            if status == "sent":
                assert went[body]
        failed = [body for body, each in trackings.items() if await outbox.status(each) == "failed"]
        assert len(failed) <= 20
