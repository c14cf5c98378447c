"""Which price counts, how prices follow one another, and what no price may be above."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise, product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.tariffs import Change, Tariff
from services.tariff_table import BadTariffs, Priced, Table, following

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


def on(day: int) -> datetime:
    """So many days from now."""
    return NOW + timedelta(days=day)


def price(rial: int, start: int = -100, end: int | None = None, **names: Any) -> Tariff:
    return Tariff("price", "sms", rial, on(start), None if end is None else on(end), **names)


def ceiling(rial: int, start: int = -100, end: int | None = None, **names: Any) -> Tariff:
    return replace(price(rial, start, end, **names), kind="ceiling")


def message(
    to: str = "+989121234567",
    *,
    provider: str = "kavenegar",
    line: str = "10004346",
    klass: str = "service",
    alphabet: str = "ucs2",
) -> Priced:
    return Priced("sms", provider, line, klass, alphabet, to)


def rial(table: Table, what: Priced, day: int = 0) -> int | None:
    found = table.find("price", what, on(day))
    return found.rial if found else None


def stored(tariffs: Sequence[Tariff], first: int = 1) -> list[Tariff]:
    return [replace(tariff, id=bytes([n])) for n, tariff in enumerate(tariffs, first)]


def test_the_day_decides() -> None:
    table = Table([price(100, -10, 0), price(120, 0, 10), price(150, 20)])
    assert [rial(table, message(), day) for day in (-11, -10, -1, 0, 9, 10, 19, 20, 1000)] == [
        None, 100, 100, 120, 120, None, None, 150, 150,
    ]  # fmt: skip


def test_what_names_more_of_a_message_counts() -> None:
    table = Table(
        [
            price(1),
            price(2, numbers="+98"),
            price(3, numbers="+98912"),
            price(4, alphabet="gsm7"),
            price(5, klass="bulk"),
            price(6, provider="magfa"),
            price(7, line="3000"),
        ]
    )
    assert rial(table, message("+4915112345678")) == 1
    assert rial(table, message("+989351234567")) == 2
    assert rial(table, message()) == 3
    assert rial(table, message(alphabet="gsm7")) == 4
    assert rial(table, message(alphabet="gsm7", klass="bulk")) == 5
    assert rial(table, message(klass="bulk", provider="magfa")) == 6
    assert rial(table, message(klass="bulk", provider="magfa", line="3000")) == 7
    assert table.find("price", message()._replace(channel="voice"), NOW) is None
    assert table.find("ceiling", message(), NOW) is None


def test_a_new_price_ends_the_one_before_it() -> None:
    [old] = stored([price(100, -10)])
    change = following([old], [price(120, 5)], NOW)
    assert change == Change(added=[price(120, 5)], ended=[old.until(on(5))], removed=[])


def test_prices_of_one_file_follow_one_another() -> None:
    change = following([], [price(150, 20), price(100, -10), price(120, 5, 10)], NOW)
    assert change.added == [price(100, -10, 5), price(120, 5, 10), price(150, 20)]


def test_a_price_that_comes_before_one_that_is_there_ends_with_it() -> None:
    there = stored([price(100, -10, 5), price(150, 20)])
    change = following(there, [price(120, 5), price(130, 12)], NOW)
    assert change.added == [price(120, 5, 12), price(130, 12, 20)]
    assert not change.ended


def test_the_same_file_again_changes_nothing() -> None:
    file = [price(100, -10), price(120, 5), price(90, -3, 7, klass="bulk"), ceiling(200, -20)]
    there = stored(following([], file, NOW).added)
    assert following(there, file, NOW) == Change([], [], [])
    later = stored([*following(there, [price(140, 9)], NOW).added], 50)
    there = [tariff.until(on(9)) if tariff.starts_at == on(5) else tariff for tariff in there] + later
    assert following(there, file, NOW) == Change([], [], [])


def test_a_price_to_come_can_be_another_one() -> None:
    there = stored([price(100, -10, 5), price(120, 5)])
    change = following(there, [price(125, 5)], NOW)
    assert (change.added, change.ended, change.removed) == ([price(125, 5)], [], [there[1]])


def test_a_price_can_be_ended() -> None:
    [old] = stored([price(100, -10)])
    assert following([old], [price(100, -10, 3)], NOW) == Change([], [old.until(on(3))], [])


@pytest.mark.parametrize(
    ("new", "says"),
    [
        ([price(120, -10)], "price 120 rial of sms: price 100 rial of sms is in force from that day on"),
        ([price(120, -3)], "price 100 rial of sms: it is in force, and cannot have ended"),
        ([price(100, -10, -3)], "price 100 rial of sms: it is in force, and cannot have ended"),
        ([price(120, 5), price(130, 5)], "there are two from that day on"),
        ([price(120, 5, 30), price(130, 9)], "price 120 rial of sms: price 130 rial of sms begins before it"),
        ([price(120, 2, 5)], None),
    ],
)
def test_the_past_stays_as_it_was(new: list[Tariff], says: str | None) -> None:
    there = stored([price(100, -10)])
    if says is None:
        assert following(there, new, NOW).added == new
        return
    with pytest.raises(BadTariffs, match=says):
        following(there, new, NOW)


@pytest.mark.parametrize(
    ("tariffs", "too_high"),
    [
        ([price(100), ceiling(99)], True),
        ([price(100), ceiling(100)], False),
        ([price(100, -100, 5), ceiling(99, 5)], False),
        ([price(100, -100, 6), ceiling(99, 5)], True),
        ([price(100, klass="bulk"), ceiling(99, klass="otp")], False),
        ([price(100), ceiling(99, klass="otp")], True),
        ([price(100), price(50, klass="otp"), ceiling(99, klass="otp")], False),
        # Abroad has a ceiling of its own, which counts there before the general one.
        ([price(900, numbers="+1"), ceiling(99), ceiling(999, numbers="+1")], False),
        ([price(900, numbers="+1"), ceiling(99), ceiling(999, numbers="+1", start=7)], True),
        ([price(900, 7, numbers="+1"), ceiling(99), ceiling(999, numbers="+1", start=7)], False),
        ([price(900, numbers="+1202"), ceiling(99, numbers="+1")], True),
        ([price(900, numbers="+1202"), ceiling(99, numbers="+1203")], False),
        ([price(100), replace(ceiling(99), channel="voice")], False),
    ],
)
def test_no_price_is_above_its_ceiling(tariffs: list[Tariff], too_high: bool) -> None:
    for order in (tariffs, tariffs[::-1]):
        if too_high:
            with pytest.raises(BadTariffs, match="above the ceiling"):
                following([], order, NOW)
        else:
            following([], order, NOW)
    if too_high:  # Whichever of them was there first.
        with pytest.raises(BadTariffs, match="above the ceiling"):
            following(stored(tariffs[:1]), tariffs[1:], NOW)


names = st.fixed_dictionaries(
    {
        "provider": st.sampled_from(["", "magfa"]),
        "klass": st.sampled_from(["", "otp"]),
        "numbers": st.sampled_from(["", "+98", "+98912"]),
    }
)
some = st.builds(
    lambda kind, rial, start, length, named: Tariff(
        kind, "sms", rial, on(start), None if length is None else on(start + length), **named
    ),
    st.sampled_from(["price", "ceiling"]),
    st.integers(1, 9),
    st.integers(-6, 6),
    st.one_of(st.none(), st.integers(1, 6)),
    names,
)
MESSAGES = [
    message(to, provider=provider, klass=klass)
    for to, provider, klass in product(
        ["+989121234567", "+989351234567", "+1202"], ["magfa", "kavenegar"], ["otp", "bulk"]
    )
]


def applied(there: Sequence[Tariff], change: Change, first: int) -> list[Tariff]:
    gone = {tariff.id for tariff in (*change.ended, *change.removed)}
    return [*(t for t in there if t.id not in gone), *change.ended, *stored(change.added, first)]


@given(st.lists(st.lists(some, max_size=5), max_size=4))
def test_whatever_is_added_the_table_stays_sound(files: list[list[Tariff]]) -> None:
    """Rows for the same never overlap, no message is ever above its ceiling, and no price that somebody was
    charged by becomes another one."""
    there: list[Tariff] = []
    for n, file in enumerate(files):
        now = on(n - 2)
        try:
            change = following(there, file, now)
        except BadTariffs:
            continue
        before, there = there, applied(there, change, 20 * n + 1)
        after = Table(there)
        by_key: dict[Any, list[Tariff]] = {}
        for tariff in sorted(there, key=lambda tariff: tariff.starts_at):
            by_key.setdefault(tariff.key, []).append(tariff)
        for rows in by_key.values():
            for one, next_one in pairwise(rows):
                assert one.ends_at is not None
                assert one.starts_at < one.ends_at <= next_one.starts_at
        for what, day in product(MESSAGES, range(-7, 14)):
            cost, most = after.find("price", what, on(day)), after.find("ceiling", what, on(day))
            if cost and most:
                assert cost.rial <= most.rial
        for tariff in before_now(before, now):
            assert (tariff.id, tariff.rial) in {(each.id, each.rial) for each in there}


def before_now(tariffs: Sequence[Tariff], now: datetime) -> list[Tariff]:
    """Those that somebody may have been charged by."""
    return [tariff for tariff in tariffs if tariff.starts_at < now]
