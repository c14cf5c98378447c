"""The limits of one-time codes as tables of numbers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.sending_limits import Go, Limits, Past, TooMany, Wait, next_send

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
LIMITS = Limits()
SMS, VOICE = Go("sms"), Go("voice")


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("sent", "now", "expected"),
    [
        ([], 0, SMS),
        # 30 seconds after the first, 60 after the second, 120 after every further one.
        ([0], 0, Wait(30)),
        ([0], 0.2, Wait(30)),
        ([0], 29.5, Wait(1)),
        ([0], 30, SMS),
        ([0, 30], 31, Wait(59)),
        ([0, 30], 90, VOICE),
        ([0, 30, 90], 91, Wait(119)),
        ([0, 30, 90], 210, VOICE),
        ([0, 30, 90, 210], 329, Wait(1)),
        ([0, 30, 90, 210], 330, VOICE),
        # The fifth within ten minutes is the last, until the first one is ten minutes old.
        ([0, 30, 90, 210, 330], 450, TooMany("number, window")),
        ([0, 30, 90, 210, 330], 599, TooMany("number, window")),
        ([0, 30, 90, 210, 330], 600, VOICE),
        # After ten minutes without a try it begins anew, by SMS.
        ([0, 30, 90], 690, VOICE),
        ([0, 30, 90], 691, SMS),
        ([0, 700, 1_400], 1_430, SMS),
        # The clock was set back by an hour: nobody waits for longer than the pause.
        ([3_600], 0, Wait(30)),
    ],
)
def test_tries_of_one_number(sent: list[float], now: float, expected: object) -> None:
    past = [Past("login", at(seconds)) for seconds in sent]
    assert next_send(LIMITS, at(now), "login", past, [], 0) == expected
    # However the past was sorted.
    assert next_send(LIMITS, at(now), "login", past[::-1], [], 0) == expected


@pytest.mark.parametrize(
    ("sent", "now", "expected"),
    [
        # A success ends the attempt: the next one begins by SMS, at once.
        ([("login", 0, True)], 1, SMS),
        ([("login", 0, False), ("login", 30, True)], 31, SMS),
        ([("login", 0, True), ("login", 20, False)], 30, Wait(20)),
        # Another purpose has tries of its own, but the number's limits are for all of them.
        ([("link", 0, False), ("link", 30, False)], 31, SMS),
        ([("link", n, n % 2 == 0) for n in range(5)], 10, TooMany("number, window")),
        ([("link", n * 3_600, True) for n in range(9)], 9 * 3_600, SMS),
        ([("link", n * 3_600, True) for n in range(10)], 10 * 3_600, TooMany("number, day")),
        ([("link", n * 3_600, True) for n in range(10)], 24 * 3_600 - 1, TooMany("number, day")),
        ([("link", n * 3_600, True) for n in range(10)], 24 * 3_600, SMS),
    ],
)
def test_purposes_and_days(sent: list[tuple[str, float, bool]], now: float, expected: object) -> None:
    past = [Past(purpose, at(seconds), verified) for purpose, seconds, verified in sent]
    assert next_send(LIMITS, at(now), "login", past, [], 0) == expected


@pytest.mark.parametrize(
    ("asked", "now", "expected"),
    [
        ([0] * 9, 1, SMS),
        ([0] * 10, 1, TooMany("asker, window")),
        ([0] * 10, 600, SMS),
        ([n * 1_200 for n in range(29)], 40_000, SMS),
        ([n * 1_200 for n in range(30)], 40_000, TooMany("asker, day")),
        ([n * 1_200 for n in range(30)], 86_400, SMS),
    ],
)
def test_who_asks_for_many_numbers(asked: list[float], now: float, expected: object) -> None:
    assert next_send(LIMITS, at(now), "login", [], [at(seconds) for seconds in asked], 0) == expected


@pytest.mark.parametrize(("sent", "expected"), [(0, SMS), (999, SMS), (1_000, TooMany("prefix, window"))])
def test_floods_of_a_prefix(sent: int, expected: object) -> None:
    assert next_send(LIMITS, START, "login", [], [], sent) == expected


def test_the_whole_day_of_someone_who_never_gets_a_code() -> None:
    """Asking again each second: 5 in ten minutes, 10 in a day, the third and on by voice."""
    past: list[Past] = []
    by: list[tuple[int, str]] = []
    second = 0
    while second < 86_400:
        match next_send(LIMITS, at(second), "login", past, [], 0):
            case Go(channel):
                past.append(Past("login", at(second)))
                by.append((second, channel))
                second += 1
            case Wait(seconds):
                second += seconds
            case TooMany():
                second += 1
    assert by == [
        (0, "sms"), (30, "sms"), (90, "voice"), (210, "voice"), (330, "voice"),
        (600, "voice"), (720, "voice"), (840, "voice"), (960, "voice"), (1_080, "voice"),
    ]  # fmt: skip
