"""Every table.

Times are ``Instant`` columns: microseconds since 1970 UTC in the database, aware datetimes in Python. Ids are
16 bytes, ordered by time (``records.ids``), but for ``verifications`` and ``callbacks``, where they name a
place that only one of several racing units can take (``records.changes``). ``sealed`` columns hold what
``records.vault`` encrypted; ``party`` and ``index`` columns hold its keyed blind index of an address, never
the address.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
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

from records.credit_tables import credit_entries as credit_entries
from records.credit_tables import credit_holds as credit_holds
from records.credit_tables import credits as credits
from records.job_tables import job_batches as job_batches
from records.job_tables import job_errors as job_errors
from records.job_tables import job_messages as job_messages
from records.job_tables import job_parts as job_parts
from records.job_tables import jobs as jobs
from records.order_tables import devices as devices
from records.order_tables import order_steps as order_steps
from records.part_tables import part_names as part_names
from records.schema import EPOCH as EPOCH
from records.schema import OURSELVES as OURSELVES
from records.schema import UPDATED as UPDATED
from records.schema import Id as Id
from records.schema import Instant as Instant
from records.schema import metadata as metadata
from records.schema import microseconds as microseconds
from records.schema import moment as moment
from records.webhook_tables import webhook_deliveries as webhook_deliveries
from records.webhook_tables import webhooks as webhooks

subscribers = Table(
    "subscribers",
    metadata,
    Column("id", Id, primary_key=True),
    Column("language", String(16), nullable=False),
    Column("created_at", Instant, nullable=False),
    # Two who turned out to be one person: what this one said and was told is that one's too. It names one
    # that is not merged itself.
    Column("merged_into", Id),
)
Index("ix_subscribers_merged_into", subscribers.c.merged_into,
      sqlite_where=subscribers.c.merged_into.is_not(None),
      postgresql_where=subscribers.c.merged_into.is_not(None))  # fmt: skip

# A subscriber's addresses. ``kind``: msisdn, telegram, bale, webchat, email; what is pushed to hangs on one
# of these (``devices``). ``blocked_at``: since when the person has closed this address to us, as far as the
# channel tells. ``seen_at``: the last contact from it, to within a day; None where nobody knows. ``route``:
# the bot or site that it was used over last.
addresses = Table(
    "addresses",
    metadata,
    Column("kind", String(16), primary_key=True),
    Column("index", Id, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("subscriber", Id, ForeignKey("subscribers.id"), nullable=False, index=True),
    Column("verified_at", Instant),
    Column("verified_by", String(16)),  # network, code, contact
    Column("created_at", Instant, nullable=False),
    Column("blocked_at", Instant),
    Column("seen_at", Instant),
    Column("route", String(32)),
    # Of a number: the keyed digest of the national ID that the registry has it under, where that was asked.
    Column("owner", Id),
    # Of a chat: the number (its ``index``) that the person proved from it to be theirs, and when last.
    Column("number", Id),
    Column("proved_at", Instant),
)

# Append-only: how addresses came to whom they belong to. ``act``: linked, proved, moved, unlinked, merged;
# ``reason``: code, contact, person, operator, or of a move silence, registry, another (who proved it).
# ``previous`` is whose it was, ``subscriber`` whose it is from then on (None: nobody's); of a merge, who was
# merged into whom, by the number or chat that showed it.
address_events = Table(
    "address_events",
    metadata,
    Column("id", Id, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("index", Id, nullable=False),
    Column("act", String(16), nullable=False),
    Column("reason", String(16), nullable=False),
    Column("previous", Id),
    Column("subscriber", Id),
    Column("operator", String(64)),
    Index("ix_address_events_address", "kind", "index", "id"),
    Index("ix_address_events_subscriber", "subscriber", "id"),
)

# ``key`` is the keyed digest of (route, the gateway's session id, the caller's number); it is emptied when
# the gateway reuses the id for a new session. ``due_at`` is a lower bound of when a time-out fires: the
# truth is in the session's last turn, so that an ordinary turn need not touch this row.
sessions = Table(
    "sessions",
    metadata,
    Column("id", Id, primary_key=True),
    Column("key", Id, unique=True),
    Column("channel", String(16), nullable=False),
    Column("route", String(32), nullable=False),
    Column("code", String(64), nullable=False),
    Column("party", Id, nullable=False),
    Column("subscriber", Id),
    Column("opened_at", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("closed_at", Instant),
    Column("outcome", String(32)),
)
Index("ix_sessions_open_party", sessions.c.party, sessions.c.id, sqlite_where=sessions.c.closed_at.is_(None),
      postgresql_where=sessions.c.closed_at.is_(None))  # fmt: skip
Index("ix_sessions_due", sessions.c.due_at, sqlite_where=sessions.c.closed_at.is_(None),
      postgresql_where=sessions.c.closed_at.is_(None))  # fmt: skip

# What a visitor of the web chat was shown, by whom it was shown to.
Index("ix_sessions_webchat", sessions.c.party, sessions.c.id, sqlite_where=sessions.c.channel == "webchat",
      postgresql_where=sessions.c.channel == "webchat")  # fmt: skip

# A session is its last turn: ``content`` seals the message received (raw and folded), the message shown and
# the session after it (``records.sessions.TurnRecord``). The two unique keys are what makes a turn happen
# once: one step for each (session, sequence), one answer for each input key.
turns = Table(
    "turns",
    metadata,
    Column("session", Id, primary_key=True),
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("input_key", Id),
    Column("received_at", Instant, nullable=False),
    Column("answered_at", Instant, nullable=False),
    Column("content", LargeBinary, nullable=False),
    UniqueConstraint("session", "input_key"),
)

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

# What one process does for all of them, under a lease: ``owner`` is new for each process.
leases = Table(
    "leases",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("owner", Id, nullable=False),
    Column("until", Instant, nullable=False),
)

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

# Addresses that nothing is sent to, or no advertising (``scope`` all, advertising), on one channel.
# ``reason``: hard (there is no such address), unsubscribed, operator. ``until`` NULL: for good.
suppressions = Table(
    "suppressions",
    metadata,
    Column("channel", String(16), primary_key=True),
    Column("party", Id, primary_key=True),
    Column("scope", String(16), nullable=False),
    Column("reason", String(16), nullable=False),
    Column("at", Instant, nullable=False),
    Column("until", Instant),
    postgresql_with=UPDATED,
)

# One-time codes. The code itself is not here: ``digest`` is its HMAC with the server's key.
verifications = Table(
    "verifications",
    metadata,
    Column("id", Id, primary_key=True),
    Column("purpose", String(32), nullable=False),
    Column("party", Id, nullable=False),
    Column("prefix", String(8), nullable=False),
    Column("requested_by", Id),  # blind index of who asked: the limit per address
    Column("digest", LargeBinary(32), nullable=False),
    Column("channel", String(16), nullable=False),  # sms, voice
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("checks", Integer, nullable=False, default=0),
    Column("consumed_at", Instant),
    Column("replaced_at", Instant),
    Index("ix_verifications_party_created", "party", "created_at"),
    Index("ix_verifications_requested_created", "requested_by", "created_at"),
    Index("ix_verifications_prefix_created", "prefix", "created_at"),
    Index("ix_verifications_created", "created_at"),
    postgresql_with=UPDATED,
)
# One live code for each (purpose, number).
_live = verifications.c.consumed_at.is_(None) & verifications.c.replaced_at.is_(None)
Index("uq_verifications_live", verifications.c.purpose, verifications.c.party, unique=True,
      sqlite_where=_live, postgresql_where=_live)  # fmt: skip

# ``state``: open, answered, closed, merged.
complaints = Table(
    "complaints",
    metadata,
    Column("id", Id, primary_key=True),
    Column("number", String(12), nullable=False, unique=True),
    Column("subscriber", Id, ForeignKey("subscribers.id"), nullable=False, index=True),
    Column("channel", String(16), nullable=False),
    Column("session", Id),
    Column("category", String(32), nullable=False),
    Column("priority", String(16), nullable=False),  # low, normal, high, urgent
    Column("state", String(16), nullable=False),
    Column("tracking", String(16)),
    Column("opened_at", Instant, nullable=False),
    Column("deadline", Instant, nullable=False),
    Column("answered_at", Instant),
    Column("closed_at", Instant),
    Column("assignee", String(64)),
    Column("merged_into", Id, ForeignKey("complaints.id")),
    Column("revision", Integer, nullable=False, default=1),  # grows with each change: optimistic lock
    Column("party", Id),  # The address that it was filed from; None in rows from before this was kept.
)
Index("ix_complaints_state_deadline", complaints.c.state, complaints.c.deadline)

# Append-only: every word and every change of a complaint.
complaint_events = Table(
    "complaint_events",
    metadata,
    Column("id", Id, primary_key=True),
    Column("complaint", Id, ForeignKey("complaints.id"), nullable=False, index=True),
    Column("at", Instant, nullable=False),
    Column("author", String(16), nullable=False),  # person, operator, system
    Column("operator", String(64)),
    # ``kind``: opened, message, answered, closed, reopened, assigned, merged, joined.
    Column("kind", String(16), nullable=False),
    Column("sealed", LargeBinary),
    Column("file", Id),
)

# Files that people sent: whole, or not at all. Ids name places (``records.changes.place``), so that of one
# address one is kept after the other. ``type`` is told from the content; ``digest`` is keyed; ``session`` is
# the one that took it, None while none has. ``sealed`` is its name.
files = Table(
    "files",
    metadata,
    Column("id", Id, primary_key=True),
    Column("party", Id, nullable=False),
    Column("digest", LargeBinary(32), nullable=False),
    Column("type", String(64), nullable=False),
    Column("size", Integer, nullable=False),  # Bytes.
    Column("parts", Integer, nullable=False),
    Column("width", Integer),  # Pixels, of an image.
    Column("height", Integer),
    Column("sealed", LargeBinary, nullable=False),
    Column("session", Id),
    Column("at", Instant, nullable=False),
    UniqueConstraint("party", "digest"),
    Index("ix_files_party_at", "party", "at"),
)
Index("ix_files_session", files.c.session, sqlite_where=files.c.session.is_not(None),
      postgresql_where=files.c.session.is_not(None))  # fmt: skip
Index("ix_files_untaken", files.c.at, sqlite_where=files.c.session.is_(None),
      postgresql_where=files.c.session.is_(None))  # fmt: skip

# Their content, sealed in parts.
file_parts = Table(
    "file_parts",
    metadata,
    Column("file", Id, ForeignKey("files.id"), primary_key=True),
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("sealed", LargeBinary, nullable=False),
)

# Append-only: the last row of (subscriber, purpose) is the consent in force. ``session`` is where it was
# given: of 11 and 12 by SMS, the message in the inbox.
consents = Table(
    "consents",
    metadata,
    Column("id", Id, primary_key=True),
    Column("subscriber", Id, ForeignKey("subscribers.id"), nullable=False),
    Column("purpose", String(32), nullable=False),  # advertising
    Column("given", Boolean, nullable=False),
    Column("at", Instant, nullable=False),
    Column("channel", String(16), nullable=False),
    Column("session", Id),
    Index("ix_consents_subscriber_purpose", "subscriber", "purpose", "id"),
)

# Call-backs that people asked for. ``state``: waiting, done, cancelled.
callbacks = Table(
    "callbacks",
    metadata,
    Column("id", Id, primary_key=True),
    Column("subscriber", Id, ForeignKey("subscribers.id"), nullable=False, index=True),
    Column("topic", String(32), nullable=False),
    Column("time_of_day", String(16), nullable=False),  # any, morning, afternoon, evening
    Column("asked_at", Instant, nullable=False),
    Column("session", Id),
    Column("state", String(16), nullable=False),
    Column("finished_at", Instant),
)

# Conversations handed over to a person. A thread waits while it has no ``operator``, is open while it has
# one, and is over when it was closed. ``session`` is the dialog that stands still meanwhile; ``owed`` is the
# input that it has still to be given (closed). ``sealed`` is the address (``records.threads``).
threads = Table(
    "threads",
    metadata,
    Column("id", Id, primary_key=True),
    Column("subscriber", Id, ForeignKey("subscribers.id"), nullable=False),
    Column("party", Id, nullable=False),
    Column("channel", String(16), nullable=False),
    Column("route", String(32), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("language", String(16), nullable=False),
    Column("session", Id, nullable=False),
    Column("topic", String(32), nullable=False),
    # Checked at the end of the transaction, since one that opens the complaint sets this first.
    Column("complaint", Id, ForeignKey("complaints.id", deferrable=True, initially="DEFERRED")),
    Column("operator", String(64)),
    Column("opened_at", Instant, nullable=False),
    Column("queued_at", Instant, nullable=False),  # Its place in the queue, which giving it back leaves it.
    Column("accepted_at", Instant),
    Column("closed_at", Instant),
    Column("reason", String(16)),  # resolved, unresolved, silent, left
    Column("owed", String(16)),
    Column("person_seen", Id),  # The last post that the person, and an operator, have read.
    Column("operator_seen", Id),
    Column("revision", Integer, nullable=False, default=1),  # grows with each change: optimistic lock
    Index("ix_threads_subscriber", "subscriber", "id"),
    Index("ix_threads_session", "session", "id"),
    Index("ix_threads_complaint", "complaint", "id"),
    postgresql_with=UPDATED,
)
_waits = threads.c.operator.is_(None) & threads.c.closed_at.is_(None)
_held = threads.c.operator.is_not(None) & threads.c.closed_at.is_(None)
_lives = threads.c.closed_at.is_(None)
Index("ix_threads_waiting", threads.c.queued_at, threads.c.id, sqlite_where=_waits, postgresql_where=_waits)
Index("ix_threads_operator", threads.c.operator, threads.c.id, sqlite_where=_held, postgresql_where=_held)
# One thread at a time for each person on each route.
Index("uq_threads_live", threads.c.party, threads.c.route, unique=True,
      sqlite_where=_lives, postgresql_where=_lives)  # fmt: skip
Index("ix_threads_owed", threads.c.id, sqlite_where=threads.c.owed.is_not(None),
      postgresql_where=threads.c.owed.is_not(None))  # fmt: skip

# Who is at a desk: each sign of life moves ``alive_until``, and once that is past, what the operator had
# accepted goes back to the queue.
presences = Table(
    "presences",
    metadata,
    Column("operator", String(64), primary_key=True),
    Column("alive_until", Instant, nullable=False, index=True),
    postgresql_with=UPDATED,
)

# Every word of a thread and every change of it; only ``delivered_at`` and ``read_at`` are ever set later.
# ``sequence`` has no gaps: whoever writes takes the next number, and of two who take the same one the second
# writes again on what the first left. So there is one order, in which ids grow too.
posts = Table(
    "posts",
    metadata,
    Column("id", Id, primary_key=True),
    Column("thread", Id, ForeignKey("threads.id"), nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("key", Id),  # Tells a repetition: the same key twice is one post.
    Column("party", Id, nullable=False),
    Column("author", String(16), nullable=False),  # person, operator, system
    Column("operator", String(64)),
    # ``kind``: text and notice are for the person too, note and the names of acts only for operators.
    Column("kind", String(16), nullable=False),
    Column("sealed", LargeBinary, nullable=False),  # records.threads.Said
    Column("file", Id),
    Column("tracking", String(10)),  # The message in the outbox that carries it, where there is one.
    Column("at", Instant, nullable=False),
    Column("delivered_at", Instant),
    Column("read_at", Instant),
    UniqueConstraint("thread", "sequence"),
    UniqueConstraint("key", "thread"),
    Index("ix_posts_party", "party", "id"),
)

# What people thought of a conversation with an operator: ``score`` from 1 (very bad) to 5.
ratings = Table(
    "ratings",
    metadata,
    Column("thread", Id, ForeignKey("threads.id"), primary_key=True),
    Column("operator", String(64)),
    Column("score", Integer, nullable=False),
    Column("sealed", LargeBinary),  # Their words.
    Column("at", Instant, nullable=False),
    Index("ix_ratings_operator", "operator", "at"),
)

# Visitors of the web chat whose token was renewed: one of an older ``generation`` is no longer theirs.
visitors = Table(
    "visitors",
    metadata,
    Column("party", Id, primary_key=True),
    Column("generation", Integer, nullable=False),
    Column("at", Instant, nullable=False),
)

# Which people on live connections have something new, for the other processes to look; kept for minutes.
bells = Table(
    "bells",
    metadata,
    Column("id", Id, primary_key=True),
    Column("parties", LargeBinary, nullable=False),  # Blind indexes, 16 bytes each.
)

# Published flow versions; ``version`` is the hash of the source. The newest row of a name is live.
flow_versions = Table(
    "flow_versions",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("version", String(32), primary_key=True),
    Column("source", Text, nullable=False),
    Column("published_at", Instant, nullable=False),
    Index("ix_flow_versions_published", "published_at"),
)

# Businesses that send by the API. ``lines``: the numbers of ours that are theirs, joined by spaces.
accounts = Table(
    "accounts",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("lines", Text, nullable=False, default=""),
    Column("created_at", Instant, nullable=False),
)

# Their keys. The key itself is not here: ``digest`` is its HMAC with the server's key, ``prefix`` the part of
# it that it is found by. ``scopes`` and ``networks`` are joined by spaces; ``rate`` is messages a second.
account_keys = Table(
    "account_keys",
    metadata,
    Column("prefix", String(8), primary_key=True),
    Column("account", Id, ForeignKey("accounts.id"), nullable=False, index=True),
    Column("digest", LargeBinary(32), nullable=False),
    Column("sandbox", Boolean, nullable=False),
    Column("scopes", String(64), nullable=False),
    Column("networks", Text, nullable=False, default=""),
    Column("rate", Integer, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("revoked_at", Instant),
)

# Which messages of the outbox are whose, with the name that they have there. What a sandbox key sends goes to
# nobody, and a live key does not see it.
account_messages = Table(
    "account_messages",
    metadata,
    Column("message", Id, ForeignKey("outbox.id"), primary_key=True),
    Column("account", Id, ForeignKey("accounts.id"), nullable=False),
    Column("sandbox", Boolean, nullable=False),
    Column("reference", String(64)),
    Index("ix_account_messages_account", "account", "sandbox", "message"),
)
_named = account_messages.c.reference.is_not(None)
Index("ix_account_messages_reference", account_messages.c.account, account_messages.c.reference,
      account_messages.c.message, sqlite_where=_named, postgresql_where=_named)  # fmt: skip

# What a request with an Idempotency-Key was answered, kept in the unit of what it did. ``id`` names the
# account and the key (``records.changes.place``), ``digest`` is the HMAC of the request.
account_answers = Table(
    "account_answers",
    metadata,
    Column("id", Id, primary_key=True),
    Column("digest", LargeBinary(32), nullable=False),
    Column("status", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at", Instant, nullable=False, index=True),
)

# Texts with placeholders (``engine.template``) by which businesses send. A version is never changed.
account_templates = Table(
    "account_templates",
    metadata,
    Column("account", Id, ForeignKey("accounts.id"), primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("text", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
)
