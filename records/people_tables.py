"""People: who they are, where they are reached, what they agreed to and proved."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, LargeBinary, String, Table

from records.schema import UPDATED, Id, Instant, metadata

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
