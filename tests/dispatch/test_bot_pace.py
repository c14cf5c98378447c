"""How fast a bot may speak."""

from __future__ import annotations

from dispatch.providers.bot.pace import KEPT, Pace


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_each_chat_after_its_burst() -> None:
    clock = Clock()
    pace = Pace(0, 1, clock=clock, chat_burst=3)
    assert [pace.place("a", 10) for _ in range(5)] == [0, 0, 0, 1, 2]
    assert pace.place("b", 10) == 0, "another chat"
    clock.now += 5
    assert pace.place("a", 10) == 0


def test_everybody_together() -> None:
    clock = Clock()
    pace = Pace(10, 0, clock=clock, burst=2)
    waits = [pace.place(str(chat), 10) for chat in range(5)]
    assert [round(wait, 6) for wait in waits] == [0, 0, 0.1, 0.2, 0.3]


def test_who_would_wait_too_long_takes_no_place() -> None:
    clock = Clock()
    pace = Pace(0, 1, clock=clock, chat_burst=1)
    assert [pace.place("a", 2) for _ in range(3)] == [0, 1, 2]
    assert pace.place("a", 2) == 3
    assert pace.place("a", 2) == 3, "as before"
    clock.now += 1
    assert pace.place("a", 2) == 2


def test_no_limit_is_no_wait() -> None:
    pace = Pace(0, 0, clock=Clock())
    assert {pace.place("a", 0) for _ in range(1_000)} == {0}


def test_quiet_chats_are_forgotten() -> None:
    clock = Clock()
    pace = Pace(0, 1, clock=clock, chat_burst=1)
    for chat in range(KEPT):
        pace.place(str(chat), 0)
    clock.now += 10
    pace.place("new", 0)
    assert len(pace._chats) == 1
