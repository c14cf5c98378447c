"""Files that people sent, sealed in parts. A file is one row with its parts in one unit: whole or absent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, func, select

from records.changes import waiting
from records.database import Database
from records.tables import file_parts, files
from records.unit import Unit
from records.vault import Unreadable, Vault

PART = 2**20  # Bytes of one part: a row that no database minds.


@dataclass(frozen=True, slots=True)
class File:
    """A row of ``files``. ``party`` sent it, ``session`` took it. ``size`` is in bytes, ``width`` and
    ``height`` in pixels."""

    id: bytes
    party: bytes
    digest: bytes
    type: str
    size: int
    parts: int
    width: int | None
    height: int | None
    sealed: bytes
    session: bytes | None
    at: datetime


def keep(unit: Unit, vault: Vault, file: File, name: str, content: bytes) -> None:
    """Adds a file. The unit is a ``Conflict`` when this party has one with this id, or this digest."""
    pieces = [content[start : start + PART] for start in range(0, len(content), PART)]
    row = {each: getattr(file, each) for each in File.__slots__}
    row |= {"parts": len(pieces), "sealed": vault.seal(name.encode(), b"file_name" + file.id, file.id)}
    unit.insert(files, row)
    for place, piece in enumerate(pieces):
        sealed = vault.seal(piece, _context(file.id, place), file.id)
        unit.insert(file_parts, {"file": file.id, "place": place, "sealed": sealed})


def name(vault: Vault, file: File) -> str:
    """What a file is called; ``Unreadable`` when its key is gone."""
    return vault.open(file.sealed, b"file_name" + file.id, file.id).decode()


async def content(database: Database, vault: Vault, file: File) -> bytes:
    """What is in a file; ``Unreadable`` when its key is gone, or a part of it."""
    rows = await database.read(
        select(file_parts.c.place, file_parts.c.sealed)
        .where(file_parts.c.file == file.id)
        .order_by(file_parts.c.place)
    )
    if [row.place for row in rows] != list(range(file.parts)):
        raise Unreadable("a part of a file is missing")
    return b"".join(vault.open(row.sealed, _context(file.id, row.place), file.id) for row in rows)


async def by_ids(database: Database, unit: Unit, ids: Sequence[bytes]) -> list[File]:
    """Those files that there are, or that ``unit`` will insert, in this order."""
    rows = await database.read(select(files).where(files.c.id.in_(ids)))
    found = {row.id: File(*tuple(row)) for row in rows}
    found |= {row["id"]: File(**row) for row in waiting(unit, files) if row["id"] in ids}
    return [found[id] for id in ids if id in found]


async def by_digest(database: Database, party: bytes, digest: bytes) -> File | None:
    rows = await database.read(select(files).where(files.c.party == party, files.c.digest == digest))
    return File(*tuple(rows[0])) if rows else None


async def since(database: Database, party: bytes, moment: datetime) -> tuple[int, File | None]:
    """(bytes, the last one) of what this party sent after ``moment``, by one statement: a file that is kept
    meanwhile is in both or in neither."""
    rows = await database.read(
        select(func.sum(files.c.size).over(), files)
        .where(files.c.party == party, files.c.at > moment)
        .order_by(files.c.at.desc())
        .limit(1)
    )
    return (int(rows[0][0]), File(*tuple(rows[0])[1:])) if rows else (0, None)


async def of_session(database: Database, session: bytes) -> list[File]:
    """What a session took, the oldest first."""
    rows = await database.read(select(files).where(files.c.session == session).order_by(files.c.at))
    return [File(*tuple(row)) for row in rows]


def take(unit: Unit, file: File, session: bytes) -> None:
    """The session took this file; one that has a session keeps it."""
    if file.session is None:
        unit.update(files, {"id": file.id}, {"session": session})


async def drop_untaken(database: Database, before: datetime, most: int) -> int:
    """Takes away files of which no session heard until then; how many."""

    def work(connection: Connection) -> int:
        old = select(files.c.id).where(files.c.session.is_(None), files.c.at < before).limit(most)
        ids = [row[0] for row in connection.execute(old)]
        if ids:
            connection.execute(delete(file_parts).where(file_parts.c.file.in_(ids)))
            connection.execute(delete(files).where(files.c.id.in_(ids)))
        return len(ids)

    return await database.transaction(work)


def _context(file: bytes, place: int) -> bytes:
    return b"file" + file + place.to_bytes(4)
