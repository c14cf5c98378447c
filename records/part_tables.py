"""The table of what the parts of messages are called by providers that name each by itself
(``records.part_names``)."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table

from records.schema import UPDATED, Id, metadata

# ``number`` of ``total`` parts. ``status``: what its last receipt of the highest rank said, NULL before any.
# A message that went twice by one provider has two names of each part.
part_names = Table(
    "part_names",
    metadata,
    Column("provider", String(32), primary_key=True),
    Column("external_id", String(128), primary_key=True),
    Column("message", Id, ForeignKey("outbox.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("total", Integer, nullable=False),
    Column("status", String(16)),
    Index("ix_part_names_message", "message"),
    postgresql_with=UPDATED,
)
