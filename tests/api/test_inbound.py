"""What people wrote to the lines of a business."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from bot.sms import InboundSms
from bot.sms_intake import Intake
from services import received
from tests.api.conftest import Business


async def write(business: Business, line: str, *texts: str) -> None:
    home = business.home
    intake = Intake(
        database=home.database,
        committer=home.committer,
        vault=home.vault,
        clock=lambda: datetime.now(UTC),
        wake=asyncio.Event(),
    )
    for text in texts:
        now = datetime.now(UTC)
        assert await intake.accept(InboundSms(line, "09121234567", text, f"x:{line}{text}", now, b"raw"))


async def test_what_came_to_ones_own_lines_is_listed_and_nothing_else(anywhere: Business) -> None:
    await write(anywhere, "10004346", "یک")
    await write(anywhere, "30002225", "not ours")
    await write(anywhere, "+9810004346", "دو")
    await write(anywhere, "", "nobody's")
    await write(anywhere, "10004346", "سه")
    status, body = await anywhere.ask("GET", "/inbound?limit=2")
    assert status == 200
    assert [(item["text"], item["line"]) for item in body["items"]] == [
        ("سه", "10004346"),
        ("دو", "+9810004346"),
    ]
    _status, body = await anywhere.ask("GET", f"/inbound?limit=2&cursor={body['next']}")
    assert [item["text"] for item in body["items"]] == ["یک"]
    assert body["next"] is None
    assert (await (await anywhere.key(sandbox=True)).ask("GET", "/inbound"))[1]["items"] == []


async def test_a_page_looks_at_so_many_and_goes_on(business: Business) -> None:
    await write(business, "10004346", "first")
    await write(business, "30002225", *(str(number) for number in range(received.LOOKED_AT)))
    _status, body = await business.ask("GET", "/inbound")
    assert body["items"] == []
    _status, body = await business.ask("GET", f"/inbound?cursor={body['next']}")
    assert [item["text"] for item in body["items"]] == ["first"]
