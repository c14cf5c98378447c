"""Large jobs: uploads whose rows become messages."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("account", sa.LargeBinary(length=16), nullable=False),
        sa.Column("sandbox", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("content", sa.Boolean(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("parts", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("moved_at", sa.BigInteger(), nullable=False),
        sa.Column("starts_at", sa.BigInteger(), nullable=False),
        sa.Column("validated_at", sa.BigInteger(), nullable=True),
        sa.Column("fed_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("bytes_read", sa.BigInteger(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("accepted", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.Column("messages", sa.BigInteger(), nullable=False),
        sa.Column("cost", sa.BigInteger(), nullable=False),
        sa.Column("unpriced", sa.Integer(), nullable=False),
        sa.Column("fed", sa.Integer(), nullable=False),
        sa.Column("batches", sa.Integer(), nullable=False),
        sa.Column("paced_at", sa.BigInteger(), nullable=False),
        sa.Column("paced_from", sa.BigInteger(), nullable=False),
        sa.Column("fault", sa.String(length=16), nullable=True),
        sa.Column("fault_column", sa.String(length=64), nullable=True),
        sa.Column("fault_values", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name="fk_jobs_account_accounts"),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
        postgresql_with={"fillfactor": "80"},
    )
    op.create_index("ix_jobs_account", "jobs", ["account", "sandbox", "id"], unique=False)
    op.create_index("ix_jobs_content", "jobs", ["content", "state", "id"], unique=False)
    op.create_table(
        "job_parts",
        sa.Column("job", sa.LargeBinary(length=16), nullable=False),
        sa.Column("place", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["job"], ["jobs.id"], name="fk_job_parts_job_jobs"),
        sa.PrimaryKeyConstraint("job", "place", name="pk_job_parts"),
    )
    op.create_table(
        "job_errors",
        sa.Column("job", sa.LargeBinary(length=16), nullable=False),
        sa.Column("line", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["job"], ["jobs.id"], name="fk_job_errors_job_jobs"),
        sa.PrimaryKeyConstraint("job", "line", "number", name="pk_job_errors"),
    )
    op.create_table(
        "job_batches",
        sa.Column("job", sa.LargeBinary(length=16), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("fed_at", sa.BigInteger(), nullable=False),
        sa.Column("look_at", sa.BigInteger(), nullable=True),
        sa.Column("waiting", sa.Integer(), nullable=False),
        sa.Column("held", sa.Integer(), nullable=False),
        sa.Column("sent", sa.Integer(), nullable=False),
        sa.Column("delivered", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("cancelled", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["job"], ["jobs.id"], name="fk_job_batches_job_jobs"),
        sa.PrimaryKeyConstraint("job", "number", name="pk_job_batches"),
        postgresql_with={"fillfactor": "80"},
    )
    op.create_index("ix_job_batches_look", "job_batches", ["look_at", "job", "number"], unique=False)
    op.create_table(
        "job_messages",
        sa.Column("job", sa.LargeBinary(length=16), nullable=False),
        sa.Column("batch", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("message", sa.LargeBinary(length=16), nullable=False),
        sa.ForeignKeyConstraint(["job"], ["jobs.id"], name="fk_job_messages_job_jobs"),
        sa.ForeignKeyConstraint(["message"], ["outbox.id"], name="fk_job_messages_message_outbox"),
        sa.PrimaryKeyConstraint("job", "batch", "message", name="pk_job_messages"),
    )


def downgrade() -> None:
    op.drop_table("job_messages")
    op.drop_table("job_batches")
    op.drop_table("job_errors")
    op.drop_table("job_parts")
    op.drop_table("jobs")
