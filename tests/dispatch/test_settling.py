from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

import pytest

from dispatch.errors import Rejected, Throttled, Unreachable
from dispatch.provider import Accepted, Receipt
from dispatch.settling import expired, lapsed, next_receipt, settlement, told
from records.awaited import Awaited
from records.claims import Claimed, Note
from tests.dispatch.outbox import START, Carrier

LATER = START + timedelta(hours=1)


class Asked(Carrier):
    """A provider that is asked for receipts."""

    receipts_batch = 100

    async def receipts(self, external_ids: Sequence[str]) -> Mapping[str, Receipt]:
        return {}


def claimed(klass: str = "service", attempts: int = 1, lapsed: bool = False) -> Claimed:
    return Claimed(b"1" * 16, "1234567890", "sms", klass, b"", attempts, START, LATER, lapsed)


def test_what_the_provider_took_is_finished() -> None:
    settled = settlement(claimed(), Accepted("X1", detail="1 queued"), Carrier(), START)
    assert (settled.status, settled.sent_at, settled.finished_at) == ("sent", START, START)
    assert (settled.provider, settled.external_id) == ("carrier", "X1")
    assert settled.notes == (Note("attempt", "sent", "1 queued"),)


def test_what_awaits_its_receipt_is_worked_again() -> None:
    settled = settlement(claimed(), Accepted("X1", "pending"), Asked(), START)
    assert (settled.status, settled.finished_at) == ("sent", None)
    assert settled.due_at == START + timedelta(seconds=5)


def test_who_calls_back_is_not_asked() -> None:
    settled = settlement(claimed(), Accepted("X1", "pending"), Carrier(), START)
    assert settled.due_at == START + timedelta(hours=48)
    soon = timedelta(seconds=90)
    settled = settlement(claimed(), Accepted("X1", "pending"), Carrier(), START, receipt_within=soon)
    assert settled.due_at == START + soon


def test_an_immediate_receipt_is_kept_beside_the_attempt() -> None:
    settled = settlement(claimed(), Accepted("X1", "delivered"), Carrier(), START)
    assert settled.status == "delivered"
    assert [note.kind for note in settled.notes] == ["attempt", "receipt"]


def test_a_wait_for_the_rate_costs_no_attempt() -> None:
    settled = settlement(claimed(attempts=3), Throttled("429"), Carrier(), START)
    assert (settled.status, settled.attempts) == ("queued", 2)


def test_a_failed_attempt_counts() -> None:
    settled = settlement(claimed(attempts=3), Unreachable("timeout"), Carrier(), START)
    assert (settled.status, settled.attempts, settled.finished_at) == ("queued", 3, None)
    assert settled.due_at == START + timedelta(seconds=60)


def test_a_refusal_is_the_end() -> None:
    settled = settlement(claimed(), Rejected("411 receptor"), Carrier(), START)
    assert (settled.status, settled.finished_at) == ("failed", START)
    assert settled.notes == (Note("attempt", "rejected", "411 receptor"),)


def test_a_stale_message_costs_no_attempt_and_has_none() -> None:
    settled = expired(claimed("otp", attempts=1), START)
    assert (settled.status, settled.attempts, settled.notes) == ("expired", 0, ())


@pytest.mark.parametrize(
    ("klass", "repeatable", "ends"),
    [
        ("otp", False, None),
        ("service", False, None),
        ("bulk", False, "failed"),
        ("bulk", True, None),
    ],
)
def test_what_somebody_left_claimed(klass: str, repeatable: bool, ends: str | None) -> None:
    settled = lapsed(claimed(klass, attempts=2, lapsed=True), START, repeatable=repeatable)
    assert (settled.status if settled else None) == ends


def test_receipts_are_asked_for_ever_more_rarely() -> None:
    waits = [next_receipt(START, START + timedelta(seconds=age)) for age in (0, 8, 60, 3_600, 86_400)]
    assert waits == [timedelta(seconds=seconds) for seconds in (5, 5, 30, 1_800, 3_600)]
    assert next_receipt(START, START + timedelta(hours=48)) is None


AWAITED = Awaited(b"1" * 16, "X1", START, 1)


def test_no_news_is_no_receipt() -> None:
    for receipt in (None, Receipt("sent", "4 at the operator")):
        settled = told(AWAITED, receipt, "carrier", START)
        assert (settled.status, settled.finished_at, settled.notes) == ("sent", None, ())


def test_an_unknown_code_is_kept() -> None:
    settled = told(AWAITED, Receipt("sent", "77 سلام", unknown=True), "carrier", START)
    assert settled.notes == (Note("receipt", "sent", "77 سلام"),)


@pytest.mark.parametrize("status", ["delivered", "failed", "blocked"])
def test_a_last_word_ends_the_asking(status: str) -> None:
    settled = told(AWAITED, Receipt(status), "carrier", START)  # type: ignore[arg-type]  # One of its three.
    assert (settled.status, settled.finished_at) == (status, START)


def test_after_two_days_nobody_is_asked() -> None:
    now = START + timedelta(hours=49)
    assert told(AWAITED, None, "carrier", now).finished_at == now
