"""Bots: what goes to one person keeps its order, leases of processes, addresses closed to us."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TALKS = "finished_at IS NULL AND channel IN ('telegram', 'bale')"


def upgrade() -> None:
    op.create_table(
        "leases",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("owner", sa.LargeBinary(length=16), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_leases"),
    )
    op.add_column(
        "outbox", sa.Column("route", sa.String(length=32), nullable=False, server_default="")
    )
    op.add_column("addresses", sa.Column("blocked_at", sa.BigInteger(), nullable=True))
    for name, columns in (
        ("ix_outbox_talking", ["class", "due_at", "id"]),
        ("ix_outbox_talking_party", ["party", "id"]),
    ):
        op.create_index(
            name,
            "outbox",
            columns,
            unique=False,
            sqlite_where=sa.text(TALKS),
            postgresql_where=sa.text(TALKS),
        )


def downgrade() -> None:
    op.drop_index("ix_outbox_talking_party", "outbox")
    op.drop_index("ix_outbox_talking", "outbox")
    op.drop_column("addresses", "blocked_at")
    op.drop_column("outbox", "route")
    op.drop_table("leases")
