"""Tariffs, and what each message cost."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tariffs",
        sa.Column("id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("provider", sa.String(length=32), nullable=False),
        sa.Column("line", sa.String(length=32), nullable=False),
        sa.Column("class", sa.String(length=16), nullable=False),
        sa.Column("alphabet", sa.String(length=16), nullable=False),
        sa.Column("numbers", sa.String(length=16), nullable=False),
        sa.Column("rial", sa.BigInteger(), nullable=False),
        sa.Column("starts_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_tariffs"),
        sa.UniqueConstraint(
            "kind", "channel", "provider", "line", "class", "alphabet", "numbers", "starts_at",
            name="uq_tariffs_named",
        ),
    )
    op.add_column("outbox", sa.Column("cost", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("outbox", "cost")
    op.drop_table("tariffs")
