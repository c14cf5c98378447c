"""Dialogs: sessions and their turns, the flows that they stand in, who watches them live."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, LargeBinary, String, Table, Text, UniqueConstraint

from records.schema import Id, Instant, metadata

# ``key`` is the keyed digest of (route, the gateway's session id, the caller's number); it is emptied when
# the gateway reuses the id for a new session. ``due_at`` is a lower bound of when a time-out fires: the
# truth is in the session's last turn, so that an ordinary turn need not touch this row.
sessions = Table(
    "sessions",
    metadata,
    Column("id", Id, primary_key=True),
    Column("key", Id, unique=True),
    Column("channel", String(16), nullable=False),
    Column("route", String(32), nullable=False),
    Column("code", String(64), nullable=False),
    Column("party", Id, nullable=False),
    Column("subscriber", Id),
    Column("opened_at", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("closed_at", Instant),
    Column("outcome", String(32)),
)
Index("ix_sessions_open_party", sessions.c.party, sessions.c.id, sqlite_where=sessions.c.closed_at.is_(None),
      postgresql_where=sessions.c.closed_at.is_(None))  # fmt: skip
Index("ix_sessions_due", sessions.c.due_at, sqlite_where=sessions.c.closed_at.is_(None),
      postgresql_where=sessions.c.closed_at.is_(None))  # fmt: skip

# What a visitor of the web chat was shown, by whom it was shown to.
Index("ix_sessions_webchat", sessions.c.party, sessions.c.id, sqlite_where=sessions.c.channel == "webchat",
      postgresql_where=sessions.c.channel == "webchat")  # fmt: skip

# A session is its last turn: ``content`` seals the message received (raw and folded), the message shown and
# the session after it (``records.sessions.TurnRecord``). The two unique keys are what makes a turn happen
# once: one step for each (session, sequence), one answer for each input key.
turns = Table(
    "turns",
    metadata,
    Column("session", Id, primary_key=True),
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("input_key", Id),
    Column("received_at", Instant, nullable=False),
    Column("answered_at", Instant, nullable=False),
    Column("content", LargeBinary, nullable=False),
    UniqueConstraint("session", "input_key"),
)

# What one process does for all of them, under a lease: ``owner`` is new for each process.
leases = Table(
    "leases",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("owner", Id, nullable=False),
    Column("until", Instant, nullable=False),
)

# Visitors of the web chat whose token was renewed: one of an older ``generation`` is no longer theirs.
visitors = Table(
    "visitors",
    metadata,
    Column("party", Id, primary_key=True),
    Column("generation", Integer, nullable=False),
    Column("at", Instant, nullable=False),
)

# Which people on live connections have something new, for the other processes to look; kept for minutes.
bells = Table(
    "bells",
    metadata,
    Column("id", Id, primary_key=True),
    Column("parties", LargeBinary, nullable=False),  # Blind indexes, 16 bytes each.
)

# Published flow versions; ``version`` is the hash of the source. The newest row of a name is live.
flow_versions = Table(
    "flow_versions",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("version", String(32), primary_key=True),
    Column("source", Text, nullable=False),
    Column("published_at", Instant, nullable=False),
    Index("ix_flow_versions_published", "published_at"),
)
