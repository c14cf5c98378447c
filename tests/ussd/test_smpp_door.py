"""Conversations over SMPP through the real engine and a real database, on an SMSC that nobody here wrote, and
what can go wrong on the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import Row, func, select
from structlog.testing import capture_logs

from conversation.needs import HANDLERS
from conversation.needs.context import NeedContext
from engine.layout import USSD
from engine.session import Value
from engine.turn import Met
from records.tables import complaints, outbox, sessions, turns
from smpp.backoff import Backoff
from smpp.connection import Connection
from smpp.endpoint import BindKind, Endpoint, Timing
from smpp.sharing import Shared
from tests import servers
from tests.conversation.conftest import Clock, Process, process
from tests.running import within
from tests.smpp.smsc import Smsc, smsc
from tests.ussd.handsets import Handset
from ussd import smpp_dialogs
from ussd.exchange import Route
from ussd.smpp_door import SmppDoor
from ussd.smpp_vendors import vendor

WORDS = "سه روز است قطع است و کسی پاسخ نمی‌دهد"
ANSWERS = ("2", "2", WORDS, "1")
SUBJECTS = "پیام مزاحم"
FILED = "شکایت شما ثبت شد"
QUICK = Timing(connect=5, response=5, enquire=30, goodbye=1)


@dataclass
class Gateway:
    """An SMSC, and our door on it."""

    smsc: Smsc
    here: Process
    door: SmppDoor

    async def count(self, table: Any) -> int:
        [[rows]] = await self.read(select(func.count()).select_from(table))
        return int(rows)

    async def read(self, statement: Any) -> Sequence[Row[*tuple[Any, ...]]]:
        return await self.here.database.read(statement)

    async def nothing_doubled(self, dialogs: int = 1) -> None:
        """So many whole complaint dialogs, each step taken once."""
        for table, rows in ((complaints, 1), (outbox, 1), (turns, len(ANSWERS) + 1), (sessions, 1)):
            assert await self.count(table) == rows * dialogs, table.name


@asynccontextmanager
async def gateway(
    url: str,
    clock: Clock,
    *,
    row: str = "standard",
    options: dict[str, str] | None = None,
    binds: Sequence[BindKind] = ("transceiver",),
    window: int = 10,
    **plan: Any,
) -> AsyncIterator[Gateway]:
    async with smsc(**plan) as server, process(url, clock, deadline=2.0) as here:
        door = made(here, server, row, options, binds, window)
        async with door:
            await door.connection.ready()
            yield Gateway(server, here, door)


def made(
    here: Process,
    server: Smsc,
    row: str = "standard",
    options: dict[str, str] | None = None,
    binds: Sequence[BindKind] = ("transceiver",),
    window: int = 10,
) -> SmppDoor:
    return SmppDoor(
        here.conversation,
        Shared(
            lambda handler: Connection(
                Endpoint("127.0.0.1", server.port, "chapar", "secret"),
                binds,
                handler,
                window=window,
                timing=QUICK,
                backoff=lambda: Backoff(first=0.02, most=0.1),
            )
        ),
        Route("smpp", USSD, "*733#"),
        vendor(row, options or {}),
        peer="127.0.0.1",
    )


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.mark.parametrize("row", ["standard", "6d", "mica", "tata", "cbs"])
@within(60)
async def test_a_complaint_is_filed(sqlite_url: str, clock: Clock, row: str) -> None:
    async with gateway(sqlite_url, clock, row=row) as at:
        phone = Handset(at.smsc, vendor=row)
        menu = await phone.dial()
        assert menu.text.startswith("چاپار")
        assert menu.waits
        for answer in ANSWERS:
            shown = await phone.type(answer)
        assert FILED in shown.text
        assert not shown.waits
        assert shown.pdu["data_coding"] == (72 if row == "cbs" else 8)
        await at.smsc.wait("acknowledged", len(ANSWERS) + 1, status=0)
        await at.nothing_doubled()
        [session] = await at.read(select(sessions))
        assert (session.route, session.channel, session.outcome) == ("smpp", "ussd", "done")
        [turn, *_] = await at.read(select(turns).order_by(turns.c.sequence))
        record = await at.here.sessions.last_turn(
            at.here.vault.index("session", f"smpp\x1f{phone.dialog:04x}\x1f+989121234567")
        )
        assert record is not None
        assert (turn.sequence, record.peer) == (1, "127.0.0.1")


@within(60)
async def test_answers_dialled_with_the_code(database_url: str, clock: Clock) -> None:
    async with gateway(database_url, clock) as at:
        shown = await Handset(at.smsc).dial("*733*2*2#")
        assert "در یک پیام" in shown.text


@within(60)
async def test_acknowledged_only_after_the_commit(
    postgresql: servers.PostgreSQL, postgresql_url: str, clock: Clock
) -> None:
    async with gateway(postgresql_url, clock) as at:
        phone = Handset(at.smsc)
        await phone.dial()
        postgresql.freeze()
        try:
            await phone.send(18, "2")
            # Signs of life go back and forth meanwhile; no acknowledgement does, and no screen.
            for n in range(1, 6):
                await at.smsc.order("enquire")
                await at.smsc.wait("alive", n)
                await asyncio.sleep(0.1)
            assert len(at.smsc.of("acknowledged")) == 1
            assert len(phone.screens()) == 1
        finally:
            postgresql.thaw()
        assert SUBJECTS in (await phone.screen()).text
        await at.smsc.wait("acknowledged", 2, status=0)
        assert await at.count(turns) == 2


@within(60)
async def test_the_order_is_the_vendors(sqlite_url: str, clock: Clock) -> None:
    for order, expected in (
        ("acknowledge", ["acknowledged", "submit"]),
        ("screen", ["submit", "acknowledged"]),
    ):
        async with gateway(sqlite_url, clock, options={"order": order}, delay=50) as at:
            await Handset(at.smsc, number=f"98912123450{len(order) % 10}").dial()
            await at.smsc.wait("acknowledged")
            kinds = [each["event"] for each in at.smsc.events if each["event"] in expected]
            assert kinds == expected


# Deliveries that come again.


@within(60)
async def test_every_delivery_comes_twice(database_url: str, clock: Clock) -> None:
    async with gateway(database_url, clock) as at:
        phone = Handset(at.smsc)
        for n, (operation, text) in enumerate([(1, "*733#"), *((18, answer) for answer in ANSWERS)]):
            # The same sequence number: at once, and once more when the screen was shown.
            await phone.send(operation, text, sequence=100 + n)
            await phone.send(operation, text, sequence=100 + n)
            one, two = await phone.screen(), await phone.screen()
            assert one.text == two.text
            if n:  # A dialog that begins again is another one to who dials; see below.
                await phone.send(operation, text, sequence=100 + n)
                assert (await phone.screen()).text == one.text
        assert FILED in one.text
        await at.nothing_doubled()


@within(60)
async def test_a_delivery_comes_again_before_its_screen_was_taken(
    database_url: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its repetition, by another sequence number, crossed the acknowledgement."""
    monkeypatch.setattr(smpp_dialogs, "CROSSING", 60.0)
    async with gateway(database_url, clock) as at:
        phone = Handset(at.smsc)
        await phone.dial()
        await at.smsc.plan(delay=300)
        await phone.send(18, "2")
        await at.smsc.until(lambda: len(phone.screens()) == 2, "the screen")
        await phone.send(18, "2")
        one, two = await phone.screen(), await phone.screen()
        assert one.text == two.text
        assert await at.count(turns) == 2
        await at.smsc.plan(delay=0)
        # When both screens are taken, the same answer is one to the new screen.
        while at.door.connection.counts.accepted < 3:
            await asyncio.sleep(0.01)
        assert "در یک پیام" in (await phone.type("2")).text
        assert await at.count(turns) == 3


