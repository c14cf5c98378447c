"""One person on several channels: merged without loss, whoever acts at once; numbers that change hands."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
import pytest
from sqlalchemy import func, select

from records import subscribers as records
from records.ids import new_id
from records.outbox import content
from records.tables import (
    address_events,
    addresses,
    complaint_events,
    consents,
    outbox,
    posts,
    subscribers,
    threads,
)
from records.unit import Conflict, Unit
from services.complaint_rules import UnknownComplaint, Unproved
from services.complaints import TooManyOpen
from services.linking import LastAddress, UnknownAddress
from services.subscribers import Person
from tests.services.conftest import Desk

NUMBER = "+989121234567"
OTHER = "+989351112233"
TEXT = "از صبح پیامکی نمی‌رسد."


# What people and processes do.


async def comes(
    desk: Desk, channel: str = "ussd", address: str = NUMBER, language: str = "fa", route: str = ""
) -> Person:
    """Somebody begins a dialog."""
    kind = "msisdn" if channel in ("ussd", "sms") else channel
    party = desk.vault.index(kind, address)

    async def act(unit: Unit) -> Person:
        [owner] = await records.owners(desk.database, [(kind, party)])
        found = await records.address(desk.database, kind, party)
        known = None
        if owner is not None and found is not None:
            spoken = await records.language(desk.database, owner.subscriber)
            known = Known(owner.subscriber, spoken or "fa", found.seen_at)
        who = desk.services.subscribers.arrived(
            unit, known, now=desk.now, kind=kind, address=address, party=party, language=language,
            by="network" if kind == "msisdn" else None, route=route or channel,
        )  # fmt: skip
        return Person(who.id, address, party, who.language, channel, new_id(desk.now))

    return await now_as(desk, await desk.turn(act))


@dataclass(frozen=True)
class Known:
    """Whose an address was found to be."""

    id: bytes
    language: str
    seen_at: datetime | None


async def now_as(desk: Desk, person: Person, unit: Unit | None = None) -> Person:
    """The same in a turn of now: who they are, and whether that is beyond doubt, is looked up again."""

    async def act(unit: Unit) -> Person:
        subscriber, fresh = await desk.services.subscribers.speaking(
            unit, now=desk.now, kind=person.kind, address=person.address, party=person.party,
            language=person.language, by="network" if person.channel == "ussd" else None,
            route=person.channel,
        )  # fmt: skip
        return msgspec.structs.replace(person, subscriber=subscriber, fresh=fresh)

    return await (desk.turn(act) if unit is None else act(unit))


async def proves(
    desk: Desk, person: Person, number: str = NUMBER, by: str = "code", national_id: str = ""
) -> Person:
    """They prove a number; who they are then."""

    async def act(unit: Unit) -> None:
        speaks = await now_as(desk, person, unit)
        await desk.services.linking.link(
            unit, speaks, now=desk.now, number=number, by=by, national_id=national_id
        )

    await desk.turn(act)
    return await now_as(desk, person)


async def files(desk: Desk, person: Person) -> str:
    opened = await desk.turn(
        lambda unit: desk.services.complaints.open(unit, person, now=desk.now, subject="outage", text=TEXT)
    )
    assert not isinstance(opened, TooManyOpen)
    return opened.number


async def sees(desk: Desk, person: Person, number: str) -> bool:
    try:
        await desk.services.complaints.find(Unit(), await now_as(desk, person), number)
    except UnknownComplaint:
        return False
    return True


async def agrees(desk: Desk, person: Person, given: bool) -> None:
    async def act(unit: Unit) -> None:
        desk.services.consents.set(unit, person, now=desk.now, purpose="advertising", given=given)

    await desk.turn(act)


async def agreed(desk: Desk, person: Person) -> bool:
    speaks = await now_as(desk, person)
    return await desk.services.consents.given(Unit(), speaks.subscriber, "advertising")


async def asks_for_a_call(desk: Desk, person: Person) -> bool:
    return await desk.turn(
        lambda unit: desk.services.callbacks.ask(unit, person, now=desk.now, topic="help", time_of_day="any")
    )


async def waits_for_an_operator(desk: Desk, person: Person) -> None:
    await desk.turn(
        lambda unit: desk.services.handover.request(
            unit, person, now=desk.now, topic="support", live=True, route=person.channel
        )
    )


async def lets_go(desk: Desk, person: Person, place: int) -> None:
    await (await about_to_let_go(desk, person, place))()


async def about_to_let_go(desk: Desk, person: Person, place: int) -> Callable[[], Awaitable[None]]:
    """They have chosen one from the list that they see now."""
    speaks = await now_as(desk, person)
    held = await desk.services.linking.held(Unit(), speaks)
    reference = held[place - 1].reference
    return lambda: desk.turn(
        lambda unit: desk.services.linking.unlink(unit, speaks, now=desk.now, reference=reference)
    )


async def kinds(desk: Desk, person: Person) -> list[str]:
    speaks = await now_as(desk, person)
    return sorted(each.number or each.kind for each in await desk.services.linking.held(Unit(), speaks))


async def acts(desk: Desk, kind: str, address: str) -> Sequence[tuple[str, str]]:
    return [(each.act, each.reason) for each in await desk.services.linking.history(kind, address)]


async def is_sound(desk: Desk) -> None:
    """Nobody is merged into somebody who is merged, and every address is of somebody who is not."""
    rows = await desk.database.read(select(subscribers.c.id, subscribers.c.merged_into))
    merged = {row.id: row.merged_into for row in rows}
    assert all(merged[into] is None for into in merged.values() if into is not None)
    owners = await desk.database.read(select(addresses.c.subscriber))
    assert all(merged[row.subscriber] is None for row in owners)


# One person.


async def test_a_chat_becomes_one_with_its_number(desk: Desk) -> None:
    """All that either has is both's: complaints, consents, calls, threads, language."""
    dials, chats = await comes(desk), await comes(desk, "telegram", "77", "en")
    by_phone, by_chat = await files(desk, dials), await files(desk, chats)
    await agrees(desk, dials, True)
    assert await asks_for_a_call(desk, dials)
    await waits_for_an_operator(desk, chats)
    for person, theirs in ((dials, by_chat), (chats, by_phone)):
        assert not await sees(desk, person, theirs)

    desk.after(60)
    linked = await proves(desk, chats)
    assert linked.subscriber == dials.subscriber
    for person in (dials, chats):
        assert await sees(desk, person, by_phone)
        assert await sees(desk, person, by_chat)
        assert await agreed(desk, person)
        assert await kinds(desk, person) == [NUMBER, "telegram"]
        assert not await asks_for_a_call(desk, await now_as(desk, person))
    [thread] = await desk.services.handover_desk.history(dials.subscriber)
    assert thread.subscriber == chats.subscriber
    # They are written in the language that they read when they said that they are one.
    assert (await comes(desk)).language == "en"
    # The last word counts, wherever it was given.
    desk.after(60)
    await agrees(desk, linked, False)
    assert not await agreed(desk, dials)
    assert await acts(desk, "msisdn", NUMBER) == [("merged", "code")]
    assert await acts(desk, "telegram", "77") == [("proved", "code")]
    await is_sound(desk)


