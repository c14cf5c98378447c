"""Statements of many rows, on both databases."""

from __future__ import annotations

import pytest

from records.database import Database
from records.many import MOST_ROWS, Many

ECHO = Many("SELECT s.number FROM {rows} WHERE s.number IS NOT NULL", {"number": "bigint", "name": "text"})


@pytest.mark.parametrize("count", [0, 1, 2, 9, 37, MOST_ROWS, MOST_ROWS + 1])
async def test_each_row_is_worked_once(database: Database, count: int) -> None:
    rows = [(number, "x") for number in range(count)]
    found = await database.look(lambda connection: ECHO.find(connection, database, rows))
    assert sorted(found) == list(range(count))
