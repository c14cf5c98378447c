"""Statements in the words of the driver, in whatever transaction is under way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection


def execute(connection: Connection, statement: str, values: Sequence[Any] = ()) -> Any:
    """Runs one statement. What it returns can be iterated for rows that are taken apart as tuples, has
    ``fetchone`` and ``rowcount``. On SQLite it is the driver's own, for SQLAlchemy's takes longer than such a
    statement. Errors are the driver's or SQLAlchemy's; ``Database`` knows the meaning of both."""
    if connection.dialect.name == "sqlite":
        driver: Any = connection.connection.driver_connection
        return driver.execute(statement, values)
    return connection.exec_driver_sql(statement, tuple(values))
