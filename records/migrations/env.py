"""What Alembic runs around the migrations. ``records.migrate`` gives it the connection."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from sqlalchemy import Connection, text

from records.tables import Instant, metadata

# Any number, as long as it is always the same: who upgrades this database holds this lock.
LOCK = 7330001


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        transactional_ddl=True,
        render_as_batch=connection.dialect.name == "sqlite",
        render_item=rendered,
    )
    with context.begin_transaction():
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        else:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        context.run_migrations()


def rendered(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """How a new migration writes our own type: a migration must not change when ``records.tables`` does."""
    return "sa.BigInteger()" if kind == "type" and isinstance(item, Instant) else False


run(context.config.attributes["connection"])
