"""What businesses have paid for in advance, and what is kept of it for messages under way."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

UPDATED = {"fillfactor": "80"}


def upgrade() -> None:
    op.create_table(
        "credits",
        sa.Column("account", sa.LargeBinary(length=16), nullable=False),
        sa.Column("rial", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name="fk_credits_account_accounts"),
        sa.PrimaryKeyConstraint("account", name="pk_credits"),
        postgresql_with=UPDATED,
    )
    op.create_table(
        "credit_entries",
        sa.Column("id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("account", sa.LargeBinary(length=16), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("rial", sa.BigInteger(), nullable=False),
        sa.Column("messages", sa.Integer(), nullable=False),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name="fk_credit_entries_account_accounts"),
        sa.PrimaryKeyConstraint("id", name="pk_credit_entries"),
    )
    op.create_index("ix_credit_entries_account", "credit_entries", ["account", "id"])
    op.create_table(
        "credit_holds",
        sa.Column("message", sa.LargeBinary(length=16), nullable=False),
        sa.Column("account", sa.LargeBinary(length=16), nullable=False),
        sa.Column("rial", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name="fk_credit_holds_account_accounts"),
        sa.ForeignKeyConstraint(["message"], ["outbox.id"], name="fk_credit_holds_message_outbox"),
        sa.PrimaryKeyConstraint("message", name="pk_credit_holds"),
        postgresql_with=UPDATED,
    )
    ended = sa.text("ended_at IS NOT NULL")
    op.create_index(
        "ix_credit_holds_ended",
        "credit_holds",
        ["ended_at", "message"],
        sqlite_where=ended,
        postgresql_where=ended,
    )


def downgrade() -> None:
    op.drop_table("credit_holds")
    op.drop_table("credit_entries")
    op.drop_table("credits")
