"""When the next one-time code may go out, and how: a pure rule over what was sent before."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of verification. The defaults are what the service promises; ``prefix_sends`` alone
    depends on how many people a provider serves.

    ``waits`` are the seconds before the second, third and every further try. From try ``voice_from`` on the
    code is spoken in a call: whoever did not get two SMS will not get a third."""

    digits: int = 6
    life: timedelta = timedelta(minutes=2)
    checks: int = 5
    waits: tuple[int, ...] = (30, 60, 120)
    voice_from: int = 3
    window: timedelta = timedelta(minutes=10)
    number_window: int = 5
    number_day: int = 10
    asker_window: int = 10
    asker_day: int = 30
    prefix_sends: int = 1_000  # In one window.


DAY = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Past:
    """One code that was sent before. ``verified``: it came back right."""

    purpose: str
    at: datetime
    verified: bool = False


@dataclass(frozen=True, slots=True)
class Go:
    """The code may go out now, by ``sms`` or ``voice``."""

    by: str


@dataclass(frozen=True, slots=True)
class Wait:
    """The next try may be made in so many seconds."""

    seconds: int


@dataclass(frozen=True, slots=True)
class TooMany:
    """A limit is reached; nothing goes out for minutes or hours."""

    limit: str


def next_send(
    limits: Limits,
    now: datetime,
    purpose: str,
    to_number: Sequence[Past],
    by_asker: Sequence[datetime],
    to_prefix: int,
) -> Go | Wait | TooMany:
    """``to_number``: what the number got in the last day, for any purpose; ``by_asker``: when the same asker
    asked for codes in the last day, for any number; ``to_prefix``: how many codes the prefix got in the last
    window."""
    times = [past.at for past in to_number]
    if _since(times, now - limits.window) >= limits.number_window:
        return TooMany("number, window")
    if _since(times, now - DAY) >= limits.number_day:
        return TooMany("number, day")
    if _since(by_asker, now - limits.window) >= limits.asker_window:
        return TooMany("asker, window")
    if _since(by_asker, now - DAY) >= limits.asker_day:
        return TooMany("asker, day")
    if to_prefix >= limits.prefix_sends:
        return TooMany("prefix, window")
    tries = tries_so_far(limits, now, [past for past in to_number if past.purpose == purpose])
    if tries:
        pause = limits.waits[min(len(tries), len(limits.waits)) - 1]
        left = (tries[-1] + timedelta(seconds=pause) - now).total_seconds()
        if left > 0:
            # Never longer than the pause itself, even when the clock was set back since.
            return Wait(min(pause, math.ceil(left)))
    return Go("voice" if len(tries) + 1 >= limits.voice_from else "sms")


def tries_so_far(limits: Limits, now: datetime, sends: Sequence[Past]) -> list[datetime]:
    """The tries of one attempt to verify, the oldest first: it begins anew after a success, and after a
    window without a try."""
    tries: list[datetime] = []
    for past in sorted(sends, key=lambda past: past.at):
        if tries and past.at - tries[-1] > limits.window:
            tries.clear()
        tries.append(past.at)
        if past.verified:
            tries.clear()
    return tries if tries and now - tries[-1] <= limits.window else []


def _since(times: Sequence[datetime], start: datetime) -> int:
    return sum(1 for time in times if time > start)
