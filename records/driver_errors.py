"""What an error of a database driver means to whoever asked: Conflict, Unavailable, or a defect of ours."""

from __future__ import annotations

import sqlite3

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from records.unit import Conflict, Unavailable

# PostgreSQL's error codes (its manual, appendix A), by code or by class (the first two characters).
CONFLICT_STATES = (
    "23505",
    "23503",
    "23P01",
    "40",
)  # Unique, foreign key, exclusion; rolled back for another.
UNAVAILABLE_STATES = (
    "08",  # Connection failed.
    "25006",  # Read-only: a standby answers, the primary is being changed.
    "53",  # Out of disk, memory, connections.
    "57",  # Cancelled by a timeout, shut down, starting.
    "58",  # I/O error.
    "F0",  # Lock file.
)

# SQLite's result codes (sqlite.org/rescode.html), extended where the primary one says too little.
CONFLICT_CODES = {
    sqlite3.SQLITE_CONSTRAINT_UNIQUE,
    sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY,
    sqlite3.SQLITE_CONSTRAINT_ROWID,
    sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY,
}
UNAVAILABLE_CODES = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PROTOCOL,
}


def meaning(error: Exception) -> Exception:
    """``Conflict`` or ``Unavailable`` where the error says that, else the error itself."""
    if isinstance(error, Conflict | Unavailable):
        return error
    if isinstance(error, OSError | PoolTimeout):  # OSError includes TimeoutError and refused connections.
        return Unavailable(f"no connection to the database: {error}".strip())
    cause = error.orig if isinstance(error, DBAPIError) else error
    text = str(cause).strip().partition("\n")[0]
    state = getattr(cause, "sqlstate", None)
    code = getattr(cause, "sqlite_errorcode", None)
    if isinstance(state, str):
        if state.startswith(CONFLICT_STATES):
            return Conflict(text)
        if state.startswith(UNAVAILABLE_STATES):
            return Unavailable(text)
    if isinstance(code, int):
        if code in CONFLICT_CODES:
            return Conflict(text)
        if code & 0xFF in UNAVAILABLE_CODES:
            return Unavailable(text)
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return Unavailable(text)
    return error