async def test_what_was_written_stays_where_it_was_written(desk: Desk) -> None:
    chats = await comes(desk, "telegram", "77")
    await comes(desk)
    await agrees(desk, chats, True)
    before = await desk.database.read(select(consents))
    await proves(desk, chats)
    assert await desk.database.read(select(consents)) == before


async def test_who_has_a_past_stays_who_they_were(desk: Desk) -> None:
    dials, chats = await comes(desk), await comes(desk, "telegram", "77")
    number = await files(desk, chats)
    assert (await proves(desk, chats)).subscriber == chats.subscriber
    assert (await comes(desk)).subscriber == chats.subscriber
    assert await sees(desk, dials, number)
    await is_sound(desk)


async def test_a_number_that_nobody_had(desk: Desk) -> None:
    chats = await comes(desk, "telegram", "77")
    number = await files(desk, chats)
    assert (await proves(desk, chats, by="contact")).subscriber == chats.subscriber
    dials = await comes(desk)
    assert await sees(desk, dials, number)
    assert await acts(desk, "msisdn", NUMBER) == [("linked", "contact")]


async def test_proving_again_changes_nothing_but_the_proof(desk: Desk) -> None:
    await comes(desk)
    chats = await comes(desk, "telegram", "77")
    once = await proves(desk, chats)
    desk.after(3_600)
    assert (await proves(desk, chats)).subscriber == once.subscriber
    found = await records.address(desk.database, "telegram", chats.party)
    assert found is not None
    assert (found.number, found.proved_at) == (desk.vault.index("msisdn", NUMBER), desk.now)
    assert await acts(desk, "msisdn", NUMBER) == [("merged", "code"), ("proved", "code")]


