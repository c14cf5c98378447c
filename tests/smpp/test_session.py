"""One session against an SMSC that nobody here wrote (npm ``smpp``), which does what SMSCs do, faults
included."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from smpp import pdu
from smpp.delivery import INBOUND, Delivery, Handler
from smpp.endpoint import BindKind, Endpoint, Timing
from smpp.errors import (
    BAD_COMMAND,
    PERMANENT,
    TEMPORARY,
    THROTTLED,
    BindRefused,
    NoAnswer,
    NotSent,
    Refused,
    SmppError,
    TooMuch,
    Unreachable,
)
from smpp.pdu import Message, Pdu, encode
from smpp.session import Session
from tests.dispatch.certificates import self_signed
from tests.running import within
from tests.smpp.smsc import Smsc, octets, smsc

QUICK = Timing(connect=10, response=10, enquire=30, goodbye=2)
HELLO = Message("733", "989121234567", b"hello", source_addr_ton=3, dest_addr_ton=1, dest_addr_npi=1)


async def taken(delivery: Delivery) -> None:
    delivery.acknowledge()


PASSWORD = "secret"


def endpoint(port: int, password: str = PASSWORD, tls: ssl.SSLContext | None = None) -> Endpoint:
    return Endpoint("127.0.0.1", port, "chapar", password, "USSD", tls=tls)


@asynccontextmanager
async def bound(
    server: Smsc,
    handler: Handler = taken,
    *,
    kind: BindKind = "transceiver",
    window: int = 10,
    timing: Timing = QUICK,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Session]:
    session = await Session.open(endpoint(server.port, tls=tls), kind, handler, window=window, timing=timing)
    try:
        yield session
    finally:
        await session.close()


# Binding.


@pytest.mark.parametrize("kind", ["transmitter", "receiver", "transceiver"])
@within(60)
async def test_the_three_kinds_of_bind(kind: BindKind) -> None:
    async with smsc() as server, bound(server, kind=kind) as session:
        [bind] = await server.wait("bind")
        assert bind["kind"] == f"bind_{kind}"
        told = bind["pdu"]
        assert (told["system_id"], told["password"], told["system_type"]) == ("chapar", "secret", "USSD")
        assert told["interface_version"] == 0x34
        assert session.can_submit is (kind != "receiver")
        if kind == "receiver":
            with pytest.raises(NotSent):
                await session.submit(HELLO)


@within(60)
async def test_a_wrong_password() -> None:
    async with smsc(password="other") as server:
        with pytest.raises(BindRefused) as caught:
            await Session.open(endpoint(server.port), "transceiver", taken, window=1, timing=QUICK)
        assert (caught.value.status, caught.value.advice) == (0x0E, "repair")
        assert "secret" not in str(caught.value)
        await server.wait("close")


@pytest.mark.parametrize("status", [0x05, 0x08, 0x0D, 0x0F, 0x400])
@within(60)
async def test_a_bind_that_is_refused(status: int) -> None:
    async with smsc(bindStatus=status) as server:
        with pytest.raises(BindRefused) as caught:
            await Session.open(endpoint(server.port), "transceiver", taken, window=1, timing=QUICK)
        assert caught.value.status == status


@within(60)
async def test_a_bind_that_is_not_answered() -> None:
    async with smsc(bindSilent=True) as server:
        with pytest.raises(Unreachable, match="not answered"):
            await Session.open(
                endpoint(server.port), "transceiver", taken, window=1, timing=Timing(connect=0.3)
            )
        await server.wait("close")


@within(60)
async def test_nobody_there() -> None:
    async with smsc() as server:
        port = server.port
    with pytest.raises(Unreachable):
        await Session.open(endpoint(port), "transceiver", taken, window=1, timing=QUICK)


@within(60)
async def test_a_long_password() -> None:
    """The text of SMPP has eight characters; SMSCs have more."""
    password = "a-password-of-more-than-eight"
    async with smsc(password=password) as server:
        session = await Session.open(
            endpoint(server.port, password), "transceiver", taken, window=1, timing=QUICK
        )
        await session.close()


@within(60)
async def test_tls(tmp_path: Path) -> None:
    _server, trusting = self_signed(tmp_path)
    async with smsc(pem=tmp_path / "server.pem") as server:
        async with bound(server, tls=trusting) as session:
            assert await session.submit(HELLO) == "id-1"
        with pytest.raises(Unreachable, match="certificate"):
            await Session.open(
                endpoint(server.port, tls=ssl.create_default_context()),
                "transceiver",
                taken,
                window=1,
                timing=QUICK,
            )
        with pytest.raises(Unreachable):  # Without TLS the other side understands nothing.
            await Session.open(
                endpoint(server.port), "transceiver", taken, window=1, timing=Timing(connect=2)
            )


# Submitting.


@within(60)
async def test_what_is_submitted_arrives_as_it_is() -> None:
    text = "شکایت شما ثبت شد 😀"
    message = Message(
        "733",
        "989121234567",
        text.encode("utf-16-be"),
        8,
        service_type="USSD",
        registered_delivery=1,
        tlvs=((0x0501, b"\x02"), (0x1383, b"\x01\x02"), (0x1401, b"vendor")),
    )
    async with smsc() as server, bound(server) as session:
        assert await session.submit(message) == "id-1"
        [told] = [each["pdu"] for each in await server.wait("submit")]
        assert octets(told["short_message"]).decode("utf-16-be") == text
        assert (told["source_addr"], told["destination_addr"]) == ("733", "989121234567")
        assert (told["data_coding"], told["service_type"], told["registered_delivery"]) == (8, "USSD", 1)
        assert told["ussd_service_op"] == 2
        assert octets(told["its_session_info"]) == b"\x01\x02"
        assert octets(told[str(0x1401)]) == b"vendor"
        long = Message("733", "98912", tlvs=((0x0424, bytes(15_000)),))
        assert await session.submit(long) == "id-2"
        told = (await server.wait("submit", 2))[1]["pdu"]
        assert octets(told["message_payload"]) == bytes(15_000)


@within(60)
async def test_throttling_and_other_refusals() -> None:
    async with smsc(statuses=[0x58, 0x14, 0x0B, 0x4FF]) as server, bound(server) as session:
        told = []
        for _ in range(4):
            with pytest.raises(Refused) as caught:
                await session.submit(HELLO)
            told.append((caught.value.status, caught.value.advice))
        assert told == [(0x58, "slower"), (0x14, "slower"), (0x0B, "never"), (0x4FF, "never")]
        assert await session.submit(HELLO) == "id-5"


@within(60)
async def test_a_nack_is_a_refusal() -> None:
    async with smsc(nack=True) as server, bound(server) as session:
        with pytest.raises(Refused) as caught:
            await session.submit(HELLO)
        assert caught.value.status == BAD_COMMAND


@within(60)
async def test_no_answer_is_not_a_refusal() -> None:
    async with smsc(silent=True) as server:
        timing = Timing(response=0.3, goodbye=1)
        async with bound(server, timing=timing, window=2) as session:
            outcomes = await asyncio.gather(
                *(session.submit(HELLO) for _ in range(5)), return_exceptions=True
            )
            # Each had its turn in the window, though the ones before were never answered.
            assert [type(each) for each in outcomes] == [NoAnswer] * 5
            assert (await server.count())["submits"] == 5
            await server.plan(silent=False)
            assert await session.submit(HELLO) == "id-1"


@within(60)
async def test_the_window_is_respected() -> None:
    async with smsc(delay=30) as server, bound(server, window=4) as session:
        ids = await asyncio.gather(*(session.submit(HELLO) for _ in range(40)))
        assert len({*ids}) == 40
        count = await server.count()
        assert (count["submits"], count["most"]) == (40, 4)


@within(60)
async def test_who_gives_up_waiting_leaves_no_place_taken() -> None:
    async with smsc(delay=50) as server, bound(server, window=2) as session:
        first = [asyncio.create_task(session.submit(HELLO)) for _ in range(6)]
        await server.wait("submit", 2)
        for each in first[1:5]:
            each.cancel()
        await asyncio.gather(*first, return_exceptions=True)
        # A cancelled one that had gone keeps its place until its answer; the window is whole again then.
        await asyncio.gather(*(session.submit(HELLO) for _ in range(6)))
        assert (await server.count())["most"] == 2
        assert session.load == 0


@within(60)
async def test_what_does_not_fit_takes_no_place() -> None:
    async with smsc() as server, bound(server, window=1) as session:
        for _ in range(3):
            with pytest.raises(TooMuch):
                await session.submit(Message(source_addr="1" * 30))
        assert await session.submit(HELLO) == "id-1"


@within(60)
async def test_a_dropped_link_tells_what_is_known_of_each_message() -> None:
    async with smsc(silent=True) as server, bound(server, window=3) as session:
        under_way = [asyncio.create_task(session.submit(HELLO)) for _ in range(5)]
        await server.wait("submit", 3)
        await server.order("drop")
        outcomes = await asyncio.gather(*under_way, return_exceptions=True)
        assert [type(each) for each in outcomes] == [NoAnswer] * 3 + [NotSent] * 2
        assert isinstance(await session.lost, SmppError)
        with pytest.raises(NotSent):
            await session.submit(HELLO)


@within(60)
async def test_an_answer_that_cannot_be_read_is_no_refusal() -> None:
    async with smsc(silent=True) as server, bound(server) as session:
        waiting = asyncio.create_task(session.submit(HELLO))
        [told] = await server.wait("submit")
        sequence = told["pdu"]["sequence_number"]
        await server.order("raw", hex=(pdu.HEADER.pack(19, pdu.SUBMIT_SM_RESP, 0, sequence) + b"???").hex())
        with pytest.raises(NoAnswer, match="cannot be read"):
            await waiting
        assert session.alive


# Deliveries.


@within(60)
async def test_a_delivery_is_acknowledged_when_its_handler_says_so() -> None:
    durable = asyncio.Event()
    met: list[Delivery] = []

    async def handler(delivery: Delivery) -> None:
        met.append(delivery)
        await durable.wait()
        delivery.acknowledge()
        delivery.acknowledge(PERMANENT)  # Only the first counts.

    async with smsc() as server, bound(server, handler) as session:
        await server.deliver(
            "one",
            source_addr="989121234567",
            destination_addr="733",
            short_message="سلام".encode("utf-16-be"),
            data_coding=8,
            ussd_service_op=1,
        )
        while not met:
            await asyncio.sleep(0.01)
        await session.submit(HELLO)  # A whole round trip later …
        assert server.of("acknowledged") == []
        durable.set()
        [acknowledged] = await server.wait("acknowledged")
        assert acknowledged["status"] == 0
        message = met[0].message
        assert (message.source_addr, message.short_message.decode("utf-16-be")) == ("989121234567", "سلام")
        assert message.tlv(0x0501) == b"\x01"


@within(60)
async def test_a_handler_that_fails_or_forgets_gets_it_again() -> None:
    async def handler(delivery: Delivery) -> None:
        if delivery.message.short_message == b"fail":
            raise RuntimeError("a defect")

    async with smsc() as server, bound(server, handler):
        await server.deliver("one", source_addr="1", short_message=b"fail")
        await server.deliver("two", source_addr="1", short_message=b"forget")
        statuses = {each["name"]: each["status"] for each in await server.wait("acknowledged", 2)}
        assert statuses == {"one": TEMPORARY, "two": TEMPORARY}


@within(60)
async def test_a_stuck_delivery_holds_up_neither_others_nor_signs_of_life() -> None:
    go = asyncio.Event()

    async def handler(delivery: Delivery) -> None:
        if delivery.message.short_message == b"stuck":
            await go.wait()
        delivery.acknowledge()

    async with smsc() as server, bound(server, handler) as session:
        await server.deliver("stuck", source_addr="1", short_message=b"stuck")
        for n in range(20):
            await server.deliver(f"d{n}", source_addr="1", short_message=b"x")
        await server.wait("acknowledged", 20, status=0)
        await server.order("enquire")
        await server.wait("alive")
        assert await session.submit(HELLO) == "id-1"
        assert server.of("acknowledged", name="stuck") == []
        go.set()
        await server.wait("acknowledged", 1, name="stuck")


@within(60)
async def test_more_deliveries_than_are_held_come_again_later() -> None:
    go = asyncio.Event()

    async def handler(delivery: Delivery) -> None:
        await go.wait()
        delivery.acknowledge()

    async with smsc() as server, bound(server, handler):
        stream = b"".join(
            encode(Pdu(pdu.DELIVER_SM, n, 0, Message("1", "2", b"x"))) for n in range(1, INBOUND + 4)
        )
        await server.order("raw", hex=stream.hex())
        throttled = await server.wait("deliver_sm_resp", 3)
        assert [each["sequence"] for each in throttled] == [INBOUND + 1, INBOUND + 2, INBOUND + 3]
        assert {each["status"] for each in throttled} == {THROTTLED}
        go.set()
        await server.wait("deliver_sm_resp", INBOUND + 3)
        assert len(server.of("deliver_sm_resp", status=0)) == INBOUND


@within(60)
async def test_a_delivery_in_the_same_packet_as_the_answer_to_the_bind() -> None:
    quick = {"source_addr": "1", "short_message": {"hex": b"x".hex()}}
    async with smsc(quick=quick) as server, bound(server):
        [told] = await server.wait("deliver_sm_resp")
        assert (told["sequence"], told["status"]) == (77, 0)


# Signs of life, and the end.


@within(60)
async def test_signs_of_life_are_answered_and_asked_for() -> None:
    timing = Timing(enquire=0.05, goodbye=1)
    async with smsc() as server, bound(server, timing=timing) as session:
        await server.wait("enquire_link", 3)
        await server.order("enquire")
        assert (await server.wait("alive"))[0]["status"] == 0
        assert session.alive


@within(60)
async def test_an_smsc_that_gives_no_sign_of_life_is_left() -> None:
    timing = Timing(enquire=0.1, goodbye=1)
    async with smsc(deaf=True) as server, bound(server, timing=timing) as session:
        assert "sign of life" in str(await session.lost)
        await server.wait("close")


@within(60)
async def test_the_smsc_unbinds() -> None:
    async with smsc() as server, bound(server) as session:
        await server.order("unbind")
        await server.wait("unbound")
        assert "unbound" in str(await session.lost)
        await server.wait("close")


@within(60)
async def test_a_session_is_closed_after_what_is_under_way() -> None:
    go = asyncio.Event()
    sent: list[str] = []

    async with smsc(delay=100) as server, bound(server) as session:

        async def handler(delivery: Delivery) -> None:
            await go.wait()
            delivery.acknowledge()
            sent.append(await session.submit(HELLO))  # Its screen still goes.

        session._deliveries._handler = handler
        await server.deliver("one", source_addr="1", short_message=b"x")
        while not len(session._deliveries):
            await asyncio.sleep(0.01)
        closing = asyncio.create_task(session.close())
        await asyncio.sleep(0)
        await server.deliver("late", source_addr="1", short_message=b"x")
        [late] = await server.wait("acknowledged", 1, name="late")
        assert late["status"] == TEMPORARY
        assert server.of("unbind") == []
        go.set()
        await closing
        assert sent == ["id-1"]
        kinds = [each["event"] for each in server.events if each["event"] in ("submit", "unbind")]
        assert kinds == ["submit", "unbind"]
        await server.wait("close")


@within(60)
async def test_a_goodbye_that_is_not_answered_ends_all_the_same() -> None:
    async with smsc(numb=True, silent=True) as server:
        session = await Session.open(
            endpoint(server.port), "transceiver", taken, window=1, timing=Timing(goodbye=0.2)
        )
        waiting = asyncio.create_task(session.submit(HELLO))
        await server.wait("submit")
        await session.close()
        with pytest.raises(NoAnswer):
            await waiting
        await server.wait("close")


# What is no SMPP.


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".hex(),
        "ffffffff" + "00" * 12,  # An oversized length.
        "00000000" + "00" * 12,
        "0000000f" + "00" * 12,
    ],
)
@within(60)
async def test_garbage_ends_the_session(garbage: str) -> None:
    async with smsc() as server, bound(server) as session:
        await server.order("raw", hex=garbage)
        assert isinstance(await session.lost, SmppError)
        await server.wait("generic_nack")
        await server.wait("close")


@within(60)
async def test_what_is_unknown_is_told_so_and_the_session_goes_on() -> None:
    async with smsc() as server, bound(server) as session:
        await server.order("raw", hex=pdu.HEADER.pack(16, 0x00000103, 0, 5).hex())
        [told] = await server.wait("generic_nack")
        assert (told["pdu"]["sequence_number"], told["pdu"]["command_status"]) == (5, BAD_COMMAND)
        # A deliver_sm that breaks off, one whose TLV is longer than it is, and answers that nobody waits for.
        await server.order("raw", hex=(pdu.HEADER.pack(20, pdu.DELIVER_SM, 0, 6) + bytes(4)).hex())
        whole = encode(Pdu(pdu.DELIVER_SM, 7, 0, Message("1", "2", b"x", tlvs=((0x0501, b"\x01"),))))
        await server.order("raw", hex=(whole[:-2] + b"\x09\x01").hex())
        await server.order("raw", hex=encode(Pdu(pdu.SUBMIT_SM_RESP, 99)).hex())
        await server.order("raw", hex=encode(Pdu(pdu.ALERT_NOTIFICATION, 8)).hex())
        answers = await server.wait("deliver_sm_resp", 2)
        assert [(each["sequence"], each["status"]) for each in answers] == [(6, 0x02), (7, 0xC0)]
        assert await session.submit(HELLO) == "id-1"


@within(60)
async def test_an_smsc_that_reads_nothing_fills_no_memory() -> None:
    """It is bound and then stops reading, while many messages go out: they wait, and the session ends when no
    sign of life comes."""

    async def stalled(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(16)
        writer.write(encode(Pdu(pdu.BIND_TRANSCEIVER | pdu.RESPONSE, 1, 0, pdu.BindResult("slow"))))
        await writer.drain()
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        # Its own requests heap up no answers here either.
        for _ in range(200):
            writer.write(encode(Pdu(pdu.ENQUIRE_LINK, 1)) * 1_000)
            await asyncio.sleep(0.01)
        await gone.wait()
        writer.close()
        ended.set()

    gone, ended = asyncio.Event(), asyncio.Event()
    server = await asyncio.start_server(stalled, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    session = await Session.open(
        endpoint(port),
        "transceiver",
        taken,
        window=1_000,
        timing=Timing(enquire=1.0, response=30, goodbye=0.2),
    )
    long = Message("1", "2", tlvs=((0x0424, bytes(60_000)),))
    outcomes = asyncio.gather(*(session.submit(long) for _ in range(1_000)), return_exceptions=True)
    most = 0
    while not session.lost.done():
        assert session._transport is not None
        most = max(most, session._transport.get_write_buffer_size() + sum(map(len, session._out)))
        await asyncio.sleep(0.02)
    assert most < 3_000_000, "of 60 MB that wanted to go"
    assert {type(each) for each in await outcomes} == {NoAnswer, NotSent}
    gone.set()
    server.close()
    await ended.wait()
