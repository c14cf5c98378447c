"""Tariffs in the database: costs and estimates by them, and two who change them at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from records.database import Database
from records.tariffs import Change, Tariff
from records.unit import Conflict
from services.tariff_table import BadTariffs
from services.tariffs import Carrier, Estimate, Tariffs

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=300)
FILE = [
    Tariff("price", "sms", 1330, LONG_AGO),
    Tariff("price", "sms", 1463, LONG_AGO, numbers="+9893"),
    Tariff("price", "sms", 3325, LONG_AGO, alphabet="gsm7"),
    Tariff("price", "sms", 900, LONG_AGO, provider="magfa", line="3000611", klass="otp"),
    Tariff("price", "voice", 2500, LONG_AGO),
    Tariff("ceiling", "sms", 4000, LONG_AGO),
]


@pytest.fixture
def tariffs(database: Database) -> Tariffs:
    return Tariffs(database=database, carriers={"sms": Carrier("kavenegar", "10004346")})


def cost(tariffs: Tariffs, text: str = "سلام", parts: int = 1, **of: str) -> int | None:
    known = {"channel": "sms", "provider": "kavenegar", "line": "", "klass": "otp", "to": "+989121234567"}
    known |= of
    return tariffs.cost(
        known["channel"], known["provider"], known["line"], known["klass"], known["to"], text, parts, NOW
    )


async def test_what_a_message_costs(tariffs: Tariffs) -> None:
    assert cost(tariffs) is None
    await tariffs.add(FILE, NOW)
    assert cost(tariffs) == 1330
    assert cost(tariffs, parts=3) == 3990
    assert cost(tariffs, to="+989331234567") == 1463
    assert cost(tariffs, "hello") == 3325
    assert cost(tariffs, provider="magfa", line="+983000611") == 900
    assert cost(tariffs, provider="magfa", line="Chapar") == 1330  # A name, which no tariff names.
    assert cost(tariffs, channel="voice", parts=1) == 2500
    assert cost(tariffs, channel="email") is None


async def test_what_a_message_will_cost(tariffs: Tariffs, database: Database) -> None:
    await tariffs.add(FILE, NOW)
    other = Tariffs(database=database, carriers={"sms": Carrier("magfa", "3000611")})
    people = ["+989121234567", "+989331234567"]
    two_parts = "سلام " * 20
    assert await other.estimate(two_parts, people, at=NOW) == Estimate(2, 2 * (1330 + 1463), 0)
    assert await other.estimate("کد", people, klass="otp", at=NOW) == Estimate(1, 2 * 900, 0)
    by = Carrier("kavenegar")
    assert await other.estimate("کد", people, klass="otp", carrier=by, at=NOW) == Estimate(1, 1330 + 1463, 0)
    assert await other.estimate(two_parts, people, channel="voice", at=NOW) == Estimate(1, 5000, 0)
    assert await other.estimate("x", people, channel="email", at=NOW) == Estimate(1, 0, 2)
    assert await other.estimate("سلام", people, at=LONG_AGO - timedelta(days=1)) == Estimate(1, 0, 2)
    assert await other.estimate("سلام", [], at=NOW) == Estimate(1, 0, 0)


async def test_new_prices_are_known_to_others_when_they_look(tariffs: Tariffs, database: Database) -> None:
    other = Tariffs(database=database, carriers={})
    await tariffs.add(FILE[:1], NOW)
    assert cost(other) is None
    await other.refresh()
    assert cost(other) == 1330
    tomorrow = NOW + timedelta(days=1)
    change = await tariffs.add([Tariff("price", "sms", 1500, tomorrow)], NOW)
    assert [(each.rial, each.ends_at) for each in change.ended] == [(1330, tomorrow)]
    kept = [(each.rial, each.starts_at, each.ends_at) for each in await tariffs.every()]
    assert kept == [(1330, LONG_AGO, tomorrow), (1500, tomorrow, None)]


async def test_a_price_to_come_is_taken_back(tariffs: Tariffs) -> None:
    tomorrow = NOW + timedelta(days=1)
    await tariffs.add([*FILE[:1], Tariff("price", "sms", 15_000, tomorrow)], NOW)
    change = await tariffs.add([Tariff("price", "sms", 1500, tomorrow)], NOW)
    assert [each.rial for each in change.removed] == [15_000]
    assert [each.rial for each in await tariffs.every()] == [1330, 1500]


async def test_what_is_refused_changes_nothing(tariffs: Tariffs) -> None:
    await tariffs.add(FILE, NOW)
    before = await tariffs.every()
    new = [Tariff("price", "sms", 1200, NOW + timedelta(days=1)), Tariff("price", "sms", 4001, LONG_AGO, None,
           klass="bulk")]  # fmt: skip
    with pytest.raises(BadTariffs, match="price 4,001 rial of sms bulk: above the ceiling"):
        await tariffs.add(new, NOW)
    assert await tariffs.every() == before


async def test_two_who_change_them_at_once(database: Database) -> None:
    """What is left is sound: of two prices for one day there is one."""

    async def add(rial: int) -> Change | Conflict | BadTariffs:
        try:
            mine = Tariffs(database=database, carriers={})
            return await mine.add([Tariff("price", "sms", rial, LONG_AGO)], NOW)
        except (Conflict, BadTariffs) as error:
            return error

    outcomes: Sequence[object] = await asyncio.gather(*(add(rial) for rial in range(100, 105)))
    won = [outcome for outcome in outcomes if isinstance(outcome, Change)]
    assert len(won) == 1
    [left] = await Tariffs(database=database, carriers={}).every()
    assert left.rial == won[0].added[0].rial
