"""What messages were called by providers that had them before another one got them: a receipt that comes late
still counts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from records.database import Database
from records.tables import former_names


def keep_names(
    connection: Connection,
    database: Database,
    names: Sequence[tuple[str | None, str | None, bytes]],
    now: datetime,
) -> None:
    """``names``: (provider, its name of the message, the message), those that have one."""
    rows = [
        {"provider": provider, "external_id": name, "message": message, "at": now}
        for provider, name, message in names
        if provider and name
    ]
    if rows:
        added = postgresql.insert if database.dialect == "postgresql" else sqlite.insert
        connection.execute(added(former_names).on_conflict_do_nothing(), rows)
