"""What is sent to a database, to look how it is carried out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, event

from records import driver
from records.database import Database


@contextmanager
def sent(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, Any]]]:
    """The statements that are run meanwhile, each with what it was run with once."""
    noted: list[tuple[str, Any]] = []
    execute = driver.execute

    def note(_c: Connection, _cursor: object, statement: str, parameters: object, *_rest: object) -> None:
        noted.append((statement, parameters[0] if isinstance(parameters, list) else parameters))

    def below(connection: Connection, statement: str, values: Sequence[Any] = ()) -> Any:
        if database.dialect == "sqlite":  # SQLAlchemy does not see it.
            noted.append((statement, tuple(values)))
        return execute(connection, statement, values)

    engines = (database.reader.engine, database.writer.engine)
    with monkeypatch.context() as patched:
        patched.setattr(driver, "execute", below)
        for engine in engines:
            event.listen(engine, "before_cursor_execute", note)
        yield noted
        for engine in engines:
            event.remove(engine, "before_cursor_execute", note)


async def plan(database: Database, statement: str, given: Any) -> list[str]:
    """The lines of its plan; PostgreSQL's is the one for whatever it may be run with."""
    explain = "EXPLAIN (GENERIC_PLAN) " if database.dialect == "postgresql" else "EXPLAIN QUERY PLAN "
    rows = await database.look(
        lambda connection: connection.exec_driver_sql(explain + statement, given).all()
    )
    return [str(row[-1]).strip() for row in rows]
