"""PostgreSQL's statements that write many rows: a column of all rows is one array, so that one prepared
statement serves any number of rows, and the statements of several tables can go as one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Column, Table, UniqueConstraint
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import BigInteger, Boolean, Integer, LargeBinary, String, TypeEngine

from records.columns import Columns, Row, Values, places_of_instants, stored
from records.database import Statement
from records.schema import Instant
from records.unit import Shape

MOST_JOINED = 256  # Statements of several tables that are remembered.

_quote = postgresql.dialect().identifier_preparer.quote  # type: ignore[no-untyped-call]

# Text is not cast to its length: the cast would cut it, where the assignment refuses it.
_ARRAYS: tuple[tuple[type[TypeEngine[Any]], str], ...] = (
    (Instant, "bigint"),
    (BigInteger, "bigint"),
    (Integer, "integer"),
    (Boolean, "boolean"),
    (String, "text"),
    (LargeBinary, "bytea"),
)


class Arrays:
    """Makes the statements for units' rows by table and changes by shape."""

    def __init__(self) -> None:
        self._inserts: dict[Table, Insert] = {}
        self._updates: dict[Shape, Update] = {}
        self._joined: dict[tuple[Insert | Update, ...], str] = {}

    def one_by_one(
        self, rows: Mapping[Table, Sequence[Row]], changes: Mapping[Shape, Sequence[Values]]
    ) -> Iterator[Statement]:
        """The statements in their order."""
        for shape, some in changes.items():
            update = self._update(shape)
            yield update.alone, tuple(update.arrays(some))
        for table, more in rows.items():
            insert = self._insert(table)
            yield insert.alone, tuple(insert.arrays(more))

    def whole(
        self, rows: Mapping[Table, Sequence[Row]], changes: Mapping[Shape, Sequence[Values]]
    ) -> Sequence[Statement] | None:
        """All as one statement, where that can be: it is a transaction by itself, and one trip in place of
        one for each table and two more. Its parts run in no order, so no update may make room for an insert
        or meet another update."""
        if len({shape.table for shape in changes}) < len(changes) or not all(map(_keeps_keys, changes)):
            return None
        parts: list[Insert | Update] = []
        values: list[Sequence[Any]] = []
        for shape, some in changes.items():
            parts.append(update := self._update(shape))
            values += update.arrays(some)
        for table, more in rows.items():
            parts.append(insert := self._insert(table))
            values += insert.arrays(more)
        return [(self._text(tuple(parts)), values)]

    def _insert(self, table: Table) -> Insert:
        insert = self._inserts.get(table)
        if insert is None:
            insert = self._inserts[table] = Insert(table)
        return insert

    def _update(self, shape: Shape) -> Update:
        update = self._updates.get(shape)
        if update is None:
            update = self._updates[shape] = Update(shape)
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
    """``INSERT`` of rows of one table."""

    def __init__(self, table: Table) -> None:
        self._columns = Columns(table)
        self.width = len(self._columns.all)
        named = ", ".join(_quote(column.name) for column in self._columns.all)
        self._start = f"INSERT INTO {_quote(table.name)} ({named})"
        self.alone = self.text(1)

    def text(self, first: int) -> str:
        """The statement whose arrays are the parameters from the ``first`` on."""
        return f"{self._start} SELECT * FROM unnest({_unnested(self._columns.all, first)})"  # noqa: S608  # Ours.

    def arrays(self, rows: Sequence[Row]) -> list[Sequence[Any]]:
        arrays: list[Sequence[Any]] = list(zip(*self._columns.values(rows), strict=True))
        for place in self._columns.instants:
            arrays[place] = stored(arrays[place])
        return arrays


class Update:
    """``UPDATE`` of rows by the same columns to their own values."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._columns = [shape.table.columns[name] for name in (*shape.where, *shape.values)]
        self._instants = places_of_instants(self._columns)
        self.width = len(self._columns)
        self.alone = self.text(1)

    def text(self, first: int) -> str:
        """The statement whose arrays are the parameters from the ``first`` on."""
        shape, target = self._shape, _quote(self._shape.table.name)
        names = ", ".join(f"c{place}" for place in range(1, self.width + 1))
        keys = [f"{target}.{_quote(name)} = v.c{place}" for place, name in enumerate(shape.where, 1)]
        news = enumerate(shape.values, len(keys) + 1)
        changed = ", ".join(f"{_quote(name)} = v.c{place}" for place, name in news)
        source = f"unnest({_unnested(self._columns, first)}) AS v ({names})"
        return f"UPDATE {target} SET {changed} FROM {source} WHERE {' AND '.join(keys)}"  # noqa: S608  # The same.

    def arrays(self, changes: Sequence[Values]) -> list[Sequence[Any]]:
        arrays: list[Sequence[Any]] = list(zip(*changes, strict=True))
        for place in self._instants:
            arrays[place] = stored(arrays[place])
        return arrays


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
