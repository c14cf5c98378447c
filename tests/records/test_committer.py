"""Group commit on both databases: shared transactions, and each unit's own result."""

from __future__ import annotations

import asyncio
import sqlite3
from datetime import timedelta

import pytest
from asyncpg import PostgresError
from sqlalchemy import select, update

from records.committer import Committer
from records.database import Database
from records.ids import new_id
from records.tables import Instant, attempts, complaints, metadata, outbox, sessions, subscribers, turns
from records.unit import Conflict, Unavailable, Unit
from tests.records.rows import NOW, complaint_unit, count, subscriber, turn, turn_unit


async def test_units_that_arrive_together_share_a_transaction(
    database: Database, committer: Committer
) -> None:
    await asyncio.gather(*[committer.commit(turn_unit()) for _ in range(200)])
    assert await count(database) == 200
    assert committer.units == 200
    assert committer.batches < 10
    assert committer.largest > 20
    assert committer.waiting == 0


async def test_a_transaction_holds_no_more_than_its_limit(database: Database) -> None:
    async with Committer(database, most_units=16) as committer:
        await asyncio.gather(*[committer.commit(turn_unit()) for _ in range(100)])
        assert committer.largest == 16
    assert await count(database) == 100


async def test_a_conflicting_unit_is_told_alone(database: Database, committer: Committer) -> None:
    taken = new_id(NOW)
    await committer.commit(turn_unit(taken))
    units = [turn_unit() for _ in range(70)]
    for place in (0, 33, 69):
        units[place] = turn_unit(taken)
    results = await asyncio.gather(*map(committer.commit, units), return_exceptions=True)
    assert [place for place, result in enumerate(results) if isinstance(result, Conflict)] == [0, 33, 69]
    assert sum(result is None for result in results) == 67
    assert await count(database) == 68
    assert committer.split > 0


async def test_of_two_units_in_one_batch_that_want_the_same_row_one_wins(
    database: Database, committer: Committer
) -> None:
    session = new_id(NOW)
    results = await asyncio.gather(
        *[committer.commit(turn_unit(session)) for _ in range(8)], return_exceptions=True
    )
    assert sum(result is None for result in results) == 1
    assert sum(isinstance(result, Conflict) for result in results) == 7
    assert await count(database) == 1


async def test_one_input_is_answered_once(database: Database, committer: Committer) -> None:
    session, key = new_id(NOW), b"k" * 16
    await committer.commit(turn_unit(session, 1, input_key=key))
    with pytest.raises(Conflict):
        await committer.commit(turn_unit(session, 2, input_key=key))
    await committer.commit(turn_unit(session, 2))
    await committer.commit(turn_unit(session, 3))
    assert await count(database) == 3


async def test_a_unit_is_whole_or_absent(database: Database, committer: Committer) -> None:
    await committer.commit(complaint_unit("1001"))
    with pytest.raises(Conflict):
        await committer.commit(complaint_unit("1001"))
    assert await count(database, subscribers) == 1
    assert await count(database, complaints) == 1


async def test_rows_go_in_before_those_that_refer_to_them(database: Database, committer: Committer) -> None:
    await asyncio.gather(*[committer.commit(complaint_unit(str(number))) for number in range(50)])
    assert await count(database, complaints) == 50


async def test_a_row_that_refers_to_nothing_is_a_conflict(database: Database, committer: Committer) -> None:
    unit = Unit()
    unit.insert(
        attempts,
        {
            "id": new_id(NOW),
            "message": new_id(NOW),
            "at": NOW,
            "provider": "sandbox",
            "kind": "attempt",
            "status": "sent",
        },
    )
    with pytest.raises(Conflict):
        await committer.commit(unit)


