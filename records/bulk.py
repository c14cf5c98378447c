"""The statements that write many rows at once, in the words of each database.

PostgreSQL takes a column of all rows as one array, so that one prepared statement serves any number of
rows. SQLite takes many rows in one statement, of as many as the largest power of two allows: each statement
is one call that lets go of Python's lock, and a call for each row would have the threads fight over it. Both
are run below SQLAlchemy's compiler, which would cost more a row than the database does, but by its
connections and with its errors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain
from operator import itemgetter
from typing import Any, cast

from sqlalchemy import Column, Connection, CursorResult, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.schema import ScalarElementColumnDefault
from sqlalchemy.types import BigInteger, Boolean, Integer, LargeBinary, String, TypeEngine

from records.database import Dialect
from records.tables import Instant, metadata, microseconds
from records.unit import Conflict, Shape, Unit

Row = Mapping[str, Any]
Convert = Callable[[Any], Any]
Statement = tuple[str, Any]  # And what to run it with.

# SQLite's bound on the parameters of a statement is 32,766 (SQLITE_MAX_VARIABLE_NUMBER); no more than this
# many rows, so that few different statements are ever prepared.
MOST_ROWS = 128
MOST_PARAMETERS = 32_766

# Rows go in so that a row is there before another refers to it.
ORDER = {table: place for place, table in enumerate(metadata.sorted_tables)}

# Some names ("class", "index") are reserved words.
_quote = {
    "postgresql": postgresql.dialect().identifier_preparer.quote,  # type: ignore[no-untyped-call]
    "sqlite": sqlite.dialect().identifier_preparer.quote,
}

# Text is not cast to its length: the cast would cut it, where the assignment refuses it.
_ARRAYS: tuple[tuple[type[TypeEngine[Any]], str], ...] = (
    (Instant, "bigint"),
    (BigInteger, "bigint"),
    (Integer, "integer"),
    (Boolean, "boolean"),
    (String, "text"),
    (LargeBinary, "bytea"),
)


class Bulk:
    """Writes units with one statement for each table and each shape of update."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._inserts: dict[Table, Insert] = {}
        self._updates: dict[Shape, Update] = {}

    def write(self, connection: Connection, units: Sequence[Unit]) -> None:
        """Writes all the units in the transaction of this connection. ``Conflict`` when a guard fails."""
        rows: dict[Table, list[Row]] = {}
        changes: dict[Shape, list[tuple[Any, ...]]] = {}
        for unit in units:
            for guard in unit.guards:
                result = cast("CursorResult[Any]", connection.execute(guard.statement))
                if result.rowcount != guard.expected:
                    raise Conflict(f"a guard touched {result.rowcount} rows, not {guard.expected}")
            for shape, some in unit.updates.items():
                changes.setdefault(shape, []).extend(some)
            for table, more in unit.rows.items():
                rows.setdefault(table, []).extend(more)
        for shape, values in changes.items():
            connection.exec_driver_sql(*self._update(shape).prepared(values))
        for table in sorted(rows, key=ORDER.__getitem__):
            for statement in self._insert(table).prepared(rows[table]):
                connection.exec_driver_sql(*statement)

    def _insert(self, table: Table) -> Insert:
        insert = self._inserts.get(table)
        if insert is None:
            insert = self._inserts[table] = Insert(table, self._dialect)
        return insert

    def _update(self, shape: Shape) -> Update:
        update = self._updates.get(shape)
        if update is None:
            update = self._updates[shape] = Update(shape, self._dialect)
        return update