@within(60)
async def test_an_smsc_that_answers_for_a_screen_when_the_person_has_answered(
    database_url: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smpp_dialogs, "CROSSING", 0.0)
    async with gateway(database_url, clock, silent=True) as at:
        phone = Handset(at.smsc)
        assert FILED in (await phone.walk(*ANSWERS)).text
        await at.nothing_doubled()


@within(60)
async def test_the_first_delivery_comes_again(database_url: str, clock: Clock) -> None:
    async with gateway(database_url, clock) as at:
        phone = Handset(at.smsc)
        first = await phone.dial()
        again = await phone.dial()
        assert again.text == first.text
        assert await at.count(turns) == 1
        await phone.type("2")
        # Now it is a new dialog under an old number.
        assert "ادامه" in (await phone.dial()).text
        assert await at.count(sessions) == 2


@within(60)
async def test_a_link_that_breaks_before_the_acknowledgement(database_url: str, clock: Clock) -> None:
    """With the screen before the acknowledgement, and an SMSC that answers for no screen: the turn is
    durable, the screen was shown, and nothing was acknowledged when the link breaks."""
    async with gateway(database_url, clock, options={"order": "screen"}, redeliver=True) as at:
        phone = Handset(at.smsc)
        screens = [(await phone.dial()).text]
        for answer in ANSWERS:
            await at.smsc.wait("acknowledged", len(screens), status=0)
            await at.smsc.plan(silent=True)
            await phone.send(18, answer)
            first = await phone.screen()
            await at.smsc.order("drop")
            await at.smsc.plan(silent=False)
            # It is delivered again by the next bind, under another sequence number.
            again = await phone.screen()
            assert again.text == first.text
            screens.append(again.text)
        assert len({*screens}) == 5
        assert FILED in screens[-1]
        await at.nothing_doubled()


