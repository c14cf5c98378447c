"""SMS by SMPP through the dispatcher, with npm ``smpp`` as the SMSC: what is on the wire, receipts, throttled
submits, silence, and links that drop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from dispatch.provider import Accepted
from dispatch.providers.sms.smpp import Manner, Smpp, validity
from records.unit import Unavailable
from tests.dispatch.outbox import Outbox, until
from tests.dispatch.smpp_lines import LINE, QUICK, connected, lines, receipt, wall_clock
from tests.dispatch.vendors import NOW, outgoing
from tests.running import free_port, within
from tests.smpp.smsc import Smsc, octets, smsc

pytestmark = pytest.mark.xdist_group("sms-smpp")

LONG = (
    "سه روز است که خط من قطع است و هیچ کس پاسخ نمی‌دهد. هر روز زنگ می‌زنم و هر روز می‌گویند فردا درست می‌شود. "
    * 2
)


@pytest.fixture
async def center() -> AsyncIterator[Smsc]:
    async with smsc() as center:
        yield center


def submitted(center: Smsc) -> list[dict[str, Any]]:
    return [each["pdu"] for each in center.of("submit")]


@within(60)
async def test_a_message_and_its_receipt(outbox: Outbox, center: Smsc) -> None:
    async with lines(outbox, center.port) as at:
        persian, latin = await outbox.add("سلام", minutes=2), await outbox.add("hi {1}", minutes=90)
        await at.becomes("sent", persian, latin)
        by_text = {octets(each["short_message"]): each for each in submitted(center)}
        first = by_text["سلام".encode("utf-16-be")]
        assert (first["source_addr"], first["destination_addr"]) == (LINE, "989121234567")
        assert (first["data_coding"], first["esm_class"], first["registered_delivery"]) == (8, 0, 1)
        assert (first["dest_addr_ton"], first["dest_addr_npi"]) == (1, 1)
        second = by_text[b"hi \x1b(1\x1b)"]
        assert second["data_coding"] == 0
        [row] = [await outbox.row(persian)]
        assert (row.provider, row.parts, row.attempts) == ("smpp", 1, 1)
        await receipt(center, "one", row.external_id)
        await receipt(center, "two", (await outbox.row(latin)).external_id, tlv=5)
        await center.wait("acknowledged", 2, status=0)
        await at.becomes("delivered", persian)
        await at.becomes("failed", latin)
        assert await outbox.notes(persian) == [("attempt", "sent"), ("receipt", "delivered")]
        # Once more, and what is worse than what is known: nothing changes.
        await receipt(center, "again", row.external_id)
        await receipt(center, "late", row.external_id, "UNDELIV")
        await receipt(center, "nobody's", "id-99")
        await center.wait("acknowledged", 5, status=0)
        assert await outbox.status(persian) == "delivered"
        assert len(await outbox.notes(persian)) == 3


@pytest.mark.parametrize("way", ["udh", "sar", "payload"])
@within(60)
async def test_a_long_message(outbox: Outbox, center: Smsc, way: Any) -> None:
    """Delivered once each part is, whatever the order of their receipts."""
    async with lines(outbox, center.port, manner=Manner(way=way)) as at:
        tracking = await outbox.add(LONG)
        await at.becomes("sent", tracking)
        row, pdus = await outbox.row(tracking), submitted(center)
        assert row.parts == 4
        if way == "payload":
            assert octets(pdus[0]["message_payload"]).decode("utf-16-be") == LONG
        else:
            text = b"".join(octets(each["short_message"])[6 if way == "udh" else 0 :] for each in pdus)
            assert text.decode("utf-16-be") == LONG
            assert [each["esm_class"] for each in pdus] == [0x40 if way == "udh" else 0] * 4
        assert len(pdus) == (1 if way == "payload" else 4)
        for place in reversed(range(1, len(pdus) + 1)):
            assert await outbox.status(tracking) == "sent"
            await receipt(center, f"part {place}", f"id-{place}", tlv=2 if place % 2 else None)
            await center.wait("acknowledged", name=f"part {place}", status=0)
        await at.becomes("delivered", tracking)


@within(60)
async def test_a_part_that_failed_is_a_message_that_failed(outbox: Outbox, center: Smsc) -> None:
    """Until its receipt is outranked: receipts come in any order."""
    async with lines(outbox, center.port) as at:
        tracking = await outbox.add(LONG)
        await at.becomes("sent", tracking)
        for place, word in enumerate(("DELIVRD", "EXPIRED", "DELIVRD", "DELIVRD"), 1):
            await receipt(center, f"part {place}", f"id-{place}", word)
        await center.wait("acknowledged", 4, status=0)
        await at.becomes("failed", tracking)
        notes = await outbox.notes(tracking)
        assert sorted(notes[1:]) == [("receipt", "delivered")] * 3 + [("receipt", "failed")]
        await receipt(center, "after all", "id-2")
        await at.becomes("delivered", tracking)


@within(60)
async def test_a_receipt_before_the_answer_to_its_submit(outbox: Outbox, center: Smsc) -> None:
    await center.plan(delay=1_500)
    async with lines(outbox, center.port) as at:
        short, long = await outbox.add("سلام"), await outbox.add(LONG)
        await center.wait("submit", 2)
        for place in range(1, 6):
            await receipt(center, f"early {place}", f"id-{place}")
        await center.wait("acknowledged", 5, status=0)
        assert await outbox.status(short) == "claimed"
        await at.becomes("delivered", short, long)


@within(60)
async def test_ids_in_hex_and_receipts_in_decimal(outbox: Outbox, center: Smsc) -> None:
    await center.plan(hex=True)
    async with lines(outbox, center.port, manner=Manner(ids="hex"), receipt_ids="decimal") as at:
        messages = [await outbox.add(f"پیام {number}") for number in range(12)]
        await at.becomes("sent", *messages)
        names = {(await outbox.row(each)).external_id for each in messages}
        assert names == {str(number) for number in range(1, 13)}
        for number in range(1, 13):
            await receipt(center, f"r{number}", f"{number:010}")
        await at.becomes("delivered", *messages)


@within(60)
async def test_throttled_messages_wait_and_no_attempt_is_spent(outbox: Outbox, center: Smsc) -> None:
    await center.plan(statuses=[0x58])
    async with lines(outbox, center.port, window=1) as at:
        messages = [await outbox.add(f"پیام {number}") for number in range(5)]
        await center.wait("submit")

        async def waits() -> bool:
            return not any([await outbox.status(each) == "claimed" for each in messages])

        await until(waits)
        assert (await center.count())["submits"] == 1, "the others were not tried on an SMSC that is full"
        while not all([await outbox.status(each) == "sent" for each in messages]):
            outbox.clock.forward(1)
            await asyncio.sleep(0.05)
        assert (await center.count())["submits"] == 6
        assert {(await outbox.row(each)).attempts for each in messages} == {1}
        assert at.shared.connection.counts.refused == 1


@within(60)
async def test_only_what_is_left_of_a_long_message_goes_again(outbox: Outbox, center: Smsc) -> None:
    await center.plan(statuses=[0, 0, 0x14])
    async with lines(outbox, center.port) as at:
        tracking = await outbox.add(LONG)
        await center.wait("submit", 3)

        async def waits() -> bool:
            return await outbox.status(tracking) == "queued"

        await until(waits)
        while await outbox.status(tracking) != "sent":
            outbox.clock.forward(5)
            await asyncio.sleep(0.2)
        headers = [octets(each["short_message"])[:6] for each in submitted(center)]
        assert [each[5] for each in headers] == [1, 2, 3, 3, 4]
        assert len({each[3] for each in headers}) == 1, "one reference, so that a phone joins them"
        for id in ("id-1", "id-2", "id-4", "id-5"):
            await receipt(center, id, id)
        await at.becomes("delivered", tracking)


@within(60)
async def test_what_is_refused(outbox: Outbox, center: Smsc) -> None:
    """By status: never (another one may take it), later, somebody has to repair it, one that nobody knows."""
    async with lines(outbox, center.port, window=1) as at:
        for status, shown, noted in (
            (0x0B, "failed", "unroutable"),
            (0x400, "failed", "unroutable"),
            (0x08, "queued", "unreachable"),
            (0x0A, "queued", "misconfigured"),
        ):
            await center.plan(statuses=[status])
            tracking = await outbox.add(f"{status}")
            await at.becomes(shown, tracking)
            assert await outbox.notes(tracking) == [("attempt", noted)] or shown == "queued"

            async def noted_so(tracking: str = tracking, noted: str = noted) -> bool:
                return await outbox.notes(tracking) == [("attempt", noted)]

            await until(noted_so)


@within(60)
async def test_no_answer(outbox: Outbox, center: Smsc) -> None:
    """A code and a notice go again; an advertisement must not come twice."""
    await center.plan(silent=True)
    async with lines(outbox, center.port, timing=replace(QUICK, response=0.3)) as at:
        notice, advertisement = await outbox.add("خبر"), await outbox.add("حراج", klass="bulk")
        await at.becomes("failed", advertisement)
        await at.becomes("queued", notice)
        assert await outbox.notes(notice) == [("attempt", "ambiguous")]
        await center.plan(silent=False)
        outbox.clock.forward(6)
        await at.becomes("sent", notice)
        assert (await outbox.row(notice)).attempts == 2
        assert (await center.count())["submits"] == 3


@within(60)
async def test_links_that_drop_in_mid_window(outbox: Outbox, center: Smsc) -> None:
    """What was on its way is ambiguous, the rest goes by the next bind; each message has one final story."""
    await center.plan(delay=100)
    async with lines(outbox, center.port, window=5, binds=("transceiver", "transceiver")) as at:
        messages = [await outbox.add(f"پیام {number}") for number in range(40)]
        for dropped in (6, 22):
            await center.wait("submit", dropped)
            await center.order("drop")
        while not all([await outbox.status(each) == "sent" for each in messages]):
            outbox.clock.forward(1)
            await asyncio.sleep(0.05)
        texts = [octets(each["short_message"]) for each in submitted(center)]
        assert len(set(texts)) == 40
        doubled = len(texts) - 40
        noted = [("attempt", "ambiguous") in await outbox.notes(each) for each in messages]
        assert doubled <= sum(noted), "each that may have gone twice is known"
        assert sum(noted) <= 20, "and they are no more than were on their way"
        assert at.shared.connection.counts.lost >= 2


@within(60)
async def test_a_code_does_not_wait_behind_the_parts_of_advertisements(center: Smsc) -> None:
    await center.plan(delay=20)
    shared = connected(center.port, window=2)
    provider = Smpp("smpp", shared.connection, (LINE,), clock=wall_clock)
    async with shared.used():
        many = [outgoing(body=LONG, klass="bulk") for _ in range(20)]
        sending = asyncio.create_task(provider.send(many))
        await center.wait("submit", 10)
        (outcome,) = await provider.send([outgoing(body="123456", klass="otp")])
        assert isinstance(outcome, Accepted)
        assert (await center.count())["submits"] < 20, "of 80"
        assert all(isinstance(each, Accepted) for each in await sending)
        told = [octets(each["short_message"]) for each in submitted(center)]
        assert told.index(b"123456") <= 16


@within(60)
async def test_without_a_bind_no_attempt_is_spent(outbox: Outbox) -> None:
    async with smsc(password="other") as center, lines(outbox, center.port) as at:
        tracking = await outbox.add()
        await center.wait("bind")

        async def noted() -> bool:
            return await outbox.notes(tracking) == [("attempt", "misconfigured")]

        await until(noted)
        assert (await outbox.row(tracking)).attempts == 0
        await center.plan(password="secret")
        await at.shared.connection.ready()
        outbox.clock.forward(61)
        await at.becomes("sent", tracking)
        assert (await outbox.row(tracking)).attempts == 1


@within(60)
async def test_while_nobody_is_there_nothing_is_claimed_in_vain(outbox: Outbox) -> None:
    """Nor told of for each message: the connection says once why it is not bound."""
    port = free_port()
    with capture_logs() as logs:
        async with lines(outbox, port) as at:
            messages = [await outbox.add(f"پیام {number}") for number in range(60)]

            async def put_off() -> bool:
                return bool((await outbox.row(messages[0])).due_at > outbox.clock())

            await until(put_off)
            await asyncio.sleep(1)
            left = [each for each in messages if (await outbox.row(each)).due_at == outbox.clock()]
            assert len(left) >= 20, "the rest stays where it is"
            async with smsc(port=port):
                await at.shared.connection.ready()
                outbox.clock.forward(10)
                await at.becomes("sent", *messages)
        assert {(await outbox.row(each)).attempts for each in messages} == {1}
    assert not [each for each in logs if each["event"] == "dispatch.not_sent"]


@within(60)
async def test_a_receipt_is_acknowledged_once_it_is_durable(
    outbox: Outbox, center: Smsc, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the database is away the SMSC keeps it, and brings it again."""
    async with lines(outbox, center.port) as at:
        tracking = await outbox.add()
        await at.becomes("sent", tracking)

        async def away(*_given: object) -> int:
            raise Unavailable("away")

        with monkeypatch.context() as patched:
            patched.setattr("dispatch.receipts_intake.keep", away)
            await receipt(center, "one", "id-1")
            await center.wait("acknowledged", name="one", status=0x64)
        await receipt(center, "two", "id-1")
        await center.wait("acknowledged", name="two", status=0)
        await at.becomes("delivered", tracking)


@within(60)
async def test_what_people_write_comes_by_the_same_bind(outbox: Outbox, center: Smsc) -> None:
    async with lines(outbox, center.port) as at:
        await at.shared.connection.ready()
        await center.deliver("said", source_addr="989121234567", destination_addr=LINE, short_message=b"hi")
        await center.wait("acknowledged", name="said", status=0)
        assert [each.message.short_message for each in at.said] == [b"hi"]
        assert len(center.of("bind")) == 1


def test_times_of_validity() -> None:
    until_then = NOW + timedelta(days=2, hours=3, minutes=4, seconds=5)
    assert validity("relative", until_then, NOW) == "000002030405000R"
    assert validity("relative", NOW, NOW) == "000000000001000R"
    assert validity("relative", NOW + timedelta(days=90), NOW) == "000030000000000R"
    assert validity("absolute", until_then, NOW) == "261125110405000+"
    assert validity("none", until_then, NOW) == ""