async def test_columns_left_out_take_their_defaults(database: Database, committer: Committer) -> None:
    unit = Unit()
    unit.insert(
        outbox,
        {
            "id": new_id(NOW),
            "tracking": "1234567890",
            "channel": "sms",
            "class": "service",
            "party": b"p" * 16,
            "sealed": b"s",
            "status": "queued",
            "created_at": NOW,
            "due_at": NOW,
            "expires_at": NOW + timedelta(hours=1),
        },
    )
    await committer.commit(unit)
    [row] = await database.read(select(outbox))
    assert (row.attempts, row.provider, row.finished_at) == (0, None, None)
    assert row.expires_at == NOW + timedelta(hours=1)


async def test_rows_of_one_batch_may_leave_different_columns_empty(
    database: Database, committer: Committer
) -> None:
    ids = [new_id(NOW) for _ in range(4)]
    keys = [b"a" * 16, None, None, b"d" * 16]
    units = [turn_unit(id, input_key=key) for id, key in zip(ids, keys, strict=True)]
    for some in (units[:2], units[2:3], units[3:]):
        await asyncio.gather(*map(committer.commit, some))
    rows = await database.read(select(turns).order_by(turns.c.session))
    assert [(row.session, row.input_key) for row in rows] == sorted(zip(ids, keys, strict=True))
    assert [(row.received_at, row.content) for row in rows] == [(NOW, b"sealed")] * 4


async def test_every_table_has_its_bulk_statement(database: Database, committer: Committer) -> None:
    id = new_id(NOW)
    values = {bytes: id, str: "1", int: 1, bool: True}
    unit = Unit()
    for table in metadata.sorted_tables:
        row = {
            column.name: NOW if isinstance(column.type, Instant) else values[column.type.python_type]
            for column in table.columns
        }
        unit.insert(table, row)
    await committer.commit(unit)
    for table in metadata.sorted_tables:
        [stored] = await database.read(select(table))
        assert dict(stored._mapping) == unit.rows[table][0]


async def test_a_guard_that_finds_another_state_is_a_conflict_and_nothing_is_written(
    database: Database, committer: Committer
) -> None:
    await committer.commit(complaint_unit("7"))

    def answer() -> Unit:
        unit = turn_unit()
        unit.guard(
            update(complaints)
            .where(complaints.c.number == "7", complaints.c.revision == 1)
            .values(state="answered", answered_at=NOW, revision=2)
        )
        return unit

    others = [turn_unit() for _ in range(10)]
    results = await asyncio.gather(
        *map(committer.commit, [answer(), *others, answer(), answer()]), return_exceptions=True
    )
    assert sum(result is None for result in results) == 11
    assert sum(isinstance(result, Conflict) for result in results) == 2
    [row] = await database.read(select(complaints))
    assert (row.state, row.revision, row.answered_at) == ("answered", 2, NOW)
    assert await count(database) == 11


async def test_updates_of_one_shape_change_each_its_own_row(database: Database, committer: Committer) -> None:
    ids = [new_id(NOW) for _ in range(40)]
    opening = Unit()
    for place, id in enumerate(ids):
        opening.insert(
            sessions,
            {
                "id": id,
                "key": bytes([place]) * 16,
                "channel": "ussd",
                "route": "nalo",
                "code": "*733#",
                "party": b"p" * 16,
                "opened_at": NOW,
                "due_at": NOW,
            },
        )
    await committer.commit(opening)

    def close(place: int) -> Unit:
        unit = turn_unit()
        unit.update(
            sessions,
            {"id": ids[place]},
            {"closed_at": NOW + timedelta(seconds=place), "outcome": str(place)},
        )
        if place % 2:
            unit.update(sessions, {"id": ids[place], "due_at": NOW}, {"key": None})
        return unit

    await asyncio.gather(*[committer.commit(close(place)) for place in range(40)])
    rows = await database.read(select(sessions).order_by(sessions.c.id))
    assert [row.outcome for row in rows] == [str(place) for place in range(40)]
    assert [row.closed_at for row in rows] == [NOW + timedelta(seconds=place) for place in range(40)]
    assert [row.key is None for row in rows] == [place % 2 == 1 for place in range(40)]
    missing = Unit()
    missing.update(sessions, {"id": new_id(NOW)}, {"outcome": "nobody"})
    await committer.commit(missing)


