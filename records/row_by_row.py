"""SQLite's statements that write many rows: an ``INSERT`` for each table and an ``UPDATE`` for each shape,
each run once for each row. Statements of many rows are no cheaper to run, and there would have to be one for
each number of rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import Table
from sqlalchemy.dialects import sqlite

from records.columns import Columns, Row, Values, places_of_instants, stored_rows
from records.database import Statement
from records.unit import Shape

_quote = sqlite.dialect().identifier_preparer.quote


class RowByRow:
    """Makes the statements for units' rows by table and changes by shape."""

    def __init__(self) -> None:
        self._inserts: dict[Table, Insert] = {}
        self._updates: dict[Shape, Update] = {}

    def one_by_one(
        self, rows: Mapping[Table, Sequence[Row]], changes: Mapping[Shape, Sequence[Values]]
    ) -> Iterator[Statement]:
        """The statements in their order, each with the values of all rows that it is run for."""
        for shape, some in changes.items():
            update = self._updates.get(shape)
            if update is None:
                update = self._updates[shape] = Update(shape)
            yield update.text, update.values(some)
        for table, more in rows.items():
            insert = self._inserts.get(table)
            if insert is None:
                insert = self._inserts[table] = Insert(table)
            yield insert.text, insert.values(more)

    def whole(
        self, rows: Mapping[Table, Sequence[Row]], changes: Mapping[Shape, Sequence[Values]]
    ) -> Sequence[Statement]:
        return list(self.one_by_one(rows, changes))


class Insert:
    """``INSERT`` of rows of one table."""

    def __init__(self, table: Table) -> None:
        self._columns = columns = Columns(table)
        named = ", ".join(_quote(column.name) for column in columns.all)
        marks = ", ".join("?" * len(columns.all))
        self.text = f"INSERT INTO {_quote(table.name)} ({named}) VALUES ({marks})"  # noqa: S608  # Ours.

    def values(self, rows: Sequence[Row]) -> Sequence[Values]:
        return stored_rows(self._columns.values(rows), self._columns.instants)


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

    def values(self, changes: Sequence[Values]) -> Sequence[Values]:
        return stored_rows(changes, self._instants)
