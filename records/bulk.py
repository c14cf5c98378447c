"""The statements that write many rows at once, in the words of each database (``records.arrays`` for
PostgreSQL, ``records.row_by_row`` for SQLite). They are made below SQLAlchemy's compiler, which would cost
more a row than the database does."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from sqlalchemy import Connection, CursorResult, Table

from records.arrays import Arrays
from records.columns import Row, Values
from records.database import Dialect, Statement
from records.row_by_row import RowByRow
from records.tables import metadata
from records.unit import Conflict, Shape, Unit

# Rows go in so that a row is there before another refers to it.
ORDER = {table: place for place, table in enumerate(metadata.sorted_tables)}


class Bulk:
    """Writes units with one statement for each table and each shape of update, or with one for all."""

    def __init__(self, dialect: Dialect) -> None:
        self._words = Arrays() if dialect == "postgresql" else RowByRow()

    def prepared(self, units: Sequence[Unit]) -> Iterable[Statement] | None:
        """What ``Database.write`` is to run for all the units, where they can go below SQLAlchemy: where
        there is no guard, and nothing else that the database's own words do not say."""
        if any(unit.guards for unit in units):
            return None
        return self._words.whole(*_together(units))

    def write(self, connection: Connection, units: Sequence[Unit]) -> None:
        """Writes all the units in the transaction of this connection. ``Conflict`` when a guard fails."""
        for unit in units:
            for guard in unit.guards:
                result = cast("CursorResult[Any]", connection.execute(guard.statement))
                if result.rowcount != guard.expected:
                    raise Conflict(f"a guard touched {result.rowcount} rows, not {guard.expected}")
        for text, values in self._words.one_by_one(*_together(units)):
            connection.exec_driver_sql(text, values)


def _together(units: Sequence[Unit]) -> tuple[Mapping[Table, list[Row]], Mapping[Shape, list[Values]]]:
    """The rows of all units by table, in the order in which the tables are to be written, and their changes
    by shape."""
    rows: defaultdict[Table, list[Row]] = defaultdict(list)
    changes: defaultdict[Shape, list[Values]] = defaultdict(list)
    for unit in units:
        for table, more in unit.rows.items():
            rows[table].extend(more)
        for shape, some in unit.updates.items():
            changes[shape].extend(some)
    return {table: rows[table] for table in sorted(rows, key=ORDER.__getitem__)}, changes
