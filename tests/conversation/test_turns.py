"""Turns happen once, whatever repeats, races, restarts or goes away."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from sqlalchemy import Row, func, select

from conversation import measures
from conversation.needs import HANDLERS
from conversation.needs.context import NeedContext
from engine.session import Value
from engine.turn import Met
from records.tables import addresses, complaints, outbox, sessions, subscribers, turns
from tests.conversation.conftest import Clock, Handset, Process, process

COMPLAINT = ("2", "2", "سه روز است قطع است و کسی پاسخ نمی‌دهد")
FILED = "شکایت شما ثبت شد"


async def rows(at: Process, statement: Any) -> Sequence[Row[*tuple[Any, ...]]]:
    return await at.database.read(statement)


async def count(at: Process, table: Any) -> int:
    [row] = await rows(at, select(func.count()).select_from(table))
    return int(row[0])


async def file_complaint(phone: Handset) -> str:
    await phone.dial(*COMPLAINT)
    reply = await phone.type("1")
    assert FILED in reply.text, reply.text
    return reply.text


async def test_a_turn_leaves_all_its_records(here: Process) -> None:
    phone = Handset(here)
    await file_complaint(phone)
    [turn, last] = await rows(here, select(turns).order_by(turns.c.sequence))
    record = await here.sessions.last_turn(here.vault.index("session", "test\x1fS1\x1f+989121234567"))
    assert record is not None
    assert (turn.sequence, last.sequence) == (1, 2)
    assert record.text == "1"
    assert record.raw == f"raw {phone.typed[0]}*{phone.typed[1]}*{phone.typed[2]}*1".encode()
    assert record.peer == "127.0.0.1"
    assert FILED in record.screen.text
    [session] = await rows(here, select(sessions))
    assert session.closed_at is not None
    assert (session.channel, session.route, session.code, session.outcome) == (
        "ussd",
        "test",
        "*733#",
        "done",
    )
    [complaint] = await rows(here, select(complaints))
    [message] = await rows(here, select(outbox))
    assert complaint.session == session.id
    assert (message.channel, message.status) == ("sms", "queued")
    [subscriber] = await rows(here, select(subscribers))
    [address] = await rows(here, select(addresses))
    assert address.subscriber == subscriber.id == complaint.subscriber
    assert address.verified_by == "network"
    stored = b"".join(
        bytes(value) for row in (turn, last, message, address) for value in row if isinstance(value, bytes)
    )
    assert "قطع".encode() not in stored
    assert b"9121234567" not in stored


async def test_a_repeated_request_gets_its_screen_again_and_takes_no_step(
    here: Process, there: Process
) -> None:
    phone = Handset(here)
    first = await phone.dial()
    second = await phone.type("2")
    assert (await phone.send("2")).text == second.text
    assert (await phone.send("")).text == first.text, "an older request again"
    for other in (phone.on(there), phone):
        assert (await other.send("2")).text == second.text, "after a restart, or on another process"
        assert (await other.send("")).text == first.text
    assert await count(here, turns) == 2
    third = await phone.type("2")
    assert third.text != second.text, "the session goes on from where it was"
    assert await count(here, turns) == 3


async def test_the_same_request_many_times_at_once(here: Process, there: Process) -> None:
    phone = Handset(here)
    await phone.dial(*COMPLAINT)
    text = "*".join([*COMPLAINT, "1"])
    replies = await asyncio.gather(*(phone.on(at).send(text) for at in (here, there) * 8))
    assert {reply.text for reply in replies} == {replies[0].text}
    assert FILED in replies[0].text
    assert await count(here, complaints) == 1
    assert await count(here, outbox) == 1
    assert await count(here, turns) == 2


async def test_copies_at_once_on_a_gateway_without_request_ids(here: Process) -> None:
    phone = Handset(here, cumulative=False)
    openings = await asyncio.gather(*(phone.dial() for _ in range(5)))
    assert {reply.text for reply in openings} == {openings[0].text}
    assert await count(here, sessions) == 1
    replies = await asyncio.gather(*(phone.type("2") for _ in range(5)))
    assert {reply.text for reply in replies} == {replies[0].text}
    assert await count(here, turns) == 2


async def test_two_different_replies_that_race(here: Process, there: Process) -> None:
    for name, other in (("one process", here), ("two processes", there)):
        phone = Handset(here, session=name, cumulative=False)
        await phone.dial()
        # Option 2 is a complaint, whose menu has an option 3 too: whichever comes first, both are steps.
        answers = await asyncio.gather(phone.on(here).type("2"), phone.on(other).type("3"))
        assert all(reply.replies for reply in answers), name
        assert answers[0].text != answers[1].text, name
    steps = await rows(here, select(turns.c.session, func.count().label("steps")).group_by(turns.c.session))
    assert [row.steps for row in steps] == [3, 3], "one ran after the other, none was lost"


async def test_a_session_id_that_comes_with_another_number_is_another_session(here: Process) -> None:
    mine, yours = Handset(here), Handset(here, number="+989351112233")
    first = await mine.dial("2")
    assert (await yours.dial()).text != first.text
    assert (await mine.type("2")).text != (await yours.type("3")).text
    assert await count(here, sessions) == 2


async def test_a_reply_to_an_ended_session_is_told_so(here: Process, clock: Clock) -> None:
    for cumulative in (True, False):
        phone = Handset(here, session=f"over{cumulative}", cumulative=cumulative)
        await phone.dial("2", "1", "1", "متن شکایت من", "3") if cumulative else await phone.dial()
        if not cumulative:
            for answer in ("2", "2", "متن شکایت من", "3"):
                await phone.type(answer)
        before = await count(here, turns)
        reply = await phone.type("1")
        assert "تمام شده" in reply.text
        assert not reply.replies
        assert await count(here, turns) == before
    stranger = Handset(here, session="never seen", cumulative=False)
    assert "تمام شده" in (await stranger.type("1")).text


async def test_a_gateway_that_uses_its_ids_again(here: Process, clock: Clock) -> None:
    phone = Handset(here)
    await phone.dial("2", "2", "متن شکایت من", "3")
    clock.passes(hours=3)
    reply = await phone.dial()
    assert reply.text.startswith("چاپار")
    assert (await phone.type("2")).replies
    other = Handset(here, session="N", cumulative=False)
    await other.dial()
    await other.type("2")
    clock.passes(hours=3)
    assert (await other.dial()).text.startswith("چاپار")
    assert len([row for row in await rows(here, select(sessions)) if row.key is None]) == 2


async def test_redial_offers_to_go_on(here: Process, there: Process, clock: Clock) -> None:
    phone = Handset(here)
    await phone.dial()
    await phone.type("2")
    waiting = await phone.type("2")
    clock.passes(minutes=4)
    again = Handset(there, session="S2")
    offer = await again.dial()
    assert offer.text != waiting.text
    resumed = await again.type("1")
    assert resumed.text.splitlines()[0] == waiting.text.splitlines()[0]
    await again.type("متن شکایت من است")
    assert FILED in (await again.type("1")).text
    [row] = await rows(here, select(sessions).where(sessions.c.outcome == "superseded"))
    assert row.closed_at is not None


async def test_redial_may_start_again_and_the_offer_lasts_ten_minutes(here: Process, clock: Clock) -> None:
    phone = Handset(here)
    home = await phone.dial()
    await phone.type("2")
    clock.passes(minutes=9)
    again = Handset(here, session="S2")
    assert (await again.dial()).text != home.text
    assert (await again.type("2")).text == home.text
    await again.type("2")
    clock.passes(minutes=11)
    late = Handset(here, session="S3")
    assert (await late.dial()).text == home.text
    straight = Handset(here, session="S4")
    assert (await straight.dial("2")).text != home.text, "who dials a whole way is taken there"


async def test_the_offer_survives_a_second_break(here: Process) -> None:
    phone = Handset(here)
    await phone.dial()
    waiting = await phone.type("2")
    await Handset(here, session="S2").dial()
    third = Handset(here, session="S3")
    await third.dial()
    assert (await third.type("1")).text.splitlines()[0] == waiting.text.splitlines()[0]


async def test_the_language_is_kept_for_the_next_call(here: Process, there: Process, clock: Clock) -> None:
    phone = Handset(here)
    await phone.dial("7")
    reply = await phone.type("English")
    assert reply.language == "en"
    clock.passes(hours=1)
    reply = await Handset(there, session="S2").dial()
    assert reply.language == "en"
    assert "Complaint" in reply.text or "complaint" in reply.text


async def test_an_unknown_code(here: Process) -> None:
    phone = Handset(here, code="*999#")
    reply = await phone.dial()
    assert reply.text.startswith("این کد شناخته نشد")
    assert not reply.replies


async def test_dialled_with_arguments(here: Process) -> None:
    assert (await Handset(here).dial("2", "2")).text.startswith("شکایت خود را")


async def test_stars_that_people_type_are_theirs(here: Process) -> None:
    phone = Handset(here)
    await phone.dial("2", "2")
    reply = await phone.type("شکایت*با*ستاره **")
    assert reply.replies
    assert FILED in (await phone.type("1")).text
    record = await here.sessions.last_turn(here.vault.index("session", "test\x1fS1\x1f+989121234567"))
    assert record is not None
    assert record.text == "1"


async def test_a_need_that_hangs_takes_the_slow_way(
    database_url: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(turn: NeedContext, arguments: Mapping[str, Value]) -> Met:
        turn.unit.insert(subscribers, {"id": b"x" * 16, "language": "fa", "created_at": turn.now})
        await asyncio.sleep(60)
        raise AssertionError("nobody waits so long")

    monkeypatch.setitem(HANDLERS, "complaints.open", hang)
    async with process(database_url, clock, need_deadline=0.2) as here:
        phone = Handset(here)
        await phone.dial(*COMPLAINT)
        reply = await phone.type("1")
        assert "ثبت نشد" in reply.text
        assert reply.replies, "the flow goes on"
        assert await count(here, subscribers) == 1, "what the late need wrote is dropped"


async def test_a_need_that_fails_takes_its_way(here: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(turn: NeedContext, arguments: Mapping[str, Value]) -> Met:
        raise RuntimeError("the service fell over")

    monkeypatch.setitem(HANDLERS, "complaints.open", fail)
    phone = Handset(here)
    await phone.dial(*COMPLAINT)
    assert "ثبت نشد" in (await phone.type("1")).text


async def test_a_turn_beyond_its_deadline_is_answered(
    database_url: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(turn: NeedContext, arguments: Mapping[str, Value]) -> Met:
        await asyncio.sleep(60)
        raise AssertionError("nobody waits so long")

    monkeypatch.setitem(HANDLERS, "complaints.open", hang)
    async with process(database_url, clock, deadline=0.5, need_deadline=30) as here:
        phone = Handset(here)
        await phone.dial(*COMPLAINT)
        reply = await phone.type("1")
        assert "پاسخ آماده نشد" in reply.text
        assert not reply.replies
        assert await count(here, turns) == 1, "no half turn"
        monkeypatch.undo()
        again = Handset(here, session="S2")
        await again.dial()
        assert "ثبت شود" in (await again.type("1")).text, "and the person can go on where it was"


async def test_more_callers_than_it_can_serve(database_url: str, clock: Clock) -> None:
    async with process(database_url, clock, in_flight=4) as here:
        phones = [Handset(here, number=f"+98912000{n:04d}", session=f"S{n}") for n in range(40)]
        replies = await asyncio.gather(*(phone.dial() for phone in phones))
        shed = [reply for reply in replies if not reply.replies]
        assert all("شلوغ" in reply.text for reply in shed)
        assert len(replies) - len(shed) == 4
        assert await count(here, sessions) == 4
        assert here.measured.turns[measures.BUSY] == len(shed)
        assert (await phones[-1].dial()).replies


async def test_time_outs_fire_once_across_processes(here: Process, there: Process, clock: Clock) -> None:
    phones = [Handset(here, number=f"+98912000{n:04d}", session=f"S{n}") for n in range(20)]
    for phone in phones:
        await phone.dial()
    await phones[0].type("2")
    clock.passes(seconds=590)
    await phones[1].type("2")
    clock.passes(seconds=20)
    await asyncio.gather(here.timers.sweep(), there.timers.sweep(), here.timers.sweep())
    await asyncio.gather(here.timers.sweep(), there.timers.sweep())
    ended = await rows(here, select(sessions).where(sessions.c.outcome == "expired"))
    assert len(ended) == 19, "all but the one who answered meanwhile"
    assert await count(here, turns) == 20 + 2 + 19
    clock.passes(seconds=600)
    await there.timers.sweep()
    assert len(await rows(here, select(sessions).where(sessions.c.outcome == "expired"))) == 20
    reply = await phones[0].type("2")
    assert "تمام" in reply.text
    assert not reply.replies


async def test_a_session_goes_on_in_its_version_after_a_restart(
    database_url: str, clock: Clock, tmp_path: Any
) -> None:
    flow = """
