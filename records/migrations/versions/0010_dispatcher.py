"""The dispatcher: senders that take turns, providers' states and health, receipts, dead letters, suppressions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

GOES = "finished_at IS NULL AND sent_at IS NULL"
AWAITED = "finished_at IS NULL AND sent_at IS NOT NULL"
NOBODY = {
    "postgresql": r"'\x00000000000000000000000000000000'",
    "sqlite": "X'00000000000000000000000000000000'",
}


def upgrade() -> None:
    zeros = NOBODY[op.get_bind().dialect.name]
    op.add_column(
        "outbox",
        sa.Column("sender", sa.LargeBinary(length=16), nullable=False, server_default=sa.text(zeros)),
    )
    for name, columns, where in (
        ("ix_outbox_lanes", ["channel", "class", "sender", "due_at", "id"], GOES),
        ("ix_outbox_awaited", ["provider", "due_at", "id"], AWAITED),
    ):
        op.create_index(
            name,
            "outbox",
            columns,
            unique=False,
            sqlite_where=sa.text(where),
            postgresql_where=sa.text(where),
        )
    op.drop_index("ix_outbox_waiting", "outbox")
    op.create_table(
        "dead_letters",
        sa.Column("message", sa.LargeBinary(length=16), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("class", sa.String(length=16), nullable=False),
        sa.Column("provider", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.String(length=16), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("replayed_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["message"], ["outbox.id"], name="fk_dead_letters_message_outbox"),
        sa.PrimaryKeyConstraint("message", name="pk_dead_letters"),
    )
    op.create_index(
        "ix_dead_letters_at",
        "dead_letters",
        ["channel", "at", "message"],
        unique=False,
        sqlite_where=sa.text("replayed_at IS NULL"),
        postgresql_where=sa.text("replayed_at IS NULL"),
    )
    op.create_table(
        "provider_states",
        sa.Column("provider", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("provider", name="pk_provider_states"),
    )
    op.create_table(
        "provider_minutes",
        sa.Column("minute", sa.BigInteger(), nullable=False),
        sa.Column("provider", sa.String(length=32), nullable=False),
        sa.Column("taken", sa.Integer(), nullable=False),
        sa.Column("faults", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.Column("throttled", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("minute", "provider", name="pk_provider_minutes"),
        postgresql_with={"fillfactor": "80"},
    )
    op.create_table(
        "receipt_orphans",
        sa.Column("id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("provider", sa.String(length=32), nullable=False),
        sa.Column("external_id", sa.String(length=128), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_receipt_orphans"),
        sa.UniqueConstraint("provider", "external_id", "status", "detail", name="uq_receipt_orphans_said"),
    )
    op.create_table(
        "former_names",
        sa.Column("provider", sa.String(length=32), nullable=False),
        sa.Column("external_id", sa.String(length=128), nullable=False),
        sa.Column("message", sa.LargeBinary(length=16), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["message"], ["outbox.id"], name="fk_former_names_message_outbox"),
        sa.PrimaryKeyConstraint("provider", "external_id", name="pk_former_names"),
    )
    op.create_table(
        "suppressions",
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("party", sa.LargeBinary(length=16), nullable=False),
        sa.Column("scope", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=16), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("channel", "party", name="pk_suppressions"),
        postgresql_with={"fillfactor": "80"},
    )


def downgrade() -> None:
    for table in (
        "suppressions",
        "former_names",
        "receipt_orphans",
        "provider_minutes",
        "provider_states",
        "dead_letters",
    ):
        op.drop_table(table)
    where = sa.text("finished_at IS NULL")
    op.create_index(
        "ix_outbox_waiting", "outbox", ["class", "due_at", "id"], sqlite_where=where, postgresql_where=where
    )
    op.drop_index("ix_outbox_awaited", "outbox")
    op.drop_index("ix_outbox_lanes", "outbox")
    op.drop_column("outbox", "sender")
