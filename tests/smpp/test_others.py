"""The same session against a second SMSC that nobody here wrote: PyPI ``smpp34``, in Rust."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import smpp34

from smpp.connection import Connection
from smpp.delivery import Delivery
from smpp.endpoint import Endpoint, Timing
from smpp.errors import Refused
from smpp.pdu import Message
from tests.running import free_port, within

QUICK = Timing(connect=5, response=10, enquire=0.2, goodbye=2)
HELLO = Message("733", "989121234567", b"hello", tlvs=((0x0501, b"\x02"), (0x1383, b"\x01\x03")))


@asynccontextmanager
async def bound(
    handler: object = None, binds: int = 1, window: int = 10
) -> AsyncIterator[tuple[smpp34.Server, list[smpp34.Esme], Connection]]:
    """A server, its side of each session, and our connection to it."""
    port = free_port()
    server = smpp34.Server("127.0.0.1", port, system_id="smsc")
    await server.start()

    async def taken(delivery: Delivery) -> None:
        delivery.acknowledge()

    connection = Connection(
        Endpoint("127.0.0.1", port, "chapar", "secret"),
        ["transceiver"] * binds,
        handler or taken,  # type: ignore[arg-type]
        window=window,
        timing=QUICK,
    )
    async with connection:
        await connection.ready()
        sessions = []
        for _ in range(binds):
            session = await server.next()
            assert isinstance(session, smpp34.Esme)
            sessions.append(session)
        yield server, sessions, connection
    await server.stop()


async def submitted(server: smpp34.Server) -> smpp34.SubmitSmEvent:
    event = await server.next()
    assert isinstance(event, smpp34.SubmitSmEvent)
    return event


@within(60)
async def test_messages_and_their_answers() -> None:
    async with bound() as (server, _sessions, connection):
        sending = asyncio.create_task(connection.submit(HELLO))
        event = await submitted(server)
        assert (event.source_addr, event.destination_addr) == ("733", "989121234567")
        assert event.short_message == b"hello"
        assert [(tlv.tag, bytes(tlv.value)) for tlv in event.tlvs] == list(HELLO.tlvs)
        event.accept("0A1B")
        assert await sending == "0A1B"
        sending = asyncio.create_task(connection.submit(HELLO))
        (await submitted(server)).reject(0x58)
        with pytest.raises(Refused) as caught:
            await sending
        assert caught.value.advice == "slower"


@within(60)
async def test_a_delivery_is_answered_when_it_is_durable() -> None:
    durable = asyncio.Event()
    met: list[Delivery] = []

    async def handler(delivery: Delivery) -> None:
        met.append(delivery)
        await durable.wait()
        delivery.acknowledge()

    async with bound(handler) as (_server, [session], _connection):
        delivering = asyncio.ensure_future(
            session.deliver_sm(
                "733",
                "۱".encode("utf-16-be"),
                source_addr="989121234567",
                data_coding=8,
                tlvs=[smpp34.Tlv(0x0501, b"\x01")],
            )
        )
        while not met:
            await asyncio.sleep(0.01)
        assert not delivering.done()
        durable.set()
        assert (await delivering).is_success
        assert met[0].message.tlv(0x0501) == b"\x01"
        assert met[0].message.short_message.decode("utf-16-be") == "۱"


@within(60)
async def test_many_at_once_by_two_binds_and_signs_of_life_meanwhile() -> None:
    async with bound(binds=2, window=5) as (server, _sessions, connection):

        async def answer() -> None:
            for n in range(200):
                event = await submitted(server)
                event.accept(f"{n:x}")

        answering = asyncio.create_task(answer())
        ids = await asyncio.gather(*(connection.submit(HELLO) for _ in range(200)))
        await answering
        assert len({*ids}) == 200
        await asyncio.sleep(0.5)  # Two signs of life are due by now; this server answers them by itself.
        assert connection.bound == 2


@within(60)
async def test_the_server_leaves() -> None:
    async with bound() as (server, [session], connection):
        await session.unbind()
        while not connection.counts.lost:
            await asyncio.sleep(0.01)
        assert isinstance(await server.next(), smpp34.Unbound)
