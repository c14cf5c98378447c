"""Businesses that use the API."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text

from records.schema import Id, Instant, metadata

# Businesses that send by the API. ``lines``: the numbers of ours that are theirs, joined by spaces.
accounts = Table(
    "accounts",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("lines", Text, nullable=False, default=""),
    Column("created_at", Instant, nullable=False),
)

# Their keys. The key itself is not here: ``digest`` is its HMAC with the server's key, ``prefix`` the part of
# it that it is found by. ``scopes`` and ``networks`` are joined by spaces; ``rate`` is messages a second.
account_keys = Table(
    "account_keys",
    metadata,
    Column("prefix", String(8), primary_key=True),
    Column("account", Id, ForeignKey("accounts.id"), nullable=False, index=True),
    Column("digest", LargeBinary(32), nullable=False),
    Column("sandbox", Boolean, nullable=False),
    Column("scopes", String(64), nullable=False),
    Column("networks", Text, nullable=False, default=""),
    Column("rate", Integer, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("revoked_at", Instant),
)

# Which messages of the outbox are whose, with the name that they have there. What a sandbox key sends goes to
# nobody, and a live key does not see it.
account_messages = Table(
    "account_messages",
    metadata,
    Column("message", Id, ForeignKey("outbox.id"), primary_key=True),
    Column("account", Id, ForeignKey("accounts.id"), nullable=False),
    Column("sandbox", Boolean, nullable=False),
    Column("reference", String(64)),
    Index("ix_account_messages_account", "account", "sandbox", "message"),
)
_named = account_messages.c.reference.is_not(None)
Index("ix_account_messages_reference", account_messages.c.account, account_messages.c.reference,
      account_messages.c.message, sqlite_where=_named, postgresql_where=_named)  # fmt: skip

# What a request with an Idempotency-Key was answered, kept in the unit of what it did. ``id`` names the
# account and the key (``records.changes.place``), ``digest`` is the HMAC of the request.
account_answers = Table(
    "account_answers",
    metadata,
    Column("id", Id, primary_key=True),
    Column("digest", LargeBinary(32), nullable=False),
    Column("status", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at", Instant, nullable=False, index=True),
)

# Texts with placeholders (``engine.template``) by which businesses send. A version is never changed.
account_templates = Table(
    "account_templates",
    metadata,
    Column("account", Id, ForeignKey("accounts.id"), primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("text", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
)
