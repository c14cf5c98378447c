"""A unit of work: all that one turn, or one act of an operator, writes. It is committed whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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


@dataclass(slots=True)
class Unit:
    """Rows to insert by table, and guards, which run first."""

    rows: dict[Table, list[Mapping[str, Any]]] = field(default_factory=dict)
    guards: list[Guard] = field(default_factory=list)

    def insert(self, table: Table, row: Mapping[str, Any]) -> None:
        """``row`` names every column that has no default; values are of the column's Python type."""
        self.rows.setdefault(table, []).append(row)

    def guard(self, statement: Executable, expected: int = 1) -> None:
        self.guards.append(Guard(statement, expected))
