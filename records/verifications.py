"""One-time codes as they are kept: what was sent to whom, at whose request, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from records.changes import change
from records.database import Database
from records.tables import verifications
from records.unit import Unit


@dataclass(frozen=True, slots=True)
class Code:
    """A row of ``verifications``."""

    id: bytes
    purpose: str
    party: bytes
    prefix: str
    requested_by: bytes | None
    digest: bytes
    channel: str
    created_at: datetime
    expires_at: datetime
    checks: int
    consumed_at: datetime | None
    replaced_at: datetime | None


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many codes went to numbers of one prefix, and how many of them came back right."""

    prefix: str
    sent: int
    verified: int

    @property
    def share(self) -> float:
        """Verified ÷ sent, 0 to 1."""
        return self.verified / self.sent if self.sent else 1.0


_ALL = select(verifications)


async def sent_to(database: Database, party: bytes, most: int) -> list[Code]:
    """The last ``most`` codes for one number, whatever their purpose, the newest first."""
    statement = _ALL.where(verifications.c.party == party)
    rows = await database.read(statement.order_by(verifications.c.created_at.desc()).limit(most))
    return [Code(*tuple(row)) for row in rows]


async def asked_by(database: Database, asker: bytes, most: int) -> list[Code]:
    """The last ``most`` codes that one address asked for, whatever their number, the newest first."""
    statement = _ALL.where(verifications.c.requested_by == asker)
    rows = await database.read(statement.order_by(verifications.c.created_at.desc()).limit(most))
    return [Code(*tuple(row)) for row in rows]


async def count_of_prefix(database: Database, prefix: str, since: datetime, most: int) -> int:
    """How many codes went to numbers of a prefix since then; it counts no further than ``most``."""
    found = select(verifications.c.id).where(
        verifications.c.prefix == prefix, verifications.c.created_at > since
    )
    rows = await database.read(select(func.count()).select_from(found.limit(most).subquery()))
    return int(rows[0][0])


async def live(database: Database, purpose: str, party: bytes) -> Code | None:
    """The one code of (purpose, number) that was neither used nor replaced. It may have expired."""
    rows = await database.read(
        _ALL.where(
            verifications.c.purpose == purpose,
            verifications.c.party == party,
            verifications.c.consumed_at.is_(None),
            verifications.c.replaced_at.is_(None),
        )
    )
    return Code(*tuple(rows[0])) if rows else None


async def ratios(database: Database, since: datetime, until: datetime) -> Sequence[Ratio]:
    """Codes made in ``[since, until)``, counted by prefix."""
    rows = await database.read(
        select(verifications.c.prefix, func.count(), func.count(verifications.c.consumed_at))
        .where(verifications.c.created_at >= since, verifications.c.created_at < until)
        .group_by(verifications.c.prefix)
        .order_by(verifications.c.prefix)
    )
    return [Ratio(*tuple(row)) for row in rows]


def replaced(unit: Unit, code: Code, now: datetime) -> None:
    """Ends a live code because a newer one takes its place."""
    _live_change(unit, code, {"replaced_at": now})


def checked(unit: Unit, code: Code) -> None:
    """Counts one wrong check. Of two at the same time only one can count from the same number."""
    _live_change(unit, code, {"checks": code.checks + 1})


def consumed(unit: Unit, code: Code, now: datetime) -> None:
    """Uses a code up: this happens once, and not while a wrong check is being counted."""
    _live_change(unit, code, {"checks": code.checks + 1, "consumed_at": now})


def _live_change(unit: Unit, code: Code, values: dict[str, object]) -> None:
    change(
        unit, verifications, code.id, values,
        verifications.c.checks == code.checks,
        verifications.c.consumed_at.is_(None),
        verifications.c.replaced_at.is_(None),
    )  # fmt: skip
