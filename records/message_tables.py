"""Messages that leave and come, and those who carry them."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from records.schema import OURSELVES, UPDATED, Id, Instant, metadata

# Messages that leave: ``status`` queued, claimed, sent, delivered, failed, blocked, expired, cancelled.
outbox = Table(
    "outbox",
    metadata,
    Column("id", Id, primary_key=True),
    Column("tracking", String(10), nullable=False, unique=True),
    Column("idempotency_key", String(64), unique=True),
    Column("channel", String(16), nullable=False),
    Column("class", String(16), nullable=False),  # otp, service, bulk
    Column("route", String(32), nullable=False, default=""),  # The bot that sends it.
    Column("party", Id, nullable=False, index=True),
    Column("sealed", LargeBinary, nullable=False),  # records.outbox.Content
    Column("status", String(16), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("lease_owner", Id),
    Column("lease_until", Instant),
    Column("provider", String(32)),
    Column("external_id", String(128)),
    Column("sent_at", Instant),
    Column("finished_at", Instant),
    Column("parts", Integer),  # Short messages that an SMS is.
    Column("cost", BigInteger),  # Rial, by the tariffs of when it went; None before, and where none says.
    # Whose message it is: senders take turns in a lane. Never NULL, or no index could find the next one.
    Column("sender", Id, nullable=False, default=OURSELVES),
    Index("ix_outbox_external", "provider", "external_id"),
    postgresql_with=UPDATED,
)

# Only what still has to go, lane by lane and sender by sender in the order in which each one's come due: a
# claim walks past neither other lanes, nor another sender's million, nor what is not due. No column that a
# claim changes is in it, so that claiming a row touches no index.
_goes = "finished_at IS NULL AND sent_at IS NULL"
Index("ix_outbox_lanes", outbox.c.channel, outbox.c["class"], outbox.c.sender, outbox.c.due_at, outbox.c.id,
      sqlite_where=text(_goes), postgresql_where=text(_goes))  # fmt: skip

# What went and whose receipt is awaited.
_awaited = "finished_at IS NULL AND sent_at IS NOT NULL"
Index("ix_outbox_awaited", outbox.c.provider, outbox.c.due_at, outbox.c.id,
      sqlite_where=text(_awaited), postgresql_where=text(_awaited))  # fmt: skip

# Channels on which each person's messages keep their order (``records.correspondence``).
TALKING = ("telegram", "bale")
_talks = "finished_at IS NULL AND channel IN ('telegram', 'bale')"
Index("ix_outbox_talking", outbox.c["class"], outbox.c.due_at, outbox.c.id,
      sqlite_where=text(_talks), postgresql_where=text(_talks))  # fmt: skip
Index("ix_outbox_talking_party", outbox.c.party, outbox.c.id,
      sqlite_where=text(_talks), postgresql_where=text(_talks))  # fmt: skip

# What one part of a message costs, in rial, from ``starts_at`` until before ``ends_at``. ``kind``: price, or
# ceiling, the most that a price may be. An empty column means any; ``numbers`` is what numbers in E.164 begin
# with. Rows that name the same and are of one kind never overlap in time.
tariffs = Table(
    "tariffs",
    metadata,
    Column("id", Id, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("channel", String(16), nullable=False),
    Column("provider", String(32), nullable=False),
    Column("line", String(32), nullable=False),
    Column("class", String(16), nullable=False),
    Column("alphabet", String(16), nullable=False),
    Column("numbers", String(16), nullable=False),
    Column("rial", BigInteger, nullable=False),
    Column("starts_at", Instant, nullable=False),
    Column("ends_at", Instant),
    UniqueConstraint("kind", "channel", "provider", "line", "class", "alphabet", "numbers", "starts_at",
                     name="uq_tariffs_named"),
)  # fmt: skip

# SMS that people sent us, stored before anything else is done with them (``records.inbox``). ``key`` tells a
# repetition, ``party`` is the blind index of the sender, ``said`` that of their words, so that machines that
# repeat themselves are seen; None where the words are too few to tell. ``sealed`` is the message as it came.
# Rows are worked under leases as the outbox is; ``outcome`` says what was done with one once it is done.
inbox = Table(
    "inbox",
    metadata,
    Column("id", Id, primary_key=True),
    Column("key", Id, nullable=False, unique=True),
    Column("party", Id, nullable=False),
    Column("said", Id),
    Column("sealed", LargeBinary, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("tries", Integer, nullable=False, default=0),
    Column("lease_owner", Id),
    Column("lease_until", Instant),
    Column("outcome", String(16)),
    Column("done_at", Instant),
    Index("ix_inbox_party", "party", "id"),
    postgresql_with=UPDATED,
)
_undone = inbox.c.done_at.is_(None)
Index("ix_inbox_waiting", inbox.c.due_at, inbox.c.id, sqlite_where=_undone, postgresql_where=_undone)
Index("ix_inbox_waiting_party", inbox.c.party, inbox.c.id, sqlite_where=_undone, postgresql_where=_undone)

# Append-only: each try and each receipt of an outgoing message, in the order they became known.
attempts = Table(
    "attempts",
    metadata,
    Column("id", Id, primary_key=True),
    Column("message", Id, ForeignKey("outbox.id"), nullable=False, index=True),
    Column("at", Instant, nullable=False),
    Column("provider", String(32), nullable=False),
    Column("kind", String(16), nullable=False),  # attempt, receipt
    Column("status", String(16), nullable=False),
    Column("detail", Text, nullable=False, default=""),
)

# Messages that ended without having gone, with the reason in the provider's words; ``replayed_at`` once
# somebody sent one on its way again.
dead_letters = Table(
    "dead_letters",
    metadata,
    Column("message", Id, ForeignKey("outbox.id"), primary_key=True),
    Column("at", Instant, nullable=False),
    Column("channel", String(16), nullable=False),
    Column("class", String(16), nullable=False),
    Column("provider", String(32), nullable=False),
    Column("reason", String(16), nullable=False),
    Column("detail", Text, nullable=False),
    Column("replayed_at", Instant),
)
_dead = dead_letters.c.replayed_at.is_(None)
Index("ix_dead_letters_at", dead_letters.c.channel, dead_letters.c.at, dead_letters.c.message,
      sqlite_where=_dead, postgresql_where=_dead)  # fmt: skip

# What an operator said of a provider: on, paused (nothing goes by it, nobody asks it), drained (nothing new
# goes by it). Without a row it is on.
provider_states = Table(
    "provider_states",
    metadata,
    Column("provider", String(32), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("at", Instant, nullable=False),
)

# What became of what each provider was handed, minute by minute, of all processes together: how healthy it
# was and when. Rows are added to while their minute lasts, and never changed after.
provider_minutes = Table(
    "provider_minutes",
    metadata,
    Column("minute", Instant, primary_key=True),
    Column("provider", String(32), primary_key=True),
    Column("taken", Integer, nullable=False),
    Column("faults", Integer, nullable=False),
    Column("refused", Integer, nullable=False),
    Column("throttled", Integer, nullable=False),
    postgresql_with=UPDATED,
)

# Receipts of messages that we do not know, or not yet: a receipt may overtake the answer to the submit.
receipt_orphans = Table(
    "receipt_orphans",
    metadata,
    Column("id", Id, primary_key=True),
    Column("provider", String(32), nullable=False),
    Column("external_id", String(128), nullable=False),
    Column("status", String(16), nullable=False),
    Column("detail", Text, nullable=False),
    Column("at", Instant, nullable=False),
    UniqueConstraint("provider", "external_id", "status", "detail", name="uq_receipt_orphans_said"),
)

# Names that a message had with providers before the one that has it now.
former_names = Table(
    "former_names",
    metadata,
    Column("provider", String(32), primary_key=True),
    Column("external_id", String(128), primary_key=True),
    Column("message", Id, ForeignKey("outbox.id"), nullable=False),
    Column("at", Instant, nullable=False),
)
