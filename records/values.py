"""SQLite's statements that write many rows: ``INSERT`` with the values of all rows written one after the
other, ``UPDATE`` run for each change.

Each statement is one call that lets go of Python's lock, and a call for each row would have the threads fight
over it. There is a text for each number of rows that powers of two make up, so that few are ever prepared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import sqlite

from records.columns import Changes, Columns, Row, places_of_instants, stored
from records.database import Statement
from records.unit import Shape

# SQLite's bound on the parameters of a statement is 32,766 (SQLITE_MAX_VARIABLE_NUMBER).
MOST_PARAMETERS = 32_766
MOST_ROWS = 128

_quote = sqlite.dialect().identifier_preparer.quote


class Values:
    """Makes the statements for units' rows by table and changes by shape."""

    def __init__(self) -> None:
        self._inserts: dict[Table, Insert] = {}
        self._updates: dict[Shape, Update] = {}

    def one_by_one(
        self, rows: Mapping[Table, Sequence[Row]], changes: Mapping[Shape, Changes]
    ) -> Iterator[Statement]:
        """The statements in their order, each with the sets of values that it is run with."""
        for shape, some in changes.items():
            update = self._updates.get(shape)
            if update is None:
                update = self._updates[shape] = Update(shape)
            yield update.text, update.values(some)
        for table, more in rows.items():
            insert = self._inserts.get(table)
            if insert is None:
                insert = self._inserts[table] = Insert(table)
            yield from insert.statements(more)

    def whole(
        self, rows: Mapping[Table, Sequence[Row]], changes: Mapping[Shape, Changes]
    ) -> Sequence[Statement]:
        return list(self.one_by_one(rows, changes))


class Insert:
    """``INSERT`` of rows of one table."""

    def __init__(self, table: Table) -> None:
        self._columns = Columns(table)
        self._width = len(self._columns)
        named = ", ".join(_quote(column.name) for column in self._columns.all)
        self._start = f"INSERT INTO {_quote(table.name)} ({named})"
        self._row = f"({', '.join('?' * self._width)})"
        self._most = min(MOST_ROWS, 1 << (MOST_PARAMETERS // self._width).bit_length() - 1)
        self._texts: dict[int, str] = {}

    def statements(self, rows: Sequence[Row]) -> Iterator[Statement]:
        width = self._width
        flat: list[Any] = []
        for values in self._columns.values(rows):
            flat += values
        for place in self._columns.instants:
            flat[place::width] = stored(flat[place::width])
        first, after = 0, len(rows)
        while first < after:
            many = min(self._most, 1 << (after - first).bit_length() - 1)
            yield self._text(many), [tuple(flat[first * width : (first + many) * width])]
            first += many

    def _text(self, many: int) -> str:
        text = self._texts.get(many)
        if text is None:
            text = self._texts[many] = f"{self._start} VALUES {', '.join([self._row] * many)}"
        return text


class Update:
    """``UPDATE`` of rows by the same columns to their own values."""

    def __init__(self, shape: Shape) -> None:
        names = (*shape.where, *shape.values)
        self._instants = places_of_instants([shape.table.columns[name] for name in names])
        # Parameters are numbered, so that both may come in the unit's order.
        given = [f"{_quote(name)} = ?{place}" for place, name in enumerate(names, 1)]
        keys, news = given[: len(shape.where)], given[len(shape.where) :]
        target = _quote(shape.table.name)
        self.text = f"UPDATE {target} SET {', '.join(news)} WHERE {' AND '.join(keys)}"  # noqa: S608  # Ours.

    def values(self, changes: Changes) -> Changes:
        if not self._instants:
            return changes
        columns: list[Sequence[Any]] = list(zip(*changes, strict=True))
        for place in self._instants:
            columns[place] = stored(columns[place])
        return list(zip(*columns, strict=True))
