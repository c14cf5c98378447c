"""Conversations with operators."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, String, Table, UniqueConstraint

from records.schema import UPDATED, Id, Instant, metadata

# Conversations handed over to a person. A thread waits while it has no ``operator``, is open while it has
# one, and is over when it was closed. ``session`` is the dialog that stands still meanwhile; ``owed`` is the
# input that it has still to be given (closed). ``sealed`` is the address (``records.threads``).
threads = Table(
    "threads",
    metadata,
    Column("id", Id, primary_key=True),
    Column("subscriber", Id, ForeignKey("subscribers.id"), nullable=False),
    Column("party", Id, nullable=False),
    Column("channel", String(16), nullable=False),
    Column("route", String(32), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("language", String(16), nullable=False),
    Column("session", Id, nullable=False),
    Column("topic", String(32), nullable=False),
    # Checked at the end of the transaction, since one that opens the complaint sets this first.
    Column("complaint", Id, ForeignKey("complaints.id", deferrable=True, initially="DEFERRED")),
    Column("operator", String(64)),
    Column("opened_at", Instant, nullable=False),
    Column("queued_at", Instant, nullable=False),  # Its place in the queue, which giving it back leaves it.
    Column("accepted_at", Instant),
    Column("closed_at", Instant),
    Column("reason", String(16)),  # resolved, unresolved, silent, left
    Column("owed", String(16)),
    Column("person_seen", Id),  # The last post that the person, and an operator, have read.
    Column("operator_seen", Id),
    Column("revision", Integer, nullable=False, default=1),  # grows with each change: optimistic lock
    Index("ix_threads_subscriber", "subscriber", "id"),
    Index("ix_threads_session", "session", "id"),
    Index("ix_threads_complaint", "complaint", "id"),
    postgresql_with=UPDATED,
)
_waits = threads.c.operator.is_(None) & threads.c.closed_at.is_(None)
_held = threads.c.operator.is_not(None) & threads.c.closed_at.is_(None)
_lives = threads.c.closed_at.is_(None)
Index("ix_threads_waiting", threads.c.queued_at, threads.c.id, sqlite_where=_waits, postgresql_where=_waits)
Index("ix_threads_operator", threads.c.operator, threads.c.id, sqlite_where=_held, postgresql_where=_held)

# One thread at a time for each person on each route.
Index("uq_threads_live", threads.c.party, threads.c.route, unique=True,
      sqlite_where=_lives, postgresql_where=_lives)  # fmt: skip
Index("ix_threads_owed", threads.c.id, sqlite_where=threads.c.owed.is_not(None),
      postgresql_where=threads.c.owed.is_not(None))  # fmt: skip

# Who is at a desk: each sign of life moves ``alive_until``, and once that is past, what the operator had
# accepted goes back to the queue.
presences = Table(
    "presences",
    metadata,
    Column("operator", String(64), primary_key=True),
    Column("alive_until", Instant, nullable=False, index=True),
    postgresql_with=UPDATED,
)

# Every word of a thread and every change of it; only ``delivered_at`` and ``read_at`` are ever set later.
# ``sequence`` has no gaps: whoever writes takes the next number, and of two who take the same one the second
# writes again on what the first left. So there is one order, in which ids grow too.
posts = Table(
    "posts",
    metadata,
    Column("id", Id, primary_key=True),
    Column("thread", Id, ForeignKey("threads.id"), nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("key", Id),  # Tells a repetition: the same key twice is one post.
    Column("party", Id, nullable=False),
    Column("author", String(16), nullable=False),  # person, operator, system
    Column("operator", String(64)),
    # ``kind``: text and notice are for the person too, note and the names of acts only for operators.
    Column("kind", String(16), nullable=False),
    Column("sealed", LargeBinary, nullable=False),  # records.threads.Said
    Column("file", Id),
    Column("tracking", String(10)),  # The message in the outbox that carries it, where there is one.
    Column("at", Instant, nullable=False),
    Column("delivered_at", Instant),
    Column("read_at", Instant),
    UniqueConstraint("thread", "sequence"),
    UniqueConstraint("key", "thread"),
    Index("ix_posts_party", "party", "id"),
)

# What people thought of a conversation with an operator: ``score`` from 1 (very bad) to 5.
ratings = Table(
    "ratings",
    metadata,
    Column("thread", Id, ForeignKey("threads.id"), primary_key=True),
    Column("operator", String(64)),
    Column("score", Integer, nullable=False),
    Column("sealed", LargeBinary),  # Their words.
    Column("at", Instant, nullable=False),
    Index("ix_ratings_operator", "operator", "at"),
)
