"""Statements that work many rows at once, in the words of both databases.

PostgreSQL takes a column of all rows as one array, SQLite all their values in one list: a call for each row
would let go of Python's lock each time, and wait for it while the transaction holds up every other one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from sqlalchemy import Connection

from records import driver
from records.database import Database

MOST_ROWS = 1_024  # Of one statement of SQLite, which takes 32,766 values.

Row = tuple[Any, ...]


class Many:
    """``statement`` has ``{rows}`` where it reads the rows, which it calls ``s``. ``columns`` name
    their values, and what those are in PostgreSQL. Rows that are NULL throughout must change nothing: SQLite
    gets some, so that few different statements are ever prepared."""

    def __init__(self, statement: str, columns: Mapping[str, str]) -> None:
        self._statement = statement
        arrays = ", ".join(f"${place}::{kind}[]" for place, kind in enumerate(columns.values(), 1))
        self._postgresql = statement.format(rows=f"unnest({arrays}) AS s ({', '.join(columns)})")
        self._named = ", ".join(f"column{place} AS {name}" for place, name in enumerate(columns, 1))
        self._marks = f"({', '.join('?' * len(columns))})"
        self._none = (None,) * len(columns)

    def run(self, connection: Connection, database: Database, rows: Sequence[Row]) -> int:
        """Runs it with these rows, as often as it takes; how many rows of the database it changed."""
        return sum(result.rowcount for result in self._results(connection, database, rows))

    def find(self, connection: Connection, database: Database, rows: Sequence[Row]) -> list[Any]:
        """The same for a statement that returns one value of each row that it changed: these."""
        return [row[0] for result in self._results(connection, database, rows) for row in result]

    def _results(self, connection: Connection, database: Database, rows: Sequence[Row]) -> Iterator[Any]:
        if database.dialect == "postgresql" and rows:
            columns = tuple(list(column) for column in zip(*rows, strict=True))
            yield driver.execute(connection, self._postgresql, columns)
            return
        for start in range(0, len(rows), MOST_ROWS):
            yield driver.execute(connection, *self._sqlite(rows[start : start + MOST_ROWS]))

    def _sqlite(self, rows: Sequence[Row]) -> tuple[str, tuple[Any, ...]]:
        eighth = max(1, (1 << (len(rows) - 1).bit_length()) // 8)
        room = -(-len(rows) // eighth) * eighth
        listed = ", ".join([self._marks] * room)
        source = f"(SELECT {self._named} FROM (VALUES {listed})) AS s"  # noqa: S608  # Words of ours.
        values = chain.from_iterable([*rows, *[self._none] * (room - len(rows))])
        return self._statement.format(rows=source), tuple(values)
