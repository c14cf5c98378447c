"""The complaint desk on both databases: what a person does, what an operator does, and what is kept of it."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import select

from engine.numbers import has_check_digit
from records.complaints import Complaint
from records.tables import complaint_events, complaints
from records.unit import Conflict, Unit
from services.calendar import TEHRAN
from services.complaint_rules import MOVES, OtherPerson, UnknownComplaint, WrongMove, category, move
from services.complaints import Opened, TooManyOpen
from services.subscribers import Person
from tests.services.conftest import Desk

TEXT = "از دیروز هیچ پیامی نمی‌رسد."


async def file(desk: Desk, person: Person, subject: str = "outage", text: str = TEXT) -> Opened:
    opened = await desk.turn(
        lambda unit: desk.services.complaints.open(unit, person, now=desk.now, subject=subject, text=text)
    )
    assert isinstance(opened, Opened)
    return opened


async def add(desk: Desk, person: Person, number: str, text: str = "هنوز هم نمی‌رسد.") -> None:
    await desk.turn(
        lambda unit: desk.services.complaints.add(unit, person, now=desk.now, number=number, text=text)
    )


async def read(desk: Desk, number: str) -> Complaint:
    return (await desk.services.complaints.read(number))[0]


async def revision(desk: Desk, number: str) -> int:
    return (await read(desk, number)).revision


async def last_sms(desk: Desk, to: str = "+989121234567") -> str:
    return (await desk.messages(to))[-1].body.replace("\u00a0", "").replace("\u200e", "")


def persian(number: str) -> str:
    return number.translate(str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹"))


async def test_a_complaint_is_filed_and_confirmed(desk: Desk) -> None:
    person = await desk.person()
    opened = await file(desk, person)
    assert len(opened.number) == 8
    assert opened.number[0] != "0"
    assert has_check_digit(opened.number)
    # Monday, so until Wednesday at four.
    assert opened.deadline == datetime(2026, 11, 25, 16, tzinfo=TEHRAN)
    found = await read(desk, opened.number)
    assert (found.state, found.category, found.priority) == ("open", "outage", "high")
    assert (found.deadline, found.opened_at) == (opened.deadline, desk.now)
    assert (found.channel, found.session, found.subscriber) == ("ussd", person.session, person.subscriber)
    [sms] = await desk.messages()
    assert (sms.to, sms.channel, sms.klass) == (person.address, "sms", "service")
    assert await last_sms(desk) == (
        f"شکایت شما ثبت شد.\nشماره: {persian(opened.number)}\nپاسخ تا ۱۴۰۵/۰۹/۰۴\nپیگیری: *733#"
    )


async def test_words_are_sealed(desk: Desk) -> None:
    await file(desk, await desk.person())
    [event] = await desk.database.read(select(complaint_events))
    assert TEXT.encode() not in bytes(event.sealed)


async def test_words_of_ones_own_are_kept_as_another_subject(desk: Desk) -> None:
    opened = await file(desk, await desk.person(), subject="بسته‌بندی", text="پاره بود.")
    found, words = await desk.services.complaints.read(opened.number)
    assert found.category == "other"
    assert words[0].text == "بسته‌بندی\nپاره بود."
    assert category("privacy")[1].priority == "urgent"


async def test_five_open_ones(desk: Desk) -> None:
    person = await desk.person()
    numbers = [(await file(desk, person)).number for _ in range(5)]
    sixth = await desk.turn(
        lambda unit: desk.services.complaints.open(unit, person, now=desk.now, subject="other", text=TEXT)
    )
    assert sixth == TooManyOpen()
    await file(desk, await desk.person("+989351112233"))
    # An answered one makes room.
    await desk.services.complaints.answer(numbers[0], operator="sara", text="شد.", revision=1, now=desk.now)
    await file(desk, person)


async def test_only_its_owner_finds_it(desk: Desk) -> None:
    person, other = await desk.person(), await desk.person("+989351112233")
    number = (await file(desk, person)).number
    find = desk.services.complaints.find
    for written in (number, f"{number[:4]}-{number[4:]}", f"{number[:4]} {number[4:]}", persian(number)):
        assert (await find(Unit(), person, written)).number == number
    mistyped = number[:-1] + str((int(number[-1]) + 1) % 10)
    for stranger, written in ((other, number), (person, mistyped), (person, ""), (person, "1" * 400)):
        with pytest.raises(UnknownComplaint):
            await find(Unit(), stranger, written)
    with pytest.raises(UnknownComplaint):
        await add(desk, other, number)


async def test_from_opening_to_closing(desk: Desk) -> None:
    person, number = await desk.person(), ""
    number = (await file(desk, person)).number
    service = desk.services.complaints

    desk.after(60)
    await add(desk, person, number)
    assert await last_sms(desk) == f"نوشته شما به شکایت {persian(number)} افزوده شد.\nپاسخ تا ۱۴۰۵/۰۹/۰۴"

    desk.after(60)
    await service.assign(number, operator="sara", to="reza", revision=2, now=desk.now)
    assert await last_sms(desk) == f"شکایت {persian(number)} به کارشناس سپرده شد.\nپاسخ تا ۱۴۰۵/۰۹/۰۴"

    desk.after(60)
    await service.answer(number, operator="reza", text="دکل تعمیر شد.", revision=3, now=desk.now)
    assert await last_sms(desk) == f"پاسخ شکایت {persian(number)}:\nدکل تعمیر شد."
    found = await read(desk, number)
    assert (found.state, found.answered_at, found.assignee) == ("answered", desk.now, "reza")
    assert await service.answer_to(found) == "دکل تعمیر شد."

    # A word of the person takes it up again, with a new deadline.
    desk.now += timedelta(days=1)
    await add(desk, person, number, "دوباره قطع شد.")
    found = await read(desk, number)
    assert (found.state, found.deadline) == ("open", datetime(2026, 11, 28, 16, tzinfo=TEHRAN))

    desk.after(60)
    await service.close(number, operator="reza", text="تکراری", revision=5, now=desk.now)
    assert await last_sms(desk) == f"شکایت {persian(number)} بسته شد.\nمشکل مانده است؟ شکایت تازه: *733#"
    assert (await read(desk, number)).closed_at == desk.now
    with pytest.raises(WrongMove):
        await add(desk, person, number)

    desk.after(60)
    await service.reopen(number, operator="sara", revision=6, now=desk.now)
    assert await last_sms(desk) == f"شکایت {persian(number)} دوباره باز شد.\nپاسخ تا ۱۴۰۵/۰۹/۰۷"
    found, words = await service.read(number)
    assert (found.state, found.closed_at, found.revision) == ("open", None, 7)
    assert [(word.author, word.operator, word.kind, word.text) for word in words] == [
        ("person", None, "opened", TEXT),
        ("person", None, "message", "هنوز هم نمی‌رسد."),
        ("operator", "sara", "assigned", "reza"),
        ("operator", "reza", "answered", "دکل تعمیر شد."),
        ("person", None, "message", "دوباره قطع شد."),
        ("operator", "reza", "closed", "تکراری"),
        ("operator", "sara", "reopened", ""),
    ]
    assert len(await desk.messages()) == 7


async def test_a_long_answer_is_read_on_the_phone(desk: Desk) -> None:
    number = (await file(desk, await desk.person())).number
    long = "پاسخ بلند. " * 40
    await desk.services.complaints.answer(number, operator="sara", text=long, revision=1, now=desk.now)
    assert await last_sms(desk) == f"به شکایت {persian(number)} پاسخ داده شد. برای خواندن آن *733# را بگیرید."
    assert await desk.services.complaints.answer_to(await read(desk, number)) == long


async def test_merging(desk: Desk) -> None:
    person = await desk.person()
    first, second = (await file(desk, person)).number, (await file(desk, person)).number
    service = desk.services.complaints
    await service.merge(second, into=first, operator="sara", revision=1, now=desk.now)
    merged, target = await read(desk, second), await read(desk, first)
    assert (merged.state, merged.merged_into) == ("merged", target.id)
    assert (target.state, target.revision) == ("open", 2)
    assert await service.number_of_merged(merged) == first
    assert await last_sms(desk) == (
        f"شکایت {persian(second)} با شکایت دیگر شما یکی شد.\nشماره پیگیری: {persian(first)}"
    )
    # Both tell of it, and nothing can be merged into what is over.
    assert (await service.read(first))[1][-1].text == second
    assert (await service.read(second))[1][-1].text == first
    with pytest.raises(WrongMove):
        await service.merge(first, into=second, operator="sara", revision=2, now=desk.now)
    with pytest.raises(WrongMove):
        await add(desk, person, second)


async def test_what_cannot_be_merged(desk: Desk) -> None:
    number = (await file(desk, await desk.person())).number
    others = (await file(desk, await desk.person("+989351112233"))).number
    service = desk.services.complaints
    for into, error in ((others, OtherPerson), (number, OtherPerson), ("12345678", UnknownComplaint)):
        with pytest.raises(error):
            await service.merge(number, into=into, operator="sara", revision=1, now=desk.now)
    assert (await read(desk, number)).revision == 1


async def test_two_merges_crosswise_leave_one(desk: Desk) -> None:
    person = await desk.person()
    first, second = (await file(desk, person)).number, (await file(desk, person)).number
    service = desk.services.complaints
    done = await asyncio.gather(
        service.merge(first, into=second, operator="sara", revision=1, now=desk.now),
        service.merge(second, into=first, operator="reza", revision=1, now=desk.now),
        return_exceptions=True,
    )
    assert sorted(type(each).__name__ for each in done) == ["Conflict", "NoneType"]
    states = sorted([(await read(desk, number)).state for number in (first, second)])
    assert states == ["merged", "open"]


async def test_who_saw_an_older_page_is_told(desk: Desk) -> None:
    person = await desk.person()
    number = (await file(desk, person)).number
    await add(desk, person, number)
    with pytest.raises(Conflict):
        await desk.services.complaints.answer(number, operator="sara", text="بله", revision=1, now=desk.now)
    assert len(await desk.messages()) == 2


async def test_two_operators_at_once(desk: Desk) -> None:
    """One answer is kept and sent, the other operator is told."""
    number = (await file(desk, await desk.person())).number
    done = await asyncio.gather(
        *(
            desk.services.complaints.answer(number, operator=name, text=name, revision=1, now=desk.now)
            for name in ("sara", "reza", "mina")
        ),
        return_exceptions=True,
    )
    assert sum(isinstance(each, Conflict) for each in done) == 2
    found, words = await desk.services.complaints.read(number)
    assert found.revision == 2
    assert [word.kind for word in words] == ["opened", "answered"]
    assert len(await desk.messages()) == 2


async def test_a_person_and_an_operator_at_once(desk: Desk) -> None:
    """The person's word is never lost: it runs again after the answer and takes the complaint up again, or
    the answer is refused because it did not see that word."""
    person = await desk.person()
    number = (await file(desk, person)).number
    _word, answered = await asyncio.gather(
        add(desk, person, number, "یک چیز دیگر"),
        desk.services.complaints.answer(number, operator="sara", text="پاسخ", revision=1, now=desk.now),
        return_exceptions=True,
    )
    found, words = await desk.services.complaints.read(number)
    assert found.state == "open"
    kinds = [word.kind for word in words]
    assert sorted(kinds) == (
        ["message", "opened"] if isinstance(answered, Conflict) else ["answered", "message", "opened"]
    )


async def test_one_turn_sees_what_it_did(desk: Desk) -> None:
    person = await desk.person()
    service, unit = desk.services.complaints, Unit()
    opened = await service.open(unit, person, now=desk.now, subject="other", text=TEXT)
    assert isinstance(opened, Opened)
    await service.add(unit, person, now=desk.now, number=opened.number, text="یک")
    await service.add(unit, person, now=desk.now, number=opened.number, text="دو")
    assert (await service.find(unit, person, opened.number)).revision == 3
    for _ in range(4):
        await service.open(unit, person, now=desk.now, subject="other", text=TEXT)
    assert await service.open(unit, person, now=desk.now, subject="other", text=TEXT) == TooManyOpen()
    await desk.committer.commit(unit)

    again = Unit()
    await service.add(again, person, now=desk.now, number=opened.number, text="سه")
    await service.add(again, person, now=desk.now, number=opened.number, text="چهار")
    await desk.committer.commit(again)
    found, words = await service.read(opened.number)
    assert found.revision == 5
    assert [word.text for word in words] == [TEXT, "یک", "دو", "سه", "چهار"]


async def test_a_number_that_is_taken_runs_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    person = await desk.person()
    taken = (await file(desk, person)).number
    draws = iter([int(taken[:-1]), int(taken[:-1]), 4821903])
    dice = SimpleNamespace(randrange=lambda _most: next(draws) - 10**6)
    monkeypatch.setattr("services.complaints.randomness", dice)
    assert (await file(desk, person)).number[:-1] == "4821903"
    rows = await desk.database.read(select(complaints))
    assert len(rows) == 2


async def test_someone_without_a_number_is_written_to_where_they_chat(desk: Desk) -> None:
    """A chat that never gave a number: its own screen has said that the complaint was filed."""
    found = await desk.turn(
        lambda unit: desk.services.subscribers.find_or_create(
            unit, now=desk.now, kind="telegram", address="77", language="fa", by=None
        )
    )
    person = Person(found.id, "77", desk.vault.index("telegram", "77"), "fa", "telegram", b"s" * 16)
    opened = await file(desk, person)
    assert await desk.messages() == []
    await desk.services.complaints.close(opened.number, operator="sara", revision=1, now=desk.now)
    [message] = await desk.messages()
    grouped = f"{persian(opened.number[:4])}\u00a0{persian(opened.number[4:])}"
    assert (message.channel, message.to, message.body) == (
        "telegram", "77", f"شکایت {grouped} بسته شد.\nمشکل مانده است؟ «شکایت» را بفرستید.",
    )  # fmt: skip
    assert (await read(desk, opened.number)).state == "closed"


def test_moves_lead_to_known_states_only() -> None:
    states = {"open", "answered", "closed", "merged"}
    for (author, act), table in MOVES.items():
        assert set(table) <= states
        assert set(table.values()) <= states
        for state in states:
            if state in table:
                assert move(author, act, state) == table[state]
            else:
                with pytest.raises(WrongMove):
                    move(author, act, state)
    # What was merged is over for good.
    assert all("merged" not in table for table in MOVES.values())
    with pytest.raises(WrongMove):
        move("person", "answered", "open")
