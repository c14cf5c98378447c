"""Hand-over on both databases: waiting, talking, closing, and two who act at once."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import msgspec
import pytest
from sqlalchemy import select, update

from records import threads as records
from records.ids import new_id
from records.signals import OwnSignals
from records.tables import callbacks, complaints, outbox, posts, ratings, threads
from records.unit import Conflict, Unit
from services import CARRIED
from services.complaint_rules import OtherPerson, UnknownComplaint
from services.complaints import Opened, TooManyOpen
from services.handover import Outlook, Waiting
from services.handover_acts import Acts
from services.handover_desk import HandoverDesk
from services.handover_errors import Absent, NotYours, Over, Taken, UnknownThread, Unread
from services.handover_posts import ACCEPTED, RETURNED, Postbox, by_outbox
from services.subscribers import Person
from tests.services.conftest import Desk

KEY = b"k" * 16


async def someone(desk: Desk, address: str = "777", channel: str = "telegram") -> Person:
    found = await desk.turn(
        lambda unit: desk.services.subscribers.find_or_create(
            unit, now=desk.now, kind=channel, address=address, language="fa", by=None
        )
    )
    party = desk.vault.index(channel, address)
    return Person(found.id, address, party, found.language, channel, new_id(desk.now))


async def ask(desk: Desk, person: Person, topic: str = "support") -> Waiting:
    waiting = await desk.turn(
        lambda unit: desk.services.handover.request(
            unit, person, now=desk.now, topic=topic, live=True, route=person.channel
        )
    )
    assert waiting is not None
    return waiting


async def say(desk: Desk, person: Person, text: str, key: bytes | None = None) -> bool:
    return await desk.turn(
        lambda unit: desk.services.handover.say(
            unit, person, now=desk.now, route=person.channel, text=text, key=key, raw=b"{}"
        )
    )


async def talk(desk: Desk, thread: bytes) -> list[tuple[str, str, str]]:
    _thread, lines = await desk.services.handover_desk.read(thread)
    return [(line.author, line.kind, line.text) for line in lines]


async def open_thread(desk: Desk, person: Person, operator: str = "sara") -> bytes:
    thread = (await ask(desk, person)).thread
    await desk.services.handover_desk.accept(thread, operator=operator, now=desk.now)
    return thread


async def close(desk: Desk, thread: bytes, operator: str = "sara", reason: str = "resolved") -> None:
    found, _lines = await desk.services.handover_desk.read(thread)
    await desk.services.handover_desk.close(
        thread, operator=operator, reason=reason, seen=found.sequence, now=desk.now
    )


async def test_a_whole_hand_over(desk: Desk) -> None:
    person, service = await someone(desk), desk.services.handover_desk
    waiting = await ask(desk, person)
    assert waiting.place == 1
    assert await say(desk, person, "پیامک‌هایم نمی‌رسد", KEY)
    desk.after(60)
    [queued] = await service.queue(now=desk.now)
    assert (queued.thread.id, queued.waited, queued.thread.topic) == (
        waiting.thread, timedelta(seconds=60), "support",
    )  # fmt: skip
    await service.accept(waiting.thread, operator="sara", now=desk.now)
    assert await service.queue(now=desk.now) == []
    assert [each.id for each in await service.mine("sara")] == [waiting.thread]
    assert (await ask(desk, person)).place == 0
    desk.after(5)
    await service.say(waiting.thread, operator="sara", text="بررسی می‌کنم", now=desk.now, key=b"a" * 16)
    await say(desk, person, "ممنون", b"m" * 16)
    await close(desk, waiting.thread)
    assert await talk(desk, waiting.thread) == [
        ("system", "requested", "support"),
        ("person", "text", "پیامک‌هایم نمی‌رسد"),
        ("operator", "accepted", ""),
        ("system", "notice", ACCEPTED),
        ("operator", "text", "بررسی می‌کنم"),
        ("person", "text", "ممنون"),
        ("operator", "closed", "resolved"),
    ]
    found, lines = await service.read(waiting.thread)
    assert (found.state, found.reason, found.owed, found.operator) == ("closed", "resolved", "closed", "sara")
    assert [line.sequence for line in lines] == list(range(1, 8))
    assert [line.id for line in lines] == sorted(line.id for line in lines)
    # What the person is to read left with it, by the bot that they wrote to.
    assert [(each.to, each.body, each.channel, each.klass) for each in await desk.messages()] == [
        ("777", ACCEPTED, "telegram", "service"),
        ("777", "بررسی می‌کنم", "telegram", "service"),
    ]
    assert [each.tracking for each in await desk.messages()] == [
        line.tracking for line in lines if line.tracking
    ]
    shown = await desk.services.handover.posts_to(person.party, lines[1].id)
    assert [line.text for line in shown] == [ACCEPTED, "بررسی می‌کنم", "ممنون"]
    assert [each.id for each in await service.history(person.subscriber)] == [waiting.thread]


async def test_words_are_sealed_and_requests_are_kept(desk: Desk) -> None:
    person = await someone(desk)
    await ask(desk, person)
    await say(desk, person, "رمز من ۱۲۳۴ است")
    row = (await desk.database.read(select(posts).where(posts.c.author == "person")))[0]
    assert "۱۲۳۴".encode() not in bytes(row.sealed)
    assert records.said(desk.vault, records.Post(*row)).raw == b"{}"
    [thread] = await desk.database.read(select(threads))
    assert b"777" not in bytes(thread.sealed)


async def test_on_the_web_nothing_goes_to_the_outbox(desk: Desk) -> None:
    person = await someone(desk, "visitor-1", "webchat")
    thread = await open_thread(desk, person)
    await desk.services.handover_desk.say(thread, operator="sara", text="سلام", now=desk.now, key=KEY)
    assert await desk.messages() == []
    shown = await desk.services.handover.posts_to(person.party, b"")
    assert [(line.author, line.text) for line in shown] == [("system", ACCEPTED), ("operator", "سلام")]
    # Its device has it, then the person has read it; somebody else's device says nothing about it.
    unit, service = Unit(), desk.services.handover
    service.seen(unit, person.party, shown[0].id, desk.now, read=False)
    service.seen(unit, person.party, shown[1].id, desk.now, read=True)
    service.seen(unit, b"x" * 16, shown[0].id, desk.now, read=True)
    await desk.committer.commit(unit)
    first, second = await desk.services.handover.posts_to(person.party, b"")
    assert (first.delivered_at, first.read_at) == (desk.now, None)
    assert (second.delivered_at, second.read_at) == (None, desk.now)


async def test_where_nobody_can_wait_it_is_a_call(desk: Desk) -> None:
    person = await desk.person()
    asked = await desk.turn(
        lambda unit: desk.services.handover.request(unit, person, now=desk.now, topic="support", route="nalo")
    )
    assert asked is None
    assert len(await desk.database.read(select(callbacks))) == 1
    assert await desk.database.read(select(threads)) == []


async def test_who_asks_in_one_instant_has_a_place_of_their_own(desk: Desk) -> None:
    """Before any of their turns is in the records, and also when one of them runs again."""
    people = [await someone(desk, str(place)) for place in range(4)]
    request = desk.services.handover.request

    async def asks(unit: Unit, person: Person) -> int:
        waiting = await request(unit, person, now=desk.now, topic="support", live=True, route="telegram")
        assert waiting is not None
        return waiting.place

    units = [Unit() for _person in people]
    pairs = zip(units, people, strict=True)
    places = await asyncio.gather(*(asks(unit, person) for unit, person in pairs))
    assert sorted(places) == [1, 2, 3, 4]
    units[1] = Unit()
    assert await asks(units[1], people[1]) == places[1]
    committer = desk.committer
    await asyncio.gather(*(committer.commit(unit) for unit in units))
    assert [(await ask(desk, person)).place for person in people] == places
    # One whose turn came to nothing is nobody's predecessor any more.
    assert await asks(Unit(), await someone(desk, "8")) == 5
    desk.after(11)
    assert await asks(Unit(), await someone(desk, "9")) == 5


async def test_places_are_told_as_they_are(desk: Desk) -> None:
    outlook = desk.services.handover.outlook
    people = [await someone(desk, str(number)) for number in range(4)]
    waits: list[Waiting] = []
    for person in people:
        desk.after(1)
        assert await outlook(now=desk.now) == Outlook(True, len(waits) + 1, None)
        waits.append(await ask(desk, person))
    assert [each.place for each in waits] == [1, 2, 3, 4]
    service = desk.services.handover_desk
    await service.accept(waits[1].thread, operator="sara", now=desk.now)
    assert [(await ask(desk, person)).place for person in people] == [1, 0, 2, 3]
    # Given back it has the place that it had; one who left leaves room.
    await service.give_back(waits[1].thread, operator="sara", note="", now=desk.now)
    await desk.turn(
        lambda unit: desk.services.handover.leave(
            unit, people[0], now=desk.now, route="telegram", reason="left"
        )
    )
    assert [(await ask(desk, person)).place for person in people[1:]] == [1, 2, 3]
    assert [each.thread.id for each in await service.queue(now=desk.now)] == [
        each.thread for each in waits[1:]
    ]


async def test_one_of_two_accepts(desk: Desk) -> None:
    thread = (await ask(desk, await someone(desk))).thread
    service = desk.services.handover_desk
    names = [f"operator {number}" for number in range(5)]
    results = await asyncio.gather(
        *(service.accept(thread, operator=name, now=desk.now) for name in names), return_exceptions=True
    )
    found, lines = await service.read(thread)
    assert [name for name, result in zip(names, results, strict=True) if result is None] == [found.operator]
    assert sum(isinstance(result, Taken) for result in results) == 4
    assert [line.operator for line in lines if line.kind == "accepted"] == [found.operator]
    assert len(await desk.messages()) == 1
    # Again it is nothing new.
    assert found.operator is not None
    await service.accept(thread, operator=found.operator, now=desk.now)
    assert (await service.read(thread))[1] == lines


async def test_a_post_is_one_however_often_it_comes(desk: Desk) -> None:
    person = await someone(desk)
    thread = await open_thread(desk, person)
    service = desk.services.handover_desk
    await asyncio.gather(*(say(desk, person, "الو", b"p" * 16) for _ in range(4)))
    await asyncio.gather(
        *(service.say(thread, operator="sara", text="بله", now=desk.now, key=b"o" * 16) for _ in range(4))
    )
    texts = [text for author, kind, text in await talk(desk, thread) if kind == "text"]
    assert sorted(texts) == ["الو", "بله"]
    assert [each.body for each in await desk.messages()] == [ACCEPTED, "بله"]


async def test_many_speak_at_once_and_all_is_kept_in_one_order(desk: Desk) -> None:
    person = await someone(desk)
    thread = await open_thread(desk, person)
    service = desk.services.handover_desk

    async def until_said(number: int) -> None:
        while True:
            try:
                await service.say(
                    thread, operator="sara", text=f"o{number}", now=desk.now, key=bytes([number]) * 16
                )
                return
            except Conflict:
                continue

    async def person_says(number: int) -> None:
        while True:
            unit = Unit()
            await desk.services.handover.say(
                unit, person, now=desk.now, route="telegram", text=f"p{number}", key=bytes([99 + number]) * 16
            )
            try:
                await desk.committer.commit(unit)
                return
            except Conflict:
                continue

    await asyncio.gather(*(until_said(n) for n in range(8)), *(person_says(n) for n in range(8)))
    _found, lines = await service.read(thread)
    assert [line.sequence for line in lines] == list(range(1, len(lines) + 1))
    assert [line.id for line in lines] == sorted(line.id for line in lines)
    said = [line.text for line in lines if line.kind == "text"]
    assert sorted(said) == sorted([f"o{n}" for n in range(8)] + [f"p{n}" for n in range(8)])


async def test_nothing_is_overlooked_when_it_is_closed(desk: Desk) -> None:
    person, service = await someone(desk), desk.services.handover_desk
    thread = await open_thread(desk, person)
    seen = (await service.read(thread))[0].sequence
    await say(desk, person, "یک چیز دیگر")
    with pytest.raises(Unread):
        await service.close(thread, operator="sara", reason="resolved", seen=seen, now=desk.now)
    assert (await service.read(thread))[0].state == "open"
    await close(desk, thread)
    with pytest.raises(Over):
        await close(desk, thread)
    # Who writes just after it is told so, and the words are kept.
    assert await say(desk, person, "راستی…", KEY) is False
    assert (await talk(desk, thread))[-1] == ("person", "text", "راستی…")
    found, _lines = await service.read(thread)
    assert (found.state, found.owed) == ("closed", None)


async def test_closing_races_with_a_post(desk: Desk) -> None:
    service = desk.services.handover_desk
    for number in range(6):
        person = await someone(desk, f"racer {number}")
        thread = await open_thread(desk, person)
        closed, goes_on = await asyncio.gather(
            close(desk, thread), say(desk, person, "صبر کنید"), return_exceptions=True
        )
        found, lines = await service.read(thread)
        kinds = [line.kind for line in lines[3:]]
        # Either the operator was told of it, or the person; the words are there in both cases.
        if isinstance(closed, Unread):
            assert (found.state, goes_on, kinds) == ("open", True, ["text"])
        else:
            assert closed is None
            assert found.state == "closed"
            assert kinds in (["closed", "text"], ["text", "closed"])
            assert goes_on is (kinds == ["text", "closed"])
            # The operator had seen what came before.
            assert kinds == ["closed", "text"] or lines[-1].sequence == 5


async def test_who_may_do_what(desk: Desk) -> None:
    person, service = await someone(desk), desk.services.handover_desk
    thread = (await ask(desk, person)).thread
    for act in (
        service.say(thread, operator="ali", text="سلام", now=desk.now, key=KEY),
        service.give_back(thread, operator="ali", note="", now=desk.now),
        service.close(thread, operator="ali", reason="resolved", seen=9, now=desk.now),
        service.transfer(thread, operator="ali", to="sara", note="", now=desk.now),
    ):
        with pytest.raises(NotYours):
            await act
    await service.accept(thread, operator="sara", now=desk.now)
    with pytest.raises(Taken, match="sara"):
        await service.accept(thread, operator="ali", now=desk.now)
    with pytest.raises(NotYours):
        await service.say(thread, operator="ali", text="سلام", now=desk.now, key=KEY)
    with pytest.raises(ValueError, match="reason"):
        await service.close(thread, operator="sara", reason="bored", seen=9, now=desk.now)
    with pytest.raises(ValueError, match="name"):
        await service.show_up("", now=desk.now)
    await close(desk, thread)
    with pytest.raises(Over):
        await service.say(thread, operator="sara", text="سلام", now=desk.now, key=KEY)
    with pytest.raises(Over):
        await service.accept(thread, operator="sara", now=desk.now)
    with pytest.raises(UnknownThread):
        await service.read(b"x" * 16)
    # A note may follow, for operators only.
    await service.note(thread, operator="ali", text="مشتری قدیمی", now=desk.now)
    assert "مشتری قدیمی" not in [each.body for each in await desk.messages()]
    shown = await desk.services.handover.posts_to(person.party, b"")
    assert {line.kind for line in shown} == {"notice"}


async def test_handing_on(desk: Desk) -> None:
    person, service = await someone(desk), desk.services.handover_desk
    thread = await open_thread(desk, person)
    with pytest.raises(Absent):
        await service.transfer(thread, operator="sara", to="ali", note="", now=desk.now)
    await service.show_up("ali", now=desk.now)
    assert await service.present(now=desk.now) == ["ali", "sara"]
    with pytest.raises(Absent):
        await service.transfer(thread, operator="sara", to="sara", note="", now=desk.now)
    await service.transfer(thread, operator="sara", to="ali", note="قبض ندارد", now=desk.now)
    found, _lines = await service.read(thread)
    assert (found.operator, found.state) == ("ali", "open")
    assert (await talk(desk, thread))[-3:-1] == [
        ("operator", "transferred", "ali"), ("operator", "note", "قبض ندارد"),
    ]  # fmt: skip
    with pytest.raises(NotYours):
        await service.say(thread, operator="sara", text="سلام", now=desk.now, key=KEY)
    await service.say(thread, operator="ali", text="سلام", now=desk.now, key=KEY)
    await service.give_back(thread, operator="ali", note="فردا", now=desk.now)
    [queued] = await service.queue(now=desk.now)
    assert queued.thread.id == thread
    assert [each.body for each in await desk.messages()][-1] == RETURNED
    await service.accept(thread, operator="sara", now=desk.now)
    # Who has gone home gets nothing.
    await service.go_away("ali", now=desk.now)
    with pytest.raises(Absent):
        await service.transfer(thread, operator="sara", to="ali", note="", now=desk.now)


async def test_an_operator_who_disappears(desk: Desk) -> None:
    people = [await someone(desk, str(number)) for number in range(3)]
    service = desk.services.handover_desk
    kept = await open_thread(desk, people[0], "ali")
    lost = [await open_thread(desk, person) for person in people[1:]]
    assert await service.sweep(now=desk.now) == 0
    desk.after(100)
    await service.show_up("ali", now=desk.now)
    desk.after(100)
    swept = await asyncio.gather(*(service.sweep(now=desk.now) for _ in range(4)))
    assert sum(swept) == 2
    assert {each.thread.id for each in await service.queue(now=desk.now)} == set(lost)
    assert [each.id for each in await service.mine("ali")] == [kept]
    for thread in lost:
        kinds = [kind for _author, kind, _text in await talk(desk, thread)]
        assert kinds == ["requested", "accepted", "notice", "returned", "notice"]
    assert await service.sweep(now=desk.now) == 0
    with pytest.raises(NotYours):
        await service.say(lost[0], operator="sara", text="هستم", now=desk.now, key=KEY)
    await service.accept(lost[0], operator="sara", now=desk.now)
    assert await service.sweep(now=desk.now) == 0
    await service.say(lost[0], operator="sara", text="برگشتم", now=desk.now, key=KEY)


async def test_the_person_writes_while_nobody_is_there(desk: Desk) -> None:
    person = await someone(desk)
    thread = (await ask(desk, person)).thread
    for number in range(3):
        desk.after(3600)
        assert await say(desk, person, f"پیام {number}")
    [queued] = await desk.services.handover_desk.queue(now=desk.now)
    assert queued.waited == timedelta(hours=3)
    await desk.services.handover_desk.accept(thread, operator="sara", now=desk.now)
    texts = [text for author, _kind, text in await talk(desk, thread) if author == "person"]
    assert texts == ["پیام 0", "پیام 1", "پیام 2"]


async def test_one_thread_for_a_person_on_a_route(desk: Desk) -> None:
    person = await someone(desk)
    first = await ask(desk, person)
    assert await ask(desk, person) == first
    # A new dialog of the chat goes on with it.
    later = msgspec.structs.replace(person, session=new_id(desk.now))
    assert (await ask(desk, later)).thread == first.thread
    assert (await desk.services.handover_desk.read(first.thread))[0].session == later.session
    # Who leaves by the old dialog leaves nothing.
    leave = desk.services.handover.leave
    await desk.turn(lambda unit: leave(unit, person, now=desk.now, route="telegram", reason="left"))
    assert (await desk.services.handover_desk.read(first.thread))[0].state == "waiting"
    await desk.turn(lambda unit: leave(unit, later, now=desk.now, route="telegram", reason="left"))
    found, _lines = await desk.services.handover_desk.read(first.thread)
    assert (found.state, found.reason, found.owed) == ("closed", "left", None)
    # Left and asked for again in one turn.
    unit = Unit()
    second = await desk.services.handover.request(
        unit, later, now=desk.now, topic="support", live=True, route="telegram"
    )
    assert second is not None
    assert second.thread != first.thread
    assert (
        await desk.services.handover.request(
            unit, later, now=desk.now, topic="support", live=True, route="telegram"
        )
        == second
    )
    await desk.committer.commit(unit)
    unit = Unit()
    await leave(unit, later, now=desk.now, route="telegram", reason="left")
    third = await desk.services.handover.request(
        unit, later, now=desk.now, topic="support", live=True, route="telegram"
    )
    await desk.committer.commit(unit)
    assert third is not None
    assert third.thread not in (first.thread, second.thread)
    # On another bot the same person has another one.
    other = await desk.turn(
        lambda unit: desk.services.handover.request(
            unit, later, now=desk.now, topic="support", live=True, route="telegram-shop"
        )
    )
    assert other is not None
    assert other.thread != third.thread


async def test_asking_at_once_is_asking_once(desk: Desk) -> None:
    person = await someone(desk)
    asked = await asyncio.gather(*(ask(desk, person) for _ in range(5)))
    assert len({each.thread for each in asked}) == 1
    assert len(await desk.database.read(select(threads))) == 1


async def test_what_an_earlier_thread_owed_ends_with_the_next_one(desk: Desk) -> None:
    person = await someone(desk)
    first = await open_thread(desk, person)
    await close(desk, first)
    assert [each.id for each in await desk.services.handover_desk.owed()] == [first]
    await ask(desk, person)
    assert await desk.services.handover_desk.owed() == []


async def test_nobody_to_talk_with(desk: Desk) -> None:
    person = await someone(desk)
    with pytest.raises(LookupError):
        await say(desk, person, "الو")
    assert not await desk.turn(lambda unit: desk.services.handover.rate(unit, person, now=desk.now, score=5))
    with pytest.raises(ValueError, match="32"):
        await ask(desk, person, "x" * 33)
    await desk.turn(
        lambda unit: desk.services.handover.leave(unit, person, now=desk.now, route="telegram", reason="left")
    )


async def test_several_files_are_several_posts(desk: Desk) -> None:
    person = await someone(desk)
    thread = (await ask(desk, person)).thread
    files = [b"f" * 16, b"g" * 16]
    for _time in range(2):
        await desk.turn(
            lambda unit: desk.services.handover.say(
                unit, person, now=desk.now, route="telegram", text="عکس‌ها", key=KEY, files=files
            )
        )
    _found, lines = await desk.services.handover_desk.read(thread)
    assert [(line.text, line.file) for line in lines[1:]] == [("عکس‌ها", files[0]), ("", files[1])]


async def test_what_people_thought_of_it(desk: Desk) -> None:
    person = await someone(desk)
    thread = await open_thread(desk, person)
    await close(desk, thread)
    rate = desk.services.handover.rate
    assert await desk.turn(lambda unit: rate(unit, person, now=desk.now, score=4))
    assert await desk.turn(lambda unit: rate(unit, person, now=desk.now, score=2, comment="دیر بود"))
    assert await desk.turn(lambda unit: rate(unit, person, now=desk.now, score=3))
    [row] = await desk.database.read(select(ratings))
    assert (row.thread, row.operator, row.score) == (thread, "sara", 3)
    assert records.comment(desk.vault, thread, row.sealed) == "دیر بود"
    with pytest.raises(ValueError, match="1 to 5"):
        await rate(Unit(), person, now=desk.now, score=6)


async def complaint_of(desk: Desk, person: Person) -> str:
    opened = await desk.turn(
        lambda unit: desk.services.complaints.open(
            unit, person, now=desk.now, subject="outage", text="قطع است"
        )
    )
    assert isinstance(opened, Opened)
    return opened.number


async def test_a_thread_joins_a_complaint(desk: Desk) -> None:
    person, service = await someone(desk), desk.services.handover_desk
    number = await complaint_of(desk, person)
    thread = await open_thread(desk, person)
    await say(desk, person, "شکایتم چه شد؟")
    assert (
        await desk.services.handover_complaints.join(thread, operator="sara", number=number, now=desk.now)
        == number
    )
    desk.after(1)
    await service.note(thread, operator="sara", text="پیگیری شود", now=desk.now)
    await close(desk, thread)
    found, story = await desk.services.complaints.read(number)
    assert (await service.read(thread))[0].complaint == found.id
    assert [(word.author, word.kind, word.text) for word in story if word.kind != "joined"] == [
        ("person", "opened", "قطع است"),
        ("system", "chat:requested", "support"),
        ("operator", "chat:accepted", ""),
        ("system", "chat:notice", ACCEPTED),
        ("person", "chat", "شکایتم چه شد؟"),
        ("operator", "chat:joined", number),
        ("system", "chat:notice", story[-3].text),
        ("operator", "chat:note", "پیگیری شود"),
        ("operator", "chat:closed", "resolved"),
    ]
    assert "joined" in [word.kind for word in story]
    for wrong, error in (("12345678", UnknownComplaint), (number, OtherPerson)):
        other = await open_thread(desk, await someone(desk, wrong))
        with pytest.raises(error):
            await desk.services.handover_complaints.join(other, operator="sara", number=wrong, now=desk.now)


async def test_a_complaint_is_opened_from_a_thread(desk: Desk) -> None:
    person, service = await someone(desk), desk.services.handover_desk
    thread = await open_thread(desk, person)
    await say(desk, person, "سه روز است قطع است")
    opened = await desk.services.handover_complaints.open_complaint(
        thread, operator="sara", subject="outage", text="قطعی سه‌روزه", now=desk.now
    )
    assert isinstance(opened, Opened)
    found, story = await desk.services.complaints.read(opened.number)
    assert (found.category, found.subscriber, found.channel) == ("outage", person.subscriber, "telegram")
    assert (await service.read(thread))[0].complaint == found.id
    assert {"قطعی سه‌روزه", "سه روز است قطع است"} <= {word.text for word in story}
    told = (await desk.messages())[-1].body
    assert told.startswith("شکایت شما با شماره")
    for _more in range(4):
        await desk.services.handover_complaints.open_complaint(
            thread, operator="sara", subject="other", text="باز هم", now=desk.now
        )
    full = await desk.services.handover_complaints.open_complaint(
        thread, operator="sara", subject="other", text="باز", now=desk.now
    )
    assert full == TooManyOpen()
    assert len(await desk.database.read(select(complaints))) == 5


async def test_a_merged_complaint_is_joined_where_it_goes_on(desk: Desk) -> None:
    person = await someone(desk)
    old, new = await complaint_of(desk, person), await complaint_of(desk, person)
    await desk.services.complaints.merge(old, into=new, operator="sara", revision=1, now=desk.now)
    thread = await open_thread(desk, person)
    assert (
        await desk.services.handover_complaints.join(thread, operator="sara", number=old, now=desk.now) == new
    )


async def test_a_message_leaves_with_its_post_or_not_at_all(desk: Desk) -> None:
    person = await someone(desk)
    thread = await open_thread(desk, person)
    found, _lines = await desk.services.handover_desk.read(thread)
    before = len(await desk.database.read(select(outbox)))
    # Somebody else takes the next place in the thread while this unit is on its way.
    unit = Unit()
    postbox = Postbox(vault=desk.vault, notices=desk.services.notices, carry=by_outbox(desk.vault, CARRIED))
    postbox.write(unit, found, desk.now, "operator", "text", "دیر رسید", operator="sara")
    await say(desk, person, "الو")
    with pytest.raises(Conflict):
        await desk.committer.commit(unit)
    assert len(await desk.database.read(select(outbox))) == before


async def test_the_person_names_the_complaint(desk: Desk) -> None:
    person, other = await someone(desk), await someone(desk, "888")
    number = await complaint_of(desk, person)

    async def named(who: Person, number: str) -> Waiting:
        waiting = await desk.turn(
            lambda unit: desk.services.handover.request(
                unit, who, now=desk.now, topic="complaint", live=True, route="telegram", complaint=number
            )
        )
        assert waiting is not None
        return waiting

    thread = (await named(person, f"{number[:4]}-{number[4:]}")).thread
    assert await named(person, number) == Waiting(thread, 1)
    await say(desk, person, "خبری نشد؟")
    found, story = await desk.services.complaints.read(number)
    assert (await desk.services.handover_desk.read(thread))[0].complaint == found.id
    assert [word.text for word in story if word.kind == "chat"] == ["خبری نشد؟"]
    assert [word.author for word in story if word.kind == "joined"] == ["person"]
    # Somebody else's, or none at all, is joined by nobody; the operator comes all the same.
    for wrong in (number, "12345678", "no number"):
        waiting = await named(other, wrong)
        assert (await desk.services.handover_desk.read(waiting.thread))[0].complaint is None


async def test_the_operator_hears_of_what_did_not_arrive(desk: Desk) -> None:
    thread = await open_thread(desk, await someone(desk))
    service = desk.services.handover_desk
    await service.say(thread, operator="sara", text="هستید؟", now=desk.now, key=KEY)
    assert await service.undelivered(thread) == []
    await desk.database.transaction(
        lambda connection: connection.execute(
            update(outbox)
            .where(outbox.c.idempotency_key.is_not(None))
            .values(status="blocked", finished_at=desk.now)
        )
    )
    lost = await service.undelivered(thread)
    assert [(line.text, status) for line, status in lost] == [(ACCEPTED, "blocked"), ("هستید؟", "blocked")]


async def test_what_is_signalled(desk: Desk) -> None:
    signals = OwnSignals()
    heard: list[tuple[bytes, str]] = []
    signals.listen(lambda about, word: heard.append((about, word)))
    postbox = Postbox(vault=desk.vault, notices=desk.services.notices, carry=by_outbox(desk.vault, CARRIED))
    acts = Acts(database=desk.database, committer=desk.committer, signals=signals)
    service = HandoverDesk(
        database=desk.database, committer=desk.committer, acts=acts, postbox=postbox, signals=signals
    )
    person = await someone(desk)
    thread = (await ask(desk, person)).thread

    def since() -> list[tuple[bytes, str]]:
        told = heard.copy()
        heard.clear()
        return told

    news = [(person.party, "news"), (thread, "news")]
    await service.accept(thread, operator="sara", now=desk.now)
    assert since() == [(person.party, "here"), *news]
    await service.say(thread, operator="sara", text="سلام", now=desk.now, key=KEY)
    assert since() == news
    await service.say(thread, operator="sara", text="سلام", now=desk.now, key=KEY)
    assert since() == [], "a repetition is no news"
    found, _lines = await service.read(thread)
    service.typing(found)
    assert since() == [(person.party, "typing"), (thread, "writes")]
    await service.give_back(thread, operator="sara", note="", now=desk.now)
    assert since() == [(person.party, "away"), *news]
    await service.accept(thread, operator="sara", now=desk.now)
    desk.after(300)
    since()
    await service.sweep(now=desk.now)
    assert since() == [(person.party, "away"), *news]
