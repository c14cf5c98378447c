from smpp.backoff import Backoff
from smpp.errors import STATUSES, advice, status_name


def test_pauses_double_up_to_the_longest() -> None:
    backoff = Backoff()
    assert [backoff.failed(0.0) for _ in range(9)] == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    backoff.failures = 10**6
    assert backoff.failed(0.0) == 60


def test_chance_takes_up_to_half_away() -> None:
    assert (Backoff().failed(1.0), Backoff().failed(0.5)) == (0.5, 0.75)


def test_what_only_a_repair_changes_is_asked_seldom() -> None:
    assert Backoff().failed(0.0, hopeless=True) == 60


def test_a_session_that_held_begins_anew_and_one_that_did_not_does_not() -> None:
    backoff = Backoff()
    for _ in range(5):
        backoff.failed(0.0)
    assert backoff.ended(0.5, 0.0) == 32
    assert backoff.ended(3_600.0, 0.0) == 1
    assert backoff.ended(1.0, 0.0) == 2


def test_statuses_say_what_to_do() -> None:
    assert [advice(status) for status in (0, 0x58, 0x14, 0x08, 0x0B, 0x0E, 0x4FF)] == [
        "ok", "slower", "slower", "later", "never", "repair", "never"
    ]  # fmt: skip
    assert status_name(0x58) == "ESME_RTHROTTLED (0x58)"
    assert status_name(0x4FF) == "0x000004FF"
    assert len({name for name, _ in STATUSES.values()}) == len(STATUSES)
