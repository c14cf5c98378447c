"""The inbox: each message once, a sender's in order, whoever works them."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, event, select

from records import inbox
from records.committer import Committer
from records.database import Database
from records.keyring import Keyring
from records.tables import inbox as table
from records.unit import Conflict, Unit
from records.vault import Vault
from tests.records.rows import NOW

SARA, REZA = b"sara" * 4, b"reza" * 4
MINUTE = timedelta(minutes=1)


def lease(name: str) -> bytes:
    return name.encode().ljust(16)


async def add(
    committer: Committer, vault: Vault, key: str, party: bytes = SARA, said: bytes | None = None
) -> bytes:
    unit = Unit()
    id = inbox.add(
        unit, vault, now=NOW, key=lease(key), party=party, said=said, content=key.encode()
    )  # fmt: skip
    await committer.commit(unit)
    return id


async def claim(database: Database, vault: Vault, name: str, later: timedelta = MINUTE * 0) -> list[str]:
    """What is claimed, by its content."""
    now = NOW + later
    claimed = await inbox.claim(
        database, vault, now=now, lease=lease(name), until=now + MINUTE, most=10
    )  # fmt: skip
    return [(each.content or b"").decode() for each in claimed]


async def finish(committer: Committer, id: bytes, name: str, outcome: str = "answered") -> None:
    unit = Unit()
    inbox.finish(unit, id, lease(name), outcome, NOW + MINUTE)
    await committer.commit(unit)


async def test_a_message_is_kept_once_and_sealed(
    database: Database, committer: Committer, vault: Vault
) -> None:
    id = await add(committer, vault, "one")
    with pytest.raises(Conflict):
        await add(committer, vault, "one")
    [row] = await database.read(select(table))
    assert (row.id, row.party, row.received_at, row.tries, row.outcome) == (id, SARA, NOW, 0, None)
    assert b"one" not in row.sealed
    assert await inbox.known(database, [lease("one"), lease("two")], NOW - MINUTE)
    assert not await inbox.known(database, [lease("two")], NOW - MINUTE)
    assert not await inbox.known(database, [lease("one")], NOW + MINUTE)
    assert await inbox.depth(database) == 1
    [kept] = await inbox.claim(
        database, Vault(Keyring.new()), now=NOW, lease=lease("A"), until=NOW + MINUTE, most=10
    )
    assert kept.content is None, "another key ring"


async def test_of_each_sender_one_at_a_time_and_in_order(
    database: Database, committer: Committer, vault: Vault
) -> None:
    first = await add(committer, vault, "sara 1")
    second = await add(committer, vault, "sara 2")
    await add(committer, vault, "reza 1", REZA)
    assert await claim(database, vault, "A") == ["sara 1", "reza 1"]
    assert await claim(database, vault, "B") == []
    await finish(committer, first, "A")
    assert await claim(database, vault, "B") == ["sara 2"]
    await finish(committer, second, "B", "kept")
    rows = await database.read(select(table.c.outcome, table.c.done_at).order_by(table.c.id))
    assert [tuple(row) for row in rows] == [
        ("answered", NOW + MINUTE),
        ("kept", NOW + MINUTE),
        (None, None),
    ]


async def test_an_earlier_one_that_is_committed_late_waits_for_the_one_under_way(
    database: Database, committer: Committer, vault: Vault
) -> None:
    late = Unit()
    inbox.add(late, vault, now=NOW, key=lease("early"), party=SARA, said=None, content=b"early")
    id = await add(committer, vault, "late")
    assert await claim(database, vault, "A") == ["late"]
    await committer.commit(late)
    assert await claim(database, vault, "B") == []
    await finish(committer, id, "A")
    assert await claim(database, vault, "B") == ["early"]


async def test_whoever_comes_late_finds_the_row_taken(
    database: Database, committer: Committer, vault: Vault
) -> None:
    id = await add(committer, vault, "one")
    assert await claim(database, vault, "A") == ["one"]
    assert await claim(database, vault, "B", 2 * MINUTE) == ["one"], "its lease ran out"
    with pytest.raises(Conflict):
        await finish(committer, id, "A")
    await finish(committer, id, "B")
    with pytest.raises(Conflict):
        await finish(committer, id, "B")


async def test_a_lease_is_held_and_given_back(database: Database, committer: Committer, vault: Vault) -> None:
    id = await add(committer, vault, "one")
    await claim(database, vault, "A")
    await inbox.renew(database, lease("A"), NOW + 3 * MINUTE, [id])
    await inbox.renew(database, lease("B"), NOW + 9 * MINUTE, [id])
    assert await claim(database, vault, "B", 2 * MINUTE) == []
    await inbox.release(database, lease("B"), [id], NOW, 1)
    assert await claim(database, vault, "B", 2 * MINUTE) == [], "it is not B's to give back"
    await inbox.release(database, lease("A"), [id], NOW + MINUTE, 1)
    assert await claim(database, vault, "B") == [], "put off"
    [row] = await inbox.claim(
        database, vault, now=NOW + MINUTE, lease=lease("B"), until=NOW + 2 * MINUTE, most=1
    )
    assert row.tries == 1


async def test_a_process_that_is_alone_takes_over_at_once(
    database: Database, committer: Committer, vault: Vault
) -> None:
    id = await add(committer, vault, "one")
    await claim(database, vault, "A")
    await inbox.release_all(database)
    assert await claim(database, vault, "B") == ["one"]
    with pytest.raises(Conflict):
        await finish(committer, id, "A")


async def test_one_that_is_put_off_holds_up_its_own_sender_alone(
    database: Database, committer: Committer, vault: Vault
) -> None:
    first = await add(committer, vault, "sara 1")
    await add(committer, vault, "sara 2")
    await claim(database, vault, "A")
    await inbox.release(database, lease("A"), [first], NOW + MINUTE, 1)
    await add(committer, vault, "reza 1", REZA)
    assert await claim(database, vault, "A") == ["reza 1"]
    assert await claim(database, vault, "A", MINUTE) == ["sara 1"]


async def test_what_came_before(database: Database, committer: Committer, vault: Vault) -> None:
    ids = [await add(committer, vault, f"sara {number}", said=lease("hello")) for number in range(4)]
    await add(committer, vault, "reza", REZA)
    await claim(database, vault, "A")
    await finish(committer, ids[0], "A")
    found = await inbox.past(database, SARA, ids[2], NOW - MINUTE, 10)
    assert found == [
        inbox.Past(lease("hello"), NOW, None, None),
        inbox.Past(lease("hello"), NOW, NOW + MINUTE, "answered"),
    ]
    assert await inbox.past(database, SARA, ids[2], NOW - MINUTE, 1) == found[:1]
    assert await inbox.past(database, SARA, ids[2], NOW + MINUTE, 10) == []


async def test_claims_that_race_share_the_rows(
    database: Database, committer: Committer, vault: Vault
) -> None:
    parties = [bytes([number]) * 16 for number in range(40)]
    await asyncio.gather(
        *(add(committer, vault, f"{number} {party[0]}", party) for number in range(2) for party in parties)
    )
    taken: list[str] = []
    for _round in range(40):
        claims = await asyncio.gather(*(claim(database, vault, name) for name in "ABCD"))
        taken += [content for each in claims for content in each]
        if not any(claims):
            break
    assert sorted(taken) == sorted(f"0 {party[0]}" for party in parties)


async def test_every_statement_goes_by_an_index(
    database: Database, committer: Committer, vault: Vault
) -> None:
    id = await add(committer, vault, "one")
    sent: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        if statement.startswith(("SELECT", "UPDATE")):
            sent.append((statement, parameters))

    engines = (database.reader.engine, database.writer.engine)
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    await claim(database, vault, "A")
    await inbox.renew(database, lease("A"), NOW, [id])
    await inbox.known(database, [id], NOW)
    await inbox.past(database, SARA, id, NOW, 10)
    await inbox.depth(database)
    await finish(committer, id, "A")
    for engine in engines:
        event.remove(engine, "before_cursor_execute", note)
    assert len(sent) == 8
    explain = "EXPLAIN (GENERIC_PLAN) " if database.dialect == "postgresql" else "EXPLAIN QUERY PLAN "

    def plans(connection: Connection) -> list[str]:
        return [
            str(row[-1]).strip()
            for statement, parameters in sent
            for row in connection.exec_driver_sql(explain + statement, parameters)
        ]

    lines = await database.look(plans)
    assert not [
        line
        for line in lines
        if "Seq Scan" in line or "Hash" in line or (line.startswith("SCAN") and "INDEX" not in line)
    ]
