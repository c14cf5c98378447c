"""Visitors of the web chat who are away are told by one push that something waits; it comes from a real push
service (npm ``web-push-testing``) and can be read by their browser alone."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from aiohttp import ClientSession
from sqlalchemy import select

from composition.reaching import PEOPLE
from dispatch.dispatcher import Dispatcher
from dispatch.providers.push.devices import Devices as PushDevices
from dispatch.providers.push.jwt import read_p256_key
from dispatch.providers.push.webpush import WebPush
from dispatch.routes import Routes
from records import devices as records
from records.tables import devices as table
from records.tables import outbox
from records.unit import Unit
from services.devices import WEB_CHAT, Devices
from services.reminding import LATELY, PAUSE, UNREAD, WAITS, Reminding
from tests.dispatch.conftest import http as http
from tests.dispatch.test_webpush import CONTACT, PEM, Service
from tests.dispatch.test_webpush import service as service
from tests.services.conftest import Desk
from tests.services.test_handover import open_thread, say, someone


def reminding(desk: Desk) -> Reminding:
    return Reminding(
        database=desk.database,
        committer=desk.committer,
        vault=desk.vault,
        notices=desk.services.notices,
        clock=lambda: desk.now,
    )


async def subscribe(desk: Desk, visitor: str, subscription: Any = None) -> bytes:
    told = subscription or {
        "endpoint": f"https://fcm.googleapis.com/{visitor}",
        "keys": {"p256dh": "", "auth": ""},
    }
    devices = Devices(database=desk.database, committer=desk.committer, vault=desk.vault)
    made = await devices.register(
        WEB_CHAT, "webpush", json.dumps(told), kind="webchat", person=visitor, now=desk.now
    )
    return made.id


async def pushes(desk: Desk) -> list[Any]:
    return list(await desk.database.read(select(outbox).where(outbox.c.channel == "push")))


async def operator_says(desk: Desk, thread: bytes, text: str) -> None:
    desk.after(1)
    key = text.encode()[:16].ljust(16, b"-")
    await desk.services.handover_desk.say(thread, operator="sara", text=text, now=desk.now, key=key)


async def test_one_push_for_all_that_waits_and_then_a_pause(desk: Desk) -> None:
    person = await someone(desk, "visitor-1", "webchat")
    await subscribe(desk, "visitor-1")
    thread = await open_thread(desk, person)
    await operator_says(desk, thread, "one")
    await operator_says(desk, thread, "two")
    look = reminding(desk).look
    assert await look() == 0, "they may be reading it just now"
    desk.after(UNREAD.total_seconds())
    assert await look() == 1
    assert await look() == 0
    await operator_says(desk, thread, "three")
    desk.after(UNREAD.total_seconds())
    assert await look() == 0, "they were told a moment ago"
    desk.after(PAUSE.total_seconds())
    assert await look() == 1
    desk.after(PAUSE.total_seconds() + 1)
    assert await look() == 0, "there is nothing newer"
    first, _second = await pushes(desk)
    assert (first.route, first.party) == ("webchat", desk.vault.index("webchat", "visitor-1"))


async def test_who_has_read_it_or_answered_is_told_nothing(desk: Desk) -> None:
    for visitor, reads in (("reader", True), ("writer", False)):
        person = await someone(desk, visitor, "webchat")
        await subscribe(desk, visitor)
        thread = await open_thread(desk, person)
        await operator_says(desk, thread, "one")
        await operator_says(desk, thread, "two")
        _found, lines = await desk.services.handover_desk.read(thread)
        if reads:
            unit = Unit()
            desk.services.handover.seen(unit, person.party, lines[-1].id, desk.now, read=True)
            await desk.committer.commit(unit)
        else:
            desk.after(1)
            await say(desk, person, "ممنون", b"m" * 16)
    desk.after(UNREAD.total_seconds() + 5)
    assert await reminding(desk).look() == 0


async def test_without_a_browser_or_after_long_nothing_is_pushed(desk: Desk) -> None:
    person = await someone(desk, "visitor-1", "webchat")
    thread = await open_thread(desk, person)
    await operator_says(desk, thread, "one")
    desk.after(UNREAD.total_seconds())
    assert await reminding(desk).look() == 0
    desk.after(LATELY.total_seconds())
    await subscribe(desk, "visitor-1")
    assert await reminding(desk).look() == 0
    assert await pushes(desk) == []


async def test_many_who_look_at_once_tell_once(desk: Desk) -> None:
    for number in range(5):
        person = await someone(desk, f"visitor-{number}", "webchat")
        await subscribe(desk, f"visitor-{number}")
        await operator_says(desk, await open_thread(desk, person), "one")
    desk.after(UNREAD.total_seconds())
    told = await asyncio.gather(*(reminding(desk).look() for _ in range(6)))
    assert sum(told) == 5
    assert len(await pushes(desk)) == 5


async def test_who_was_told_while_somebody_else_looked_is_not_told_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = await someone(desk, "visitor-1", "webchat")
    await subscribe(desk, "visitor-1")
    await operator_says(desk, await open_thread(desk, person), "one")
    desk.after(UNREAD.total_seconds())
    real = records.of

    async def late(*asked: Any) -> Any:
        monkeypatch.setattr(records, "of", real)
        assert await reminding(desk).look() == 1
        return await real(*asked)

    monkeypatch.setattr(records, "of", late)
    assert await reminding(desk).look() == 0
    assert len(await pushes(desk)) == 1


@pytest.mark.parametrize("gone", [False, True])
async def test_the_browser_reads_it(desk: Desk, service: Service, http: ClientSession, gone: bool) -> None:
    # A push service takes tokens of its own time only.
    real = partial(datetime.now, UTC)
    key = read_p256_key(PEM)
    plain = WebPush(http, key, CONTACT, clock=real, hosts=("localhost",), schemes=("http",))
    told = await service.ask("subscribe", applicationServerKey=plain.public, userVisibleOnly="true")
    person = await someone(desk, "visitor-1", "webchat")
    await subscribe(desk, "visitor-1", {"endpoint": told["endpoint"], "keys": told["keys"]})
    if gone:
        await service.ask(f"expire-subscription/{told['clientHash']}")
    await operator_says(desk, await open_thread(desk, person), "one")
    desk.after(UNREAD.total_seconds())
    assert await reminding(desk).look() == 1
    dispatcher = Dispatcher(
        desk.database,
        desk.vault,
        [PushDevices(desk.database, desk.vault, {"webpush": plain})],
        Routes(PEOPLE),
        clock=lambda: desk.now,
        wake=asyncio.Event(),
        poll=0.02,
    )
    running = asyncio.create_task(dispatcher.run())
    async with asyncio.timeout(30):
        while (await pushes(desk))[0].finished_at is None:
            await asyncio.sleep(0.02)
    dispatcher.stop()
    await running
    [push] = await pushes(desk)
    known = await desk.database.read(select(table))
    if gone:
        assert (push.status, len(known)) == ("failed", 0), "what is gone is forgotten"
    else:
        assert (push.status, len(known)) == ("sent", 1)
        read = (await service.ask("get-notifications", clientHash=told["clientHash"]))["messages"]
        assert [json.loads(each)["body"] for each in read] == [WAITS]
        assert json.loads(read[0])["title"] == "چاپار"
    assert push.expires_at - push.created_at == timedelta(days=1)
