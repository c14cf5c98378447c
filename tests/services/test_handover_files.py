"""Files that operators see and send, on both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from records.outbox import content
from records.tables import files, outbox
from services.files import About, FileLimits, Kept, Refused, UnknownFile
from services.handover_errors import NotYours, Over
from tests.services.conftest import Desk
from tests.services.files import archive, pdf, png
from tests.services.test_handover import close, open_thread, someone

KEY, OTHER = b"f" * 16, b"g" * 16


async def send(desk: Desk, thread: bytes, key: bytes = KEY, **more: object) -> Kept | Refused:
    given = {"operator": "sara", "name": "../فاکتور\u202e.pdf", "content": pdf()} | more
    return await desk.services.handover_files.send(thread, now=desk.now, key=key, **given)  # type: ignore[arg-type]


async def test_a_file_goes_once(desk: Desk) -> None:
    thread = await open_thread(desk, await someone(desk))
    sent = await send(desk, thread)
    assert isinstance(sent, Kept)
    assert await send(desk, thread) == sent, "who does not know whether it went asks again"
    _thread, lines = await desk.services.handover_desk.read(thread)
    [line] = [each for each in lines if each.file is not None]
    assert (line.author, line.operator, line.text, line.file) == ("operator", "sara", "فاکتور.pdf", sent.id)
    about = await desk.services.handover_files.about(lines)
    assert about == {sent.id: About("فاکتور.pdf", "application/pdf", len(pdf()))}
    rows = await desk.database.read(select(outbox).where(outbox.c.tracking == line.tracking))
    [said] = [content(desk.vault, row.id, row.sealed) for row in rows]
    assert (said.to, said.body) == ("777", "فاکتور.pdf")
    assert said.payload == b'{"method":"sendFile","file":"%s"}' % sent.id.hex().encode()
    stored = await desk.services.handover_files.read(thread, sent.id)
    assert (stored.name, stored.content) == ("فاکتور.pdf", pdf())
    # It was taken at once: it is not swept away as something that nobody wanted.
    assert await desk.services.files.sweep(desk.now + timedelta(days=3)) == 0
    [[session]] = await desk.database.read(select(files.c.session))
    assert session is not None


async def test_what_people_may_not_send_nobody_may(desk: Desk) -> None:
    thread = await open_thread(desk, await someone(desk))
    service = desk.services.files
    service.limits = FileLimits(most=2_000, day=3_000)
    for key, given, reason in (
        (KEY, {"content": archive()}, "archive"),
        (KEY, {"content": png(body=bytes(3_000)), "name": "a.png"}, "too_big"),
        (KEY, {"content": b"MZ" + bytes(100), "name": "a.png"}, "lies"),
        (KEY, {"content": png(), "name": "a.pdf"}, "lies"),
        (KEY, {"content": b""}, "empty"),
    ):
        refused = await send(desk, thread, key, **given)
        assert isinstance(refused, Refused)
        assert refused.reason == reason
    assert isinstance(await send(desk, thread, KEY, content=pdf(bytes(1_700))), Kept)
    assert await send(desk, thread, OTHER, content=pdf(bytes(1_800))) == Refused("too_much", 1)
    # The bound of a day is each thread's.
    another = await open_thread(desk, await someone(desk, "778"))
    assert isinstance(await send(desk, another, OTHER, content=pdf(bytes(1_800))), Kept)


async def test_only_who_talks_there_sends(desk: Desk) -> None:
    thread = await open_thread(desk, await someone(desk))
    with pytest.raises(NotYours):
        await send(desk, thread, operator="ali")
    await close(desk, thread)
    with pytest.raises(Over):
        await send(desk, thread)
    assert await desk.database.read(select(files.c.id)) == []


async def test_a_file_of_another_thread_is_none(desk: Desk) -> None:
    one = await open_thread(desk, await someone(desk))
    other = await open_thread(desk, await someone(desk, "778"))
    sent = await send(desk, one)
    assert isinstance(sent, Kept)
    with pytest.raises(UnknownFile):
        await desk.services.handover_files.read(other, sent.id)
    with pytest.raises(UnknownFile):
        await desk.services.handover_files.read(one, b"x" * 16)