@within(60)
async def test_a_link_that_breaks_between_an_answer_and_the_next(database_url: str, clock: Clock) -> None:
    async with gateway(database_url, clock) as at:
        phone = Handset(at.smsc)
        await phone.dial()
        for n, answer in enumerate(ANSWERS, 1):
            await at.smsc.order("drop")
            await at.smsc.wait("close", n)
            await at.smsc.wait("bind", n + 1)
            await at.door.connection.ready()
            shown = await phone.type(answer)
            if n == 2:
                # The same as the answer before, by a new session: it might be that one again. The person sees
                # the screen once more, and nothing was done twice.
                assert await at.count(turns) == 2
                shown = await phone.type(answer)
            assert await at.count(turns) == n + 1
        assert FILED in shown.text
        await at.nothing_doubled()


@within(60)
async def test_a_screen_whose_link_breaks_goes_by_the_next(database_url: str, clock: Clock) -> None:
    async with gateway(database_url, clock, binds=["transceiver", "transceiver"]) as at:
        phone = Handset(at.smsc)
        await phone.dial()
        for n, answer in enumerate(ANSWERS):
            # Now by this session, now by that one.
            await phone.send(18, answer, via=n % 2)
            shown = await phone.screen()
        assert FILED in shown.text
        await at.nothing_doubled()


# What SMSCs say to a screen.


@within(60)
async def test_a_throttled_screen_is_tried_again(sqlite_url: str, clock: Clock) -> None:
    async with gateway(sqlite_url, clock, statuses=[0x58, 0x14]) as at:
        phone = Handset(at.smsc)
        await phone.send(1, "*733#")
        await at.smsc.until(lambda: len(phone.screens()) == 3, "the third try")
        assert len({each.text for each in phone.screens()}) == 1
        phone.seen = 3
        assert SUBJECTS in (await phone.type("2")).text
        assert await at.count(turns) == 2


@pytest.mark.parametrize(("plan", "tries"), [({"statuses": [0x0B]}, 1), ({"statuses": [0x58] * 9}, 4)])
@within(60)
async def test_a_refused_screen_is_the_end_of_its_dialog(
    sqlite_url: str, clock: Clock, plan: dict[str, Any], tries: int
) -> None:
    with capture_logs() as logs:
        async with gateway(sqlite_url, clock, **plan) as at:
            phone = Handset(at.smsc)
            await phone.send(1, "*733#")
            await at.smsc.until(lambda: len(phone.screens()) == tries, "so many tries")
            while not [each for each in logs if each["event"] == "dialog left"]:
                await asyncio.sleep(0.01)
            await at.smsc.wait("acknowledged", 1, status=0)
    [left] = [each for each in logs if each["event"] == "dialog left"]
    assert left["reason"] == "failed"
    assert "98912" not in str(logs)


@within(60)
async def test_a_screen_without_an_answer_is_not_sent_again(sqlite_url: str, clock: Clock) -> None:
    async with gateway(sqlite_url, clock, silent=True) as at:
        phone = Handset(at.smsc)
        await phone.send(1, "*733#")
        await phone.screen()
        await at.smsc.wait("acknowledged", 1, status=0)
        await at.smsc.order("drop")
        await at.door.connection.ready()
        assert len(phone.screens()) == 1


# How dialogs end.


