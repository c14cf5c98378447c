"""What the statements that write many rows need to know of a table's columns, whatever the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from types import NoneType
from typing import Any, cast

from sqlalchemy import Column, Table
from sqlalchemy.sql.schema import ScalarElementColumnDefault

from records.schema import Instant, microseconds

Row = Mapping[str, Any]
Values = tuple[Any, ...]  # Of a row, in the order of the columns.

_STORED = {int, NoneType}


class Columns:
    """The columns of a table in their order, and how rows become values in that order."""

    def __init__(self, table: Table) -> None:
        self.all = list(table.columns)
        self.instants = places_of_instants(self.all)
        self._defaults = {column.name: _default(column) for column in self.all}
        self._values = itemgetter(*self._defaults)

    def values(self, rows: Sequence[Row]) -> list[Values]:
        """The values of each row; a column that a row leaves out has its default."""
        width, defaults = len(self._defaults), self._defaults
        return [self._values(row if len(row) == width else {**defaults, **row}) for row in rows]


def places_of_instants(columns: Sequence[Column[Any]]) -> list[int]:
    return [place for place, column in enumerate(columns) if isinstance(column.type, Instant)]


def stored(instants: Sequence[datetime | int | None]) -> Sequence[int | None]:
    """The instants as the database keeps them. Most come like that, and are not touched one by one."""
    if _STORED.issuperset(map(type, instants)):
        return cast("Sequence[int | None]", instants)
    return [
        instant if instant is None or instant.__class__ is int else microseconds(cast(datetime, instant))
        for instant in instants
    ]


def _default(column: Column[Any]) -> Any:
    if column.default is None:
        return None
    if not isinstance(column.default, ScalarElementColumnDefault):
        raise TypeError(f"{column} has a default that is no plain value")
    return column.default.arg
