"""Receipts as they come, of messages that went.

Every receipt is kept as an event of its message; what the message shows is the highest of what is known of
it: delivered is above failed and blocked, and those are above sent. A receipt of a message that we do not
know may have overtaken the answer to the submit: it is kept as an orphan and matched again for three days.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from records import orders, part_names, settlement, suppressions
from records.database import Database
from records.ids import new_id
from records.statuses import changed
from records.tables import (
    attempts,
    former_names,
    outbox,
    receipt_orphans,
)

ORPHANS_FOR = timedelta(hours=72)
MATCHED = 500  # Orphans that are looked at together.


@dataclass(frozen=True, slots=True)
class Told:
    """What a provider said of one of its messages. ``status``: sent, delivered, failed, blocked."""

    external_id: str
    status: str
    detail: str = ""


async def keep(database: Database, provider: str, told: Sequence[Told], now: datetime) -> int:
    """Keeps receipts, each with its message or as an orphan; durable when this returns. How many were of
    messages that we know. The same receipt again changes nothing."""

    def write(connection: Connection) -> int:
        known = _messages(connection, provider, [each.external_id for each in told])
        apply(connection, database, provider, [(known[each.external_id], each) for each in told
                                                if each.external_id in known], now)  # fmt: skip
        orphans = [
            {
                "id": new_id(now),
                "provider": provider,
                "external_id": each.external_id,
                "status": each.status,
                "detail": each.detail,
                "at": now,
            }
            for each in told
            if each.external_id not in known
        ]
        if orphans:
            added = postgresql.insert if database.dialect == "postgresql" else sqlite.insert
            connection.execute(added(receipt_orphans).on_conflict_do_nothing(), orphans)
        return len(told) - len(orphans)

    return await database.transaction(write) if told else 0


async def match_orphans(database: Database, now: datetime, after: bytes = b"") -> tuple[int, bytes]:
    """Gives orphans whose message is known by now to it, beginning behind the orphan ``after``, and forgets
    those that are too old. How many were matched, and the last that was looked at, b"" at the end."""
    rows = await database.read(
        select(receipt_orphans)
        .where(receipt_orphans.c.id > after)
        .order_by(receipt_orphans.c.id)
        .limit(MATCHED)
    )
    if not rows:
        return 0, b""

    def write(connection: Connection) -> int:
        gone = [row.id for row in rows if row.at < now - ORPHANS_FOR]
        matched = 0
        for provider in sorted({row.provider for row in rows}):
            mine = [row for row in rows if row.provider == provider and row.id not in gone]
            known = _messages(connection, provider, [row.external_id for row in mine])
            found = [row for row in mine if row.external_id in known]
            said = [(known[row.external_id], Told(row.external_id, row.status, row.detail)) for row in found]
            apply(connection, database, provider, said, now)
            gone += [row.id for row in found]
            matched += len(found)
        if gone:
            connection.execute(delete(receipt_orphans).where(receipt_orphans.c.id.in_(gone)))
        return matched

    matched = await database.transaction(write)
    return matched, rows[-1].id if len(rows) == MATCHED else b""


@dataclass(frozen=True, slots=True)
class Known:
    """A message of which something is said. ``former``: another provider may have it by now."""

    id: bytes
    status: str
    former: bool
    part: part_names.Part | None = None


def _messages(connection: Connection, provider: str, names: Sequence[str]) -> Mapping[str, Known]:
    """The message by each of its names there, also one that it had before; of several the newest."""
    wanted = sorted(set(names))
    found: dict[str, Known] = {}
    rows = connection.execute(
        select(former_names.c.external_id, outbox.c.id, outbox.c.status)
        .join(outbox, outbox.c.id == former_names.c.message)
        .where(former_names.c.provider == provider, former_names.c.external_id.in_(wanted))
    )
    for name, id, status in rows:
        found[name] = Known(id, status, True)
    rows = connection.execute(
        select(outbox.c.external_id, outbox.c.id, outbox.c.status)
        .where(outbox.c.provider == provider, outbox.c.external_id.in_(wanted))
        .order_by(outbox.c.id)
    )
    for name, id, status in rows:
        found[name] = Known(id, status, False)
    for name, part in part_names.known(connection, provider, wanted).items():
        if name not in found or found[name].id <= part.message:
            found[name] = Known(part.message, part.shown, part.former, part)
    return found


def apply(
    connection: Connection,
    database: Database,
    provider: str,
    told: Sequence[tuple[Known, Told]],
    now: datetime,
) -> None:
    """Keeps what is said of messages, in a transaction that is under way, with all that follows of it. The
    same again changes nothing."""
    if not told:
        return
    seen = {
        tuple(row)
        for row in connection.execute(
            select(attempts.c.message, attempts.c.status, attempts.c.detail).where(
                attempts.c.message.in_(sorted({message.id for message, _each in told})),
                attempts.c.provider == provider,
                attempts.c.kind == "receipt",
            )
        )
    }
    fresh: list[tuple[Known, Told]] = []
    for message, said in told:
        each = replace(said, detail=message.part.place + said.detail) if message.part else said
        if (event := (message.id, each.status, each.detail)) not in seen:
            seen.add(event)
            fresh.append((message, each))
    if not fresh:
        return
    connection.execute(
        insert(attempts),
        [
            {
                "id": new_id(now),
                "message": message.id,
                "at": now,
                "provider": provider,
                "kind": "receipt",
                "status": each.status,
                "detail": each.detail,
            }
            for message, each in fresh
        ],
    )
    fresh = _of_wholes(connection, provider, fresh)
    ended = {"finished_at": now, "lease_owner": None, "lease_until": None}
    others: list[bytes] = []  # Whose status is another one now.
    if arrived := sorted({message.id for message, each in fresh if each.status == "delivered"}):
        others += connection.execute(
            update(outbox)
            .where(outbox.c.id.in_(arrived), outbox.c.status != "delivered")
            .values(status="delivered", **ended)
            .returning(outbox.c.id)
        ).scalars()
    for status in ("failed", "blocked"):
        # Only of the provider that has the message now; another one may yet carry it.
        ids = sorted({message.id for message, each in fresh if each.status == status and not message.former})
        if ids:
            others += connection.execute(
                update(outbox)
                .where(outbox.c.id.in_(ids), outbox.c.status == "sent")
                .values(status=status, **ended)
                .returning(outbox.c.id)
            ).scalars()
    if blocked := sorted({message.id for message, each in fresh if each.status == "blocked"}):
        suppressions.block(connection, database, blocked, now)
    if over := [message.id for message, each in fresh if each.status in orders.ENDED]:
        orders.take_next(connection, database, over, now, outbox.c.status.in_(orders.ENDED))
    if failed := [(message.id, each) for message, each in fresh if each.status == "failed"]:
        settlement.dead(
            connection, database, [(id, provider, "failed", each.detail) for id, each in failed], now
        )
    changed(connection, database, others, now)


def _of_wholes(
    connection: Connection, provider: str, fresh: Sequence[tuple[Known, Told]]
) -> list[tuple[Known, Told]]:
    """What was said of messages, with what follows for those of whose parts it was said."""
    whole = [(message, each) for message, each in fresh if message.part is None]
    parts = {message.id: (message, each) for message, each in fresh if message.part is not None}
    if parts:
        said = [(message.part, each.status) for message, each in fresh if message.part is not None]
        for id, status in part_names.told(connection, provider, said).items():
            message, each = parts[id]
            whole.append((message, replace(each, status=status)))
    return whole
