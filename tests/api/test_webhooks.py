"""Webhooks by the API: made, shown, told of, ended; whose they are, and what they are told of."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from records import webhook_deliveries, webhooks
from records.tables import webhook_deliveries as deliveries
from records.tables import webhooks as table
from services.webhooks import MOST
from tests.api.conftest import Business, sms
from tests.api.test_inbound import write
from tests.api.test_jobs import fed, rows_of, until, upload

URL = "https://shop.example.ir/chapar"


async def made(business: Business, url: str = URL, **more: Any) -> dict[str, Any]:
    status, body = await business.ask("POST", "/webhooks", {"url": url, **more})
    assert status == 201, body
    assert isinstance(body, dict)
    return body


async def owed(business: Business, id: str) -> list[tuple[str, str]]:
    """(event, status) of each delivery of a webhook, the oldest first."""
    status, body = await business.ask("GET", f"/webhooks/{id}/deliveries?limit=100")
    assert status == 200
    return [(each["event"], each["status"]) for each in reversed(body["items"])]


async def test_a_webhook_from_its_making_to_its_end(anywhere: Business) -> None:
    first = await made(anywhere, description="فروشگاه", events=["message.failed", "message.failed"])
    assert first["secret"].startswith("whsec_")
    assert (first["events"], first["paused"], first["url"]) == (["message.failed"], None, URL)
    second = await made(anywhere, "https://93.184.216.34:8443/x?y=z")
    assert second["events"] == list(webhooks.EVENTS), "all, where none is named"

    _status, body = await anywhere.ask("GET", "/webhooks")
    assert [each["id"] for each in body["items"]] == [first["id"], second["id"]]
    assert all("secret" not in each for each in body["items"])
    [sealed] = (await anywhere.home.database.read(select(table.c.sealed).limit(1)))[0]
    assert b"whsec" not in sealed
    assert b"example" not in sealed

    status, body = await anywhere.ask("POST", f"/webhooks/{first['id']}/secret")
    assert (status, list(body)) == (200, ["secret"])
    assert body["secret"] != first["secret"]
    assert (await anywhere.ask("GET", f"/webhooks/{first['id']}"))[1]["description"] == "فروشگاه"

    assert (await anywhere.ask("DELETE", f"/webhooks/{first['id']}"))[0] == 200
    for method, path in (
        ("GET", ""),
        ("DELETE", ""),
        ("POST", "/secret"),
        ("POST", "/test"),
        ("POST", "/resume"),
    ):
        assert (await anywhere.ask(method, f"/webhooks/{first['id']}{path}"))[0] == 404
    assert len((await anywhere.ask("GET", "/webhooks"))[1]["items"]) == 1


async def test_the_secret_before_is_signed_with_for_a_day(business: Business) -> None:
    webhook = await made(business)
    secrets = [webhook["secret"]]
    for _twice in range(2):
        secrets.append((await business.ask("POST", f"/webhooks/{webhook['id']}/secret"))[1]["secret"])
    [[id, sealed]] = await business.home.database.read(select(table.c.id, table.c.sealed))
    place = webhooks.place(business.home.vault, id, sealed)
    [(newest, never), (before, until)] = place.secrets
    assert (newest, before, never) == (secrets[2], secrets[1], None)
    assert until is not None
    assert timedelta(hours=23) < until - datetime.now(UTC) <= timedelta(hours=24)


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example.ir/x",
        "ftp://shop.example.ir/x",
        "https://127.0.0.1/x",
        "https://10.1.2.3/x",
        "https://192.168.1.1:8443/x",
        "https://169.254.169.254/latest/meta-data",
        "https://100.64.0.1/x",
        "https://[::1]/x",
        "https://[fd00::1]/x",
        "https://[::ffff:10.0.0.1]/x",
        "https://[fe80::1]/x",
        "https://2130706433/x",
        "https://0x7f.1/x",
        "https://127.1/x",
        "https://user:secret@shop.example.ir/x",
        "https://shop.example.ir/x#y",
        "https://",
        "https://shop.example.ir:0/x",
        "https://shop.example.ir:99999/x",
        "https://shop example.ir/x",
    ],
)
async def test_where_no_webhook_may_lead(business: Business, url: str) -> None:
    status, body = await business.ask("POST", "/webhooks", {"url": url})
    assert (status, body["errors"][0]["pointer"]) == (422, "/url")
    assert await business.home.database.read(select(table)) == []


async def test_what_else_is_refused(business: Business) -> None:
    for body in (
        {"url": URL, "events": []},
        {"url": URL, "events": ["message.read"]},
        {"url": URL, "description": "d" * 201},
        {"url": "https://shop.example.ir/" + "u" * 2_000},
        {"url": URL, "secret": "whsec_mine"},
        {},
    ):
        assert (await business.ask("POST", "/webhooks", body))[0] == 422, body
    for _ in range(MOST):
        await made(business)
    status, said = await business.ask("POST", "/webhooks", {"url": URL}, **{"Accept-Language": "en"})
    assert (status, said["type"]) == (409, "urn:chapar:problem:webhooks")
    assert said["title"].isascii()


async def test_nobody_elses_are_seen_or_touched(business: Business) -> None:
    webhook = await made(business)
    now = datetime.now(UTC)
    await business.api.accounts.create("other", [], now)
    token = await business.api.accounts.issue("other", now)
    strangers = (
        Business(business.client, business.api, business.home, "other", token),
        await business.key(sandbox=True),
    )
    for stranger in strangers:
        assert (await stranger.ask("GET", "/webhooks"))[1]["items"] == []
        for method, path in (
            ("GET", ""), ("DELETE", ""), ("POST", "/secret"), ("POST", "/test"), ("POST", "/resume"),
            ("GET", "/deliveries"), ("POST", f"/deliveries/{webhook['id']}/replay"),
        ):  # fmt: skip
            assert (await stranger.ask(method, f"/webhooks/{webhook['id']}{path}"))[0] == 404, path
        assert await owed_to(stranger) == []
    reader = await business.key(scopes=["read", "send"])
    assert (await reader.ask("GET", f"/webhooks/{webhook['id']}"))[0] == 200
    for method, path in (("POST", ""), ("DELETE", f"/{webhook['id']}"), ("POST", f"/{webhook['id']}/secret")):
        assert (await reader.ask(method, f"/webhooks{path}", {"url": URL}))[0] == 403


async def owed_to(business: Business) -> list[str]:
    rows = await business.home.database.read(select(deliveries.c.event).order_by(deliveries.c.id))
    return [row[0] for row in rows]


async def test_a_message_that_is_cancelled_is_told_of_in_the_same_unit(anywhere: Business) -> None:
    webhook = await made(anywhere)
    later = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    _status, body = await anywhere.send(sms(send_at=later))
    id = body["messages"][0]["id"]
    for _twice in range(2):
        assert (await anywhere.ask("DELETE", f"/messages/{id}"))[0] == 200
    assert await owed(anywhere, webhook["id"]) == [("message.cancelled", "waiting")]
    _status, body = await anywhere.ask("GET", f"/webhooks/{webhook['id']}/deliveries")
    assert body["items"][0]["subject"] == id


async def test_messages_of_a_job_that_is_cancelled_are_told_of(anywhere: Business) -> None:
    webhook = await made(anywhere)
    _status, job = await upload(anywhere, rows_of(range(30)), text="{order}")
    async with fed(anywhere):
        await until(anywhere, job["id"], lambda job: job["queued"] == 30)
        await anywhere.ask("POST", f"/jobs/{job['id']}/cancel")
    assert await owed(anywhere, webhook["id"]) == [("message.cancelled", "waiting")] * 30


async def test_what_the_sandbox_sends_is_told_to_the_sandbox(anywhere: Business) -> None:
    live, sandbox = await made(anywhere), await anywhere.key(sandbox=True)
    webhook = await made(sandbox, events=["message.delivered", "inbound.received"])
    assert (await sandbox.send(sms(), sms()))[0] == 202
    assert await owed(sandbox, webhook["id"]) == [("message.delivered", "waiting")] * 2
    assert await owed(anywhere, live["id"]) == []


async def test_what_comes_to_ones_own_lines_is_told(anywhere: Business) -> None:
    webhook = await made(anywhere)
    await made(anywhere, events=["message.sent"])
    await made(await anywhere.key(sandbox=True))
    await write(anywhere, "+9810004346", "سلام")
    await write(anywhere, "30002225", "not ours")
    await write(anywhere, "", "nobody's")
    assert await owed(anywhere, webhook["id"]) == [("inbound.received", "waiting")]
    assert await owed_to(anywhere) == ["inbound.received"]
    _status, listed = await anywhere.ask("GET", "/inbound")
    _status, body = await anywhere.ask("GET", f"/webhooks/{webhook['id']}/deliveries")
    assert body["items"][0]["subject"] == listed["items"][0]["id"]


async def test_deliveries_are_paged_filtered_and_told_again(anywhere: Business) -> None:
    webhook = await made(anywhere)
    path = f"/webhooks/{webhook['id']}"
    for _ in range(5):
        status, body = await anywhere.ask("POST", f"{path}/test")
        assert (status, body["event"], body["status"], body["subject"]) == (
            202,
            "webhook.test",
            "waiting",
            None,
        )
    seen: list[str] = []
    cursor = ""
    while True:
        _status, body = await anywhere.ask("GET", f"{path}/deliveries?limit=2{cursor}")
        seen += [each["id"] for each in body["items"]]
        if body["next"] is None:
            break
        cursor = f"&cursor={body['next']}"
        await anywhere.ask("POST", f"{path}/test")  # What comes meanwhile moves nothing.
    assert len(seen) == len(set(seen)) == 5
    assert seen == sorted(seen, reverse=True)

    database, now = anywhere.home.database, datetime.now(UTC)
    ended = {"finished_at": now, "attempts": 11, "answered": 500, "problem": "status"}
    await database.transaction(
        lambda connection: connection.execute(update(deliveries).values(status="failed", **ended))
    )
    _status, body = await anywhere.ask("GET", f"{path}/deliveries?status=failed&limit=1")
    [failed] = body["items"]
    assert (failed["answered"], failed["problem"], failed["next_at"]) == (500, "status", None)
    assert (await anywhere.ask("GET", f"{path}/deliveries?status=waiting"))[1]["items"] == []

    status, body = await anywhere.ask("POST", f"{path}/deliveries/{failed['id']}/replay")
    assert (status, body["status"], body["attempts"], body["id"]) == (202, "waiting", 0, failed["id"])
    status, body = await anywhere.ask("POST", f"{path}/replay", {"since": "2026-01-01T00:00:00+03:30"})
    assert (status, body["more"]) == (202, False)
    assert body["replayed"] == len(await owed(anywhere, webhook["id"])) - 1
    assert {status for _event, status in await owed(anywhere, webhook["id"])} == {"waiting"}
    for wrong in ("2026-01-01", "2026-01-01T00:00:00", "0001-01-01T00:00:00Z"):
        assert (await anywhere.ask("POST", f"{path}/replay", {"since": wrong}))[0] == 422
    for nothing in (webhook["id"], "x"):
        assert (await anywhere.ask("POST", f"{path}/deliveries/{nothing}/replay"))[0] == 404


async def test_a_pause_is_seen_and_can_be_ended(anywhere: Business) -> None:
    webhook = await made(anywhere)
    await anywhere.ask("POST", f"/webhooks/{webhook['id']}/test")
    home, now = anywhere.home, datetime.now(UTC)
    await home.database.transaction(
        lambda connection: connection.execute(
            update(table).values(failing_since=now, paused_at=now, paused_why="failing")
        )
    )
    _status, body = await anywhere.ask("GET", f"/webhooks/{webhook['id']}")
    assert (body["paused"]["why"], body["failing_since"] is None) == ("failing", False)
    assert await webhook_deliveries.due(home.database, now + timedelta(hours=1)) == []
    status, body = await anywhere.ask("POST", f"/webhooks/{webhook['id']}/resume")
    assert (status, body["paused"], body["failing_since"]) == (200, None, None)
    [due] = await webhook_deliveries.due(home.database, now + timedelta(hours=1))
    assert due.id.hex() == webhook["id"].replace("-", "")


async def test_secrets_changed_at_once_are_each_good_or_told_so(anywhere: Business) -> None:
    webhook = await made(anywhere)
    answers = await asyncio.gather(
        *(anywhere.ask("POST", f"/webhooks/{webhook['id']}/secret") for _ in range(3))
    )
    good = [body["secret"] for status, body in answers if status == 200]
    assert good
    [[id, sealed]] = await anywhere.home.database.read(select(table.c.id, table.c.sealed))
    assert webhooks.place(anywhere.home.vault, id, sealed).secrets[0][0] in good