async def test_several_chats_and_a_chain_of_merges(desk: Desk) -> None:
    """Two who are merged and then merged again: one column deep, whatever the order."""
    bale, telegram = await comes(desk, "bale", "5"), await comes(desk, "telegram", "77")
    numbers = [await files(desk, bale), await files(desk, telegram)]
    await proves(desk, bale)
    dials = await comes(desk)
    numbers.append(await files(desk, dials))
    await proves(desk, telegram)
    web = await comes(desk, "webchat", "visitor")
    numbers.append(await files(desk, web))
    await proves(desk, web)
    for person in (bale, telegram, dials, web):
        assert [await sees(desk, person, number) for number in numbers] == [True] * 4
    assert await kinds(desk, dials) == [NUMBER, "bale", "telegram", "webchat"]
    await is_sound(desk)


async def test_open_complaints_are_counted_together(desk: Desk) -> None:
    dials, chats = await comes(desk), await comes(desk, "telegram", "77")
    for person in (dials, dials, dials, chats, chats):
        await files(desk, person)
    await proves(desk, chats)
    for person in (await now_as(desk, dials), await now_as(desk, chats)):
        refused = await desk.turn(
            lambda unit, person=person: desk.services.complaints.open(  # type: ignore[misc]
                unit, person, now=desk.now, subject="other", text=TEXT
            )
        )
        assert refused == TooManyOpen()


async def test_a_dialog_under_way_goes_on(desk: Desk) -> None:
    """It began before the merge and names who was merged away; what it writes is the one person's too."""
    dials, chats = await comes(desk), await comes(desk, "telegram", "77")
    await proves(desk, chats)
    assert chats.subscriber != dials.subscriber
    number = await files(desk, chats)  # As somebody who has not looked again.
    assert await sees(desk, dials, number)
    found, _words = await desk.services.complaints.read(number)
    assert found.subscriber == chats.subscriber
    await desk.services.complaints.answer(number, operator="sara", text="شد.", revision=1, now=desk.now)
    assert [message.to for message in await desk.messages()] == [NUMBER, NUMBER]


async def test_one_turn_sees_what_it_linked(desk: Desk) -> None:
    dials, chats = await comes(desk), await comes(desk, "telegram", "77")
    number = await files(desk, dials)
    unit = Unit()
    await desk.services.linking.link(unit, chats, now=desk.now, number=NUMBER, by="code")
    speaks = await now_as(desk, chats, unit)
    assert (speaks.subscriber, speaks.fresh) == (dials.subscriber, True)
    assert (await desk.services.complaints.find(unit, speaks, number)).number == number
    await desk.services.linking.link(unit, speaks, now=desk.now, number=NUMBER, by="code")
    await desk.committer.commit(unit)
    await is_sound(desk)


# Two at once.


@pytest.mark.parametrize("times", range(3))
async def test_chats_that_prove_one_number_at_once(desk: Desk, times: int) -> None:
    dials = await comes(desk)
    chats = [await comes(desk, kind, "77") for kind in ("telegram", "bale", "webchat")]
    numbers = [await files(desk, person) for person in (dials, *chats)]
    await asyncio.gather(*(proves(desk, person) for person in chats))
    for person in (dials, *chats):
        assert [await sees(desk, person, number) for number in numbers] == [True] * 4
    await is_sound(desk)


async def test_a_first_call_while_the_number_is_proved(desk: Desk) -> None:
    for place in range(6):
        number, chat = f"+98912000000{place}", await comes(desk, "telegram", str(place))
        filed = await files(desk, chat)
        _linked, dials = await asyncio.gather(proves(desk, chat, number), comes(desk, "ussd", number))
        assert await sees(desk, dials, filed)
    await is_sound(desk)


