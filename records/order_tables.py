"""The tables of channel orders (``records.orders``), and of devices that are pushed to."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, String, Table

from records.schema import Id, Instant, metadata

# A message that goes by one channel after another until one of them reaches its person: each way that it has,
# in their order. The message itself is one row of the outbox, which has the channel, the address and the
# words of the way that it is on. ``started_at``: since when it is (NULL: not yet). ``due_at``: when the next
# way is taken unless a receipt comes. ``ended``: how a way ended that another one was taken after: failed,
# blocked, unreceipted; delivered where a receipt came late.
order_steps = Table(
    "order_steps",
    metadata,
    Column("message", Id, ForeignKey("outbox.id"), primary_key=True),
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("channel", String(16), nullable=False),
    Column("route", String(32), nullable=False),
    Column("party", Id, nullable=False),
    Column("sealed", LargeBinary),  # records.outbox.Content; NULL of the first, which the outbox has.
    Column("parts", Integer),
    Column("started_at", Instant),
    Column("due_at", Instant),
    Column("ended", String(16)),
)
_due = order_steps.c.due_at.is_not(None)
Index("ix_order_steps_due", order_steps.c.due_at, order_steps.c.message,
      sqlite_where=_due, postgresql_where=_due)  # fmt: skip

# Devices and browsers that are pushed to. ``id`` is the blind index of whose app it is and of the device;
# ``account`` the business whose app it is (``OURSELVES``: our own web chat), ``party`` the address of the
# person who uses it: a number, or a visitor of the web chat. ``sealed``: ``<service>:<its name there>``.
# ``pushed_at``: when the person was last told that something waits.
devices = Table(
    "devices",
    metadata,
    Column("id", Id, primary_key=True),
    Column("account", Id, nullable=False),
    Column("party", Id, nullable=False),
    Column("service", String(16), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("at", Instant, nullable=False),
    Column("pushed_at", Instant),
    Index("ix_devices_party", "account", "party"),
)
