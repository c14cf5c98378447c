"""Look-ups and updates go by an index, however small the tables were when their plan was made."""

from __future__ import annotations

from sqlalchemy import Connection, event

from records.arrivals import Asked, find
from records.bulk import Bulk
from records.cache import MemoryCache
from records.database import Database
from records.sessions import SessionStore
from records.tables import sessions
from records.unit import Unit
from records.vault import Vault
from tests.records.rows import NOW


async def statements(database: Database, vault: Vault) -> list[tuple[str, object]]:
    """What finding, sweeping and closing sessions sends to the database."""
    sent: list[tuple[str, object]] = []

    def note(
        _connection: Connection, _cursor: object, statement: str, parameters: object, *_rest: object
    ) -> None:
        sent.append((statement, parameters))

    for engine in (database.reader.engine, database.writer.engine):
        event.listen(engine, "before_cursor_execute", note)
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
    for engine in (database.reader.engine, database.writer.engine):
        event.remove(engine, "before_cursor_execute", note)
    return [(statement, parameters) for statement, parameters in sent if "BEGIN" not in statement]


async def test_every_statement_goes_by_an_index(database: Database, vault: Vault) -> None:
    found = await statements(database, vault)
    assert len(found) == 7
    explain = "EXPLAIN (GENERIC_PLAN) " if database.dialect == "postgresql" else "EXPLAIN QUERY PLAN "
    for statement, parameters in found:
        # Of the rows of an executemany one is enough.
        given = parameters[0] if isinstance(parameters, list) else parameters

        def plan(connection: Connection, statement: str = statement, given: object = given) -> list[str]:
            rows = connection.exec_driver_sql(explain + statement, given).all()  # type: ignore[arg-type]
            return [str(row[-1]).strip() for row in rows]

        lines = await database.look(plan)
        assert not [line for line in lines if "Seq Scan" in line or "Hash" in line or line.startswith("SCAN")]