flow: main
title: یک
opens: {codes: ["*733#"]}
start: home
states:
  home: {ask: نام شما؟, save: name, check: {length: [1, 20]}, go: bye}
  bye: {end: خوش آمدید}
"""
    (tmp_path / "main.yaml").write_text(flow)
    async with process(database_url, clock, flows=tmp_path) as old:
        phone = Handset(old)
        assert (await phone.dial()).text.startswith("نام شما؟")
    (tmp_path / "main.yaml").write_text(flow.replace("خوش آمدید", "به نسخه دوم خوش آمدید"))
    async with process(database_url, clock, flows=tmp_path) as new:
        clock.passes(seconds=1)
        report = await new.publisher.publish()
        assert report.published == ["main"], report
        assert (await phone.on(new).type("سارا")).text == "خوش آمدید"
        assert (
            await Handset(new, session="S2", number="+989120000002").dial("سارا")
        ).text == "به نسخه دوم خوش آمدید"


async def test_a_flow_that_fails_answers_and_keeps_the_session(here: Process, clock: Clock) -> None:
    phone = Handset(here)
    await phone.dial()
    key = here.vault.index("session", "test\x1fS1\x1f+989121234567")
    before = await here.sessions.last_turn(key)
    here.library.withdraw("complaint")
    reply = await phone.type("2")
    assert "کار انجام نشد" in reply.text
    assert not reply.replies
    assert await here.sessions.last_turn(key, fresh=True) == before


async def test_an_older_request_again_where_the_gateway_numbers_them(here: Process) -> None:
    phone = Handset(here, cumulative=False)
    await phone.send("", begins=True, key="1")
    second = await phone.send("2", begins=False, key="2")
    third = await phone.send("2", begins=False, key="3")
    assert (await phone.send("2", begins=False, key="2")).text == second.text
    assert (await phone.send("2", begins=False, key="3")).text == third.text
    assert await count(here, turns) == 3


async def test_a_one_time_code_is_masked_in_what_operators_read(here: Process) -> None:
    phone = Handset(here)
    await phone.dial("6", "09351112233")
    reply = await phone.type("۱۲۳۴۵۶")
    assert reply.replies
    record = await here.sessions.last_turn(here.vault.index("session", "test\x1fS1\x1f+989121234567"))
    assert record is not None
    assert record.text == "••••••"


async def test_a_whole_dialog_again_where_the_gateway_numbers_requests(here: Process) -> None:
    phone = Handset(here, cumulative=False)
    asked = [("", True), ("2", False), ("2", False), ("سه روز است قطع است", False), ("1", False)]
    first = [await phone.send(text, begins, key=str(n)) for n, (text, begins) in enumerate(asked)]
    assert FILED in first[-1].text
    again = [await phone.send(text, begins, key=str(n)) for n, (text, begins) in enumerate(asked)]
    assert [reply.text for reply in again] == [reply.text for reply in first]
    assert await count(here, complaints) == 1
    assert await count(here, turns) == 5


async def test_the_last_request_again_where_nothing_is_numbered(here: Process) -> None:
    phone = Handset(here, cumulative=False)
    await phone.dial()
    for answer in ("2", "2", "سه روز است قطع است"):
        await phone.type(answer)
    filed = await phone.type("1")
    assert FILED in filed.text
    assert (await phone.type("1")).text == filed.text, "the complaint's number is shown again"
    assert await count(here, complaints) == 1


async def test_an_opening_again_where_openings_are_not_marked(here: Process) -> None:
    phone = Handset(here, cumulative=False)
    first = await phone.send("*733#", begins=None)
    assert (await phone.send("*733#", begins=None)).text == first.text
    assert (await phone.send("2", begins=None)).text.startswith("ثبت شکایت")


async def test_a_session_whose_key_is_gone_holds_up_nobody(here: Process, clock: Clock) -> None:
    phones = [Handset(here, number=f"+98912000{n:04d}", session=f"S{n}") for n in range(3)]
    for phone in phones:
        await phone.dial()
    [first, *_others] = await rows(here, select(turns.c.session))
    await here.database.transaction(
        lambda connection: connection.execute(
            turns.update().where(turns.c.session == first.session).values(content=b"\x01\x00\x09" + b"x" * 64)
        )
    )
    clock.passes(minutes=11)
    await here.timers.sweep()
    outcomes = await rows(here, select(sessions.c.outcome))
    assert sorted(row.outcome for row in outcomes) == ["expired", "expired", "unreadable"]
