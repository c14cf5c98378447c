"""Texts of businesses with placeholders, in all their versions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from records.database import Database
from records.tables import account_templates
from records.unit import Unit


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a template; the first is 1."""

    name: str
    version: int
    text: str
    created_at: datetime


_kept = account_templates.c
_columns = (_kept.name, _kept.version, _kept.text, _kept.created_at)


def add(unit: Unit, account: bytes, version: Version) -> None:
    """Adds a version: a ``Conflict`` where there is one of this number."""
    row = {
        "account": account,
        "name": version.name,
        "version": version.version,
        "text": version.text,
        "created_at": version.created_at,
    }
    unit.insert(account_templates, row)


async def find(database: Database, account: bytes, name: str, version: int | None = None) -> Version | None:
    """This version of a template, else the last."""
    statement = select(*_columns).where(_kept.account == account, _kept.name == name)
    if version is not None:
        statement = statement.where(_kept.version == version)
    rows = await database.read(statement.order_by(_kept.version.desc()).limit(1))
    return Version(*rows[0]) if rows else None


async def page(database: Database, account: bytes, after: str, most: int) -> Sequence[Version]:
    """The last version of each template of the account, by name, from the one behind ``after`` on."""
    last = (
        select(_kept.name, func.max(_kept.version).label("version"))
        .where(_kept.account == account, _kept.name > after)
        .group_by(_kept.name)
        .order_by(_kept.name)
        .limit(most)
        .subquery()
    )
    rows = await database.read(
        select(*_columns)
        .join(last, (last.c.name == _kept.name) & (last.c.version == _kept.version))
        .where(_kept.account == account)
        .order_by(_kept.name)
    )
    return [Version(*row) for row in rows]
