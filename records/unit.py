"""A unit of work: all that one turn, or one act of an operator, writes, committed whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from sqlalchemy import Executable, Table


class Conflict(Exception):
    """Somebody else was first: a row exists already, or a guard found other than it expected. Read again."""


class Unavailable(Exception):
    """The database did not answer in time. Whether the unit was committed is not known; try again later."""


@dataclass(frozen=True, slots=True)
class Guard:
    """A statement (UPDATE or DELETE) that must touch ``expected`` rows, or the unit is a ``Conflict``."""

    statement: Executable
    expected: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """What an update looks like: units whose updates have one shape share one statement. There is but one of
    each (``shape_of``), so that they are told apart in no time."""

    table: Table
    where: tuple[str, ...]
    values: tuple[str, ...]


@dataclass(slots=True)
class Unit:
    """Rows to insert by table; updates by shape; guards. A commit runs guards, then updates, then inserts."""

    rows: dict[Table, list[Mapping[str, Any]]] = field(default_factory=dict)
    updates: dict[Shape, list[tuple[Any, ...]]] = field(default_factory=dict)
    guards: list[Guard] = field(default_factory=list)

    def __bool__(self) -> bool:
        """Whether there is anything to commit."""
        return bool(self.rows or self.updates or self.guards)

    def insert(self, table: Table, row: Mapping[str, Any]) -> None:
        """``row`` names every column that has no default; values are of the column's Python type. An
        ``Instant`` may also be given as microseconds since 1970 UTC."""
        if not row.keys() <= names(table):
            raise TypeError(f"{table.name} has no column {', '.join(sorted(row.keys() - names(table)))}")
        self.rows.setdefault(table, []).append(row)

    def update(self, table: Table, where: Mapping[str, Any], values: Mapping[str, Any]) -> None:
        """Sets ``values`` in the rows that have all of ``where`` (by an index, no NULLs); where there is
        none, nothing happens. What must find its row is a ``guard``, which costs a statement of its own."""
        if not (where.keys() | values.keys()) <= names(table):
            unknown = (where.keys() | values.keys()) - names(table)
            raise TypeError(f"{table.name} has no column {', '.join(sorted(unknown))}")
        shape = shape_of(table, tuple(where), tuple(values))
        self.updates.setdefault(shape, []).append((*where.values(), *values.values()))

    def guard(self, statement: Executable, expected: int = 1) -> None:
        self.guards.append(Guard(statement, expected))

    def copy(self) -> Unit:
        """A unit that can grow on its own."""
        return Unit(
            {table: list(rows) for table, rows in self.rows.items()},
            {shape: list(changes) for shape, changes in self.updates.items()},
            list(self.guards),
        )

    def become(self, other: Unit) -> None:
        """Holds what ``other`` holds, and nothing else."""
        self.rows, self.updates, self.guards = other.rows, other.updates, other.guards

    def extend(self, other: Unit) -> None:
        """Takes over all of another unit."""
        for table, rows in other.rows.items():
            self.rows.setdefault(table, []).extend(rows)
        for shape, changes in other.updates.items():
            self.updates.setdefault(shape, []).extend(changes)
        self.guards.extend(other.guards)


@cache
def names(table: Table) -> frozenset[str]:
    """The table's column names."""
    return frozenset(table.columns.keys())


@cache
def shape_of(table: Table, where: tuple[str, ...], values: tuple[str, ...]) -> Shape:
    """The shape of updates that set ``values`` where the columns ``where`` are given."""
    return Shape(table, where, values)