class Insert:
    """``INSERT`` of rows of one table; columns that a row leaves out take the table's default."""

    def __init__(self, table: Table, dialect: Dialect) -> None:
        quote = _quote[dialect]
        columns = list(table.columns)
        named = ", ".join(quote(column.name) for column in columns)
        self._arrays = dialect == "postgresql"
        self._whole = itemgetter(*(column.name for column in columns))
        self._defaults = {column.name: _default(column) for column in columns}
        self._instants = [place for place, column in enumerate(columns) if isinstance(column.type, Instant)]
        self._start = f"INSERT INTO {quote(table.name)} ({named})"
        if self._arrays:
            self._start += f" SELECT * FROM unnest({_unnested(columns)})"  # noqa: S608  # Our own names.
        self._row = f"({', '.join('?' for _ in columns)})"
        self._most = min(MOST_ROWS, 1 << (MOST_PARAMETERS // len(columns)).bit_length() - 1)

    def prepared(self, rows: Sequence[Row]) -> Iterator[Statement]:
        """The statements that insert these rows, in their order."""
        columns: list[Sequence[Any]] = list(zip(*map(self._values, rows), strict=True))
        for place in self._instants:
            columns[place] = [_instant(value) for value in columns[place]]
        if self._arrays:
            yield self._start, tuple(columns)
            return
        whole = list(zip(*columns, strict=True))
        first = 0
        while first < len(whole):
            many = min(self._most, 1 << (len(whole) - first).bit_length() - 1)
            values = tuple(chain.from_iterable(whole[first : first + many]))
            yield f"{self._start} VALUES {', '.join([self._row] * many)}", values
            first += many

    def _values(self, row: Row) -> tuple[Any, ...]:
        if len(row) < len(self._defaults):
            row = {**self._defaults, **row}
        return cast("tuple[Any, ...]", self._whole(row))


class Update:
    """``UPDATE`` of rows by the same columns to their own values."""

    def __init__(self, shape: Shape, dialect: Dialect) -> None:
        quote, table = _quote[dialect], shape.table
        columns = [table.columns[name] for name in (*shape.where, *shape.values)]
        self._arrays = dialect == "postgresql"
        self._converts = [_convert(column) for column in columns]
        # SQLite's parameters are numbered too, so that both may come in the unit's order.
        given = [f"v.c{place}" if self._arrays else f"?{place}" for place in range(1, len(columns) + 1)]
        where = [quote(name) for name in shape.where]
        values = [quote(name) for name in shape.values]
        keys, news = given[: len(where)], given[len(where) :]
        changed = ", ".join(f"{name} = {new}" for name, new in zip(values, news, strict=True))
        target = quote(table.name)
        found = " AND ".join(f"{target}.{name} = {key}" for name, key in zip(where, keys, strict=True))
        source = ""
        if self._arrays:
            names = ", ".join(f"c{place}" for place in range(1, len(columns) + 1))
            source = f" FROM unnest({_unnested(columns)}) AS v ({names})"
        self._statement = f"UPDATE {target} SET {changed}{source} WHERE {found}"  # noqa: S608  # The same.

    def prepared(self, changes: Sequence[tuple[Any, ...]]) -> Statement:
        """The statement and what to run it with."""
        columns = [
            column if convert is None else [convert(value) for value in column]
            for column, convert in zip(zip(*changes, strict=True), self._converts, strict=True)
        ]
        return self._statement, tuple(columns) if self._arrays else list(zip(*columns, strict=True))


def _unnested(columns: Sequence[Column[Any]]) -> str:
    """``$1::bytea[], $2::integer[], …``"""
    return ", ".join(f"${place}::{_array(column)}[]" for place, column in enumerate(columns, 1))


def _array(column: Column[Any]) -> str:
    for kind, name in _ARRAYS:
        if isinstance(column.type, kind):
            return name
    raise TypeError(f"{column} has a type that bulk statements do not know")


def _convert(column: Column[Any]) -> Convert | None:
    return _instant if isinstance(column.type, Instant) else None


def _instant(value: datetime | int | None) -> int | None:
    return value if value is None or value.__class__ is int else microseconds(cast(datetime, value))


def _default(column: Column[Any]) -> Any:
    if column.default is None:
        return None
    if not isinstance(column.default, ScalarElementColumnDefault):
        raise TypeError(f"{column} has a default that is no plain value")
    return column.default.arg
