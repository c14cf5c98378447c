"""Where businesses want to be told what happens, and what they were told."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, LargeBinary, String, Table

from records.schema import UPDATED, Id, Instant, metadata

# ``events``: what it is told of, joined by spaces. ``sealed`` is ``records.webhooks.Place``: the URL and the
# secrets that are signed with. ``failing_since``: since when nothing has gone there that was tried;
# ``paused_at``: nothing is tried any more, and ``paused_why`` (failing, gone) says why.
webhooks = Table(
    "webhooks",
    metadata,
    Column("id", Id, primary_key=True),
    Column("account", Id, ForeignKey("accounts.id"), nullable=False),
    Column("sandbox", Boolean, nullable=False),
    Column("events", String(255), nullable=False),
    Column("description", String(200), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("failing_since", Instant),
    Column("paused_at", Instant),
    Column("paused_why", String(16)),
    Column("deleted_at", Instant),
    postgresql_with=UPDATED,
)
_there = webhooks.c.deleted_at.is_(None)
Index("ix_webhooks_account", webhooks.c.account, webhooks.c.sandbox, webhooks.c.id,
      sqlite_where=_there, postgresql_where=_there)  # fmt: skip

# One row for each event and each place that is told of it, written by what makes the event true. What it says
# is read when it is told: ``subject`` is the message's id, in the outbox or in the inbox. ``status`` is
# waiting, delivered, failed. Whoever works a row holds a lease: ``lease_owner`` is new for each claim, and
# until ``due_at`` nobody else takes it. ``answered``: the HTTP status of the last try, ``problem`` what was
# wrong.
webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("id", Id, primary_key=True),
    Column("webhook", Id, ForeignKey("webhooks.id"), nullable=False),
    Column("event", String(32), nullable=False),
    Column("subject", Id, nullable=False),
    Column("at", Instant, nullable=False),
    Column("status", String(16), nullable=False, default="waiting"),
    Column("due_at", Instant, nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("lease_owner", Id),
    Column("tried_at", Instant),
    Column("answered", Integer),
    Column("problem", String(16)),
    Column("finished_at", Instant),
    Index("ix_webhook_deliveries_webhook", "webhook", "id"),
    postgresql_with=UPDATED,
)
_each = webhook_deliveries.c
_waiting = _each.finished_at.is_(None)
Index("ix_webhook_deliveries_waiting", _each.webhook, _each.due_at, _each.id,
      sqlite_where=_waiting, postgresql_where=_waiting)  # fmt: skip
_failed = _each.status == "failed"
Index("ix_webhook_deliveries_failed", _each.webhook, _each.id,
      sqlite_where=_failed, postgresql_where=_failed)  # fmt: skip
