"""A hundred thousand rows, among them such as are made to fill memory: what is held at a time stays small."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from sqlalchemy import func, select

from api.job_upload import PIECE
from records.jobs import PART
from records.tables import job_parts, outbox
from services.job_feeder import AHEAD
from services.job_rows import MOST_ROW, Reader, Row
from services.jobs import Jobs, Upload
from tests.api.conftest import Business
from tests.api.test_jobs import CSV, fed, until
from tests.running import within

ROWS = 100_000


def pieces() -> Iterator[bytes]:
    """The upload: bad in the middle are a line of ten megabytes and a quotation mark that is never closed."""
    yield b"to,order,note\n"
    note = "ن" * 60
    for first in range(0, ROWS, 1_000):
        if first == ROWS // 2:
            yield b'0912,1,"open\n'
            yield b"0912,2,"
            for _time in range(160):
                yield b"x" * 65_536
            yield b"\n"
        yield "".join(f"0912{n:07},{n},{note}\n" for n in range(first, first + 1_000)).encode()


@within(240)
async def test_what_is_held_at_a_time_stays_small(
    anywhere: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploads: list[Upload] = []
    read: list[int] = []
    begin, feed = Jobs.begin, Reader.feed

    async def watched(jobs: Jobs, *arguments: Any) -> Upload:
        uploads.append(await begin(jobs, *arguments))
        return uploads[-1]

    def counted(reader: Reader, piece: bytes) -> Iterator[Row]:
        read.append(reader.buffered + len(piece))
        return feed(reader, piece)

    monkeypatch.setattr(Jobs, "begin", watched)
    monkeypatch.setattr(Reader, "feed", counted)

    async def body() -> AsyncIterator[bytes]:
        for piece in pieces():
            yield piece

    head = {"Authorization": f"Bearer {anywhere.token}", **CSV}
    where = "/api/v1/jobs?text={order}&class=service"
    async with anywhere.client.post(where, data=body(), headers=head) as response:
        made = await response.json()
        assert response.status == 202, made
    assert made["bytes"] == uploads[0].bytes == sum(map(len, pieces()))
    assert uploads[0].most_held <= PART + PIECE
    database = anywhere.home.database
    [[most]] = await database.read(select(func.max(func.length(job_parts.c.sealed))))
    assert most < PART + 100
    async with fed(anywhere):
        found = await until(anywhere, made["id"], lambda job: job["queued"] == AHEAD)
        assert (found["rows"], found["accepted"], found["refused"]) == (ROWS + 2, ROWS, 2)
        assert (found["waiting"], found["bytes_read"]) == (ROWS - AHEAD, made["bytes"])
        assert found["seconds_left"] is None, "nothing has gone yet"
        _status, page = await anywhere.ask("GET", f"/jobs/{made['id']}/errors")
        wrong = [(each["line"], each["code"]) for each in page["items"]]
        assert wrong == [(ROWS // 2 + 2, "quote"), (ROWS // 2 + 3, "long")]
        assert (await anywhere.ask("POST", f"/jobs/{made['id']}/cancel"))[0] == 200
        found = await until(anywhere, made["id"], lambda job: job["cancelled"] == ROWS)
    assert await database.read(select(func.count()).select_from(outbox)) == [(AHEAD,)]
    assert max(read) <= MOST_ROW + PART
