"""``kill -9`` between the hand-over to a provider and its settlement."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dispatch.dispatcher import Dispatcher
from records.committer import Committer
from records.database import Database
from records.keyring import Keyring
from records.vault import Vault
from tests.dispatch.outbox import Carrier, Clock, Outbox, until
from tests.running import ROOT


class WallClock(Clock):
    def __call__(self) -> datetime:
        return datetime.now(UTC)


@pytest.mark.parametrize(
    ("repeatable", "resent"),
    [(False, {"code", "notice"}), (True, {"code", "notice", "advertisement"})],
)
async def test_another_dispatcher_takes_over(
    database_url: str,
    database: Database,
    committer: Committer,
    tmp_path: Path,
    repeatable: bool,
    resent: set[str],
) -> None:
    keys, taken = tmp_path / "keys.json", tmp_path / "taken"
    vault = Vault(Keyring.load(keys))
    outbox = Outbox(database, committer, vault, WallClock())
    trackings = {
        body: await outbox.add(body, klass=klass)
        for body, klass in (("code", "otp"), ("notice", "service"), ("advertisement", "bulk"))
    }
    victim = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.dispatch.killed", database_url, str(keys), str(taken), cwd=ROOT
    )

    async def handed_over() -> bool:
        assert victim.returncode is None
        return taken.exists() and len(taken.read_text().split()) == 3

    try:
        await until(handed_over)
    finally:
        victim.kill()
        await victim.wait()

    carrier = Carrier(repeatable=repeatable)
    dispatcher = Dispatcher(
        database,
        vault,
        {"sms": carrier},
        clock=outbox.clock,
        wake=asyncio.Event(),
        poll=0.02,
        lease=timedelta(seconds=1),
    )
    running = asyncio.create_task(dispatcher.run())

    async def settled() -> bool:
        return not any([await outbox.status(each) == "claimed" for each in trackings.values()])

    await until(settled)
    dispatcher.stop()
    await running
    assert set(carrier.handed) == resent
    for body, tracking in trackings.items():
        assert await outbox.status(tracking) == ("sent" if body in resent else "failed")
