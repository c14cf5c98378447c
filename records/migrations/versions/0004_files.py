"""Files: what people send besides words, and which word of a complaint has one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "files",
        sa.Column("id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("party", sa.LargeBinary(length=16), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("parts", sa.Integer(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("session", sa.LargeBinary(length=16), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_files"),
        sa.UniqueConstraint("party", "digest", name="uq_files_party_digest"),
    )
    op.create_index("ix_files_party_at", "files", ["party", "at"], unique=False)
    _partial("ix_files_session", "session", "session IS NOT NULL")
    _partial("ix_files_untaken", "at", "session IS NULL")
    op.create_table(
        "file_parts",
        sa.Column("file", sa.LargeBinary(length=16), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["file"], ["files.id"], name="fk_file_parts_file_files"),
        sa.PrimaryKeyConstraint("file", "place", name="pk_file_parts"),
    )
    op.add_column("complaint_events", sa.Column("file", sa.LargeBinary(length=16), nullable=True))


def _partial(name: str, column: str, condition: str) -> None:
    op.create_index(
        name,
        "files",
        [column],
        unique=False,
        sqlite_where=sa.text(condition),
        postgresql_where=sa.text(condition),
    )


def downgrade() -> None:
    op.drop_column("complaint_events", "file")
    op.drop_table("file_parts")
    op.drop_table("files")
