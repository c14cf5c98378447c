"""Leases, correspondence and closed addresses on both databases."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from records import blocking, leases
from records.committer import Committer
from records.correspondence import exchange, forsake, waits
from records.database import Database
from records.outbox import queue
from records.tables import addresses, outbox
from records.unit import Unit
from records.vault import Vault
from services.subscribers import Subscribers
from tests.records.statements import plan, sent

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
LATER = NOW + timedelta(seconds=30)
ME, YOU = b"m" * 16, b"y" * 16


async def test_one_has_it_until_it_is_over(database: Database) -> None:
    assert await leases.take(database, "polling telegram", ME, NOW, LATER)
    assert not await leases.take(database, "polling telegram", YOU, NOW, LATER)
    assert await leases.take(database, "polling bale", YOU, NOW, LATER)
    assert await leases.take(database, "polling telegram", ME, NOW, LATER + timedelta(seconds=30))
    assert not await leases.take(database, "polling telegram", YOU, LATER + timedelta(seconds=1), LATER)
    over = LATER + timedelta(seconds=31)
    assert await leases.take(database, "polling telegram", YOU, over, over + timedelta(seconds=30))
    assert not await leases.take(database, "polling telegram", ME, over, over + timedelta(seconds=30))


async def test_it_is_given_back(database: Database) -> None:
    assert await leases.take(database, "x", ME, NOW, LATER)
    await leases.drop(database, "x", YOU)
    assert not await leases.take(database, "x", YOU, NOW, LATER)
    await leases.drop(database, "x", ME)
    assert await leases.take(database, "x", YOU, NOW, LATER)


async def test_of_many_who_come_at_once_one_has_it(database: Database) -> None:
    owners = [bytes([place]) * 16 for place in range(8)]
    taken = await asyncio.gather(*(leases.take(database, "x", owner, NOW, LATER) for owner in owners))
    assert sum(taken) == 1


async def queued(committer: Committer, vault: Vault, to: str, now: datetime = NOW) -> None:
    unit = Unit()
    queue(unit, vault, now=now, channel="telegram", klass="service", kind="telegram", to=to, body="x",
          lifetime=timedelta(days=1))  # fmt: skip
    await committer.commit(unit)


async def test_what_a_dead_process_had_is_free_at_once_for_who_is_alone(
    database: Database, committer: Committer, vault: Vault
) -> None:
    await queued(committer, vault, "1")
    claimed, _lost = await exchange(database, (), now=NOW, lease=ME, until=LATER, most=10)
    assert len(claimed) == 1
    assert await exchange(database, (), now=NOW, lease=YOU, until=LATER, most=10) == ([], 0)
    await forsake(database)
    [again], _lost = await exchange(database, (), now=NOW, lease=YOU, until=LATER, most=10)
    assert (again.id, again.lapsed, again.attempts) == (claimed[0].id, True, 2)


async def test_every_statement_goes_by_an_index(
    database: Database, committer: Committer, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether PostgreSQL has counted the rows or not, which may happen at any time."""
    for place in range(20):
        await queued(committer, vault, str(place % 3))
    with sent(database, monkeypatch) as noted:
        await waits(database, NOW)
        await exchange(database, (), now=NOW, lease=ME, until=LATER, most=10)
    statements = [each for each in noted if "BEGIN" not in each[0] and "advisory" not in each[0]]
    assert len(statements) >= 5
    for counted in (False, True) if database.dialect == "postgresql" else (False,):
        if counted:
            await database.transaction(lambda connection: connection.exec_driver_sql("ANALYZE outbox"))
        for statement, parameters in statements:
            lines = await plan(database, statement, parameters)
            # (What is given is walked through as it is.)
            tables = [line for line in lines if "CONSTANT ROWS" not in line and "(subquery" not in line]
            assert not [line for line in tables if "Seq Scan" in line or line.startswith("SCAN")], lines
            if "SELECT o.id" in statement:
                text = "\n".join(lines)
                assert "ix_outbox_talking " in text, text
                assert "ix_outbox_talking_party" in text, text


async def test_a_closed_address(database: Database, committer: Committer, vault: Vault) -> None:
    subscribers = Subscribers(database=database, vault=vault, languages={})
    unit = Unit()
    subscribers.create(unit, now=NOW, kind="telegram", address="7001", language="fa", by=None)
    await committer.commit(unit)
    party = vault.index("telegram", "7001")
    for closes in (True, True, False):
        unit = Unit()
        if closes:
            found = await blocking.close(
                database, unit, kind="telegram", party=party, route="telegram", now=NOW
            )
            assert not found, "no dialog was open"
        else:
            blocking.reopen(unit, kind="telegram", party=party)
        await committer.commit(unit)
        [row] = await database.read(select(addresses.c.blocked_at))
        assert (row.blocked_at == NOW) == closes
    assert await database.read(select(outbox.c.id)) == []
