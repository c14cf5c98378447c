"""Files on both databases: kept whole and sealed or not at all, refused with a reason, bounded by the day."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, func, select, update

from languages import Language
from records.files import PART
from records.ids import new_id
from records.keyring import Keyring
from records.tables import complaint_events, file_parts, files
from records.unit import Conflict, Unit
from records.vault import Unreadable, Vault
from services.complaints import TooManyOpen
from services.files import FileLimits, Files, Kept, Refused, Stored, UnknownFile
from tests.services.conftest import Desk
from tests.services.files import WHOLE, archive, gif, jpeg, pdf, png

PARTY = b"p" * 16
OTHER = b"q" * 16


def cabinet(desk: Desk, **limits: Any) -> Files:
    return Files(
        database=desk.database,
        committer=desk.committer,
        vault=desk.vault,
        limits=replace(FileLimits(), **limits),
    )


async def keep(
    desk: Desk, content: bytes, name: str = "", declared: str = "", party: bytes = PARTY, **limits: Any
) -> Kept | Refused:
    return await cabinet(desk, **limits).store(
        party, now=desk.now, name=name, declared=declared, content=content
    )


async def kept(desk: Desk, content: bytes, name: str = "", party: bytes = PARTY) -> bytes:
    found = await keep(desk, content, name, party=party)
    assert isinstance(found, Kept), found
    return found.id


async def refusal(
    desk: Desk, content: bytes, name: str = "", declared: str = "", **limits: Any
) -> tuple[str, int]:
    found = await keep(desk, content, name, declared, **limits)
    assert isinstance(found, Refused), found
    assert await counts(desk) == (0, 0)
    return found.reason, found.most


async def counts(desk: Desk) -> tuple[int, int]:
    """Files, and parts of files."""
    return tuple(
        [
            (await desk.database.read(select(func.count()).select_from(table)))[0][0]
            for table in (files, file_parts)
        ]
    )


async def test_a_file_is_kept_sealed_and_read_again(desk: Desk) -> None:
    picture = jpeg(body=b"something to find")
    found = await keep(desk, picture, "../عکس.jpg", "image/jpeg")
    assert isinstance(found, Kept)
    assert (found.type, found.kind, found.size) == ("image/jpeg", "image", len(picture))
    assert await cabinet(desk).read(found.id) == Stored("عکس.jpg", "image/jpeg", picture)
    [row] = await desk.database.read(select(files))
    assert (row.party, row.session, row.parts, row.width, row.height) == (PARTY, None, 1, 4, 3)
    [part] = await desk.database.read(select(file_parts))
    for sealed in (row.sealed, row.digest, part.sealed):
        assert b"find" not in bytes(sealed)
        assert "عکس".encode() not in bytes(sealed)
    with pytest.raises(UnknownFile):
        await cabinet(desk).read(b"0" * 16)


async def test_a_large_file_is_in_parts(desk: Desk) -> None:
    content = jpeg(body=os.urandom(3 * PART))
    id = await kept(desk, content)
    assert await counts(desk) == (1, 4)
    assert (await cabinet(desk).read(id)).content == content


@pytest.mark.parametrize("place", [0, 1])
async def test_a_part_that_is_missing_or_moved_is_no_file(desk: Desk, place: int) -> None:
    one, two = await kept(desk, jpeg(body=bytes(PART))), await kept(desk, jpeg(body=bytes(PART + 1)))
    here = file_parts.c.file == one
    await desk.database.transaction(
        lambda connection: connection.execute(delete(file_parts).where(here, file_parts.c.place == place))
    )
    with pytest.raises(Unreadable):
        await cabinet(desk).read(one)
    there = (file_parts.c.file == two) & (file_parts.c.place == place)
    await desk.database.transaction(
        lambda connection: connection.execute(update(file_parts).where(there).values(file=one))
    )
    with pytest.raises(Unreadable):
        await cabinet(desk).read(one)


async def test_with_another_key_it_cannot_be_read(desk: Desk) -> None:
    id = await kept(desk, png())
    with pytest.raises(Unreadable):
        await Files(database=desk.database, committer=desk.committer, vault=Vault(Keyring.new())).read(id)


async def test_every_type_that_is_taken(desk: Desk) -> None:
    for type, content in WHOLE.items():
        found = await keep(desk, content)
        assert isinstance(found, Kept) == (type in FileLimits().types), type


# Lies, bombs, paths.


@pytest.mark.parametrize(
    ("content", "name", "declared", "reason"),
    [
        (b"MZ\x90\x00" + bytes(100), "photo.jpg", "image/jpeg", "lies"),
        (b"MZ\x90\x00" + bytes(100), "setup.exe", "application/x-msdownload", "type"),
        (b"<script>alert(1)</script>", "a.pdf", "application/pdf", "lies"),
        (b"<svg onload=alert(1)>", "a.svg", "image/svg+xml", "type"),
        (png(), "a.jpg", "", "lies"),
        (png(), "a.png", "application/pdf", "lies"),
        (pdf(), "scan\u202egpj.exe", "", "lies"),
        (pdf(), "report.docx", "", "lies"),
        (gif(), "a.gif", "image/gif", "type"),
        (archive(), "a.zip", "application/zip", "archive"),
        (archive(), "a.png", "image/png", "archive"),
        (png() + archive(), "a.png", "image/png", "archive"),
        (archive(50_000_000), "", "", "archive"),
        (jpeg()[:20], "a.jpg", "image/jpeg", "broken"),
        (b"", "a.jpg", "image/jpeg", "empty"),
    ],
)
async def test_what_is_refused(desk: Desk, content: bytes, name: str, declared: str, reason: str) -> None:
    assert await refusal(desk, content, name, declared) == (reason, 0)


async def test_pictures_that_would_unfold_to_more_than_a_screen_can_show(desk: Desk) -> None:
    """A thousand bytes that say that they are a picture of ten gigabytes: nobody draws it to find out."""
    for bomb in (png(50_000, 50_000), jpeg(65_000, 65_000), WHOLE["image/webp"]):
        limits: dict[str, Any] = {} if bomb is not WHOLE["image/webp"] else {"pixels": 300_000}
        reason, most = await refusal(desk, bomb, **limits)
        assert (reason, most) == ("pixels", 0 if limits else 50)
    assert isinstance(await keep(desk, png(7_000, 7_000)), Kept)


async def test_names_lead_nowhere(desk: Desk) -> None:
    for number, (name, stored) in enumerate(
        {
            "../../../etc/passwd": "passwd.png",
            "..\\..\\x.png": "x.png",
            "a\x00.png": "a.png",
            "\u202eknip\u202c.png": "knip.png",
            "": "image.png",
        }.items()
    ):
        id = await kept(desk, png(number + 1, 1), name)
        assert (await cabinet(desk).read(id)).name == stored


# Bounds.


async def test_a_file_of_the_most_bytes(desk: Desk) -> None:
    picture = jpeg(body=bytes(1_000))
    assert isinstance(await keep(desk, picture, most=len(picture)), Kept)
    found = await keep(desk, picture + b"x", most=len(picture))
    assert found == Refused("too_big", 1)
    assert found.told == "too_big:1"


class Stream:
    """Chunks of a file, as many as are asked for."""

    def __init__(self, start: bytes, endless: bool = True) -> None:
        self.start = start
        self.endless = endless
        self.read = 0
        self.closed = False

    async def chunks(self) -> AsyncIterator[bytes]:
        try:
            yield self.start
            while self.endless:
                self.read += 1
                yield bytes(100_000)
        finally:
            self.closed = True


async def test_no_more_of_a_stream_is_read_than_may_be_kept(desk: Desk) -> None:
    stream = Stream(jpeg())
    found = await cabinet(desk, most=1_000_000).store(
        PARTY, now=desk.now, name="", declared="", content=stream.chunks()
    )
    assert found == Refused("too_big", 1)
    assert stream.read <= 11
    assert stream.closed
    assert await counts(desk) == (0, 0)
    whole = Stream(jpeg(), endless=False)
    found = await cabinet(desk).store(PARTY, now=desk.now, name="", declared="", content=whole.chunks())
    assert isinstance(found, Kept)


async def test_a_stream_that_breaks_leaves_nothing(desk: Desk) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield jpeg()
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await cabinet(desk).store(PARTY, now=desk.now, name="", declared="", content=broken())
    assert await counts(desk) == (0, 0)


async def test_a_day_has_its_bound(desk: Desk) -> None:
    size = len(png())
    limits: dict[str, Any] = {"day": 3 * size + 2}
    for number in range(3):
        desk.after(3_600)
        assert isinstance(await keep(desk, png(number + 1), **limits), Kept)
    assert await keep(desk, png(9), **limits) == Refused("too_much", 1)
    # Another one's day is their own; what is kept already takes no more room; the day goes by.
    assert isinstance(await keep(desk, png(9), party=OTHER, **limits), Kept)
    assert isinstance(await keep(desk, png(1), **limits), Kept)
    desk.now += timedelta(hours=22, seconds=1)
    assert isinstance(await keep(desk, png(9), **limits), Kept)
    assert isinstance(await keep(desk, png(10), **limits), Refused)


async def test_a_day_has_its_bound_for_many_at_once(desk: Desk) -> None:
    size = len(png())
    found = await asyncio.gather(*(keep(desk, png(number + 1), day=3 * size) for number in range(8)))
    assert sum(isinstance(each, Kept) for each in found) == 3
    assert (await counts(desk))[0] == 3


async def test_the_same_file_is_kept_once(desk: Desk) -> None:
    first = await kept(desk, png(), "یک.png")
    assert await kept(desk, png(), "دو.png") == first
    assert await kept(desk, png(), party=OTHER) != first
    assert await kept(desk, png(4)) != first
    assert (await counts(desk))[0] == 3
    ids = await asyncio.gather(*(kept(desk, jpeg(9, 9)) for _ in range(5)))
    assert len(set(ids)) == 1
    assert (await cabinet(desk).read(first)).name == "یک.png"


async def test_it_belongs_to_the_unit(desk: Desk) -> None:
    service, unit = cabinet(desk), Unit()
    found = await service.keep(unit, PARTY, now=desk.now, name="", declared="", content=png())
    assert isinstance(found, Kept)
    assert await service.take(unit, PARTY, b"s" * 16, [found.id]) == [found]
    assert await counts(desk) == (0, 0)
    second = Unit()
    await service.keep(second, PARTY, now=desk.now, name="", declared="", content=png(9))
    await desk.committer.commit(unit)
    with pytest.raises(Conflict):
        await desk.committer.commit(second)
    assert await counts(desk) == (1, 1)


# Whose it is.


async def test_a_session_takes_what_is_its_partys(desk: Desk) -> None:
    service = cabinet(desk)
    mine, theirs = await kept(desk, png()), await kept(desk, png(), party=OTHER)
    session, later = new_id(desk.now), new_id(desk.now)

    async def take(session: bytes, *ids: bytes) -> list[bytes]:
        found = await desk.turn(lambda unit: service.take(unit, PARTY, session, ids))
        return [each.id for each in found]

    assert await take(session, theirs, b"?" * 16, mine) == [mine]
    assert await take(later, mine) == [mine], "it may be said again, and stays where it was taken first"
    assert [each.id for each in await service.of_session(session)] == [mine]
    assert await service.of_session(later) == []


async def test_what_nobody_took_goes_after_a_day(desk: Desk) -> None:
    service = cabinet(desk)
    taken, left = await kept(desk, png()), await kept(desk, jpeg())
    await desk.turn(lambda unit: service.take(unit, PARTY, b"s" * 16, [taken]))
    assert await service.sweep(desk.now + timedelta(hours=23)) == 0
    assert await service.sweep(desk.now + timedelta(hours=25)) == 1
    assert await counts(desk) == (1, 1)
    with pytest.raises(UnknownFile):
        await service.read(left)
    # Its place is free again, and the next one takes it.
    desk.now += timedelta(hours=25)
    assert await kept(desk, png(8))


async def test_a_complaint_carries_files(desk: Desk) -> None:
    person = await desk.person()
    ids = [await kept(desk, png(number), party=person.party) for number in (1, 2)]
    opened = await desk.turn(
        lambda unit: desk.services.complaints.open(
            unit, person, now=desk.now, subject="outage", text="قطع است.", files=ids
        )
    )
    assert not isinstance(opened, TooManyOpen)
    third = await kept(desk, pdf(), party=person.party)

    async def add(unit: Unit) -> None:
        await desk.services.complaints.add(
            unit, person, now=desk.now, number=opened.number, text="این هم سند.", files=[third]
        )

    await desk.turn(add)
    _found, words = await desk.services.complaints.read(opened.number)
    assert [(word.kind, word.text, word.file) for word in words] == [
        ("opened", "قطع است.", ids[0]), ("file", "", ids[1]), ("message", "این هم سند.", third),
    ]  # fmt: skip
    assert len(await desk.database.read(select(complaint_events))) == 3


# What people are told.


def test_each_reason_is_told_in_words() -> None:
    language = Language("fa", {})
    assert (
        Refused("too_big", 5).explain(language)
        == "این فایل بزرگ است و نگه داشته نشد. تا ۵ مگابایت پذیرفته است."
    )
    assert Refused("lies").explain(language).startswith("این فایل آن نوعی نیست")


# A process that is killed.

UPLOAD = """
import asyncio, sys
from datetime import UTC, datetime
from records.committer import Committer
from records.database import Database
from records.keyring import Keyring
from records.vault import Vault
from services.files import Files
from tests.services.files import jpeg

async def main(url, moment):
    database = await Database.open(url)
    async with Committer(database) as committer:
        files = Files(database=database, committer=committer, vault=Vault(Keyring.new()))

        async def slow():
            yield jpeg(body=bytes(4_000_000))
            if moment == "arriving":
                print("here", flush=True)
                await asyncio.sleep(60)

        kept = asyncio.create_task(
            files.store(b"p" * 16, now=datetime.now(UTC), name="a.jpg", declared="", content=slow())
        )
        if moment == "committing":
            while not committer.batches and not committer.waiting:
                await asyncio.sleep(0)
            print("here", flush=True)
        await kept
        print("kept", flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize("moment", ["arriving", "committing"])
async def test_a_process_killed_with_a_file_in_its_hands(desk: Desk, database_url: str, moment: str) -> None:
    """The file is whole or absent; nothing of it is in the way of the next time."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", UPLOAD, database_url, moment, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"here\n"
    process.send_signal(signal.SIGKILL)
    await process.wait()
    number, parts = await counts(desk)
    assert (number, parts) in ((0, 0), (1, 4))
    if moment == "arriving":
        assert number == 0
    assert await kept(desk, jpeg(7, 7))
    assert (await counts(desk))[0] == number + 1