async def test_a_defective_unit_is_told_what_is_wrong_and_harms_no_other(
    database: Database, committer: Committer
) -> None:
    no_content = turn_unit(content=None)
    wrong_type = turn_unit(sequence="first")  # type: ignore[arg-type]
    naive = turn_unit(received_at=NOW.replace(tzinfo=None))
    results = await asyncio.gather(
        *map(committer.commit, [turn_unit(), no_content, turn_unit(), naive, turn_unit()]),
        return_exceptions=True,
    )
    assert [type(result) for result in results[::2]] == [type(None)] * 3
    assert isinstance(results[1], sqlite3.Error | PostgresError)
    assert "content" in str(results[1])
    assert "Failing row" not in str(results[1]), "what people said must not come into a log"
    assert isinstance(results[3], TypeError)
    if database.dialect == "postgresql":  # SQLite keeps a text in an integer column.
        with pytest.raises(TypeError) as told:
            await committer.commit(wrong_type)
        assert "first" not in str(told.value)
    assert await count(database) == 3


def test_a_column_that_is_none_is_refused_where_it_is_written() -> None:
    with pytest.raises(TypeError, match="turns has no column sealed"):
        Unit().insert(turns, turn(sealed=b""))
    with pytest.raises(TypeError, match="turns has no column id"):
        Unit().update(turns, {"id": b""}, {"content": b""})


async def test_a_cancelled_caller_takes_nothing_from_the_others(
    database: Database, committer: Committer
) -> None:
    tasks = [asyncio.create_task(committer.commit(turn_unit())) for _ in range(60)]
    await asyncio.sleep(0)
    for task in tasks[::3]:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(result, asyncio.CancelledError) for result in results[::3])
    assert sum(result is None for result in results) == 40
    await committer.commit(turn_unit())
    assert 41 <= await count(database) <= 61


async def test_a_caller_cancelled_before_the_transaction_began_wrote_nothing(
    database: Database, committer: Committer
) -> None:
    first = asyncio.create_task(committer.commit(turn_unit()))
    await asyncio.sleep(0)
    while committer.waiting > 0:
        await asyncio.sleep(0)
    # The first transaction is under way now, and the next one waits for it.
    second = asyncio.create_task(committer.commit(turn_unit()))
    await asyncio.sleep(0)
    assert committer.waiting == 1
    second.cancel()
    await first
    await committer.commit(turn_unit())
    assert await count(database) == 2


async def test_closing_commits_what_waits_and_takes_no_more(database: Database) -> None:
    committer = Committer(database, most_units=4)
    committer.start()
    tasks = [asyncio.create_task(committer.commit(turn_unit())) for _ in range(30)]
    await asyncio.sleep(0)
    await committer.close()
    await asyncio.gather(*tasks)
    assert await count(database) == 30
    with pytest.raises(Unavailable):
        await committer.commit(turn_unit())


async def test_the_queue_is_bounded(database: Database) -> None:
    async with Committer(database, most_units=1, most_waiting=5) as committer:
        results = await asyncio.gather(
            *[committer.commit(turn_unit()) for _ in range(20)], return_exceptions=True
        )
    assert sum(isinstance(result, Unavailable) for result in results) == 15
    assert await count(database) == 5


async def test_an_empty_unit_costs_nothing(committer: Committer) -> None:
    await committer.commit(Unit())
    assert committer.batches == 0


def test_a_unit_takes_over_another() -> None:
    unit, other = turn_unit(), turn_unit()
    other.insert(subscribers, subscriber(b"s" * 16))
    other.update(sessions, {"id": b""}, {"outcome": "x"})
    other.guard(update(complaints).values(state="x"))
    unit.extend(other)
    assert len(unit.rows[turns]) == 2
    assert len(unit.rows[subscribers]) == len(unit.updates) == len(unit.guards) == 1
    assert unit
    assert not Unit()
