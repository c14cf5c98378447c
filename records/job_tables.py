"""The tables of large jobs: uploads whose rows become messages (``records.jobs``)."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
)

from records.schema import UPDATED, Id, Instant, metadata

# One upload. ``state``: receiving, validating, running, paused, done, cancelled, failed. ``sealed``: what is
# to be done with its rows (``records.jobs.Options``). It is read twice, to look at each row and then to send:
# ``position`` (bytes) and ``line`` are how far that went, and move in the unit of what was made of the rows
# before. ``validated_at``: the first time is over, ``fed_at``: the second. ``content``: whether the upload is
# still kept. ``fault`` and what follows it say why the job failed, or does not go on.
jobs = Table(
    "jobs",
    metadata,
    Column("id", Id, primary_key=True),
    Column("account", Id, ForeignKey("accounts.id"), nullable=False),
    Column("sandbox", Boolean, nullable=False),
    Column("state", String(16), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("content", Boolean, nullable=False, default=True),
    Column("bytes", BigInteger, nullable=False, default=0),
    Column("parts", Integer, nullable=False, default=0),
    Column("created_at", Instant, nullable=False),
    Column("moved_at", Instant, nullable=False),  # The last part came, or the state changed.
    Column("starts_at", Instant, nullable=False),
    Column("validated_at", Instant),
    Column("fed_at", Instant),
    Column("ended_at", Instant),
    Column("position", BigInteger, nullable=False, default=0),
    Column("line", Integer, nullable=False, default=1),
    Column("bytes_read", BigInteger, nullable=False, default=0),
    Column("rows", Integer, nullable=False, default=0),
    Column("accepted", Integer, nullable=False, default=0),
    Column("refused", Integer, nullable=False, default=0),
    Column("messages", BigInteger, nullable=False, default=0),  # Short messages that all of it is.
    Column("cost", BigInteger, nullable=False, default=0),
    Column("unpriced", Integer, nullable=False, default=0),
    Column("fed", Integer, nullable=False, default=0),
    Column("batches", Integer, nullable=False, default=0),
    # Since when it has gone on without a stop, and how far it was then: rows or bytes.
    Column("paced_at", Instant, nullable=False),
    Column("paced_from", BigInteger, nullable=False, default=0),
    Column("fault", String(16)),
    Column("fault_column", String(64)),
    Column("fault_values", Text),
    Index("ix_jobs_account", "account", "sandbox", "id"),
    Index("ix_jobs_content", "content", "state", "id"),
    postgresql_with=UPDATED,
)

# Its content as it came, sealed in parts of one size; gone once the job has ended.
job_parts = Table(
    "job_parts",
    metadata,
    Column("job", Id, ForeignKey("jobs.id"), primary_key=True),
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("sealed", LargeBinary, nullable=False),
)

# What is wrong with its rows. ``kind`` and ``detail`` (JSON) as in ``services.job_rows.Fault``.
job_errors = Table(
    "job_errors",
    metadata,
    Column("job", Id, ForeignKey("jobs.id"), primary_key=True),
    Column("line", Integer, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("name", String(64), nullable=False),  # Of the column.
    Column("kind", String(16), nullable=False),
    Column("detail", Text, nullable=False),
)

# Rows that were handed to the outbox together, and what became of them by ``look_at``, when it is looked at
# again; NULL when nothing can change.
job_batches = Table(
    "job_batches",
    metadata,
    Column("job", Id, ForeignKey("jobs.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("fed_at", Instant, nullable=False),
    Column("look_at", Instant),
    Column("waiting", Integer, nullable=False),
    Column("held", Integer, nullable=False, default=0),
    Column("sent", Integer, nullable=False, default=0),
    Column("delivered", Integer, nullable=False, default=0),
    Column("failed", Integer, nullable=False, default=0),
    Column("cancelled", Integer, nullable=False, default=0),
    postgresql_with=UPDATED,
)
Index("ix_job_batches_look", job_batches.c.look_at, job_batches.c.job, job_batches.c.number)

# Which messages a batch is.
job_messages = Table(
    "job_messages",
    metadata,
    Column("job", Id, ForeignKey("jobs.id"), primary_key=True),
    Column("batch", Integer, primary_key=True, autoincrement=False),
    Column("message", Id, ForeignKey("outbox.id"), primary_key=True),
)
