"""Hand-over to a person: threads, their posts, who is at a desk, what people thought of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "threads",
        sa.Column("id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("subscriber", sa.LargeBinary(length=16), nullable=False),
        sa.Column("party", sa.LargeBinary(length=16), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("route", sa.String(length=32), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("session", sa.LargeBinary(length=16), nullable=False),
        sa.Column("topic", sa.String(length=32), nullable=False),
        sa.Column("complaint", sa.LargeBinary(length=16), nullable=True),
        sa.Column("operator", sa.String(length=64), nullable=True),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("queued_at", sa.BigInteger(), nullable=False),
        sa.Column("accepted_at", sa.BigInteger(), nullable=True),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.String(length=16), nullable=True),
        sa.Column("owed", sa.String(length=16), nullable=True),
        sa.Column("person_seen", sa.LargeBinary(length=16), nullable=True),
        sa.Column("operator_seen", sa.LargeBinary(length=16), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["complaint"],
            ["complaints.id"],
            name="fk_threads_complaint_complaints",
            deferrable=True,
            initially="DEFERRED",
        ),
        sa.ForeignKeyConstraint(
            ["subscriber"], ["subscribers.id"], name="fk_threads_subscriber_subscribers"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_threads"),
        postgresql_with={"fillfactor": "80"},
    )
    op.create_index("ix_threads_complaint", "threads", ["complaint", "id"], unique=False)
    op.create_index("ix_threads_session", "threads", ["session", "id"], unique=False)
    op.create_index("ix_threads_subscriber", "threads", ["subscriber", "id"], unique=False)
    _partial("ix_threads_waiting", ["queued_at", "id"], "operator IS NULL AND closed_at IS NULL")
    _partial("ix_threads_operator", ["operator", "id"], "operator IS NOT NULL AND closed_at IS NULL")
    _partial("uq_threads_live", ["party", "route"], "closed_at IS NULL", unique=True)
    _partial("ix_threads_owed", ["id"], "owed IS NOT NULL")
    op.create_table(
        "presences",
        sa.Column("operator", sa.String(length=64), nullable=False),
        sa.Column("alive_until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("operator", name="pk_presences"),
        postgresql_with={"fillfactor": "80"},
    )
    op.create_index("ix_presences_alive_until", "presences", ["alive_until"], unique=False)
    op.create_table(
        "posts",
        sa.Column("id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("thread", sa.LargeBinary(length=16), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("key", sa.LargeBinary(length=16), nullable=True),
        sa.Column("party", sa.LargeBinary(length=16), nullable=False),
        sa.Column("author", sa.String(length=16), nullable=False),
        sa.Column("operator", sa.String(length=64), nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("file", sa.LargeBinary(length=16), nullable=True),
        sa.Column("tracking", sa.String(length=10), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("delivered_at", sa.BigInteger(), nullable=True),
        sa.Column("read_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["thread"], ["threads.id"], name="fk_posts_thread_threads"),
        sa.PrimaryKeyConstraint("id", name="pk_posts"),
        sa.UniqueConstraint("key", "thread", name="uq_posts_key_thread"),
        sa.UniqueConstraint("thread", "sequence", name="uq_posts_thread_sequence"),
    )
    op.create_index("ix_posts_party", "posts", ["party", "id"], unique=False)
    op.create_table(
        "ratings",
        sa.Column("thread", sa.LargeBinary(length=16), nullable=False),
        sa.Column("operator", sa.String(length=64), nullable=True),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["thread"], ["threads.id"], name="fk_ratings_thread_threads"),
        sa.PrimaryKeyConstraint("thread", name="pk_ratings"),
    )
    op.create_index("ix_ratings_operator", "ratings", ["operator", "at"], unique=False)


def _partial(name: str, columns: list[str], condition: str, *, unique: bool = False) -> None:
    op.create_index(
        name,
        "threads",
        columns,
        unique=unique,
        sqlite_where=sa.text(condition),
        postgresql_where=sa.text(condition),
    )


def downgrade() -> None:
    op.drop_table("ratings")
    op.drop_table("posts")
    op.drop_table("presences")
    op.drop_table("threads")
