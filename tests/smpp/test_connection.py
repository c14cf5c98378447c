"""Binds that are bound again, and messages that take whichever is there."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from smpp.backoff import Backoff
from smpp.connection import Connection
from smpp.delivery import Delivery
from smpp.endpoint import Endpoint, Timing, read_url
from smpp.errors import NoAnswer, NotSent, Refused
from smpp.pdu import Message, Pdu
from tests.running import free_port, within
from tests.smpp.smsc import smsc

QUICK = Timing(connect=5, response=5, enquire=30, goodbye=2)
HELLO = Message("733", "989121234567", b"hello")


def at(port: int, password: str = "secret") -> Endpoint:  # noqa: S107
    return Endpoint("127.0.0.1", port, "chapar", password)


def soon() -> Backoff:
    return Backoff(first=0.02, most=0.1)


async def taken(delivery: Delivery) -> None:
    delivery.acknowledge()


@within(60)
async def test_several_binds_share_the_messages_and_are_unbound() -> None:
    async with smsc(delay=50) as server:
        async with Connection(at(server.port), ["transceiver"] * 3, window=2, timing=QUICK) as connection:
            await connection.ready()
            assert connection.bound == 3
            await asyncio.gather(*(connection.submit(HELLO) for _ in range(6)))
            assert sorted(each["session"] for each in server.of("submit")) == [1, 1, 2, 2, 3, 3]
            assert (await server.count())["most"] == 6
            assert connection.counts.accepted == 6
        await server.wait("unbind", 3)


@within(60)
async def test_one_bind_sends_and_another_receives() -> None:
    got: list[str] = []

    async def handler(delivery: Delivery) -> None:
        got.append(await connection.submit(HELLO, first=delivery.link))
        delivery.acknowledge()

    async with smsc() as server:
        connection = Connection(at(server.port), ["transmitter", "receiver"], handler, timing=QUICK)
        async with connection:
            await connection.ready()
            await server.deliver("one", source_addr="1", short_message=b"x")
            await server.wait("acknowledged", 1, status=0)
            assert got == ["id-1"]


@within(60)
async def test_a_link_that_breaks_is_bound_again_and_a_message_waits_for_it() -> None:
    async with smsc() as server, Connection(at(server.port), timing=QUICK, backoff=soon) as connection:
        await connection.ready()
        for n in range(1, 4):
            await server.order("drop")
            await server.wait("close", n)
            while connection.bound:
                await asyncio.sleep(0.001)
            assert await connection.submit(HELLO) == f"id-{n}"
        assert connection.counts.lost == 3


@within(60)
async def test_an_smsc_that_comes_later_is_found() -> None:
    port = free_port()
    with capture_logs() as logs:
        async with Connection(at(port), timing=QUICK, backoff=soon) as connection:
            with pytest.raises(NotSent, match="no bind"):
                await connection.submit(HELLO, patience=0.2)
            while connection.counts.failed < 4:
                await asyncio.sleep(0.01)
            async with smsc(port=port):
                await connection.ready()
                assert await connection.submit(HELLO) == "id-1"
    told = [each for each in logs if each["event"] == "smpp not bound"]
    assert len(told) < 4, "once for each reason"


@within(60)
async def test_a_wrong_password_is_an_alarm_and_the_right_one_is_found_out() -> None:
    with capture_logs() as logs:
        async with (
            smsc(password="other") as server,
            Connection(at(server.port), timing=QUICK, backoff=soon) as connection,
        ):
            await server.wait("bind", 3)
            assert connection.bound == 0
            await server.plan(password="secret")
            await connection.ready()
    [told] = [each for each in logs if each["event"] == "smpp not bound"]
    assert told["log_level"] == "error"
    assert "ESME_RINVPASWD" in told["reason"]
    assert "secret" not in str(logs)


@within(60)
async def test_a_message_that_waited_in_a_window_that_broke_goes_by_the_next_bind() -> None:
    async with (
        smsc(silent=True) as server,
        Connection(at(server.port), window=1, timing=QUICK, backoff=soon) as connection,
    ):
        await connection.ready()
        tasks = [asyncio.create_task(connection.submit(HELLO)) for _ in range(3)]
        await server.wait("submit")
        await server.plan(silent=False)
        await server.order("drop")
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert sorted(type(each).__name__ for each in outcomes) == ["NoAnswer", "str", "str"]
        assert connection.counts.unanswered == 1


@within(60)
async def test_who_only_sends_refuses_what_is_delivered() -> None:
    async with smsc() as server, Connection(at(server.port), timing=QUICK) as connection:
        await connection.ready()
        await server.deliver("one", source_addr="1", short_message=b"x")
        [told] = await server.wait("acknowledged")
        assert told["status"] == 0x65


@within(60)
async def test_a_refusal_is_the_callers() -> None:
    async with smsc(statuses=[0x58]) as server, Connection(at(server.port), timing=QUICK) as connection:
        with pytest.raises(Refused):
            await connection.submit(HELLO)
        assert connection.counts.refused == 1
        assert server.of("submit")


@within(60)
async def test_what_is_posted_goes_without_a_wait_or_not_at_all() -> None:
    async with (
        smsc(delay=50, statuses=[0, 0x58]) as server,
        Connection(at(server.port), ["transceiver"] * 2, window=1, timing=QUICK, backoff=soon) as connection,
    ):
        assert connection.post(HELLO) is None, "nothing is bound yet"
        await connection.ready()
        posted = [connection.post(HELLO) for _ in range(3)]
        assert posted[2] is None, "both windows are full"
        answers = [each for each in posted if each is not None]
        await asyncio.wait(answers)
        told = sorted(str(_read(connection, each)) for each in answers)
        assert told == ["ESME_RTHROTTLED (0x58)", "id-1"]
        assert (connection.counts.accepted, connection.counts.refused) == (1, 1)
        lost = connection.post(HELLO)
        assert lost is not None
        await server.order("drop")
        await asyncio.wait([lost])
        assert isinstance(_read(connection, lost), NoAnswer)
        assert (await server.count())["submits"] <= 3


def _read(connection: Connection, answered: asyncio.Future[Pdu]) -> object:
    try:
        return connection.read(answered)
    except (Refused, NoAnswer) as error:
        return error


@within(60)
async def test_a_connection_that_never_was_bound_closes_at_once() -> None:
    async with smsc(bindSilent=True) as server:
        async with Connection(at(server.port), timing=QUICK) as connection:
            await server.wait("bind")
            waiting = asyncio.create_task(connection.submit(HELLO))
            await asyncio.sleep(0)
        with pytest.raises(NotSent):
            await waiting
        await server.wait("close")


# Its URL.


def test_urls() -> None:
    found = read_url("smpp://cha%40par:p%3Aw@[::1]:2776", system_type="USSD", name="ussd")
    assert (found.host, found.port, found.system_id, found.password) == ("::1", 2776, "cha@par", "p:w")
    assert (found.tls, found.system_type, found.name) == (None, "USSD", "ussd")
    secure = read_url("smpps://id@smsc.example")
    assert (secure.port, secure.password) == (3550, "")
    assert secure.tls is not None
    assert read_url("smpp://id:pw@smsc").port == 2775
    assert "p:w" not in repr(found)


@pytest.mark.parametrize(
    "url",
    [
        "http://id:hidden@host",
        "smpp://id:hidden@",
        "smpp://:hidden@host",
        "smpp://0123456789abcdef:hidden@host",
        "smpp://id:hidden" + "x" * 60 + "@host",
        "smpp://id:hidden%D8%B3@host",
        "smpp://id:hidden@host:port",
        "smpp://id:hidden@host:99999",
    ],
)
def test_urls_that_are_none(url: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        read_url(url)
    assert "hidden" not in str(caught.value)


def test_certificates_that_are_not_there() -> None:
    with pytest.raises(ValueError, match="certificates"):
        read_url("smpps://id@host", ca_file="/nowhere.pem")
