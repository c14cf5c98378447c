"""Complaints, and the files that people sent."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, String, Table, UniqueConstraint

from records.schema import Id, Instant, metadata

# ``state``: open, answered, closed, merged.
complaints = Table(
    "complaints",
    metadata,
    Column("id", Id, primary_key=True),
    Column("number", String(12), nullable=False, unique=True),
    Column("subscriber", Id, ForeignKey("subscribers.id"), nullable=False, index=True),
    Column("channel", String(16), nullable=False),
    Column("session", Id),
    Column("category", String(32), nullable=False),
    Column("priority", String(16), nullable=False),  # low, normal, high, urgent
    Column("state", String(16), nullable=False),
    Column("tracking", String(16)),
    Column("opened_at", Instant, nullable=False),
    Column("deadline", Instant, nullable=False),
    Column("answered_at", Instant),
    Column("closed_at", Instant),
    Column("assignee", String(64)),
    Column("merged_into", Id, ForeignKey("complaints.id")),
    Column("revision", Integer, nullable=False, default=1),  # grows with each change: optimistic lock
    Column("party", Id),  # The address that it was filed from; None in rows from before this was kept.
)
Index("ix_complaints_state_deadline", complaints.c.state, complaints.c.deadline)

# Append-only: every word and every change of a complaint.
complaint_events = Table(
    "complaint_events",
    metadata,
    Column("id", Id, primary_key=True),
    Column("complaint", Id, ForeignKey("complaints.id"), nullable=False, index=True),
    Column("at", Instant, nullable=False),
    Column("author", String(16), nullable=False),  # person, operator, system
    Column("operator", String(64)),
    # ``kind``: opened, message, answered, closed, reopened, assigned, merged, joined.
    Column("kind", String(16), nullable=False),
    Column("sealed", LargeBinary),
    Column("file", Id),
)

# Files that people sent: whole, or not at all. Ids name places (``records.changes.place``), so that of one
# address one is kept after the other. ``type`` is told from the content; ``digest`` is keyed; ``session`` is
# the one that took it, None while none has. ``sealed`` is its name.
files = Table(
    "files",
    metadata,
    Column("id", Id, primary_key=True),
    Column("party", Id, nullable=False),
    Column("digest", LargeBinary(32), nullable=False),
    Column("type", String(64), nullable=False),
    Column("size", Integer, nullable=False),  # Bytes.
    Column("parts", Integer, nullable=False),
    Column("width", Integer),  # Pixels, of an image.
    Column("height", Integer),
    Column("sealed", LargeBinary, nullable=False),
    Column("session", Id),
    Column("at", Instant, nullable=False),
    UniqueConstraint("party", "digest"),
    Index("ix_files_party_at", "party", "at"),
)
Index("ix_files_session", files.c.session, sqlite_where=files.c.session.is_not(None),
      postgresql_where=files.c.session.is_not(None))  # fmt: skip
Index("ix_files_untaken", files.c.at, sqlite_where=files.c.session.is_(None),
      postgresql_where=files.c.session.is_(None))  # fmt: skip

# Their content, sealed in parts.
file_parts = Table(
    "file_parts",
    metadata,
    Column("file", Id, ForeignKey("files.id"), primary_key=True),
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("sealed", LargeBinary, nullable=False),
)
