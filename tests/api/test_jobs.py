"""Large jobs by the API, with what works at them, on both databases."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from aiohttp import ClientOSError, FormData
from sqlalchemy import func, select, update

from composition.jobbing import feeding
from composition.submitting import routes
from records import jobs as records
from records.outbox import content
from records.tables import account_messages, job_messages, job_parts, jobs, outbox
from tests.api.conftest import Answer, Business, opened
from tests.running import command, within

CSV = {"Content-Type": "text/csv"}
NDJSON = {"Content-Type": "application/x-ndjson"}


async def upload(business: Business, content: bytes, kind: Any = CSV, **more: Any) -> Answer:
    """Sends it with these options; those that begin with a capital are headers."""
    headers = {name.replace("_", "-"): each for name, each in more.items() if name[0].isupper()}
    options = {name.removesuffix("_"): each for name, each in more.items() if not name[0].isupper()}
    return await business.ask("POST", f"/jobs?{urlencode(options)}", content, **(dict(kind) | headers))


async def job(business: Business, id: str) -> dict[str, Any]:
    status, body = await business.ask("GET", f"/jobs/{id}")
    assert status == 200, body
    return dict(body)


async def until(
    business: Business,
    id: str,
    so: Callable[[dict[str, Any]], bool] = lambda job: job["ended_at"] is not None,
) -> dict[str, Any]:
    while not so(found := await job(business, id)):
        await asyncio.sleep(0.05)
    return found


@asynccontextmanager
async def fed(business: Business) -> AsyncIterator[None]:
    async with feeding(business.home, routes(business.home)):
        yield


async def queued(business: Business) -> list[tuple[str, str, str, str]]:
    """Address, words, class and route of all that the outbox has, in its order."""
    rows = await business.home.database.read(
        select(outbox.c.id, outbox.c.sealed, outbox.c["class"], outbox.c.route).order_by(outbox.c.id)
    )
    opened = [(content(business.home.vault, row[0], row[1]), row[2], row[3]) for row in rows]
    return [(each.to, each.body, klass, route) for each, klass, route in opened]


def rows_of(numbers: range) -> bytes:
    lines = [f"0912{number:07},{number}" for number in numbers]
    return "\n".join(["to,order", *lines, ""]).encode()


@within(60)
async def test_rows_become_messages(anywhere: Business) -> None:
    body = '\ufeffto;name;reference\r\n۰۹۱۲۱۲۳۴۵۶۷;سارا;r-1\r\n9123456789;"علی; رضا";\r\n'.encode()
    text = "سلام {name}، {{تخفیف}}"
    status, made = await upload(anywhere, body, text=text, line="10004346", class_="service", expires_in=600)
    assert status == 202
    assert (made["state"], made["bytes"], made["class"]) == ("validating", len(body), "service")
    async with fed(anywhere):
        found = await until(anywhere, made["id"], lambda job: job["queued"] == 2)
    assert (found["state"], found["rows"], found["accepted"], found["refused"]) == ("running", 2, 2, 0)
    assert (found["waiting"], found["parts"], found["bytes_read"]) == (0, 2, len(body))
    assert await queued(anywhere) == [
        ("+989121234567", "سلام سارا، {تخفیف}", "service", "sms-10004346"),
        ("+989123456789", "سلام علی; رضا، {تخفیف}", "service", "sms-10004346"),
    ]
    _status, page = await anywhere.ask("GET", "/messages?reference=r-1")
    assert len(page["items"]) == 1
    # Once what waits has gone, it is done, and its upload is kept no longer.
    now = datetime.now(UTC)
    await anywhere.home.database.transaction(
        lambda connection: connection.execute(update(outbox).values(status="sent", sent_at=now))
    )
    async with fed(anywhere):
        found = await until(anywhere, made["id"])
        assert (found["state"], found["queued"], found["sent"], found["seconds_left"]) == ("done", 0, 2, None)
        while await anywhere.home.database.read(select(job_parts.c.place)):
            await asyncio.sleep(0.05)


@within(60)
async def test_bad_rows_are_told_and_the_others_go(anywhere: Business) -> None:
    body = (
        "to,text\n0912,x\n09121234567,\n09121234567,ok\n09121234567\n\xff\n".encode("latin-1")
        + f"09121234567,{'ب' * 1_000}\n".encode()
        + b'09121234567,a\0b\n09121234567,"open\n09121234568,a\x07b\n09121234569,last'
    )
    _status, made = await upload(anywhere, body)
    async with fed(anywhere):
        found = await until(anywhere, made["id"], lambda job: job["queued"] > 0)
        assert (found["rows"], found["accepted"], found["refused"]) == (10, 2, 8)
        wrong: list[tuple[int, str, str]] = []
        cursor = ""
        while cursor is not None:
            query = f"?limit=3&cursor={cursor}" if cursor else "?limit=3"
            status, page = await anywhere.ask("GET", f"/jobs/{made['id']}/errors{query}")
            assert status == 200
            wrong += [(each["line"], each["column"], each["code"]) for each in page["items"]]
            cursor = page["next"]
    assert wrong == [
        (2, "to", "form"),
        (3, "text", "missing"),
        (5, "", "columns"),
        (6, "", "encoding"),
        (7, "text", "parts"),
        (8, "", "control"),
        (9, "", "quote"),
        (10, "text", "form"),
    ]
    assert page["items"][-1]["reason"] == {
        "fa": "به شکل درست نیست.",
        "en": "It has not the right form.",
    }
    head = {"Authorization": f"Bearer {anywhere.token}"}
    async with anywhere.client.get(f"/api/v1/jobs/{made['id']}/errors?format=csv", headers=head) as response:
        assert response.content_type == "text/csv"
        table = list(csv.DictReader(io.StringIO((await response.read()).decode("utf-8-sig"))))
    assert [(int(row["line"]), row["column"], row["code"]) for row in table] == wrong
    assert table[2]["en"] == "It has 1 columns and not 2."
    assert [each[1] for each in await queued(anywhere)] == ["ok", "last"]


@within(60)
async def test_ndjson_and_templates(anywhere: Business) -> None:
    await anywhere.ask("PUT", "/templates/sent", {"text": "سفارش {order}"})
    body = b'{"to": "09121234567", "order": 1204}\n{"to": "09121234567"}\n[]\n{"to": "x", "order": "1"}\n'
    _status, made = await upload(anywhere, body, NDJSON, template="sent")
    await anywhere.ask("PUT", "/templates/sent", {"text": "دیگر {order}"})
    async with fed(anywhere):
        found = await until(anywhere, made["id"], lambda job: job["queued"] > 0)
    assert (found["accepted"], found["refused"]) == (1, 3)
    assert await queued(anywhere) == [("+989121234567", "سفارش 1204", "bulk", "")]


@within(60)
async def test_other_channels(anywhere: Business) -> None:
    body = b"to,name\nsara@example.ir,Sara\nnobody,Ali\n"
    _status, made = await upload(anywhere, body, channel="email", text="Hi {name}", subject="For {name}")
    async with fed(anywhere):
        found = await until(anywhere, made["id"], lambda job: job["queued"] > 0)
    assert (found["accepted"], found["refused"], found["channel"]) == (1, 1, "email")
    [[id, sealed]] = await anywhere.home.database.read(select(outbox.c.id, outbox.c.sealed))
    said = content(anywhere.home.vault, id, sealed)
    assert (said.to, said.subject, said.body) == ("sara@example.ir", "For Sara", "Hi Sara")


@within(60)
async def test_a_dry_run_and_one_that_stops_send_nothing(anywhere: Business) -> None:
    body = rows_of(range(30)) + b"x,1\n"
    _status, dry = await upload(anywhere, body, text="{order}", dry_run="true")
    _status, stopped = await upload(anywhere, body, text="{order}", on_error="stop")
    _status, none = await upload(anywhere, b"to,order\n", text="{order}")
    _status, header = await upload(anywhere, b"to,name\n1,2\n", text="{order}")
    async with fed(anywhere):
        found = await until(anywhere, dry["id"])
        assert (found["state"], found["accepted"], found["refused"], found["waiting"]) == ("done", 30, 1, 0)
        assert (found["parts"], found["unpriced"], found["fault"]) == (30, 30, None)
        found = await until(anywhere, stopped["id"])
        assert (found["state"], found["accepted"], found["fault"]["code"]) == ("failed", 30, "rows")
        assert (await until(anywhere, none["id"]))["fault"]["code"] == "empty"
        fault = (await until(anywhere, header["id"]))["fault"]
        assert (fault["column"], fault["code"], fault["detail"]) == ("order", "missing", "لازم است.")
    assert await queued(anywhere) == []
    _status, page = await anywhere.ask("GET", "/jobs?limit=3")
    assert [each["id"] for each in page["items"]] == [header["id"], none["id"], stopped["id"]]
    _status, page = await anywhere.ask("GET", f"/jobs?limit=3&cursor={page['next']}")
    assert ([each["id"] for each in page["items"]], page["next"]) == ([dry["id"]], None)


@pytest.mark.parametrize(
    ("options", "field", "code"),
    [
        ({"text": "{x"}, "text", "template"),
        ({"text": "x" * 401}, "text", "long"),
        ({"text": "a", "template": "b"}, "template", "choice"),
        ({"template": "b"}, "template", "choice"),
        ({"version": "1"}, "version", "choice"),
        ({"text": "a", "subject": "b"}, "subject", "choice"),
        ({"line": "3000"}, "line", "line"),
        ({"channel": "telegram"}, "channel", "channel"),
        ({"channel": "fax"}, "channel", "choice"),
        ({"send_at": "2999-01-01T00:00:00Z"}, "send_at", "late"),
        ({"send_at": "2026-01-01T00:00:00"}, "send_at", "form"),
        ({"send_at": "17000000"}, "send_at", "type"),
        ({"expires_in": "5"}, "expires_in", "range"),
        ({"dry_run": "yes"}, "dry_run", "type"),
        ({"on_error": "halt"}, "on_error", "choice"),
        ({"other": "1"}, "other", "unknown"),
    ],
)
async def test_options_that_cannot_be(
    business: Business, options: dict[str, str], field: str, code: str
) -> None:
    status, body = await upload(business, b"to\n1\n", **options)
    assert (status, [(each["pointer"], each["code"]) for each in body["errors"]]) == (422, [(field, code)])
    assert await business.home.database.read(select(jobs.c.id)) == []


async def test_uploads_that_are_none(business: Business) -> None:
    assert (await upload(business, b"{}", {"Content-Type": "application/json"}))[0] == 415
    assert (await upload(business, b"to\n", {"Content-Type": "text/csv; charset=windows-1256"}))[0] == 415
    status, body = await upload(business, b"")
    assert (status, body["errors"][0]["code"]) == (422, "empty")
    part = '--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\nto,text\n1,a\n'
    for text, expected in (
        ("junk", 400),
        ("--x\r\n\r\n", 422),
        (part, 400),
        (part + "\r\n--", 400),
        (part + "\r\n--x", 422),
        (part.replace("a.csv", "a.xlsx") + "\r\n--x--\r\n", 415),
        (part.replace('name="file"; ', "") + "\r\n--x--\r\n", 422),
        ("--x--\r\n", 422),
    ):
        kind = {"Content-Type": "multipart/form-data; boundary=x"}
        status, body = await upload(business, text.encode(), kind)
        assert status == expected, (text, body)
    assert (await upload(business, b"x", {"Content-Type": "multipart/form-data"}))[0] == 400
    assert await business.home.database.read(select(jobs.c.id)) == []
    status, _body = await business.ask("GET", "/jobs/01a21023-10c6-729d-b607-c9b0a5c02cb9")
    assert status == 404
    other = await business.key(scopes=("send", "read"))
    assert (await upload(other, b"to\n1\n"))[0] == 403


@within(60)
async def test_a_form(anywhere: Business) -> None:
    form = FormData()
    form.add_field("text", "سفارش {order}")
    form.add_field("expires_in", "600")
    form.add_field(
        "file", io.BytesIO(rows_of(range(3))), filename="rows.csv", content_type="application/vnd.ms-excel"
    )
    head = {"Authorization": f"Bearer {anywhere.token}"}
    async with anywhere.client.post("/api/v1/jobs?class=service", data=form, headers=head) as response:
        made = await response.json()
        assert response.status == 202, made
    assert (made["class"], made["bytes"]) == ("service", len(rows_of(range(3))))
    async with fed(anywhere):
        await until(anywhere, made["id"], lambda job: job["queued"] == 3)
    assert [each[1] for each in await queued(anywhere)] == ["سفارش 0", "سفارش 1", "سفارش 2"]
    # What stands behind the file would not be heeded.
    for fields in ((("file", "a.csv"), ("text", None)), (("text", None), ("text", None)), (("text", None),)):
        form = FormData(default_to_multipart=True)
        for name, filename in fields:
            form.add_field(name, io.BytesIO(b"to\n1\n") if filename else "a", filename=filename)
        async with anywhere.client.post("/api/v1/jobs", data=form, headers=head) as response:
            assert response.status == 422, await response.text()


@within(60)
async def test_the_same_upload_with_one_key_is_one_job(anywhere: Business) -> None:
    body = rows_of(range(5))
    first, again = await asyncio.gather(
        *(upload(anywhere, body, text="{order}", Idempotency_Key="k") for _time in range(2))
    )
    assert first[0] == again[0] == 202
    assert first[1]["id"] == again[1]["id"]
    assert (await upload(anywhere, body, text="{order}", Idempotency_Key="k"))[1] == first[1]
    assert anywhere.headers["Idempotency-Replayed"] == "true"
    assert (await upload(anywhere, body, text="{order}!", Idempotency_Key="k"))[0] == 409
    assert (await upload(anywhere, body + b"09121234567,5\n", text="{order}", Idempotency_Key="k"))[0] == 409
    [[count]] = await anywhere.home.database.read(select(func.count()).select_from(jobs))
    [[parts]] = await anywhere.home.database.read(select(func.count()).select_from(job_parts))
    assert (count, parts) == (1, 1)
    async with fed(anywhere):
        await until(anywhere, first[1]["id"], lambda job: job["queued"] == 5)
    assert len(await queued(anywhere)) == 5


@within(60)
async def test_an_upload_that_is_cut_leaves_nothing(anywhere: Business) -> None:
    async def cut() -> AsyncIterator[bytes]:
        yield rows_of(range(40_000))
        raise OSError("the line is dead")

    head = {"Authorization": f"Bearer {anywhere.token}", **CSV}
    with pytest.raises(ClientOSError):
        await anywhere.client.post("/api/v1/jobs?text={order}", data=cut(), headers=head)
    while await anywhere.home.database.read(select(jobs.c.id)):
        await asyncio.sleep(0.02)
    assert await anywhere.home.database.read(select(job_parts.c.place)) == []


@within(60)
async def test_an_upload_that_stalls_is_given_up(anywhere: Business) -> None:
    going = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield rows_of(range(40_000))
        await going.wait()
        yield b"0" * 300_000

    head = {"Authorization": f"Bearer {anywhere.token}", **CSV}
    request = asyncio.create_task(
        anywhere.client.post("/api/v1/jobs?text={order}", data=slow(), headers=head)
    )
    database = anywhere.home.database
    while not await database.read(select(job_parts.c.place)):
        await asyncio.sleep(0.02)
    assert await database.read(select(jobs.c.state)) == [("receiving",)]
    await database.transaction(
        lambda connection: connection.execute(
            update(jobs).values(moved_at=datetime.now(UTC) - timedelta(hours=2))
        )
    )
    async with fed(anywhere):
        while await database.read(select(jobs.c.id)):
            await asyncio.sleep(0.05)
    going.set()
    async with await request as response:
        assert response.status == 400
    assert await database.read(select(job_parts.c.place)) == []


@within(60)
async def test_too_many_and_too_large(anywhere: Business, monkeypatch: pytest.MonkeyPatch) -> None:
    for _time in range(20):
        assert (await upload(anywhere, b"to,text\n1,a\n"))[0] == 202
    status, body = await upload(anywhere, b"to,text\n1,a\n")
    assert (status, body["type"]) == (429, "urn:chapar:problem:jobs")


@within(120)
async def test_a_job_is_paused_in_the_middle_and_goes_on(anywhere: Business) -> None:
    database = anywhere.home.database
    _status, made = await upload(anywhere, rows_of(range(7_000)), text="{order}", class_="service")
    other = await anywhere.key()
    await other.send({"channel": "sms", "to": "09121234567", "text": "mine"})
    async with fed(anywhere):
        found = await until(anywhere, made["id"], lambda job: job["queued"] >= 4_900)
        # No more than that wait at a time.
        assert (found["accepted"], found["queued"], found["waiting"]) == (7_000, 5_000, 2_000)
        status, found = await anywhere.ask("POST", f"/jobs/{made['id']}/pause")
        assert (status, found["state"], found["seconds_left"]) == (200, "paused", None)
        waits = select(func.count()).select_from(outbox).where(outbox.c.finished_at.is_(None))
        assert await database.read(waits) == [(1,)], "only the message that is not the job's"
        # One that was being sent meanwhile comes back to the queue, and is held too.
        [[back]] = await database.read(select(outbox.c.id).where(outbox.c.status == "held").limit(1))
        back_to = {"status": "queued", "finished_at": None}
        await database.transaction(
            lambda connection: connection.execute(update(outbox).where(outbox.c.id == back).values(back_to))
        )
        while await database.read(waits) != [(1,)]:
            await asyncio.sleep(0.05)
        assert (await anywhere.ask("POST", f"/jobs/{made['id']}/pause"))[0] == 200
        found = await until(anywhere, made["id"], lambda job: job["queued"] == 5_000)
        assert found["state"] == "paused"
        status, found = await anywhere.ask("POST", f"/jobs/{made['id']}/resume")
        assert (status, found["state"]) == (200, "running")
        assert await database.read(waits) == [(5_001,)]
        now = datetime.now(UTC)
        gone = (
            update(outbox)
            .where(outbox.c.status == "queued")
            .values(status="delivered", sent_at=now, finished_at=now)
        )
        await database.transaction(lambda connection: connection.execute(gone))
        found = await until(
            anywhere, made["id"], lambda job: job["delivered"] == 5_000 and job["queued"] == 2_000
        )
        assert found["seconds_left"] is not None
        status, found = await anywhere.ask("POST", f"/jobs/{made['id']}/cancel")
        assert (status, found["state"]) == (200, "cancelled")
        found = await until(anywhere, made["id"], lambda job: job["cancelled"] == 2_000)
        assert (await anywhere.ask("POST", f"/jobs/{made['id']}/resume"))[0] == 409
        assert (await anywhere.ask("POST", f"/jobs/{made['id']}/pause"))[0] == 409
        assert (await anywhere.ask("POST", f"/jobs/{made['id']}/cancel"))[0] == 200
    assert await database.read(waits) == [(0,)]
    texts = sorted(int(each[1]) for each in await queued(anywhere) if each[1] != "mine")
    assert texts == list(range(7_000))


@within(60)
async def test_a_job_is_paused_while_its_rows_are_looked_at(anywhere: Business) -> None:
    _status, made = await upload(anywhere, rows_of(range(100)), text="{order}")
    assert (await anywhere.ask("POST", f"/jobs/{made['id']}/pause"))[1]["state"] == "paused"
    async with fed(anywhere):
        await asyncio.sleep(0.7)
        assert (await job(anywhere, made["id"]))["rows"] == 0
        assert (await anywhere.ask("POST", f"/jobs/{made['id']}/resume"))[1]["state"] == "validating"
        await until(anywhere, made["id"], lambda job: job["queued"] == 100)
        assert (await anywhere.ask("POST", f"/jobs/{made['id']}/cancel"))[1]["state"] == "cancelled"
        found = await until(anywhere, made["id"], lambda job: job["cancelled"] == 100)
        assert found["queued"] == 0


@within(60)
async def test_a_job_for_later_is_looked_at_now(anywhere: Business) -> None:
    at = datetime.now(UTC) + timedelta(days=1)
    _status, made = await upload(anywhere, rows_of(range(10)), text="{order}", send_at=at.isoformat())
    async with fed(anywhere):
        found = await until(anywhere, made["id"], lambda job: job["state"] == "running")
        await asyncio.sleep(0.7)
        assert (found["accepted"], datetime.fromisoformat(found["send_at"])) == (10, at)
        assert await queued(anywhere) == []
        await anywhere.home.database.transaction(
            lambda connection: connection.execute(update(jobs).values(starts_at=datetime.now(UTC)))
        )
        await until(anywhere, made["id"], lambda job: job["queued"] == 10)


@within(60)
async def test_a_sandbox_key_and_other_accounts(anywhere: Business) -> None:
    sandbox = await anywhere.key(sandbox=True)
    _status, made = await upload(sandbox, rows_of(range(10)), text="{order}")
    async with fed(anywhere):
        found = await until(sandbox, made["id"])
    assert (found["state"], found["delivered"]) == ("done", 10)
    assert (await anywhere.ask("GET", f"/jobs/{made['id']}"))[0] == 404
    await anywhere.api.accounts.create("other", [], datetime.now(UTC))
    token = await anywhere.api.accounts.issue("other", datetime.now(UTC))
    other = Business(anywhere.client, anywhere.api, anywhere.home, "other", token)
    assert (await other.ask("POST", f"/jobs/{made['id']}/cancel"))[0] == 404
    assert (await other.ask("GET", "/jobs"))[1]["items"] == []
    live = select(func.count()).select_from(account_messages).where(~account_messages.c.sandbox)
    assert await anywhere.home.database.read(live) == [(0,)]


def test_a_job_is_a_row_of_its_table() -> None:
    assert list(records.Job.__slots__) == [column.name for column in jobs.columns]
    assert job_messages.primary_key.columns.keys() == ["job", "batch", "message"]


@within(60)
async def test_whoever_looks_after_jobs(tmp_path: Path) -> None:
    async with opened(tmp_path / "var") as business:
        _status, made = await upload(business, rows_of(range(10)), text="{order}")

    def said(*arguments: str) -> tuple[int, str]:
        done = command("jobs", *arguments, folder=tmp_path)
        return done.returncode, done.stdout or done.stderr.splitlines(keepends=True)[-1]

    assert said("list") == (0, f"{said('show', made['id'])[1].rstrip()}  shop\n")
    assert " paused: 0 rows, " in said("pause", made["id"])[1]
    assert " cancelled: 0 rows, " in said("cancel", made["id"])[1]
    assert said("resume", made["id"]) == (2, "server.py: a job that is cancelled cannot be told to resume\n")
    other = "01a21023-10c6-729d-b607-c9b0a5c02cb9"
    assert said("show", other) == (2, f"server.py: there is no job {other}\n")
