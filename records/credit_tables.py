"""What businesses have paid for in advance, and what is kept of it for messages under way."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Table

from records.schema import UPDATED, Id, Instant, metadata

# Accounts that pay in advance: ``rial`` is what they can still spend, without what is kept for messages under
# way. An account without a row pays afterwards, and has no limit. A row changes only together with entries.
credits = Table(
    "credits",
    metadata,
    Column("account", Id, ForeignKey("accounts.id"), primary_key=True),
    Column("rial", BigInteger, nullable=False),
    postgresql_with=UPDATED,
)

# Append-only: what moved ``credits.rial``, which is always their sum. ``kind``: added (by an operator, with a
# ``note``), reserved (at acceptance), corrected (what was reserved, less what was spent), for so many
# ``messages``.
credit_entries = Table(
    "credit_entries",
    metadata,
    Column("id", Id, primary_key=True),
    Column("account", Id, ForeignKey("accounts.id"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("rial", BigInteger, nullable=False),
    Column("messages", Integer, nullable=False),
    Column("note", String(200), nullable=False, default=""),
    Index("ix_credit_entries_account", "account", "id"),
)

# What each message of theirs has taken from the credit by now: at first what it is expected to cost, at the
# end what it did. ``ended_at``: since when there is something to correct.
credit_holds = Table(
    "credit_holds",
    metadata,
    Column("message", Id, ForeignKey("outbox.id"), primary_key=True),
    Column("account", Id, ForeignKey("accounts.id"), nullable=False),
    Column("rial", BigInteger, nullable=False),
    Column("ended_at", Instant),
    postgresql_with=UPDATED,
)
_ended = credit_holds.c.ended_at.is_not(None)
Index("ix_credit_holds_ended", credit_holds.c.ended_at, credit_holds.c.message,
      sqlite_where=_ended, postgresql_where=_ended)  # fmt: skip