async def test_complaints_filed_while_two_become_one(desk: Desk) -> None:
    dials, chats = await comes(desk), await comes(desk, "telegram", "77")
    before = [await files(desk, dials), await files(desk, chats)]
    found = await asyncio.gather(
        proves(desk, chats), files(desk, dials), files(desk, chats), files(desk, dials)
    )
    numbers = [*before, *(each for each in found if isinstance(each, str))]
    for person in (dials, chats):
        assert [await sees(desk, person, number) for number in numbers] == [True] * 5


async def test_merges_that_cross(desk: Desk) -> None:
    """Each would merge the other; one of them is first, and nobody ends up in a circle."""
    for place in range(4):
        one, two = await comes(desk, "telegram", str(place)), await comes(desk, "bale", str(place))
        units = []
        for gone, kept in ((one, two), (two, one)):
            unit = Unit()
            records.merge(unit, gone.subscriber, kept.subscriber)
            units.append(unit)
        results = await asyncio.gather(
            *(desk.committer.commit(unit) for unit in units), return_exceptions=True
        )
        assert [type(result) for result in results if result is not None] == [Conflict]
    await is_sound(desk)


async def test_letting_go_of_both_at_once_leaves_one(desk: Desk) -> None:
    for place in range(4):
        number = f"+98912000000{place}"
        dials, chats = await comes(desk, "ussd", number), await comes(desk, "telegram", str(place))
        await proves(desk, chats, number)
        # Each the other's, which stands second in its own list.
        both = [await about_to_let_go(desk, person, 2) for person in (dials, chats)]
        results = await asyncio.gather(*(each() for each in both), return_exceptions=True)
        refused = [result for result in results if result is not None]
        assert [type(each) for each in refused] in ([LastAddress], [UnknownAddress])
        left = await desk.database.read(
            select(func.count())
            .select_from(addresses)
            .where(addresses.c.index.in_([dials.party, chats.party]))
        )
        assert left[0][0] == 1


# Numbers that change hands.


async def test_another_person_proves_the_number(desk: Desk) -> None:
    """Who has a number already is somebody else: the old owner's complaints are not shown to them."""
    old, new = await comes(desk), await comes(desk, "ussd", OTHER)
    theirs = await files(desk, old)
    await agrees(desk, old, True)
    await proves(desk, new)
    dials = await comes(desk)
    assert dials.subscriber == new.subscriber
    assert not await sees(desk, dials, theirs)
    assert not await agreed(desk, dials)
    assert await acts(desk, "msisdn", NUMBER) == [("moved", "another")]
    # It is still a complaint that operators can answer; there is nowhere to send the answer to.
    await desk.services.complaints.answer(theirs, operator="sara", text="شد.", revision=1, now=desk.now)
    assert [message.to for message in await desk.messages()] == [NUMBER]


async def test_the_old_owner_keeps_their_chat_and_all_that_is_theirs(desk: Desk) -> None:
    chats, dials = await comes(desk, "telegram", "77"), await comes(desk)
    theirs = await files(desk, dials)
    await proves(desk, chats)
    await proves(desk, await comes(desk, "ussd", OTHER))
    assert await kinds(desk, chats) == ["telegram"]
    assert await sees(desk, chats, theirs)
    assert not await sees(desk, dials, theirs)
    # A chat of whoever has the number now is one with them, not with the old owner.
    bale = await proves(desk, await comes(desk, "bale", "5"))
    assert not await sees(desk, bale, theirs)


async def test_a_silent_number_is_taken_for_somebody_new(desk: Desk) -> None:
    old = await comes(desk, language="en")
    theirs = await files(desk, old)
    await agrees(desk, old, True)
    desk.now += timedelta(days=364)
    assert (await comes(desk)).subscriber == old.subscriber
    desk.now += timedelta(days=365)
    new = await comes(desk)
    assert new.subscriber != old.subscriber
    assert new.language == "fa"
    assert not await agreed(desk, new)
    assert await asks_for_a_call(desk, new)
    assert await acts(desk, "msisdn", NUMBER) == [("moved", "silence")]
    # Who can name a complaint is taken for the one who filed it.
    assert await sees(desk, new, theirs)
    assert not await sees(desk, await comes(desk, "ussd", OTHER), theirs)
    # The old owner's chat goes on without the number.
    assert (await comes(desk)).subscriber == new.subscriber
    await is_sound(desk)


