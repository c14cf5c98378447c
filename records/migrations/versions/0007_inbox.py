"""The inbox: SMS that people sent, stored before they are answered."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

UNDONE = sa.text("done_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "inbox",
        sa.Column("id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("key", sa.LargeBinary(length=16), nullable=False),
        sa.Column("party", sa.LargeBinary(length=16), nullable=False),
        sa.Column("said", sa.LargeBinary(length=16), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("lease_owner", sa.LargeBinary(length=16), nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.Column("done_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_inbox"),
        sa.UniqueConstraint("key", name="uq_inbox_key"),
        postgresql_with={"fillfactor": "80"},
    )
    op.create_index("ix_inbox_party", "inbox", ["party", "id"], unique=False)
    for name, columns in (
        ("ix_inbox_waiting", ["due_at", "id"]),
        ("ix_inbox_waiting_party", ["party", "id"]),
    ):
        op.create_index(
            name, "inbox", columns, unique=False, sqlite_where=UNDONE, postgresql_where=UNDONE
        )


def downgrade() -> None:
    op.drop_table("inbox")
