"""What may go at the moment at which it would, on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from dispatch.dispatcher import Dispatcher
from dispatch.errors import Nobody, Unsubscribed
from dispatch.permission import Permission, read_hours, with_way_out
from dispatch.provider import Accepted, Outcome, Outgoing
from records.ids import new_id
from records.tables import addresses, consents, subscribers
from records.unit import Unit
from services.suppression import Suppressions
from tests.dispatch.outbox import START, Carrier, Outbox, until

NUMBER = "+989121234567"
ADVERTISING = {"bulk": "لغو11"}


async def agree(outbox: Outbox, number: str = NUMBER, *, given: bool = True) -> None:
    unit = Unit()
    person = new_id(outbox.clock())
    now = outbox.clock()
    unit.insert(subscribers, {"id": person, "language": "fa", "created_at": now, "merged_into": None})
    unit.insert(
        addresses,
        {
            "kind": "msisdn", "index": outbox.vault.index("msisdn", number), "sealed": b"",
            "subscriber": person, "verified_at": None, "verified_by": None, "created_at": now,
            "blocked_at": None, "seen_at": None,
            "route": None, "owner": None, "number": None, "proved_at": None,
        },
    )  # fmt: skip
    unit.insert(
        consents,
        {
            "id": new_id(now), "subscriber": person, "purpose": "advertising", "given": given, "at": now,
            "channel": "sms", "session": new_id(now),
        },
    )  # fmt: skip
    await outbox.committer.commit(unit)


async def went(
    outbox: Outbox,
    carrier: Carrier,
    *trackings: str,
    asked_first: bool = True,
    ways_out: Mapping[str, str] = ADVERTISING,
) -> list[str]:
    """What became of messages, also of those that wait."""
    permission = Permission(outbox.database, read_hours("09:00-21:00"), ways_out, asked_first=asked_first)
    dispatcher = Dispatcher(
        outbox.database,
        outbox.vault,
        {"sms": carrier},
        clock=outbox.clock,
        wake=asyncio.Event(),
        poll=0.02,
        gate=permission,
    )
    running = asyncio.create_task(dispatcher.run())

    async def decided() -> bool:
        return all(
            [await outbox.status(each) != "claimed" and await outbox.notes(each) for each in trackings]
        )

    await until(decided)
    dispatcher.stop()
    await running
    return [await outbox.status(each) for each in trackings]


async def test_no_advertising_without_consent_but_codes_and_notices(outbox: Outbox) -> None:
    klasses = ("bulk", "service", "otp")
    trackings = [await outbox.add(klass, klass=klass) for klass in klasses]
    carrier = Carrier()
    assert await went(outbox, carrier, *trackings) == ["blocked", "sent", "sent"]
    assert sorted(carrier.handed) == ["otp", "service"]
    assert await outbox.notes(trackings[0]) == [("attempt", "stopped")]


async def test_advertising_with_consent_says_how_to_end_it(outbox: Outbox) -> None:
    await agree(outbox)
    tracking = await outbox.add("حراج", klass="bulk")
    carrier = Carrier()
    assert await went(outbox, carrier, tracking) == ["sent"]
    assert carrier.handed == ["حراج\nلغو11"]


async def test_notices_say_how_to_end_them_where_the_line_wants_it(outbox: Outbox) -> None:
    """But neither a code nor the answer to somebody who wrote."""
    trackings = [
        await outbox.add("خبر"),
        await outbox.add("پاسخ", route="sms-10004346"),
        await outbox.add("کد", klass="otp"),
    ]
    carrier = Carrier()
    ways_out = {**ADVERTISING, "service": "لغو۱۱"}
    assert await went(outbox, carrier, *trackings, ways_out=ways_out) == ["sent"] * 3
    assert sorted(carrier.handed) == sorted(["خبر\nلغو۱۱", "پاسخ", "کد"])


@pytest.mark.parametrize("asked_first", [True, False])
async def test_a_consent_that_was_withdrawn_counts(outbox: Outbox, asked_first: bool) -> None:
    await agree(outbox, given=False)
    other = await outbox.add(klass="bulk", to="+989350000000")
    tracking = await outbox.add(klass="bulk")
    found = await went(outbox, Carrier(), tracking, other, asked_first=asked_first)
    assert found == ["blocked", "blocked" if asked_first else "sent"]


async def test_advertising_waits_for_its_hours_and_costs_no_attempt(outbox: Outbox) -> None:
    await agree(outbox)
    outbox.clock.now = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)  # Half past nine in the evening.
    tracking = await outbox.add(klass="bulk", minutes=24 * 60)
    short = await outbox.add(klass="bulk", minutes=60)
    carrier = Carrier()
    assert await went(outbox, carrier, tracking, short) == ["queued", "expired"]
    row = await outbox.row(tracking)
    assert (row.due_at, row.attempts) == (datetime(2026, 11, 24, 5, 30, tzinfo=UTC), 0)
    assert not carrier.handed


async def test_suppressed_addresses_get_nothing_but_codes(outbox: Outbox) -> None:
    suppressions = Suppressions(database=outbox.database, vault=outbox.vault)
    await suppressions.add("sms", NUMBER, now=outbox.clock(), scope="all", reason="hard")
    await suppressions.add("sms", NUMBER, now=outbox.clock(), scope="advertising")  # Narrows nothing.
    trackings = [await outbox.add(klass=klass) for klass in ("service", "otp")]
    assert await went(outbox, Carrier(), *trackings) == ["blocked", "sent"]
    assert await suppressions.remove("sms", NUMBER)
    again = await outbox.add()
    assert await went(outbox, Carrier(), again) == ["sent"]


@pytest.mark.parametrize(
    ("error", "scope", "then"),
    [(Nobody("no such number"), "all", "blocked"), (Unsubscribed("14"), "advertising", "sent")],
)
async def test_what_a_provider_says_of_an_address_is_remembered(
    outbox: Outbox, error: Outcome, scope: str, then: str
) -> None:
    first = await outbox.add()
    outcomes = [error]
    carrier = Carrier(lambda outgoing: outcomes.pop() if outcomes else Accepted("X"))
    await went(outbox, carrier, first)
    suppressions = Suppressions(database=outbox.database, vault=outbox.vault)
    found = await suppressions.of("sms", NUMBER, outbox.clock())
    assert found is not None
    assert found.scope == scope
    second = await outbox.add()
    assert await went(outbox, carrier, second) == [then]
    later = await suppressions.of("sms", NUMBER, outbox.clock() + timedelta(days=91))
    assert (later is None) == (scope == "all")


@pytest.mark.parametrize(
    ("tehran", "opens"),
    [
        ("2026-11-23T09:00+03:30", None),
        ("2026-11-23T20:59+03:30", None),
        ("2026-11-23T21:00+03:30", "2026-11-24T09:00+03:30"),
        ("2026-11-23T00:30+03:30", "2026-11-23T09:00+03:30"),
    ],
)
def test_hours_are_those_of_tehran(tehran: str, opens: str | None) -> None:
    now = datetime.fromisoformat(tehran).astimezone(UTC)
    expected = None if opens is None else datetime.fromisoformat(opens)
    assert read_hours("09:00-21:00").next(now) == expected


@pytest.mark.parametrize("text", ["", "9-21", "21:00-09:00", "09:00-24:30", "09:00"])
def test_hours_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="hours such as"):
        read_hours(text)


@pytest.mark.parametrize("body", ["حراج\nلغو11", "حراج لغو ۱۱", "حراج لغو‌11"])
def test_who_says_it_already_need_not_say_it_twice(body: str) -> None:
    outgoing = Outgoing(b"1" * 16, "1", "bulk", NUMBER, "", body, 1, START)
    assert with_way_out(outgoing, "لغو11") is outgoing


def test_the_words_are_at_the_end() -> None:
    outgoing = Outgoing(b"1" * 16, "1", "bulk", NUMBER, "", "برای لغو ۱۱ بفرستید", 1, START)
    assert with_way_out(outgoing, "لغو11").body == "برای لغو ۱۱ بفرستید\nلغو11"


def test_its_parts_are_counted_again() -> None:
    outgoing = Outgoing(b"1" * 16, "1", "bulk", NUMBER, "", "م" * 70, 1, START)
    assert with_way_out(outgoing, "لغو11").parts == 2