async def test_a_silent_number_proved_from_a_chat(desk: Desk) -> None:
    old = await comes(desk)
    theirs = await files(desk, old)
    desk.now += timedelta(days=400)
    chats = await proves(desk, await comes(desk, "telegram", "77"))
    assert chats.subscriber != old.subscriber
    assert await sees(desk, chats, theirs)
    assert await kinds(desk, chats) == [NUMBER, "telegram"]


async def test_nothing_is_sent_to_a_silent_number(desk: Desk) -> None:
    old = await comes(desk)
    number = await files(desk, old)
    desk.now += timedelta(days=366)
    await desk.services.complaints.answer(number, operator="sara", text="شد.", revision=1, now=desk.now)
    assert len(await desk.messages()) == 1


async def test_two_calls_from_a_silent_number_at_once(desk: Desk) -> None:
    await comes(desk)
    desk.now += timedelta(days=400)
    people = await asyncio.gather(*(comes(desk) for _ in range(4)))
    assert len({person.subscriber for person in people}) == 1


async def test_the_registry_says_who_it_is(desk: Desk) -> None:
    """Under the same national ID it is one person, though they have another number; under another one it is
    somebody else, though the number was heard from a minute ago."""
    dials = await proves(desk, await comes(desk), NUMBER, national_id="0013542419")
    theirs = await files(desk, dials)
    [row] = await desk.database.read(select(addresses))
    assert row.owner is not None
    assert b"0013542419" not in row.owner
    own = await proves(desk, await comes(desk, "ussd", OTHER), NUMBER, national_id="0013542419")
    assert await sees(desk, own, theirs)
    stranger = await proves(desk, await comes(desk, "telegram", "77"), NUMBER, national_id="1234567891")
    assert not await sees(desk, stranger, theirs)
    assert [reason for _act, reason in await acts(desk, "msisdn", NUMBER)] == ["code", "code", "registry"]


async def test_an_operator_says_that_it_changed_hands(desk: Desk) -> None:
    chats, dials = await comes(desk, "telegram", "77"), await comes(desk)
    theirs = await files(desk, dials)
    await proves(desk, chats)
    await desk.services.linking.changed_hands(NUMBER, operator="sara", now=desk.now)
    # A dialog that was under way from the number is somebody else's from now on.
    assert not await sees(desk, dials, theirs)
    new = await comes(desk)
    assert not await sees(desk, new, theirs)
    assert await sees(desk, chats, theirs)
    await files(desk, new)
    [event] = await desk.database.read(select(address_events).where(address_events.c.operator == "sara"))
    assert (event.act, event.reason, event.previous) == ("moved", "operator", dials.subscriber)
    with pytest.raises(UnknownAddress):
        await desk.services.linking.changed_hands(OTHER, operator="sara", now=desk.now)


async def test_after_an_operators_word_nothing_can_be_named(desk: Desk) -> None:
    old = await comes(desk)
    theirs = await files(desk, old)
    desk.now += timedelta(days=400)
    await desk.services.linking.changed_hands(NUMBER, operator="sara", now=desk.now)
    assert not await sees(desk, await comes(desk), theirs)


async def test_an_operator_joins_two(desk: Desk) -> None:
    """Somebody with two telephones, whom no proof of a number can tell from two people."""
    one, two = await comes(desk), await comes(desk, "ussd", OTHER)
    numbers = [await files(desk, one), await files(desk, two)]
    web = await comes(desk, "webchat", "visitor")
    numbers.append(await files(desk, web))
    for other in (("msisdn", OTHER), ("webchat", "visitor"), ("msisdn", OTHER)):
        await desk.services.linking.join(("msisdn", NUMBER), other, operator="sara", now=desk.now)
    for person in (one, two, web):
        assert [await sees(desk, person, number) for number in numbers] == [True] * 3
    await is_sound(desk)


# How long a proof is believed.


