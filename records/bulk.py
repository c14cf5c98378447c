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
from functools import cache
from itertools import chain
from operator import itemgetter
from typing import Any, cast

from sqlalchemy import Column, Connection, CursorResult, Table, UniqueConstraint
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.schema import ScalarElementColumnDefault
from sqlalchemy.types import BigInteger, Boolean, Integer, LargeBinary, String, TypeEngine

from records.database import Dialect
from records.tables import Instant, metadata, microseconds
from records.unit import Conflict, Shape, Unit

Row = Mapping[str, Any]
Convert = Callable[[Any], Any]
Statement = tuple[str, Sequence[Any]]  # And what to run it with.

# SQLite's bound on the parameters of a statement is 32,766 (SQLITE_MAX_VARIABLE_NUMBER); no more than this
# many rows, so that few different statements are ever prepared.
MOST_ROWS = 128
MOST_PARAMETERS = 32_766

MOST_JOINED = 256  # Statements of several tables that are remembered.

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
    """Writes units with one statement for each table and each shape of update, or with one for all."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._inserts: dict[Table, Insert] = {}
        self._updates: dict[Shape, Update] = {}
        self._joined: dict[tuple[Insert | Update, ...], str] = {}

    def at_once(self, units: Sequence[Unit]) -> Statement | None:
        """All the units as one statement, where that can be: on PostgreSQL it is a transaction by itself, and
        one trip in place of one for each table and two more. Its parts run in no order, so there must be no
        guard, and no update may make room for an insert or meet another update."""
        if self._dialect != "postgresql" or any(unit.guards for unit in units):
            return None
        rows, changes = _together(units)
        if len({shape.table for shape in changes}) < len(changes) or not all(map(_keeps_keys, changes)):
            return None
        updates = {self._update(shape): values for shape, values in changes.items()}
        inserts = {self._insert(table): rows[table] for table in sorted(rows, key=ORDER.__getitem__)}
        values = [column for update, changed in updates.items() for column in update.columns(changed)]
        values += [column for insert, more in inserts.items() for column in insert.columns(more)]
        return self._text((*updates, *inserts)), values

    def write(self, connection: Connection, units: Sequence[Unit]) -> None:
        """Writes all the units in the transaction of this connection. ``Conflict`` when a guard fails."""
        for unit in units:
            for guard in unit.guards:
                result = cast("CursorResult[Any]", connection.execute(guard.statement))
                if result.rowcount != guard.expected:
                    raise Conflict(f"a guard touched {result.rowcount} rows, not {guard.expected}")
        rows, changes = _together(units)
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

    def _text(self, parts: tuple[Insert | Update, ...]) -> str:
        """The statements of the parts as one."""
        text = self._joined.get(parts)
        if text is None:
            if len(self._joined) >= MOST_JOINED:
                self._joined.clear()
            texts, first = [], 1
            for part in parts:
                texts.append(part.text(first))
                first += part.width
            *before, last = texts
            named = ", ".join(f"p{place} AS ({each})" for place, each in enumerate(before))
            text = self._joined[parts] = f"WITH {named} {last}" if before else last
        return text


class Insert:
    """``INSERT`` of rows of one table; columns that a row leaves out take the table's default."""

    def __init__(self, table: Table, dialect: Dialect) -> None:
        quote = _quote[dialect]
        self._columns = list(table.columns)
        self._arrays = dialect == "postgresql"
        self._whole = itemgetter(*(column.name for column in self._columns))
        self._defaults = {column.name: _default(column) for column in self._columns}
        self._instants = [
            place for place, column in enumerate(self._columns) if isinstance(column.type, Instant)
        ]
        self.width = len(self._columns)
        named = ", ".join(quote(column.name) for column in self._columns)
        self._start = f"INSERT INTO {quote(table.name)} ({named})"
        self._one = self.text(1) if self._arrays else ""
        self._row = f"({', '.join('?' for _ in self._columns)})"
        self._most = min(MOST_ROWS, 1 << (MOST_PARAMETERS // self.width).bit_length() - 1)

    def text(self, first: int) -> str:
        """PostgreSQL's statement, whose arrays are the parameters from the ``first`` on."""
        return f"{self._start} SELECT * FROM unnest({_unnested(self._columns, first)})"  # noqa: S608  # Ours.

    def columns(self, rows: Sequence[Row]) -> list[Sequence[Any]]:
        """The values of all rows, column by column."""
        columns: list[Sequence[Any]] = list(zip(*map(self._values, rows), strict=True))
        for place in self._instants:
            columns[place] = [_instant(value) for value in columns[place]]
        return columns

    def prepared(self, rows: Sequence[Row]) -> Iterator[Statement]:
        """The statements that insert these rows, in their order."""
        columns = self.columns(rows)
        if self._arrays:
            yield self._one, tuple(columns)
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
        self._shape = shape
        self._quote = _quote[dialect]
        self._columns = [shape.table.columns[name] for name in (*shape.where, *shape.values)]
        self._arrays = dialect == "postgresql"
        self._converts = [_convert(column) for column in self._columns]
        self.width = len(self._columns)
        # SQLite's parameters are numbered too, so that both may come in the unit's order.
        self._one = self.text(1) if self._arrays else self._assigned("?{}".format)

    def text(self, first: int) -> str:
        """PostgreSQL's statement, whose arrays are the parameters from the ``first`` on."""
        names = ", ".join(f"c{place}" for place in range(1, self.width + 1))
        source = f" FROM unnest({_unnested(self._columns, first)}) AS v ({names})"
        return self._assigned("v.c{}".format, source)

    def _assigned(self, given: Callable[[int], str], source: str = "") -> str:
        """The statement whose values are what ``given`` calls them by their places, from 1."""
        quote, shape = self._quote, self._shape
        target = quote(shape.table.name)
        keys = [f"{target}.{quote(name)} = {given(place)}" for place, name in enumerate(shape.where, 1)]
        news = enumerate(shape.values, len(keys) + 1)
        changed = ", ".join(f"{quote(name)} = {given(place)}" for place, name in news)
        return f"UPDATE {target} SET {changed}{source} WHERE {' AND '.join(keys)}"  # noqa: S608  # The same.

    def columns(self, changes: Sequence[tuple[Any, ...]]) -> list[Sequence[Any]]:
        """The values of all changes, column by column."""
        return [
            column if convert is None else [convert(value) for value in column]
            for column, convert in zip(zip(*changes, strict=True), self._converts, strict=True)
        ]

    def prepared(self, changes: Sequence[tuple[Any, ...]]) -> Statement:
        """The statement and what to run it with."""
        columns = self.columns(changes)
        return self._one, tuple(columns) if self._arrays else list(zip(*columns, strict=True))


def _together(
    units: Sequence[Unit],
) -> tuple[dict[Table, list[Row]], dict[Shape, list[tuple[Any, ...]]]]:
    """The rows of all units by table, and their changes by shape."""
    rows: dict[Table, list[Row]] = {}
    changes: dict[Shape, list[tuple[Any, ...]]] = {}
    for unit in units:
        for shape, some in unit.updates.items():
            changes.setdefault(shape, []).extend(some)
        for table, more in unit.rows.items():
            rows.setdefault(table, []).extend(more)
    return rows, changes


@cache
def _keeps_keys(shape: Shape) -> bool:
    """Whether such an update changes nothing that is unique or that other rows refer to."""
    table = shape.table
    unique = [each.columns for each in table.constraints if isinstance(each, UniqueConstraint)]
    unique += [index.columns for index in table.indexes if index.unique]
    keys = {column.name for columns in (table.primary_key.columns, *unique) for column in columns}
    return keys.isdisjoint(shape.values)


def _unnested(columns: Sequence[Column[Any]], first: int) -> str:
    """``$1::bytea[], $2::integer[], …``"""
    return ", ".join(f"${place}::{_array(column)}[]" for place, column in enumerate(columns, first))


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
