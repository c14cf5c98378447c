"""Working days with real dates: Nowruz, Thursdays, chains of holidays."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from persiantools.jdatetime import JalaliDate
from structlog.testing import capture_logs

from services.calendar import HOLIDAYS, TEHRAN, BadHolidays, Calendar

CALENDAR = Calendar.load()


def jalali(text: str) -> date:
    year, month, day = (int(part) for part in text.split("/"))
    gregorian: date = JalaliDate(year, month, day).to_gregorian()  # type: ignore[no-untyped-call]
    return gregorian


def month_of(day: date) -> int:
    month: int = JalaliDate(day).month  # type: ignore[no-untyped-call]
    return month


def tehran(text: str, clock: str = "10:00") -> datetime:
    hour, minute = (int(part) for part in clock.split(":"))
    return datetime(*jalali(text).timetuple()[:3], hour, minute, tzinfo=TEHRAN)


@pytest.mark.parametrize(
    ("opened", "days", "deadline", "closing"),
    [
        # Saturday and on: two whole days.
        ("1405/09/07", 2, "1405/09/09", "16:00"),
        # Monday: Tuesday and Wednesday.
        ("1405/09/02", 2, "1405/09/04", "16:00"),
        # Tuesday: Wednesday, half of Thursday, (Friday), Saturday.
        ("1405/09/03", 2, "1405/09/07", "16:00"),
        # Wednesday: half of Thursday, (Friday), Saturday, half of Sunday is enough, and Sunday ends it.
        ("1405/09/04", 2, "1405/09/08", "16:00"),
        # Thursday and Friday both count from Saturday.
        ("1405/09/05", 2, "1405/09/08", "16:00"),
        ("1405/09/06", 2, "1405/09/08", "16:00"),
        # Half a day from Wednesday is over when Thursday closes.
        ("1405/09/04", 0.5, "1405/09/05", "13:00"),
        # A holiday in the middle of the week: Wednesday, 2 Dey, is the birth of Imam Ali.
        ("1405/10/01", 1, "1405/10/05", "16:00"),
        # Tasua and Ashura on Wednesday and Thursday make four days off with Friday.
        ("1405/04/02", 1, "1405/04/06", "16:00"),
        # Three chained days: Wednesday 21, Thursday 22 Mordad are holidays, then Friday.
        ("1405/05/20", 2, "1405/05/25", "16:00"),
        # Eid al-Fitr on 19 and 20 Esfand, then Friday.
        ("1405/12/18", 1, "1405/12/22", "16:00"),
        # Over Nowruz: 28 Esfand is a Friday, 29 Esfand and 1 to 4 Farvardin are closed, 5 is a Thursday.
        ("1405/12/26", 2, "1406/01/07", "16:00"),
        ("1405/12/27", 2, "1406/01/08", "16:00"),
        ("1405/12/29", 2, "1406/01/08", "16:00"),
        # Nature day of 1405 is a Thursday.
        ("1405/01/11", 2, "1405/01/16", "16:00"),
    ],
)
def test_deadlines(opened: str, days: float, deadline: str, closing: str) -> None:
    assert CALENDAR.deadline(tehran(opened), days) == tehran(deadline, closing)


def test_days_begin_in_tehran() -> None:
    """21:00 UTC on Monday is already Tuesday in Tehran."""
    late = datetime(2026, 11, 23, 21, 0, tzinfo=UTC)
    assert late.astimezone(TEHRAN).date() == jalali("1405/09/03")
    assert CALENDAR.deadline(late, 2) == tehran("1405/09/07", "16:00")


@pytest.mark.parametrize(
    ("day", "share", "name"),
    [
        ("1405/09/07", 1.0, None),
        ("1405/09/05", 0.5, None),
        ("1405/09/06", 0.0, None),
        ("1405/01/01", 0.0, "نوروز"),
        ("1405/03/14", 0.0, "رحلت امام خمینی"),
        ("1405/08/22", 0.0, "شهادت حضرت فاطمه"),
        ("1405/12/19", 0.0, "عید فطر"),
        ("1406/12/08", 0.0, "عید فطر"),
        ("1403/12/30", 0.0, "آخرین روز سال کبیسه"),
    ],
)
def test_days(day: str, share: float, name: str | None) -> None:
    assert CALENDAR.share(jalali(day)) == share
    assert CALENDAR.holiday(jalali(day)) == name


def test_1405_has_the_holidays_of_the_official_calendar() -> None:
    """26 closed days: six of them Thursdays, three of them Fridays, none in Ordibehesht, Mehr and Azar."""
    first = jalali("1405/01/01")
    days = [first + timedelta(days=n) for n in range(365)]
    off = [day for day in days if CALENDAR.holiday(day) is not None]
    assert len(off) == 26
    assert sum(1 for day in off if day.weekday() == 3) == 6
    assert sum(1 for day in off if day.weekday() == 4) == 3
    assert {month_of(day) for day in off} == {1, 3, 4, 5, 6, 8, 10, 11, 12}


def test_warns_once_for_a_year_that_is_not_official() -> None:
    calendar = Calendar.load()
    with capture_logs() as logs:
        calendar.deadline(tehran("1405/09/02"), 2)
        assert not logs
        calendar.deadline(tehran("1406/02/01"), 2)
        calendar.deadline(tehran("1406/02/02"), 2)
        calendar.deadline(tehran("1420/02/02"), 2)
    assert [(entry["log_level"], entry["year"]) for entry in logs] == [("warning", 1406), ("warning", 1420)]
    assert not calendar.covers(jalali("1406/02/01"))
    assert calendar.covers(jalali("1405/02/01"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("basis: computed", "basis: guessed"),
        ('"01/14"', '"13/14"'),
        ('"01/14"', '"12/30"'),  # 1406 is no leap year.
        ('"02/27"', '"01/14"'),  # Twice the same day.
        ('"13:00"', '"13 o\'clock"'),
        ("hours:", "times:"),
    ],
)
def test_refuses_a_wrong_file(tmp_path: Path, old: str, new: str) -> None:
    text = HOLIDAYS.read_text(encoding="utf-8")
    assert old in text
    wrong = tmp_path / "holidays.yaml"
    wrong.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(BadHolidays, match=r"holidays\.yaml"):
        Calendar.load(wrong)


@pytest.mark.parametrize("days", [0, -1])
def test_a_deadline_lies_ahead(days: int) -> None:
    with pytest.raises(ValueError, match="ahead"):
        CALENDAR.deadline(tehran("1405/09/02"), days)


@given(
    minutes=st.integers(0, 700 * 24 * 60),
    days=st.integers(1, 10),
)
def test_a_deadline_is_a_working_day_with_the_days_before_it(minutes: int, days: int) -> None:
    now = datetime(2026, 3, 21, tzinfo=UTC) + timedelta(minutes=minutes)
    deadline = CALENDAR.deadline(now, days)
    last = deadline.date()
    assert deadline > now
    assert CALENDAR.share(last) > 0
    first = now.astimezone(TEHRAN).date()
    passed = sum(CALENDAR.share(first + timedelta(days=n)) for n in range(1, (last - first).days + 1))
    assert days <= passed < days + 1
    assert passed - CALENDAR.share(last) < days
