"""When operators are there: a setting and the calendar."""

from __future__ import annotations

from datetime import datetime

import pytest

from records.unit import Unit
from services import CARRIED
from services.calendar import TEHRAN, Calendar
from services.handover import Handover
from services.handover_hours import ALWAYS, BadHours, Hours, read_hours
from services.handover_posts import Postbox, by_outbox
from tests.services.conftest import Desk
from tests.services.test_handover import someone

OFFICE = "sat-wed 08:00-16:00, thu 08:00-13:00"


def hours(text: str) -> Hours:
    return Hours(Calendar.load(), read_hours(text))


def at(day: str, time: str) -> datetime:
    return datetime.fromisoformat(f"{day}T{time}").replace(tzinfo=TEHRAN)


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        # Monday 1405/09/02 is a working day, Thursday half of one, Friday none.
        (at("2026-11-23", "07:59"), at("2026-11-23", "08:00")),
        (at("2026-11-23", "08:00"), None),
        (at("2026-11-23", "15:59"), None),
        (at("2026-11-23", "16:00"), at("2026-11-24", "08:00")),
        (at("2026-11-26", "12:59"), None),
        (at("2026-11-26", "13:00"), at("2026-11-28", "08:00")),
        (at("2026-11-27", "10:00"), at("2026-11-28", "08:00")),
        # Nowruz: the first four days of 1406 are holidays, and the last of 1405.
        (at("2027-03-19", "10:00"), at("2027-03-25", "08:00")),
    ],
)
def test_when_they_are_there_next(now: datetime, opens: datetime | None) -> None:
    office = hours(OFFICE)
    assert office.opens(now) == (now if opens is None else opens)
    assert office.are_now(now) is (opens is None)


def test_always_is_always() -> None:
    friday = at("2026-11-27", "03:00")
    assert hours(ALWAYS).opens(friday) == friday
    assert hours(" Always ").are_now(friday)


def test_a_day_may_come_twice_and_a_holiday_has_hours_of_its_own() -> None:
    split = hours("sat-fri 08:00-12:00, sat-fri 16:00-24:00, holiday 10:00-11:00")
    assert split.opens(at("2026-11-23", "13:00")) == at("2026-11-23", "16:00")
    assert split.are_now(at("2026-11-27", "23:59"))
    assert split.opens(at("2027-03-21", "05:00")) == at("2027-03-21", "10:00")


def test_who_never_opens_promises_nothing() -> None:
    assert Hours(Calendar.load(), {}).opens(at("2026-11-23", "05:00")) is None


@pytest.mark.parametrize(
    "text",
    ["", "office", "sat-wed", "sat-wed 8-16", "sat 16:00-08:00", "sat 08:00-08:00", "xyz 08:00-16:00",
     "sat-holiday 08:00-09:00", "sat 25:00-26:00", "sat 08:00-16:00;sun 08:00-16:00"],
)  # fmt: skip
def test_hours_that_cannot_be_read(text: str) -> None:
    with pytest.raises(BadHours, match="sat-wed 08:00-16:00"):
        read_hours(text)


async def test_outside_of_hours_a_time_is_promised(desk: Desk) -> None:
    postbox = Postbox(vault=desk.vault, notices=desk.services.notices, carry=by_outbox(desk.vault, CARRIED))
    service = Handover(
        database=desk.database,
        vault=desk.vault,
        callbacks=desk.services.callbacks,
        complaints=desk.services.complaints,
        hours=hours(OFFICE),
        postbox=postbox,
    )
    assert (await service.outlook(now=desk.now)).open
    evening = at("2026-11-26", "20:00")
    outlook = await service.outlook(now=evening)
    assert (outlook.open, outlook.opens) == (False, at("2026-11-28", "08:00"))
    # Who asks then waits all the same.
    person = await someone(desk)
    unit = Unit()
    waiting = await service.request(unit, person, now=evening, topic="support", live=True, route="telegram")
    await desk.committer.commit(unit)
    assert waiting is not None
    assert waiting.place == 1
