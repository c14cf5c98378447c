"""One person: subscribers that are merged, what is known of their addresses, how those changed hands."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("subscribers", sa.Column("merged_into", sa.LargeBinary(length=16), nullable=True))
    op.create_index(
        "ix_subscribers_merged_into",
        "subscribers",
        ["merged_into"],
        unique=False,
        sqlite_where=sa.text("merged_into IS NOT NULL"),
        postgresql_where=sa.text("merged_into IS NOT NULL"),
    )
    # Of addresses from before, nobody knows when they were last heard from; none is taken to be silent.
    for name, kind in (
        ("seen_at", sa.BigInteger()),
        ("route", sa.String(length=32)),
        ("owner", sa.LargeBinary(length=16)),
        ("number", sa.LargeBinary(length=16)),
        ("proved_at", sa.BigInteger()),
    ):
        op.add_column("addresses", sa.Column(name, kind, nullable=True))
    op.add_column("complaints", sa.Column("party", sa.LargeBinary(length=16), nullable=True))
    op.create_table(
        "address_events",
        sa.Column("id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("index", sa.LargeBinary(length=16), nullable=False),
        sa.Column("act", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=16), nullable=False),
        sa.Column("previous", sa.LargeBinary(length=16), nullable=True),
        sa.Column("subscriber", sa.LargeBinary(length=16), nullable=True),
        sa.Column("operator", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_address_events"),
    )
    op.create_index("ix_address_events_address", "address_events", ["kind", "index", "id"], unique=False)
    op.create_index("ix_address_events_subscriber", "address_events", ["subscriber", "id"], unique=False)


def downgrade() -> None:
    op.drop_table("address_events")
    op.drop_column("complaints", "party")
    for name in ("proved_at", "number", "owner", "route", "seen_at"):
        op.drop_column("addresses", name)
    op.drop_index("ix_subscribers_merged_into", "subscribers")
    op.drop_column("subscribers", "merged_into")
