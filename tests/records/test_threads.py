"""Threads and posts: one order, found by an index, sealed."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, event

from records import threads as records
from records.bulk import Bulk
from records.committer import Committer
from records.database import Database
from records.ids import new_id, next_id
from records.tables import posts, presences, ratings, subscribers, threads
from records.threads import Said, Thread, Where
from records.unit import Conflict, Unit
from records.vault import Unreadable, Vault
from tests.records.rows import NOW, subscriber

PERSON = b"s" * 16


def thread(id: bytes, **more: Any) -> dict[str, Any]:
    return {
        "id": id,
        "subscriber": PERSON,
        "party": id,
        "channel": "telegram",
        "route": "telegram",
        "sealed": b"sealed",
        "language": "fa",
        "session": b"d" * 16,
        "topic": "support",
        "opened_at": NOW,
        "queued_at": NOW,
        **more,
    }


def post(thread: bytes, sequence: int, **more: Any) -> dict[str, Any]:
    return {
        "id": new_id(NOW),
        "thread": thread,
        "sequence": sequence,
        "party": b"p" * 16,
        "author": "person",
        "kind": "text",
        "sealed": b"sealed",
        "at": NOW,
        **more,
    }


def unit_of(*rows: tuple[Any, dict[str, Any]]) -> Unit:
    unit = Unit()
    for table, row in rows:
        unit.insert(table, row)
    return unit


async def filled(committer: Committer, *rows: dict[str, Any]) -> None:
    await committer.commit(unit_of((subscribers, subscriber(PERSON)), *((threads, row) for row in rows)))


async def test_the_queue_is_the_oldest_first(database: Database, committer: Committer) -> None:
    ids = [new_id(NOW) for _ in range(5)]
    later = NOW + timedelta(seconds=1)
    await filled(
        committer,
        thread(ids[0], queued_at=later),
        thread(ids[1]),
        thread(ids[2], operator="sara"),
        thread(ids[3], closed_at=NOW),
        thread(ids[4]),
    )
    queue = await records.queue(database, 10)
    assert [each.id for each in queue] == [ids[1], ids[4], ids[0]]
    assert [await records.ahead(database, each.queued_at, each.id) for each in queue] == [0, 1, 2]
    assert [each.state for each in queue] == ["waiting"] * 3
    assert [each.id for each in await records.of_operator(database, "sara")] == [ids[2]]
    assert {each.id for each in await records.of_subscriber(database, PERSON, 10)} == set(ids)


async def test_one_live_thread_on_a_route(database: Database, committer: Committer) -> None:
    first, second, party = new_id(NOW), new_id(NOW), b"p" * 16
    await filled(committer, thread(first, party=party))
    again = thread(second, party=party)
    with pytest.raises(Conflict):
        await committer.commit(unit_of((threads, again)))
    await committer.commit(unit_of((threads, {**again, "route": "telegram-shop"})))
    found = await records.live(database, party, "telegram")
    assert found is not None
    assert (found.id, found.sequence, found.last) == (first, 0, b"")
    assert await records.live(database, b"q" * 16, "telegram") is None


async def test_two_cannot_take_one_place_in_a_thread(database: Database, committer: Committer) -> None:
    id = new_id(NOW)
    await filled(committer, thread(id))
    await committer.commit(unit_of((posts, post(id, 1)), (posts, post(id, 2, key=b"k" * 16))))
    for taken in (post(id, 2), post(id, 3, key=b"k" * 16)):
        with pytest.raises(Conflict):
            await committer.commit(unit_of((posts, taken)))
    found = await records.by_id(database, id)
    assert found is not None
    assert found.sequence == 2
    assert [each.id for each in await records.posts_of(database, id, 1)] == [found.last]
    assert await records.by_key(database, id, b"k" * 16) is not None
    unit = Unit()
    assert records.last_in(unit, found) == (2, found.last)
    unit.insert(posts, mine := post(id, 3))
    assert records.last_in(unit, found) == (3, mine["id"])


def test_ids_grow_along_a_thread_whatever_the_clock_says() -> None:
    last = b""
    for seconds in (0, 5, -3600, -3600, 7):
        following = next_id(NOW + timedelta(seconds=seconds), last)
        assert following > last
        assert len(following) == 16
        last = following


async def test_who_is_lost(database: Database, committer: Committer) -> None:
    lost, kept, over = new_id(NOW), new_id(NOW), new_id(NOW)
    await filled(
        committer,
        thread(lost, operator="ali"),
        thread(kept, operator="sara"),
        thread(over, operator="ali", closed_at=NOW),
    )
    second = timedelta(seconds=1)
    await committer.commit(
        unit_of(
            (presences, {"operator": "ali", "alive_until": NOW - second}),
            (presences, {"operator": "sara", "alive_until": NOW + second}),
        )
    )
    assert [each.id for each in await records.lost(database, NOW, 10)] == [lost]
    assert await records.present(database, NOW) == ["sara"]
    assert await records.alive_until(database, "ali") == NOW - second
    assert await records.alive_until(database, "nobody") is None


def test_what_is_said_is_sealed(vault: Vault) -> None:
    row = records.Post(b"i" * 16, b"t" * 16, 1, None, b"", "person", None, "text", b"", None, None, NOW, None, None)  # fmt: skip # noqa: E501
    said = Said("سلام", b'{"text": "..."}')
    sealed = records.seal_said(vault, row.id, row.thread, said)
    assert "سلام".encode() not in sealed
    assert records.said(vault, records.Post(*_values(row, sealed=sealed))) == said
    with pytest.raises(Unreadable):
        records.said(vault, records.Post(*_values(row, sealed=sealed, id=b"j" * 16)))
    where = Where("12345", "12345")
    id = b"t" * 16
    found = Thread(*{**dict.fromkeys(Thread.__slots__, b""), "id": id, "sealed": records.seal_where(vault, id, where)}.values())  # type: ignore[arg-type]  # fmt: skip # noqa: E501
    assert records.where(vault, found) == where
    assert records.comment(vault, id, records.seal_comment(vault, id, "خوب بود")) == "خوب بود"


def _values(row: Any, **changed: Any) -> list[Any]:
    return [changed.get(name, getattr(row, name)) for name in row.__slots__]


async def test_every_statement_goes_by_an_index(database: Database) -> None:
    sent: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        sent.append((statement, parameters))

    engines = [database.reader.engine, database.writer.engine]
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    id = b"t" * 16
    await records.live(database, id, "telegram")
    await records.of_session(database, id)
    await records.by_id(database, id)
    await records.queue(database, 20)
    await records.ahead(database, NOW, id)
    await records.of_operator(database, "sara")
    await records.of_subscriber(database, PERSON, 20)
    await records.of_complaint(database, id)
    await records.lost(database, NOW, 20)
    await records.owed(database, 20)
    await records.alive_until(database, "sara")
    await records.present(database, NOW)
    await records.posts_of(database, id, 3)
    await records.posts_to(database, id, id, 20)
    await records.by_key(database, id, id)
    await records.undelivered(database, id)
    await records.rating(database, id)
    unit = Unit()
    unit.update(posts, {"id": id, "party": id}, {"read_at": NOW})
    unit.update(threads, {"id": id}, {"operator_seen": id})
    unit.update(presences, {"operator": "sara"}, {"alive_until": NOW})
    unit.update(ratings, {"thread": id}, {"sealed": b""})
    await database.transaction(lambda connection: Bulk(database.dialect).write(connection, [unit]))
    for engine in engines:
        event.remove(engine, "before_cursor_execute", note)
    explain = "EXPLAIN (GENERIC_PLAN) " if database.dialect == "postgresql" else "EXPLAIN QUERY PLAN "
    found = [(statement, given) for statement, given in sent if "BEGIN" not in statement]
    assert len(found) == 21
    for statement, parameters in found:
        given = parameters[0] if isinstance(parameters, list) else parameters

        def plan(connection: Connection, statement: str = statement, given: Any = given) -> list[str]:
            rows = connection.exec_driver_sql(explain + statement, given).all()
            return [str(row[-1]).strip() for row in rows]

        lines = await database.look(plan)
        slow = [line for line in lines if "Seq Scan" in line or re.match(r"SCAN [a-z]+$", line)]
        if "merged_into" not in statement:
            # The few threads of one person, who may have been several, are sorted; nothing else is.
            slow += [line for line in lines if "Sort" in line or "Hash" in line or "TEMP B-TREE" in line]
        assert not slow, f"{statement}\n{lines}"
