"""Changes of single rows that wait in a unit, visible to what follows in the same unit.

A need reads the database at once, but what it writes is committed only with its turn. A second need of the
same turn must therefore go on from what the first one is about to write, not from what the database still
says.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Protocol, TypeVar

from sqlalchemy import ColumnElement, Table, update

from records.unit import Guard, Unit


@dataclass(frozen=True, slots=True)
class Change(Guard):
    """A guard that sets ``values`` in the row of ``table`` whose id is ``row``."""

    table: Table | None = None
    row: bytes = b""
    values: Mapping[str, Any] = field(default_factory=dict)


class Record(Protocol):
    """A row, or some columns of it, as a frozen dataclass whose fields are named as the columns."""

    @property
    def id(self) -> bytes: ...


RecordT = TypeVar("RecordT", bound=Record)


def change(
    unit: Unit, table: Table, row: bytes, values: Mapping[str, Any], *conditions: ColumnElement[bool]
) -> None:
    """Sets ``values`` in one row. The unit is a ``Conflict`` unless the row is there and every one of
    ``conditions`` still holds when it is committed. A row that the unit itself will insert is inserted so."""
    for position, new in enumerate(unit.rows.get(table, ())):
        if new["id"] == row:
            unit.rows[table][position] = {**new, **values}
            return
    statement = update(table).where(table.c.id == row, *conditions).values(values)
    unit.guards.append(Change(statement, 1, table, row, values))


def as_left_by(unit: Unit, table: Table, record: RecordT) -> RecordT:
    """``record`` as the changes that wait in ``unit`` will leave it."""
    for guard in unit.guards:
        if isinstance(guard, Change) and guard.table is table and guard.row == record.id:
            known = {each.name for each in fields(record)}  # type: ignore[arg-type]  # It is a dataclass.
            seen = {name: value for name, value in guard.values.items() if name in known}
            record = replace(record, **seen)  # type: ignore[type-var]  # The same.
    return record


def waiting(unit: Unit, table: Table) -> Iterator[Mapping[str, Any]]:
    """The rows of ``table`` that ``unit`` will insert, the newest first."""
    yield from reversed(unit.rows.get(table, ()))


def place(kind: str, *parts: bytes) -> bytes:
    """An id (16 bytes) that names a place in a sequence instead of a moment: whoever would take the same
    place after the same predecessor makes the same id, so that only the first of them can be inserted. It is
    how a limit ("one at a time", "five in ten minutes") holds against simultaneous requests."""
    hashed = hashlib.blake2b(kind.encode(), digest_size=16)
    for part in parts:
        hashed.update(len(part).to_bytes(2, "big") + part)
    return hashed.digest()
