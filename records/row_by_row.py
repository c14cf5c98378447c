"""SQLite's statements that write many rows: an ``INSERT`` for each table and an ``UPDATE`` for each shape,
each run once for each row. Statements of many rows are no cheaper to run, and there would have to be one for
each number of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import compress
from typing import Any

from sqlalchemy import Column, LargeBinary, Table
from sqlalchemy.dialects import sqlite

from records.columns import Columns, Row, Values, places_of_instants, stored
from records.database import Statement
from records.unit import Shape

Converts = list[tuple[int, Callable[[Sequence[Any]], Sequence[Any]]]]  # Of the columns in these places.

_quote = sqlite.dialect().identifier_preparer.quote


class RowByRow:
    """Makes the statements for units' rows by table and changes by shape."""

    def __init__(self) -> None:
        self._inserts: dict[Table, Insert] = {}
        self._updates: dict[Shape, Update] = {}

    def one_by_one(
        self, rows: Mapping[Table, Sequence[Row]], changes: Mapping[Shape, Sequence[Values]]
    ) -> Iterator[Statement]:
        """The statements in their order, each with the values of all rows that it is run for, made one after
        the other as they are asked for: in the thread that writes, where many rows hold up nobody."""
        for shape, some in changes.items():
            update = self._updates.get(shape)
            if update is None:
                update = self._updates[shape] = Update(shape)
            yield update.statement(some)
        for table, more in rows.items():
            insert = self._inserts.get(table)
            if insert is None:
                insert = self._inserts[table] = Insert(table)
            yield insert.statement(more)

    whole = one_by_one


class Insert:
    """``INSERT`` of rows of one table."""

    def __init__(self, table: Table) -> None:
        self._columns = Columns(table)
        self._converts = _converts(self._columns.all)
        named = ", ".join(_quote(column.name) for column in self._columns.all)
        self._start = f"INSERT INTO {_quote(table.name)} ({named})"
        self._ways: dict[tuple[bool, ...], tuple[str, Converts]] = {}

    def statement(self, rows: Sequence[Row]) -> Statement:
        """A column that all rows leave empty is NULL in the text: ``sqlite3`` takes long over each None."""
        columns: list[Sequence[Any]] = list(zip(*self._columns.values(rows), strict=True))
        many = len(rows)
        given = tuple([column[0] is not None or column.count(None) < many for column in columns])
        text, converts = self._ways.get(given) or self._way(given)
        for place, convert in converts:
            columns[place] = convert(columns[place])
        return text, list(zip(*compress(columns, given), strict=True))

    def _way(self, given: tuple[bool, ...]) -> tuple[str, Converts]:
        """The statement for rows in which these columns are given, and what is to be done to their values."""
        marks = ", ".join("?" if each else "NULL" for each in given)
        way = self._ways[given] = (
            f"{self._start} VALUES ({marks})",
            [(place, convert) for place, convert in self._converts if given[place]],
        )
        return way


class Update:
    """``UPDATE`` of rows by the same columns to their own values."""

    def __init__(self, shape: Shape) -> None:
        names = (*shape.where, *shape.values)
        self._converts = _converts([shape.table.columns[name] for name in names])
        # Parameters are numbered, so that both may come in the unit's order.
        given = [f"{_quote(name)} = ?{place}" for place, name in enumerate(names, 1)]
        keys, news = given[: len(shape.where)], given[len(shape.where) :]
        target = _quote(shape.table.name)
        self._text = f"UPDATE {target} SET {', '.join(news)} WHERE {' AND '.join(keys)}"  # noqa: S608  # Ours.

    def statement(self, changes: Sequence[Values]) -> Statement:
        columns: list[Sequence[Any]] = list(zip(*changes, strict=True))
        for place, convert in self._converts:
            columns[place] = convert(columns[place])
        return self._text, list(zip(*columns, strict=True))


def _converts(columns: Sequence[Column[Any]]) -> Converts:
    converts: Converts = [(place, stored) for place in places_of_instants(columns)]
    blobs = [place for place, column in enumerate(columns) if isinstance(column.type, LargeBinary)]
    return converts + [(place, buffers) for place in blobs]


def buffers(values: Sequence[Any]) -> Sequence[Any]:
    """The same values, but bytes as a ``bytearray``. For bytes ``sqlite3`` looks for somebody who adapts them
    to it, in a dictionary and in two classes, each time anew; a ``bytearray`` it knows, and takes it in a
    fifth of the time."""
    return [bytearray(value) if value.__class__ is bytes else value for value in values]
