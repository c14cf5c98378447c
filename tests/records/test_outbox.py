from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from records.committer import Committer
from records.database import Database
from records.outbox import Content, content, is_tracking, new_tracking, queue
from records.tables import outbox
from records.unit import Conflict, Unit
from records.vault import Unreadable, Vault
from tests.records.rows import NOW

MESSAGE: dict[str, Any] = {
    "now": NOW,
    "channel": "sms",
    "klass": "service",
    "kind": "msisdn",
    "to": "+989121234567",
    "body": "شکایت شما ثبت شد.",
    "lifetime": timedelta(hours=4),
}


async def test_a_message_is_added_with_its_cause(
    database: Database, committer: Committer, vault: Vault
) -> None:
    unit = Unit()
    tracking = queue(unit, vault, **MESSAGE)
    assert await database.read(select(outbox)) == []
    await committer.commit(unit)
    [row] = await database.read(select(outbox))
    assert (row.tracking, row.status, row.attempts) == (tracking, "queued", 0)
    assert (row.created_at, row.due_at, row.expires_at) == (NOW, NOW, NOW + timedelta(hours=4))
    assert row.party == vault.index("msisdn", "+989121234567")
    assert content(vault, row.id, row.sealed) == Content("+989121234567", "", "شکایت شما ثبت شد.")
    assert "شکایت".encode() not in row.sealed
    assert b"9121234567" not in row.sealed
    with pytest.raises(Unreadable):
        content(vault, b"other" * 4, row.sealed)


async def test_a_later_message_expires_later(database: Database, committer: Committer, vault: Vault) -> None:
    unit = Unit()
    queue(unit, vault, **MESSAGE, due=NOW + timedelta(hours=1), subject="s")
    await committer.commit(unit)
    [row] = await database.read(select(outbox))
    assert (row.due_at, row.expires_at) == (NOW + timedelta(hours=1), NOW + timedelta(hours=5))
    assert content(vault, row.id, row.sealed).subject == "s"


async def test_one_idempotency_key_sends_one_message(
    database: Database, committer: Committer, vault: Vault
) -> None:
    for _attempt in range(2):
        unit = Unit()
        queue(unit, vault, **MESSAGE, idempotency_key="order-7")
        if _attempt:
            with pytest.raises(Conflict):
                await committer.commit(unit)
        else:
            await committer.commit(unit)
    assert len(await database.read(select(outbox.c.id))) == 1


def test_tracking_numbers_are_ten_digits_that_check_themselves() -> None:
    numbers = {new_tracking() for _ in range(2_000)}
    assert len(numbers) > 1_990
    assert all(len(number) == 10 and number[0] != "0" and is_tracking(number) for number in numbers)


@given(st.integers(0, 9), st.integers(1, 9))
def test_a_wrong_digit_is_noticed(place: int, by: int) -> None:
    number = new_tracking()
    wrong = number[:place] + str((int(number[place]) + by) % 10) + number[place + 1 :]
    assert not is_tracking(wrong)


@given(st.integers(0, 8))
def test_two_digits_exchanged_are_noticed(place: int) -> None:
    number = new_tracking()
    wrong = number[:place] + number[place + 1] + number[place] + number[place + 2 :]
    assert is_tracking(wrong) == (wrong == number)


@pytest.mark.parametrize("text", ["", "12345", "123456789012", "۱۲۳۴۵۶۷۸۹۰", "abcdefghij", "12345 6789"])
def test_other_texts_are_no_tracking_numbers(text: str) -> None:
    assert not is_tracking(text)
