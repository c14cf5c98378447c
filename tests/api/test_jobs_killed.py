"""Jobs whose processes are killed, and those at which two work: what was acknowledged is done, once a row."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import ClientError, ClientSession
from sqlalchemy import func, select

from api.job_rows import check_of
from composition.house import now
from composition.submitting import routes
from records.database import Database
from records.keyring import Keyring
from records.outbox import content
from records.tables import job_messages, jobs, outbox
from records.vault import Vault
from services.credit import Credit
from services.job_feeder import Feeder
from services.submissions import Submissions
from tests.api.conftest import Business, opened
from tests.api.test_jobs import fed, job, queued, rows_of, upload
from tests.running import KEYS, Server, command, within
from tests.servers import PostgreSQL

# Each of these wants the machine for itself.
pytestmark = pytest.mark.xdist_group("faults")

ROWS = 16_000
KILLS = 5


@pytest.fixture(params=["sqlite", "postgresql"])
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """The settings of processes that share a database, ready to serve."""
    url = f"sqlite:///{tmp_path}/shared.sqlite3"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql_url")
    given = {"DATABASE_URL": url, "KEYS": KEYS}
    for arguments in (["migrate"], ["flows", "publish"], ["accounts", "add", "shop"]):
        done = command(*arguments, folder=tmp_path, settings=given)
        assert done.returncode == 0, done.stderr
    return given


def head(folder: Path, given: dict[str, str]) -> dict[str, str]:
    done = command("accounts", "key", "shop", folder=folder, settings=given)
    return {"Authorization": f"Bearer {done.stdout.splitlines()[0]}", "Content-Type": "text/csv"}


async def said(url: str) -> list[int]:
    """What every message of the outbox says, in the order of the rows."""
    database, vault = await Database.open(url), Vault(Keyring.parse(KEYS, "KEYS"))
    rows = await database.read(select(outbox.c.id, outbox.c.sealed).order_by(outbox.c.id))
    await database.close()
    return sorted(int(content(vault, id, sealed).body) for id, sealed in rows)


@within(240)
async def test_a_job_outlives_those_who_work_at_it(shared: dict[str, str], tmp_path: Path) -> None:
    """Two dispatchers are killed in turns while the other one works, and the server while rows come in."""
    chance = random.Random(733)
    door = Server(tmp_path / "door", shared)
    workers = [Server(tmp_path / name, shared, ("dispatch",)) for name in ("one", "two")]
    keyed = head(tmp_path, shared)
    where = f"{door.url}/api/v1/jobs?text={{order}}&class=service"
    body = rows_of(range(ROWS))

    async def broken() -> AsyncIterator[bytes]:
        yield body[: len(body) // 2]
        await asyncio.sleep(0.5)
        door.kill()
        yield body[len(body) // 2 :]

    async with ClientSession(headers=keyed) as http:
        await door.start()
        with suppress(ClientError, OSError):
            await http.post(where, data=broken(), headers={"Idempotency-Key": "k"})
        await door.start()
        # The same call again, twice; then nobody is left who knew of it.
        for _time in range(2):
            async with http.post(where, data=body, headers={"Idempotency-Key": "k"}) as response:
                assert response.status == 202, await response.text()
                made = await response.json()
        mine = f"{door.url}/api/v1/jobs/{made['id']}"
        async with http.post(f"{mine}/pause") as response:
            assert response.status == 200
        door.kill()
        async with door, workers[0], workers[1]:
            async with http.post(f"{mine}/resume") as response:
                assert response.status == 200
            killed = 0
            while True:
                async with http.get(mine) as response:
                    found = await response.json()
                if found["rows"] == ROWS and found["waiting"] == 0:
                    break
                if killed < KILLS:
                    await asyncio.sleep(chance.random() * 0.3)
                    workers[killed % 2].kill()
                    workers[killed % 2].log.unlink()
                    await workers[killed % 2].start()
                    killed += 1
                await asyncio.sleep(0.1)
        assert killed >= 2
    assert (found["accepted"], found["refused"]) == (ROWS, 0)
    assert await said(shared["DATABASE_URL"]) == list(range(ROWS))
    database = await Database.open(shared["DATABASE_URL"])
    whole = select(func.count()).where(jobs.c.state != "receiving")
    assert await database.read(whole) == [(1,)]
    assert await database.read(select(func.count()).select_from(job_messages)) == [(ROWS,)]
    await database.close()


@within(120)
async def test_two_that_both_hold_a_job_theirs_double_nothing(anywhere: Business) -> None:
    """As when one was frozen for so long that its lease went to the other."""
    home = anywhere.home

    def worker() -> Feeder:
        return Feeder(
            database=home.database,
            committer=home.committer,
            vault=home.vault,
            submissions=Submissions(
                database=home.database,
                committer=home.committer,
                vault=home.vault,
                credit=Credit(database=home.database, tariffs=home.services.tariffs),
            ),
            tariffs=home.services.tariffs,
            check_of=check_of(routes(home), home.languages["en"]),
            clock=now,
            lease=timedelta(microseconds=1),
            batch=50,
        )

    _status, made = await upload(anywhere, rows_of(range(3_000)) + b"x,1\n", text="{order}")
    both = [worker(), worker()]
    while (await job(anywhere, made["id"]))["queued"] < 3_000:
        await asyncio.gather(*(each.round() for each in both))
    found = await job(anywhere, made["id"])
    assert (found["rows"], found["accepted"], found["refused"]) == (3_001, 3_000, 1)
    assert [int(each[1]) for each in await queued(anywhere)] == list(range(3_000))


@within(120)
async def test_a_database_that_is_away_in_the_middle(
    postgresql: PostgreSQL, postgresql_url: str, tmp_path: Path
) -> None:
    async with opened(tmp_path, DATABASE_URL=postgresql_url) as business:
        _status, made = await upload(business, rows_of(range(4_000)), text="{order}")
        async with fed(business):
            for _time in range(3):
                await asyncio.sleep(0.4)
                postgresql.stop()
                await asyncio.sleep(0.1)
                postgresql.start()
            while (await business.ask("GET", f"/jobs/{made['id']}"))[1].get("queued") != 4_000:
                await asyncio.sleep(0.1)
        assert [int(each[1]) for each in await queued(business)] == list(range(4_000))
