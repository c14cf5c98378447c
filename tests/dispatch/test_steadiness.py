"""Whose leases are taken over when the clock was set."""

from __future__ import annotations

from datetime import timedelta

from dispatch.steadiness import GIVEN_UP, Steadiness
from tests.dispatch.outbox import Clock


class Seconds:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_after_a_jump_leases_are_left_alone_for_as_long_as_one_lasts() -> None:
    for jump in (-3_600, 3_600, 3):
        clock, seconds = Clock(), Seconds()
        steadiness = Steadiness(clock, seconds, timedelta(seconds=60))
        for _look in range(100):  # A clock that is corrected little by little is not set.
            clock.forward(1.5)
            seconds.now += 1
            assert steadiness.lapsed_by(clock()) == clock()
        clock.forward(jump)
        assert steadiness.lapsed_by(clock()) == GIVEN_UP
        for passed, expected in ((59, GIVEN_UP), (2, None)):
            clock.forward(passed)
            seconds.now += passed
            assert steadiness.lapsed_by(clock()) == (expected or clock())


def test_a_second_jump_is_one_too() -> None:
    clock, seconds = Clock(), Seconds()
    steadiness = Steadiness(clock, seconds, timedelta(seconds=60))
    for _jump in range(2):
        clock.forward(3_600)
        seconds.now += 50
        assert steadiness.lapsed_by(clock()) == GIVEN_UP


def test_without_another_clock_it_is_believed() -> None:
    clock = Clock()
    steadiness = Steadiness(clock, None, timedelta(seconds=60))
    clock.forward(3_600)
    assert steadiness.lapsed_by(clock()) == clock()