async def test_a_proof_comes_of_age(desk: Desk) -> None:
    dials, chats = await comes(desk), await comes(desk, "telegram", "77")
    by_phone, by_chat = await files(desk, dials), await files(desk, chats)
    await proves(desk, chats)
    desk.now += timedelta(days=179)
    assert await sees(desk, chats, by_phone)
    desk.now += timedelta(days=1)
    with pytest.raises(Unproved):
        await sees(desk, chats, by_phone)
    with pytest.raises(Unproved):
        await desk.turn(lambda unit: _add(desk, unit, chats, by_phone))
    # What the chat itself brought it may show, and the number is vouched for by the network each time.
    assert await sees(desk, chats, by_chat)
    assert await sees(desk, dials, by_chat)
    # Nor does it tell strangers that there is such a complaint.
    assert not await sees(desk, await comes(desk, "bale", "5"), by_phone)
    await proves(desk, chats)
    assert await sees(desk, chats, by_phone)


async def _add(desk: Desk, unit: Unit, person: Person, number: str) -> None:
    speaks = await now_as(desk, person, unit)
    await desk.services.complaints.add(unit, speaks, now=desk.now, number=number, text=TEXT)


# Letting go.


async def test_letting_an_address_go(desk: Desk) -> None:
    dials, chats = await comes(desk), await comes(desk, "telegram", "77")
    number = await files(desk, dials)
    await proves(desk, chats)
    held = await desk.services.linking.held(Unit(), await now_as(desk, chats))
    assert [(each.kind, each.number, each.here) for each in held] == [
        ("telegram", "", True), ("msisdn", NUMBER, False),
    ]  # fmt: skip
    sent = len(await desk.messages())
    await lets_go(desk, chats, 2)
    # Nothing more is sent to the number, and who dials from it is somebody new.
    await desk.services.complaints.answer(number, operator="sara", text="شد.", revision=1, now=desk.now)
    assert [message.channel for message in (await desk.messages())[sent:]] == ["telegram"]
    assert await sees(desk, chats, number)
    assert not await sees(desk, await comes(desk), number)
    with pytest.raises(LastAddress):
        await lets_go(desk, chats, 1)
    assert await acts(desk, "msisdn", NUMBER) == [("merged", "code"), ("unlinked", "person")]


async def test_letting_go_of_what_one_speaks_from(desk: Desk) -> None:
    dials, chats = await comes(desk), await comes(desk, "telegram", "77")
    number = await files(desk, dials)
    await proves(desk, chats)
    await lets_go(desk, chats, 1)
    # The dialog goes on, as somebody else's.
    assert not await sees(desk, chats, number)
    later = await files(desk, await now_as(desk, chats))
    assert not await sees(desk, dials, later)
    assert await sees(desk, dials, number)


async def test_what_is_not_ones_own_cannot_be_let_go(desk: Desk) -> None:
    mine, other = await comes(desk), await comes(desk, "ussd", OTHER)
    await proves(desk, await comes(desk, "telegram", "77"))
    [theirs] = await desk.services.linking.held(Unit(), await now_as(desk, other))
    for reference in (theirs.reference, "", "zz", theirs.reference[:4]):
        with pytest.raises(UnknownAddress):
            await desk.services.linking.unlink(
                Unit(), await now_as(desk, mine), now=desk.now, reference=reference
            )


async def test_an_operator_lets_an_address_go(desk: Desk) -> None:
    dials = await comes(desk)
    number = await files(desk, dials)
    await desk.services.linking.unlink_for("msisdn", NUMBER, operator="sara", now=desk.now)
    assert not await sees(desk, await comes(desk), number)
    assert (await desk.services.complaints.read(number))[0].subscriber == dials.subscriber
    with pytest.raises(UnknownAddress):
        await desk.services.linking.unlink_for("telegram", "77", operator="sara", now=desk.now)


# Where people are told.


