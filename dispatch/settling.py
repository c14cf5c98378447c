"""What an outcome means for the row of its message: data in, data out."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from dispatch.errors import Ambiguous, DispatchError
from dispatch.provider import (
    Accepted,
    Correspondent,
    Lookup,
    Outcome,
    Provider,
    Receipt,
)
from dispatch.retry import Again, Stop, decide
from records.awaited import Awaited
from records.claims import Claimed, Note, Settled

RECEIPTS_FOR = timedelta(hours=48)  # Providers forget a message after two days.
FIRST_RECEIPT = timedelta(seconds=5)
LAST_WAIT = timedelta(hours=1)  # Between two questions about an old message.

DETAIL = 500  # Characters of a provider's words that are kept.


def expired(claimed: Claimed, now: datetime, why: str = "") -> Settled:
    """A message whose time was over before it was sent, or will be."""
    notes = (Note("attempt", "expired", why, "none"),) if why else ()
    return Settled(claimed.id, "expired", claimed.attempts - 1, now, finished_at=now, notes=notes)


def put_off(claimed: Claimed, at: datetime, now: datetime, why: str = "") -> Settled:
    """A message that was not tried and waits until ``at``; that costs no attempt. ``why`` is kept, if it is
    worth keeping."""
    if at >= claimed.expires_at:
        return expired(claimed, now, why)
    notes = (Note("attempt", "put_off", why, "none"),) if why else ()
    return Settled(claimed.id, "queued", claimed.attempts - 1, at, notes=notes)


def stopped(claimed: Claimed, status: str, why: str, now: datetime) -> Settled:
    """A message that may not go."""
    note = Note("attempt", "stopped", why, "none")
    return Settled(claimed.id, status, claimed.attempts - 1, now, finished_at=now, notes=(note,))


def lapsed(claimed: Claimed, now: datetime, *, repeatable: bool) -> Settled | None:
    """A message that somebody claimed and never settled, so that it may have gone: None where it is to be
    sent now, else how it ends."""
    decision = decide(
        Ambiguous, claimed.klass, claimed.attempts - 1, now, claimed.expires_at, repeatable=repeatable
    )
    if isinstance(decision, Again):
        return None
    note = Note("attempt", "ambiguous", "claimed before and never settled")
    return Settled(claimed.id, decision.status, claimed.attempts - 1, now, finished_at=now, notes=(note,))


def settlement(
    claimed: Claimed,
    outcome: Outcome,
    provider: Provider | Correspondent,
    now: datetime,
    cost: int | None = None,
    *,
    receipt_within: timedelta | None = None,
    open_end: bool = False,
) -> Settled:
    """How the message goes on after ``outcome``, the provider's answer at ``now``. ``cost``: rial, where it
    went; ``receipt_within``: how long its route waits for a receipt; ``open_end``: somebody else may tell
    that it arrived, or else it goes by another channel."""
    if isinstance(outcome, Accepted):
        if open_end and outcome.receipt == "none":
            outcome = replace(outcome, receipt="pending")
        first = FIRST_RECEIPT
        # One that cannot be asked calls us; then we look only whether it did in time. (To ask whether it is a
        # ReceiptSource takes 25 µs, as long as all the rest here.)
        if outcome.receipt == "pending" and not hasattr(provider, "receipts"):
            first = receipt_within or RECEIPTS_FOR
        return _went(claimed, outcome, provider.name, now, cost, first)
    again = provider.repeatable or isinstance(provider, Lookup)
    return after(claimed, outcome, provider.name, now, repeatable=again)


def after(
    claimed: Claimed, error: DispatchError, provider: str, now: datetime, *, repeatable: bool = False
) -> Settled:
    """How the message goes on after ``error``. A wait in which nothing was tried is no attempt to be noted:
    while a provider is away for hours, there is one for each message every few seconds."""
    notes: tuple[Note, ...] = (Note("attempt", error.name, error.detail[:DETAIL]),)
    decision = decide(
        type(error),
        claimed.klass,
        claimed.attempts,
        now,
        claimed.expires_at,
        repeatable=repeatable,
        retry_after=error.retry_after,
    )
    if isinstance(decision, Stop):
        return Settled(
            claimed.id, decision.status, claimed.attempts, now, provider, finished_at=now, notes=notes
        )
    spent = claimed.attempts if decision.spent else claimed.attempts - 1
    if not error.tried:
        notes = ()
    return Settled(claimed.id, "queued", spent, decision.at, provider, notes=notes)


def _went(
    claimed: Claimed,
    accepted: Accepted,
    provider: str,
    now: datetime,
    cost: int | None,
    first: timedelta,
) -> Settled:
    notes = [Note("attempt", "sent", accepted.detail[:DETAIL])]
    delivered = accepted.receipt == "delivered"
    if delivered:
        notes.append(Note("receipt", "delivered"))
    pending = accepted.receipt == "pending"
    return Settled(
        claimed.id,
        "delivered" if delivered else "sent",
        claimed.attempts,
        now + first if pending else now,
        provider,
        accepted.external_id or None,
        sent_at=now,
        finished_at=None if pending else now,
        notes=tuple(notes),
        cost=cost,
        parts=accepted.parts,
    )


def told(awaited: Awaited, receipt: Receipt | None, provider: str, now: datetime) -> Settled:
    """How a message that went goes on after its receipt was asked for; None: the provider said nothing."""
    status = receipt.status if receipt else "sent"
    if receipt is None or (status == "sent" and not receipt.unknown):
        notes: tuple[Note, ...] = ()
    else:
        notes = (Note("receipt", status, receipt.detail[:DETAIL]),)
    wait = next_receipt(awaited.sent_at, now) if status == "sent" else None
    return Settled(
        awaited.id,
        status,
        awaited.attempts,
        now + wait if wait else now,
        provider,
        finished_at=None if wait else now,
        notes=notes,
    )


def next_receipt(sent_at: datetime, now: datetime) -> timedelta | None:
    """How long to wait before asking again: half of what has passed; None when it is no use any more."""
    passed = now - sent_at
    if passed >= RECEIPTS_FOR:
        return None
    return min(max(FIRST_RECEIPT, passed / 2), LAST_WAIT)
