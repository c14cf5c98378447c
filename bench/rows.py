"""Fills a database with conversations as the product leaves them, so many that their number may tell.

Each is the complaint conversation of a person of its own: six turns, a complaint, an SMS that was delivered.
One in a hundred is still open. What is sealed has the right size and opens for nobody.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
from sqlalchemy import Table

from records.ids import IdMaker
from records.tables import (
    addresses,
    attempts,
    complaint_events,
    complaints,
    microseconds,
    outbox,
    sessions,
    subscribers,
    turns,
)

Rows = dict[Table, list[dict[str, Any]]]

# Bytes of a sealed turn of the complaint conversation, first to last, and of the other sealed columns.
TURNS = (588, 681, 666, 803, 1_276, 1_064)
ADDRESS, WORDS, MESSAGE = 44, 99, 169

BATCH = 5_000
SPACING = timedelta(seconds=3)  # Between conversations; they end where the present begins.
DAY = timedelta(days=1)

# Cut from at random: what is sealed looks random, and is not worth making anew each time.
_POOL = os.urandom(1 << 20)


def conversations(first: int, last: int, of: int) -> Iterator[Rows]:
    """Batches of rows by table: the conversations ``first`` to ``last`` (exclusive) of ``of`` in all."""
    began = datetime.now(UTC) - DAY - of * SPACING
    new_id = IdMaker()
    rows: Rows = {}
    for number in range(first, last):
        for table, row in _conversation(number, began + number * SPACING, new_id):
            rows.setdefault(table, []).append(row)
        if number % BATCH == BATCH - 1:
            yield rows
            rows = {}
    if rows:
        yield rows


def fill_sqlite(path: Path, first: int, last: int, of: int) -> None:
    """Into a migrated file that nobody else has open."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA cache_size = -1000000")
        for rows in conversations(first, last, of):
            connection.execute("BEGIN")
            for table, some in rows.items():
                names = ", ".join(f'"{name}"' for name in some[0])
                marks = ", ".join("?" * len(some[0]))
                connection.executemany(
                    f'INSERT INTO "{table.name}" ({names}) VALUES ({marks})',  # noqa: S608  # Names of ours.
                    [tuple(row.values()) for row in some],
                )
            connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode = WAL")


async def fill_postgresql(url: str, first: int, last: int, of: int) -> None:
    """Into a migrated database; afterwards it has been vacuumed and everything is on the disk."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("SET synchronous_commit = off; SET session_replication_role = replica")
        for rows in conversations(first, last, of):
            for table, some in rows.items():
                await connection.copy_records_to_table(
                    table.name,
                    records=[tuple(row.values()) for row in some],
                    columns=list(some[0]),
                    timeout=120,
                )
        await connection.execute("VACUUM (ANALYZE)", timeout=600)
        await connection.execute("CHECKPOINT", timeout=600)
    finally:
        await connection.close()


def _conversation(number: int, opened: datetime, new_id: IdMaker) -> Iterator[tuple[Table, dict[str, Any]]]:
    at, later = microseconds(opened), microseconds(opened + timedelta(minutes=1))
    goes_on = number % 100 == 99
    session, subscriber, party = new_id(opened), new_id(opened), os.urandom(16)
    yield subscribers, {"id": subscriber, "language": "fa", "created_at": at}
    yield (
        addresses,
        {
            "kind": "msisdn",
            "index": party,
            "sealed": _sealed(ADDRESS),
            "subscriber": subscriber,
            "verified_at": at,
            "verified_by": "network",
            "created_at": at,
        },
    )
    yield (
        sessions,
        {
            "id": session,
            "key": os.urandom(16),
            "channel": "ussd",
            "route": "africastalking",
            "code": "*733#",
            "party": party,
            "subscriber": subscriber,
            "opened_at": at,
            # An open one is not due while anything is measured.
            "due_at": microseconds(datetime.now(UTC) + DAY),
            "closed_at": None if goes_on else later,
            "outcome": None if goes_on else "done",
        },
    )
    for sequence, size in enumerate(TURNS[:-1] if goes_on else TURNS, 1):
        moment = at + sequence * 8_000_000
        yield (
            turns,
            {
                "session": session,
                "sequence": sequence,
                "input_key": os.urandom(16),
                "received_at": moment,
                "answered_at": moment,
                "content": _sealed(size),
            },
        )
    if not goes_on:
        yield from _complaint(number, opened, new_id, session, subscriber, party)


def _complaint(
    number: int, opened: datetime, new_id: IdMaker, session: bytes, subscriber: bytes, party: bytes
) -> Iterator[tuple[Table, dict[str, Any]]]:
    later = microseconds(opened + timedelta(minutes=1))
    id, message = new_id(opened), new_id(opened)
    tracking = f"{number:010}"
    yield (
        complaints,
        {
            "id": id,
            "number": f"a{number:07}",
            "subscriber": subscriber,
            "channel": "ussd",
            "session": session,
            "category": "unwanted",
            "priority": "normal",
            "state": "answered",
            "opened_at": later,
            "deadline": microseconds(opened + 3 * DAY),
            "answered_at": microseconds(opened + DAY),
            "revision": 2,
        },
    )
    yield (
        complaint_events,
        {
            "id": new_id(opened),
            "complaint": id,
            "at": later,
            "author": "person",
            "kind": "opened",
            "sealed": _sealed(WORDS),
        },
    )
    yield (
        outbox,
        {
            "id": message,
            "tracking": tracking,
            "channel": "sms",
            "class": "service",
            "party": party,
            "sealed": _sealed(MESSAGE),
            "status": "delivered",
            "created_at": later,
            "due_at": later,
            "expires_at": microseconds(opened + 2 * DAY),
            "attempts": 1,
            "provider": "sandbox",
            "external_id": tracking,
            "sent_at": later,
            "finished_at": later,
        },
    )
    for kind, status in (("attempt", "sent"), ("receipt", "delivered")):
        yield (
            attempts,
            {
                "id": new_id(opened),
                "message": message,
                "at": later,
                "provider": "sandbox",
                "kind": kind,
                "status": status,
                "detail": "",
            },
        )


def _sealed(size: int) -> bytes:
    start = int.from_bytes(os.urandom(2)) * 14
    return _POOL[start : start + size]