async def test_told_on_the_chat_they_used_last(desk: Desk) -> None:
    telegram = await comes(desk, "telegram", "77", route="telegram-shop")
    number = await files(desk, telegram)
    assert await desk.messages() == []  # The screen of that turn has said it.
    await desk.services.complaints.answer(number, operator="sara", text="شد.", revision=1, now=desk.now)
    [answer] = await desk.messages()
    assert (answer.channel, answer.to, answer.body.splitlines()[-1]) == ("telegram", "77", "شد.")
    assert (await routes(desk)) == ["telegram-shop"]
    # Another chat of theirs, used later.
    desk.after(86_400)
    bale = await comes(desk, "bale", "5")
    await desk.services.linking.join(("telegram", "77"), ("bale", "5"), operator="sara", now=desk.now)
    await _add_words(desk, telegram, number)
    assert [message.channel for message in await desk.messages()] == ["telegram", "bale"]
    # Closed to us: the other one.
    await block(desk, bale)
    await desk.services.complaints.answer(number, operator="sara", text="باز هم.", revision=3, now=desk.now)
    assert [message.channel for message in await desk.messages()] == ["telegram", "bale", "telegram"]


async def test_a_long_answer_has_room_in_a_chat(desk: Desk) -> None:
    telegram = await comes(desk, "telegram", "77")
    number = await files(desk, telegram)
    long = " ".join(["پاسخ بلند."] * 40)
    await desk.services.complaints.answer(number, operator="sara", text=long, revision=1, now=desk.now)
    assert (await desk.messages())[-1].body.endswith(long)


async def test_told_on_the_web_by_a_post(desk: Desk) -> None:
    web = await comes(desk, "webchat", "visitor")
    number = await files(desk, web)
    await desk.services.complaints.answer(number, operator="sara", text="شد.", revision=1, now=desk.now)
    await desk.services.complaints.close(number, operator="sara", revision=2, now=desk.now)
    assert await desk.messages() == []
    lines = await desk.services.handover.posts_to(web.party, b"")
    assert [(line.author, line.kind) for line in lines] == [("system", "notice")] * 2
    assert lines[0].text.endswith("\nشد.")
    assert lines[1].text.endswith("«شکایت» را بفرستید.")
    # Both in one thread, which waits for nobody.
    [thread] = await desk.database.read(select(threads))
    assert thread.closed_at is not None
    assert await desk.services.handover_desk.queue(now=desk.now) == []
    # With an operator there, in that talk.
    await waits_for_an_operator(desk, web)
    await desk.services.complaints.reopen(number, operator="sara", revision=3, now=desk.now)
    live = await desk.database.read(select(threads.c.id).where(threads.c.closed_at.is_(None)))
    [last] = await desk.database.read(select(posts.c.thread).order_by(posts.c.id.desc()).limit(1))
    assert last.thread == live[0].id


async def test_a_number_is_told_by_sms_wherever_one_speaks(desk: Desk) -> None:
    chats = await proves(desk, await comes(desk, "telegram", "77"))
    number = await files(desk, chats)
    [sms] = await desk.messages()
    assert (sms.channel, sms.to) == ("sms", NUMBER)
    await desk.services.complaints.close(number, operator="sara", revision=1, now=desk.now)
    assert [message.channel for message in await desk.messages()] == ["sms", "sms"]


async def test_where_a_complaint_came_from_is_kept(desk: Desk) -> None:
    chats = await comes(desk, "telegram", "77")
    found, _words = await desk.services.complaints.read(await files(desk, chats))
    assert found.party == chats.party
    [event] = await desk.database.read(select(complaint_events))
    assert event.file is None


async def routes(desk: Desk) -> list[str]:
    rows = await desk.database.read(select(outbox).order_by(outbox.c.id))
    return [content(desk.vault, row.id, row.sealed).route for row in rows]


async def block(desk: Desk, person: Person) -> None:
    unit = Unit()
    unit.update(addresses, {"kind": person.kind, "index": person.party}, {"blocked_at": desk.now})
    await desk.committer.commit(unit)


async def _add_words(desk: Desk, person: Person, number: str) -> None:
    await desk.turn(lambda unit: _add(desk, unit, person, number))


async def test_the_sender_of_an_sms_sees_what_came_by_sms_and_phone_alone(desk: Desk) -> None:
    """The answer goes to the number itself; what came from the person's chats is nobody's to see there."""
    writes, chats = await comes(desk, "sms"), await comes(desk, "telegram", "77")
    by_phone, by_chat = await files(desk, writes), await files(desk, chats)
    await proves(desk, chats)
    assert await sees(desk, writes, by_phone)
    with pytest.raises(Unproved):
        await sees(desk, writes, by_chat)
    assert await sees(desk, await comes(desk), by_chat)
