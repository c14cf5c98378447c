"""USSD push by SMPP with npm ``smpp`` as the gateway."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from dispatch.errors import Away, Throttled, Unroutable
from dispatch.provider import Accepted
from dispatch.providers.ussd.smpp import SmppPush, Style
from tests.dispatch.smpp_lines import connected
from tests.dispatch.vendors import outgoing
from tests.running import free_port, within
from tests.smpp.smsc import Smsc, octets, smsc

pytestmark = pytest.mark.xdist_group("sms-smpp")


@pytest.fixture
async def center() -> AsyncIterator[Smsc]:
    async with smsc() as center:
        yield center


def submitted(center: Smsc) -> list[dict[str, Any]]:
    return [each["pdu"] for each in center.of("submit")]


@within(60)
async def test_screens_are_pushed(center: Smsc) -> None:
    persian, latin = outgoing(body="شارژ شما تمام شد."), outgoing(body="Your balance is 0")
    shared = connected(center.port, ("transmitter",))
    async with shared.used():
        push = SmppPush(shared.connection, "733", Style())
        assert await push.send([persian, latin]) == [Accepted("id-1"), Accepted("id-2")]
    first, second = submitted(center)
    assert octets(first["short_message"]).decode("utf-16-be") == persian.body
    assert (first["source_addr"], first["destination_addr"]) == ("733", "989121234567")
    assert (first["service_type"], first["ussd_service_op"], first["data_coding"]) == ("USSD", 3, 8)
    assert octets(first["its_session_info"])[1] & 1, "the dialog ends with it"
    assert octets(first["its_session_info"]) != octets(second["its_session_info"])
    assert second["data_coding"] == 0


@within(60)
async def test_a_gateway_of_its_own_kind(center: Smsc) -> None:
    style = Style(operation=2, gsm7=15, ucs2=72, dialog="user_message_reference", end_bit=False)
    shared = connected(center.port, ("transmitter",))
    async with shared.used():
        await SmppPush(shared.connection, "*733#", style).send([outgoing(body="سلام")])
    [pdu] = submitted(center)
    assert (pdu["source_addr"], pdu["ussd_service_op"], pdu["data_coding"]) == ("*733#", 2, 72)
    assert "its_session_info" not in pdu
    assert pdu["user_message_reference"] % 2 == 0


@within(60)
async def test_what_does_not_go(center: Smsc) -> None:
    await center.plan(statuses=[0x58])
    shared = connected(center.port, ("transmitter",))
    async with shared.used():
        push = SmppPush(shared.connection, "733", Style())
        outcomes = await push.send([outgoing(body="س" * 81), outgoing(body="سلام")])
        assert [type(each) for each in outcomes] == [Unroutable, Throttled]
    nowhere = connected(free_port(), ("transmitter",))
    async with nowhere.used():
        (outcome,) = await SmppPush(nowhere.connection, "733", Style()).send([outgoing()])
        assert type(outcome) is Away
