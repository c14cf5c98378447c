"""What the parts of messages are called by providers that name each by itself."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "part_names",
        sa.Column("provider", sa.String(length=32), nullable=False),
        sa.Column("external_id", sa.String(length=128), nullable=False),
        sa.Column("message", sa.LargeBinary(length=16), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=True),
        sa.ForeignKeyConstraint(["message"], ["outbox.id"], name="fk_part_names_message_outbox"),
        sa.PrimaryKeyConstraint("provider", "external_id", name="pk_part_names"),
        postgresql_with={"fillfactor": "80"},
    )
    op.create_index("ix_part_names_message", "part_names", ["message"])


def downgrade() -> None:
    op.drop_table("part_names")
