"""Web chat: sessions by their visitor, tokens in use, bells between processes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_sessions_webchat",
        "sessions",
        ["party", "id"],
        unique=False,
        sqlite_where=sa.text("channel = 'webchat'"),
        postgresql_where=sa.text("channel = 'webchat'"),
    )
    op.create_table(
        "visitors",
        sa.Column("party", sa.LargeBinary(length=16), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("party", name="pk_visitors"),
    )
    op.create_table(
        "bells",
        sa.Column("id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("parties", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_bells"),
    )


def downgrade() -> None:
    op.drop_table("bells")
    op.drop_table("visitors")
    op.drop_index("ix_sessions_webchat", "sessions")
