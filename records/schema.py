"""What tables are made of: the columns' types, and the metadata that all tables share.

Tables of one domain alone stand in a module of their own (``records.<domain>_tables``), which
``records.tables`` imports, so that whoever has that module has them all.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, LargeBinary, MetaData, TypeDecorator

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def microseconds(moment: datetime) -> int:
    """The instant as the database keeps it."""
    passed = moment - EPOCH  # Its three parts together cost a third of dividing it by a microsecond.
    return (passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds


def moment(microseconds: int) -> datetime:
    """The instant that ``microseconds`` names, aware, in UTC."""
    return EPOCH + timedelta(microseconds=microseconds)


class Instant(TypeDecorator[datetime]):
    """An aware datetime kept as microseconds since 1970 UTC, the same on both databases."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> int | None:
        return None if value is None else microseconds(value)

    def process_result_value(self, value: int | None, dialect: Any) -> datetime | None:
        return None if value is None else moment(value)


Id = LargeBinary(16)
OURSELVES = bytes(16)  # Who sends what our own conversations and services say.

# Rows that change soon after they were made: PostgreSQL leaves room beside them, so that the new version of
# a row stays on its page and no index has to learn of it.
UPDATED = {"fillfactor": "80"}

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)
