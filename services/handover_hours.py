"""When operators are there, and when they will be: working hours as a setting, holidays from the calendar."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from services.calendar import TEHRAN, Calendar

ALWAYS = "always"
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")  # As ``date.weekday`` numbers them.
HOLIDAY = "holiday"

# Further than this nobody is promised anything; who is closed for longer has no working hours.
HORIZON_DAYS = 60

_PART = re.compile(r"([a-z]+)(?:-([a-z]+))? ([0-9]{2}:[0-9]{2})-([0-9]{2}:[0-9]{2})")
_END_OF_DAY = "24:00"

Span = tuple[timedelta, timedelta]  # From midnight.


class BadHours(ValueError):
    """Not working hours; the message says how they are written."""

    def __init__(self) -> None:
        super().__init__("always, or days and hours such as sat-wed 08:00-16:00, thu 08:00-13:00")


def read_hours(text: str) -> Mapping[str, Sequence[Span]] | None:
    """Spans by day (``DAYS``, ``HOLIDAY``); None for always. In ``sat-wed 08:00-16:00, thu 08:00-13:00`` a
    day may come several times, one that is not named is closed, and so are holidays unless ``holiday`` is
    named. Raises ``BadHours``."""
    if text.strip().lower() == ALWAYS:
        return None
    spans: dict[str, list[Span]] = {}
    for part in text.lower().split(","):
        found = _PART.fullmatch(" ".join(part.split()))
        if found is None:
            raise BadHours
        first, last, opens, closes = found.groups()
        span = (_clock(opens), _clock(closes))
        if span[0] >= span[1]:
            raise BadHours
        for day in _days(first, last or first):
            spans.setdefault(day, []).append(span)
    return spans


def _days(first: str, last: str) -> Sequence[str]:
    if first == last == HOLIDAY:
        return [HOLIDAY]
    if first not in DAYS or last not in DAYS:
        raise BadHours
    start, end = DAYS.index(first), DAYS.index(last)
    return [DAYS[day % 7] for day in range(start, end + 1 if end >= start else end + 8)]


def _clock(text: str) -> timedelta:
    if text == _END_OF_DAY:
        return timedelta(days=1)
    try:
        read = time.fromisoformat(text)
    except ValueError:
        raise BadHours from None
    return timedelta(hours=read.hour, minutes=read.minute)


@dataclass(frozen=True, slots=True)
class Hours:
    """Working hours in Tehran time; ``spans`` as ``read_hours`` gives them."""

    calendar: Calendar
    spans: Mapping[str, Sequence[Span]] | None

    def are_now(self, now: datetime) -> bool:
        """Whether operators are there."""
        return self.opens(now) == now

    def opens(self, now: datetime) -> datetime | None:
        """When operators are there next: ``now`` while they are. None when that is too far to promise."""
        if self.spans is None:
            return now
        here = now.astimezone(TEHRAN)
        midnight = here.replace(hour=0, minute=0, second=0, microsecond=0)
        for _day in range(HORIZON_DAYS):
            # Tehran's clocks are not changed, so that a day is a day long.
            for opens, closes in sorted(self._of(midnight)):
                if here < midnight + closes:
                    return now if midnight + opens <= here else midnight + opens
            midnight += timedelta(days=1)
        return None

    def _of(self, midnight: datetime) -> Sequence[Span]:
        assert self.spans is not None
        day = midnight.date()
        name = HOLIDAY if self.calendar.holiday(day) else DAYS[day.weekday()]
        return self.spans.get(name, ())
