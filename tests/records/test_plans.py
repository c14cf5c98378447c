"""Look-ups and updates go by an index, however small the tables were when their plan was made."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, event

from records import callbacks, complaints, consents, files, messages, tables, threads
from records import subscribers as people
from records.arrivals import Asked, find
from records.bulk import Bulk
from records.cache import MemoryCache
from records.database import Database
from records.sessions import SessionStore
from records.tables import sessions
from records.unit import Unit
from records.vault import Vault
from tests.records.rows import NOW

Sent = list[tuple[str, object]]


@contextmanager
def noted(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sent]:
    """What is sent to the database meanwhile, by SQLAlchemy and by the driver itself."""
    sent: Sent = []
    engines = (database.reader.engine, database.writer.engine)

    def note(
        _connection: Connection, _cursor: object, statement: str, parameters: object, *_rest: object
    ) -> None:
        if "BEGIN" not in statement:
            sent.append((statement, parameters))

    async def fetch(statement: str, values: Sequence[Any]) -> Sequence[Any]:
        sent.append((statement, tuple(values)))
        return await Database.fetch(database, statement, values)

    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    monkeypatch.setattr(database, "fetch", fetch)
    yield sent
    for engine in engines:
        event.remove(engine, "before_cursor_execute", note)


async def use_sessions(database: Database, vault: Vault) -> None:
    """Finds, sweeps and closes sessions."""
    await find(database, [Asked(bytes([number]) * 16, "msisdn", b"p" * 16) for number in range(3)])
    await find(database, [Asked(b"k" * 16)])
    store = SessionStore(database, vault, MemoryCache())
    await store.answered(b"s" * 16, b"k" * 16)
    await store.due(NOW, 10)
    unit = Unit()
    store.close(unit, b"s" * 16, "done", NOW)
    store.postpone(unit, b"s" * 16, NOW, NOW)
    unit.update(sessions, {"id": b"s" * 16}, {"key": None})
    await database.transaction(lambda connection: Bulk(database.dialect).write(connection, [unit]))


async def test_every_statement_goes_by_an_index(
    database: Database, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    with noted(database, monkeypatch) as sent:
        await use_sessions(database, vault)
    assert len(sent) == 7
    await go_by_an_index(database, sent)


async def test_people_and_files_are_found_by_an_index(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also in tables of one row, where a scan would cost nothing yet."""
    with noted(database, monkeypatch) as sent:
        await use_people_and_files(database)
    await go_by_an_index(database, sent)


async def use_people_and_files(database: Database) -> None:
    person, party = b"s" * 16, b"p" * 16
    await people.address(database, "telegram", party)
    await people.owners(database, [("telegram", party), ("msisdn", party)])
    await people.addresses_of(database, person)
    await people.merging(database, person)
    await people.silent_before(database, person)
    await people.has_history(database, person)
    await people.history(database, "msisdn", party)
    await complaints.count_open(database, [person, party])
    await consents.last(database, person, "advertising")
    await callbacks.last(database, person, "help")
    await threads.of_subscriber(database, person, 10)
    await messages.received(database, "1234567890", person, party)
    await files.by_ids(database, Unit(), [person])
    await files.by_digest(database, party, bytes(32))
    await files.since(database, party, NOW)
    await files.of_session(database, person)
    await files.drop_untaken(database, NOW, 10)
    unit = Unit()
    found = people.Address("telegram", party, b"", person, None, None, NOW)
    people.touch(unit, "telegram", party, NOW, "telegram")
    people.set_values(unit, found, {"proved_at": NOW})
    unit.update(tables.subscribers, {"merged_into": person}, {"merged_into": party})
    unit.update(tables.addresses, {"subscriber": person}, {"subscriber": party})
    unit.update(tables.files, {"id": person}, {"session": party})
    unit.guards.clear()
    await database.transaction(lambda connection: Bulk(database.dialect).write(connection, [unit]))


async def go_by_an_index(database: Database, found: Sent) -> None:
    explain = "EXPLAIN (GENERIC_PLAN) " if database.dialect == "postgresql" else "EXPLAIN QUERY PLAN "
    for statement, parameters in found:
        # Of the rows of an executemany one is enough.
        given = parameters[0] if isinstance(parameters, list) else parameters

        def plan(connection: Connection, statement: str = statement, given: object = given) -> list[str]:
            rows = connection.exec_driver_sql(explain + statement, given).all()  # type: ignore[arg-type]
            return [str(row[-1]).strip() for row in rows]

        lines = await database.look(plan)
        wrong = [
            line
            for line in lines
            if re.search(r"Seq Scan|Hash Join|^SCAN (?!anon_|\(subquery|.*CONSTANT)", line)
        ]
        assert not wrong, (statement, lines)
