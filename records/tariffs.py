"""What messages cost: the rows of the tariff table, and changing them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, RowMapping, delete, insert, select, update

from records.database import Database
from records.ids import new_id
from records.tables import tariffs

Kind = Literal["price", "ceiling"]

Key = tuple[str, ...]
"""What rows name that follow one another in time."""


@dataclass(frozen=True, slots=True)
class Tariff:
    """``rial`` for one part of the messages that it is for, from ``starts_at`` until before ``ends_at``.
    ``kind``: price, or ceiling, the most that a price may be. What is "" is for any: ``provider``, ``line``
    (its digits), ``klass``, ``alphabet`` (gsm7 or ucs2), ``numbers`` (what they begin with, in E.164). ``id``
    is empty in one that is not in the table."""

    kind: Kind
    channel: str
    rial: int
    starts_at: datetime
    ends_at: datetime | None = None
    provider: str = ""
    line: str = ""
    klass: str = ""
    alphabet: str = ""
    numbers: str = ""
    id: bytes = b""

    @property
    def key(self) -> Key:
        return (self.kind, self.channel, self.provider, self.line, self.klass, self.alphabet, self.numbers)

    def until(self, ends_at: datetime | None) -> Tariff:
        """The same with another end."""
        return replace(self, ends_at=ends_at)


@dataclass(frozen=True, slots=True)
class Change:
    """What is to become of the table: rows to add, rows that end at another time, rows that never were."""

    added: Sequence[Tariff] = ()
    ended: Sequence[Tariff] = ()
    removed: Sequence[Tariff] = ()


async def every(database: Database) -> Sequence[Tariff]:
    """All rows, in the order of their keys and times."""
    return await database.look(_every)


async def change(database: Database, decide: Callable[[Sequence[Tariff]], Change], now: datetime) -> Change:
    """Does what ``decide`` says of the rows that are there, in one transaction. Raises whatever it raises,
    ``Unavailable``, and ``Conflict`` when somebody else changed them at once."""

    def write(connection: Connection) -> Change:
        wanted = decide(_every(connection))
        if wanted.removed:
            ids = [each.id for each in wanted.removed]
            connection.execute(delete(tariffs).where(tariffs.c.id.in_(ids)))
        for each in wanted.ended:
            connection.execute(update(tariffs).where(tariffs.c.id == each.id).values(ends_at=each.ends_at))
        if wanted.added:
            connection.execute(insert(tariffs), [_values(each, now) for each in wanted.added])
        return wanted

    return await database.transaction(write)


def _every(connection: Connection) -> list[Tariff]:
    rows = connection.execute(
        select(tariffs).order_by(
            tariffs.c.kind.desc(),
            tariffs.c.channel,
            tariffs.c.provider,
            tariffs.c.line,
            tariffs.c["class"],
            tariffs.c.alphabet,
            tariffs.c.numbers,
            tariffs.c.starts_at,
        )
    )
    return [_tariff(row) for row in rows.mappings()]


def _tariff(row: RowMapping) -> Tariff:
    values = dict(row)
    values["klass"] = values.pop("class")
    return Tariff(**values)


def _values(tariff: Tariff, now: datetime) -> dict[str, object]:
    return {
        "id": new_id(now),
        "kind": tariff.kind,
        "channel": tariff.channel,
        "provider": tariff.provider,
        "line": tariff.line,
        "class": tariff.klass,
        "alphabet": tariff.alphabet,
        "numbers": tariff.numbers,
        "rial": tariff.rial,
        "starts_at": tariff.starts_at,
        "ends_at": tariff.ends_at,
    }
