"""Subscribers, what they agree to, the calls they ask for, the messages they got."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from records.outbox import queue
from records.subscribers import context
from records.tables import addresses, callbacks, consents, outbox, subscribers
from records.unit import Conflict, Unit
from services.callbacks import UnknownTime
from services.consents import UnknownPurpose
from services.messages import Status
from services.subscribers import Person, UnknownLanguage
from tests.services.conftest import Desk

NUMBER = "+989121234567"
OTHER = "+989351112233"


async def count(desk: Desk, table: object) -> int:
    return int((await desk.database.read(select(func.count()).select_from(table)))[0][0])  # type: ignore[arg-type]


async def link(desk: Desk, person: Person, number: str) -> None:
    async def act(unit: Unit) -> None:
        await desk.services.linking.link(unit, person, now=desk.now, number=number, by="code")

    await desk.turn(act)


async def test_one_number_is_one_person(desk: Desk) -> None:
    people = await asyncio.gather(*(desk.person(NUMBER) for _ in range(5)))
    assert len({person.subscriber for person in people}) == 1
    assert await count(desk, subscribers) == 1
    [row] = await desk.database.read(select(addresses))
    assert (row.kind, row.verified_by, row.verified_at) == ("msisdn", "network", desk.now)
    assert NUMBER.encode() not in bytes(row.sealed)
    assert desk.vault.open(row.sealed, context(row._mapping["index"])).decode() == NUMBER
    assert await desk.services.subscribers.find("msisdn", OTHER) is None


async def test_language(desk: Desk) -> None:
    person = await desk.person()

    async def set_language(unit: Unit, code: str = "en") -> None:
        desk.services.subscribers.set_language(unit, person.subscriber, code)

    await desk.turn(set_language)
    found = await desk.services.subscribers.find("msisdn", NUMBER)
    assert found is not None
    assert found.language == "en"
    recipient = await desk.services.subscribers.recipient(person.subscriber)
    assert recipient is not None
    assert (recipient.address, recipient.language) == (NUMBER, "en")
    for unknown in ("de", "", "../fa"):
        with pytest.raises(UnknownLanguage):
            await set_language(Unit(), unknown)


async def test_language_in_the_turn_that_creates_the_person(desk: Desk) -> None:
    unit, service = Unit(), desk.services.subscribers
    new = await service.find_or_create(
        unit, now=desk.now, kind="msisdn", address=NUMBER, language="fa", by="network"
    )
    service.set_language(unit, new.id, "en")
    await desk.committer.commit(unit)
    [row] = await desk.database.read(select(subscribers))
    assert row.language == "en"


async def test_a_second_number(desk: Desk) -> None:
    person = await desk.person(NUMBER)
    await link(desk, person, OTHER)
    assert (await desk.person(OTHER)).subscriber == person.subscriber
    [row] = await desk.database.read(
        select(addresses).where(addresses.c.index == desk.vault.index("msisdn", OTHER))
    )
    assert (row.verified_by, row.verified_at) == ("code", desk.now)
    # Notices go on to the number they had first.
    recipient = await desk.services.subscribers.recipient(person.subscriber)
    assert recipient is not None
    assert recipient.address == NUMBER


async def test_a_number_moves_to_who_proved_it_last(desk: Desk) -> None:
    old, new = await desk.person(OTHER), await desk.person(NUMBER)
    desk.after(60)
    await link(desk, new, OTHER)
    assert (await desk.person(OTHER)).subscriber == new.subscriber
    assert await desk.services.subscribers.recipient(old.subscriber) is None
    # Linking what one has is no harm.
    await link(desk, new, OTHER)
    await link(desk, new, NUMBER)
    assert await count(desk, addresses) == 2


async def test_two_who_claim_a_number_at_once(desk: Desk) -> None:
    await desk.person(OTHER)
    first, second = await desk.person(NUMBER), await desk.person("+989131111111")
    await asyncio.gather(link(desk, first, OTHER), link(desk, second, OTHER))
    owner = (await desk.person(OTHER)).subscriber
    assert owner in (first.subscriber, second.subscriber)


async def test_linking_in_the_turn_that_creates_the_person(desk: Desk) -> None:
    unit, service = Unit(), desk.services.subscribers
    new = await service.find_or_create(
        unit, now=desk.now, kind="msisdn", address=NUMBER, language="fa", by="network"
    )
    person = Person(new.id, NUMBER, desk.vault.index("msisdn", NUMBER), "fa", "ussd", b"s" * 16)
    for number in (NUMBER, OTHER, OTHER):
        await desk.services.linking.link(unit, person, now=desk.now, number=number, by="code")
    await desk.committer.commit(unit)
    assert await count(desk, addresses) == 2


async def test_consent_is_what_was_said_last(desk: Desk) -> None:
    person, service = await desk.person(), desk.services.consents
    assert not await service.given(Unit(), person.subscriber, "advertising")
    for given in (True, False, True, True):
        desk.after(1)
        unit = Unit()
        service.set(unit, person, now=desk.now, purpose="advertising", given=given)
        # The same turn knows already.
        assert await service.given(unit, person.subscriber, "advertising") is given
        await desk.committer.commit(unit)
        assert await service.given(Unit(), person.subscriber, "advertising") is given
    # All four answers are kept, with where they were given.
    rows = await desk.database.read(select(consents).order_by(consents.c.id))
    assert [(row.given, row.channel, row.session) for row in rows] == [
        (given, "ussd", person.session) for given in (True, False, True, True)
    ]
    other = await desk.person(OTHER)
    assert not await service.given(Unit(), other.subscriber, "advertising")
    with pytest.raises(UnknownPurpose):
        await service.given(Unit(), person.subscriber, "everything")
    with pytest.raises(UnknownPurpose):
        service.set(Unit(), person, now=desk.now, purpose="everything", given=True)


async def ask(desk: Desk, person: Person, topic: str = "help", time_of_day: str = "any") -> bool:
    return await desk.turn(
        lambda unit: desk.services.callbacks.ask(
            unit, person, now=desk.now, topic=topic, time_of_day=time_of_day
        )
    )


async def test_one_call_waits_for_each_topic(desk: Desk) -> None:
    person = await desk.person()
    assert await ask(desk, person, time_of_day="evening")
    assert not await ask(desk, person, time_of_day="morning")
    assert await ask(desk, person, topic="charging")
    assert await ask(desk, await desk.person(OTHER))
    [row] = await desk.database.read(
        select(callbacks).where(callbacks.c.subscriber == person.subscriber, callbacks.c.topic == "help")
    )
    assert (row.time_of_day, row.state, row.asked_at, row.session) == (
        "evening", "waiting", desk.now, person.session,
    )  # fmt: skip
    # Once it was made, the next one may be asked for.
    await desk.database.transaction(
        lambda connection: connection.execute(update(callbacks).values(state="done", finished_at=desk.now))
    )
    desk.after(60)
    assert await ask(desk, person)
    assert not await ask(desk, person)
    with pytest.raises(UnknownTime):
        await ask(desk, person, time_of_day="midnight")
    with pytest.raises(ValueError, match="32"):
        await ask(desk, person, topic="x" * 33)


async def test_calls_asked_for_at_once_are_one(desk: Desk) -> None:
    person = await desk.person()
    answers = await asyncio.gather(*(ask(desk, person) for _ in range(6)))
    assert answers.count(True) == 1
    assert await count(desk, callbacks) == 1


async def test_handover_is_a_call(desk: Desk) -> None:
    person = await desk.person()
    unit = Unit()
    for _ in range(2):
        await desk.services.handover.request(unit, person, now=desk.now, topic="help")
    await desk.committer.commit(unit)
    await desk.services.handover.request(Unit(), person, now=desk.now, topic="help")
    [row] = await desk.database.read(select(callbacks))
    assert (row.topic, row.time_of_day) == ("help", "any")


async def test_status_of_ones_own_messages(desk: Desk) -> None:
    person, other = await desk.person(), await desk.person(OTHER)
    unit = Unit()
    tracking = queue(
        unit, desk.vault, now=desk.now, channel="sms", klass="service", kind="msisdn", to=NUMBER,
        body="سلام", lifetime=timedelta(hours=1),
    )  # fmt: skip
    await desk.committer.commit(unit)
    status = desk.services.messages.status
    assert await status(person, tracking) == Status("queued", desk.now, "sms")
    assert await status(person, tracking.translate(str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹"))) is not None
    assert await status(other, tracking) is None
    mistyped = tracking[:-1] + str((int(tracking[-1]) + 1) % 10)
    for wrong in (mistyped, "", "12", tracking + "0", "x" * 10):
        assert await status(person, wrong) is None

    sent, delivered = desk.now + timedelta(seconds=2), desk.now + timedelta(seconds=9)
    for values, expected in (
        ({"status": "sent", "sent_at": sent, "finished_at": sent}, Status("sent", sent, "sms")),
        ({"status": "delivered", "finished_at": delivered}, Status("delivered", delivered, "sms")),
    ):
        await desk.database.transaction(
            lambda connection, values=values: connection.execute(update(outbox).values(values))  # type: ignore[misc]
        )
        assert await status(person, tracking) == expected

    # From another number of the same person, too.
    await link(desk, person, "+989131111111")
    second = Person(
        person.subscriber,
        "+989131111111",
        desk.vault.index("msisdn", "+989131111111"),
        "fa",
        "ussd",
        b"s" * 16,
    )
    assert await status(second, tracking) is not None


async def test_an_address_that_changed_hands_meanwhile_is_a_conflict(desk: Desk) -> None:
    await desk.person(OTHER)
    first, second = await desk.person(NUMBER), await desk.person("+989131111111")
    units = []
    for person in (first, second):
        unit = Unit()
        await desk.services.linking.link(unit, person, now=desk.now, number=OTHER, by="code")
        units.append(unit)
    await desk.committer.commit(units[0])
    with pytest.raises(Conflict):
        await desk.committer.commit(units[1])
