"""Working time in Iran: which days offices work, and when so many working days are over.

Saturday to Wednesday are full days, Thursday is half a day, Friday and official holidays are none. The days
themselves are data: ``data/holidays.yaml``, which says where each year's list is from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import structlog
import yaml
from persiantools.jdatetime import JalaliDate

log = structlog.get_logger()

TEHRAN = ZoneInfo("Asia/Tehran")
HOLIDAYS = Path(__file__).parent / "data" / "holidays.yaml"

THURSDAY, FRIDAY = 3, 4  # As ``date.weekday`` numbers them.

# Further than this no deadline lies; a longer search means that the data closes every day.
HORIZON_DAYS = 366

LEAP_YEAR = 1403  # Any leap year: the 30th of Esfand exists in it.

MonthDay = tuple[int, int]


class BadHolidays(Exception):
    """The holiday file is not what it should be; the message names the row."""


@dataclass(frozen=True, slots=True)
class Hours:
    """When offices close on a full and on a half day. Tehran time."""

    full: time
    half: time


@dataclass(frozen=True, slots=True)
class Year:
    """The days of one Jalali year that follow the moon. ``published``: from the official calendar, else
    computed and possibly a day off."""

    published: bool
    days: Mapping[MonthDay, str]


class Calendar:
    """Answers what day it is and when working days end. Immutable but for the years it has warned of."""

    def __init__(self, hours: Hours, solar: Mapping[MonthDay, str], years: Mapping[int, Year]) -> None:
        self._hours = hours
        self._solar = solar
        self._years = years
        self._warned: set[int] = set()
        # All that are filed on one day are due on one day.
        self._due = lru_cache(maxsize=64)(self._last_day)

    @classmethod
    def load(cls, path: Path = HOLIDAYS) -> Calendar:
        """The calendar of a holiday file; raises ``BadHolidays``."""
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        try:
            hours = Hours(*(time.fromisoformat(data["hours"][name]) for name in ("full", "half")))
            solar = _days(data["solar"]["days"], LEAP_YEAR)
            years = {
                int(number): Year(_published(number, year["basis"]), _days(year["days"], int(number)))
                for number, year in data["years"].items()
            }
        except (KeyError, TypeError, ValueError) as error:
            raise BadHolidays(f"{path.name}: {error!r}") from error
        return cls(hours, solar, years)

    def holiday(self, day: date) -> str | None:
        """The official holiday that ``day`` is, in Persian, or None. Fridays are not counted here."""
        jalali = _jalali(day)
        year = self._years.get(jalali.year)
        if year is None or not year.published:
            self._warn(jalali.year, known=year is not None)
        key = (jalali.month, jalali.day)
        return self._solar.get(key) or (year.days.get(key) if year is not None else None)

    def share(self, day: date) -> float:
        """How much of a working day ``day`` is: 1.0, 0.5 (Thursday) or 0.0."""
        if day.weekday() == FRIDAY or self.holiday(day) is not None:
            return 0.0
        return 0.5 if day.weekday() == THURSDAY else 1.0

    def deadline(self, now: datetime, working_days: float) -> datetime:
        """The end of the day on which ``working_days`` working days are over (at least half a day), Tehran
        time. The day of ``now`` does not count, as in court procedure; two Thursdays make one day."""
        if working_days <= 0:
            raise ValueError("a deadline lies at least half a working day ahead")
        day = self._due(now.astimezone(TEHRAN).date(), working_days)
        closing = self._hours.half if day.weekday() == THURSDAY else self._hours.full
        return datetime.combine(day, closing, TEHRAN)

    def _last_day(self, day: date, left: float) -> date:
        for _ in range(HORIZON_DAYS):
            day += timedelta(days=1)
            left -= self.share(day)
            if left <= 0:
                return day
        raise ValueError(f"no deadline within {HORIZON_DAYS} days")

    def covers(self, day: date) -> bool:
        """Whether the official calendar of the day's Jalali year is in the data."""
        year = self._years.get(_jalali(day).year)
        return year is not None and year.published

    def _warn(self, year: int, *, known: bool) -> None:
        """Says once for each year that its holidays are a forecast or missing."""
        if year not in self._warned:
            self._warned.add(year)
            basis = (
                "computed, not from the official calendar" if known else "missing: only the fixed ones count"
            )
            log.warning("lunar holidays are not official", year=year, holidays=basis)


def _jalali(day: date) -> JalaliDate:
    return JalaliDate(day)  # type: ignore[no-untyped-call]


def _published(year: int, basis: str) -> bool:
    if basis not in ("published", "computed"):
        raise ValueError(f"{year}: basis is {basis!r}, neither published nor computed")
    return basis == "published"


def _days(rows: Iterable[Mapping[str, Any]], year: int) -> dict[MonthDay, str]:
    """(month, day) → name. Each date must exist in ``year`` and come once."""
    found: dict[MonthDay, str] = {}
    for row in rows:
        month, day = (int(part) for part in row["date"].split("/"))
        JalaliDate(year, month, day)  # type: ignore[no-untyped-call]
        if (month, day) in found:
            raise ValueError(f"{row['date']} comes twice")
        found[month, day] = row["name"]
    return found
