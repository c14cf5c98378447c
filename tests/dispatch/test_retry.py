from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dispatch.errors import (
    Ambiguous,
    DispatchError,
    Misconfigured,
    Rejected,
    Throttled,
    Unreachable,
    Unsubscribed,
)
from dispatch.retry import WAITS, Again, Decision, Stop, decide

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
FAR = NOW + timedelta(days=1)


def again(seconds: float, spent: bool = True) -> Again:
    return Again(NOW + timedelta(seconds=seconds), spent)


@pytest.mark.parametrize(
    ("error", "klass", "attempts", "decision"),
    [
        (Rejected, "otp", 1, Stop("failed")),
        (Rejected, "bulk", 3, Stop("failed")),
        (Unsubscribed, "bulk", 1, Stop("blocked")),
        (Unreachable, "otp", 1, again(2)),
        (Unreachable, "otp", 2, again(4)),
        (Unreachable, "otp", 5, again(30)),
        (Unreachable, "otp", 6, Stop("failed")),
        (Unreachable, "service", 1, again(5)),
        (Unreachable, "service", 6, again(3_600)),
        (Unreachable, "service", 7, Stop("failed")),
        (Unreachable, "bulk", 1, again(60)),
        (Unreachable, "bulk", 4, again(3_600)),
        (Unreachable, "bulk", 5, Stop("failed")),
        (Ambiguous, "otp", 1, again(2)),
        (Ambiguous, "service", 2, again(15)),
        (Ambiguous, "bulk", 1, Stop("failed")),
        (Throttled, "otp", 1, again(5, spent=False)),
        (Throttled, "bulk", 99, again(5, spent=False)),
        (Misconfigured, "otp", 1, again(60, spent=False)),
        (Misconfigured, "service", 99, again(60, spent=False)),
    ],
)
def test_next_step(error: type[DispatchError], klass: str, attempts: int, decision: Decision) -> None:
    assert decide(error, klass, attempts, NOW, FAR) == decision


def test_what_a_provider_can_tell_apart_goes_again() -> None:
    assert decide(Ambiguous, "bulk", 1, NOW, FAR, repeatable=True) == again(60)


@pytest.mark.parametrize("error", [Throttled, Unreachable, Misconfigured])
def test_the_provider_names_a_longer_wait(error: type[DispatchError]) -> None:
    decision = decide(error, "otp", 1, NOW, FAR, retry_after=timedelta(seconds=90))
    assert isinstance(decision, Again)
    assert decision.at == NOW + timedelta(seconds=90)


def test_a_shorter_wait_than_ours_does_not_hurry_us() -> None:
    assert decide(Unreachable, "service", 2, NOW, FAR, retry_after=timedelta(seconds=1)) == again(15)


@pytest.mark.parametrize("error", [Throttled, Unreachable, Ambiguous, Misconfigured])
def test_nothing_is_planned_after_its_time(error: type[DispatchError]) -> None:
    assert decide(error, "otp", 1, NOW, NOW + timedelta(seconds=1)) == Stop("expired")


def test_a_code_is_not_retried_past_its_two_minutes() -> None:
    assert sum(WAITS["otp"]) < 120


def test_every_error_has_a_rule_and_a_message() -> None:
    for error in DispatchError.__subclasses__():
        decide(error, "otp", 1, NOW, FAR)
        assert str(error("451 busy")).endswith("451 busy")
        assert len(str(error())) > 20