@pytest.mark.parametrize("how", ["abort", "end bit", "receipt"])
@within(60)
async def test_the_person_leaves_and_dials_again(sqlite_url: str, clock: Clock, how: str) -> None:
    with capture_logs() as logs:
        async with gateway(sqlite_url, clock) as at:
            phone = Handset(at.smsc)
            await phone.walk(*ANSWERS[:2])
            name = "receipt"
            if how == "abort":
                name = await phone.leave()
            elif how == "end bit":
                phone.dialog |= 1
                name = await phone.send(18, "")
            else:  # The network's own time-out: its receipt says that the screen was never shown.
                await at.smsc.deliver(
                    name,
                    source_addr=phone.number,
                    destination_addr="733",
                    esm_class=4,
                    short_message=b"id:id-3 stat:EXPIRED",
                    its_session_info=phone.dialog.to_bytes(2, "big"),
                )
            await at.smsc.wait("acknowledged", 1, name=name, status=0)
            assert await at.count(turns) == 3
            redial = Handset(at.smsc, dialog=0x2222)
            assert "ادامه" in (await redial.dial()).text
            shown = await redial.type("1")
            assert "در یک پیام" in shown.text
    [left] = [each for each in logs if each["event"] == "dialog left"]
    assert left["reason"] == ("timeout" if how == "receipt" else "aborted")


@within(60)
async def test_an_answer_to_a_dialog_that_is_over(sqlite_url: str, clock: Clock) -> None:
    async with gateway(sqlite_url, clock) as at:
        phone = Handset(at.smsc)
        await phone.walk(*ANSWERS)
        late = await phone.type("7")
        assert "تمام شده" in late.text
        assert not late.waits
        stranger = Handset(at.smsc, number="989351112233")
        assert "تمام شده" in (await stranger.type("1")).text
        await at.nothing_doubled()


# Many at once.


async def never(context: NeedContext, arguments: dict[str, Value]) -> Met:
    await asyncio.Event().wait()
    raise AssertionError


@within(60)
async def test_one_stuck_dialog_holds_up_nobody(
    sqlite_url: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = asyncio.Event()
    opened = HANDLERS["complaints.open"]

    async def slow(context: NeedContext, arguments: Any) -> Met:
        if not go.is_set():
            go.set()
            return await never(context, arguments)
        return await opened(context, arguments)

    monkeypatch.setitem(HANDLERS, "complaints.open", slow)
    async with gateway(sqlite_url, clock, window=5) as at:
        stuck = Handset(at.smsc, number="989120000000")
        await stuck.walk(*ANSWERS[:3])
        await stuck.send(18, ANSWERS[3])
        await go.wait()
        phones = [Handset(at.smsc, number=f"98912000{n:04d}", dialog=2 * n) for n in range(1, 31)]
        last = await asyncio.gather(*(phone.walk(*ANSWERS) for phone in phones))
        assert all(FILED in shown.text for shown in last)
        assert len({shown.text for shown in last}) == 30
        assert len(stuck.screens()) == 4, "it is still stuck"
        assert (await stuck.screen()).text, "and then it is told that this takes too long"
        assert await at.count(complaints) == 30


# What is no dialog.


@within(60)
async def test_what_cannot_be_understood_is_refused_and_kept_by_nobody(sqlite_url: str, clock: Clock) -> None:
    good: dict[str, Any] = {
        "service_type": "USSD",
        "source_addr": "989121234567",
        "destination_addr": "733",
        "short_message": b"*733#",
        "ussd_service_op": 1,
        "its_session_info": b"\x12\x34",
    }
    bad: list[dict[str, Any]] = [
        {"source_addr": "MTN"},
        {"source_addr": ""},
        {"ussd_service_op": 5},
        {"its_session_info": b"\x12"},
        {"data_coding": 4},
        {"esm_class": 0x40, "short_message": b"\xff"},
        {"short_message": b"", "message_payload": b"1" * 2_000},
    ]
    with capture_logs() as logs:
        async with gateway(sqlite_url, clock) as at:
            for n, wrong in enumerate(bad):
                await at.smsc.deliver(f"bad {n}", **(good | wrong))
            without = {key: value for key, value in good.items() if key != "ussd_service_op"}
            await at.smsc.deliver("an SMS", **without)
            told = await at.smsc.wait("acknowledged", len(bad) + 1)
            assert {each["status"] for each in told} == {0x65}
            assert await at.count(turns) == 0
            assert at.smsc.of("submit") == []
            assert (await Handset(at.smsc).dial()).waits
    assert "98912" not in str(logs)
    assert "733" not in str([each for each in logs if each["event"] == "delivery refused"])


@within(60)
async def test_garbage_between_two_answers(sqlite_url: str, clock: Clock) -> None:
    async with gateway(sqlite_url, clock) as at:
        phone = Handset(at.smsc)
        await phone.dial()
        await at.smsc.order("raw", hex="ffffffff")
        await at.smsc.wait("bind", 2)
        await at.door.connection.ready()
        assert SUBJECTS in (await phone.type("2")).text
