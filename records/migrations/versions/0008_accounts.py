"""Businesses that use the API: accounts and their keys, their messages, and answers kept for repetitions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("lines", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_accounts"),
        sa.UniqueConstraint("name", name="uq_accounts_name"),
    )
    op.create_table(
        "account_keys",
        sa.Column("prefix", sa.String(length=8), nullable=False),
        sa.Column("account", sa.LargeBinary(length=16), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("sandbox", sa.Boolean(), nullable=False),
        sa.Column("scopes", sa.String(length=64), nullable=False),
        sa.Column("networks", sa.Text(), nullable=False),
        sa.Column("rate", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name="fk_account_keys_account_accounts"),
        sa.PrimaryKeyConstraint("prefix", name="pk_account_keys"),
    )
    op.create_index("ix_account_keys_account", "account_keys", ["account"])
    op.create_table(
        "account_messages",
        sa.Column("message", sa.LargeBinary(length=16), nullable=False),
        sa.Column("account", sa.LargeBinary(length=16), nullable=False),
        sa.Column("sandbox", sa.Boolean(), nullable=False),
        sa.Column("reference", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(["message"], ["outbox.id"], name="fk_account_messages_message_outbox"),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name="fk_account_messages_account_accounts"),
        sa.PrimaryKeyConstraint("message", name="pk_account_messages"),
    )
    op.create_index("ix_account_messages_account", "account_messages", ["account", "sandbox", "message"])
    op.create_index(
        "ix_account_messages_reference",
        "account_messages",
        ["account", "reference", "message"],
        sqlite_where=sa.text("reference IS NOT NULL"),
        postgresql_where=sa.text("reference IS NOT NULL"),
    )
    op.create_table(
        "account_answers",
        sa.Column("id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_account_answers"),
    )
    op.create_index("ix_account_answers_created_at", "account_answers", ["created_at"])


def downgrade() -> None:
    op.drop_table("account_answers")
    op.drop_table("account_messages")
    op.drop_table("account_keys")
    op.drop_table("accounts")
