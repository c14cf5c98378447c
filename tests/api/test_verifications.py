"""One-time codes for the people of a business."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from records.outbox import content
from records.tables import account_messages, outbox, verifications
from tests.api.conftest import Business

NUMBER = "09121234567"


async def last_code(business: Business) -> str:
    rows = await business.home.database.read(
        select(outbox.c.id, outbox.c.sealed).where(outbox.c["class"] == "otp").order_by(outbox.c.id.desc())
    )
    found = re.search(r"#(\d{6})", content(business.home.vault, rows[0].id, rows[0].sealed).body)
    assert found is not None
    return found[1]


async def start(business: Business, to: str = NUMBER, **more: str) -> str:
    status, body = await business.ask("POST", "/verifications", {"to": to, **more})
    assert (status, body["by"], body["expires_in"]) == (202, "sms", 120)
    return str(body["id"])


async def check(business: Business, id: str, code: str) -> tuple[str, int | None]:
    status, body = await business.ask("POST", f"/verifications/{id}/check", {"code": code})
    assert status == 200
    return body["status"], body["left"]


async def test_a_code_is_verified_once(anywhere: Business) -> None:
    id = await start(anywhere)
    code = await last_code(anywhere)
    wrong = f"{(int(code) + 1) % 1_000_000:06}"
    assert await check(anywhere, id, wrong) == ("wrong", 4)
    persian = code.translate(str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹"))
    assert await check(anywhere, id, persian) == ("verified", None)
    assert await check(anywhere, id, code) == ("expired", None)
    [[account]] = await anywhere.home.database.read(select(account_messages.c.account))
    [[sender]] = await anywhere.home.database.read(select(outbox.c.sender))
    assert sender == account


async def test_checks_run_out_also_when_they_come_at_once(anywhere: Business) -> None:
    id = await start(anywhere)
    code = await last_code(anywhere)
    wrong = f"{(int(code) + 1) % 1_000_000:06}"
    answers = [
        await anywhere.ask("POST", f"/verifications/{id}/check", {"code": wrong}) for _ in range(2)
    ] + await asyncio.gather(
        *(anywhere.ask("POST", f"/verifications/{id}/check", {"code": wrong}) for _ in range(8))
    )
    said = [body["status"] for status, body in answers if status == 200]
    assert said.count("wrong") <= 4
    assert await check(anywhere, id, code) == ("exhausted", None)


async def test_the_next_code_has_to_wait(business: Business) -> None:
    await start(business)
    status, body = await business.ask("POST", "/verifications", {"to": NUMBER})
    assert (status, body["type"]) == (429, "urn:chapar:problem:codes")
    assert 1 <= int(business.headers["Retry-After"]) <= 30
    await start(business, "09351234567")


async def test_another_business_has_codes_of_its_own(business: Business) -> None:
    id = await start(business)
    await business.api.accounts.create("rival", [], datetime.now(UTC))
    token = await business.api.accounts.issue("rival", datetime.now(UTC))
    rival = Business(business.client, business.api, business.home, "rival", token)
    code = await last_code(business)
    assert (await rival.ask("POST", f"/verifications/{id}/check", {"code": code}))[0] == 404
    # Its own code for the same number and purpose does not end the first one's.
    status, _body = await rival.ask("POST", "/verifications", {"to": NUMBER})
    assert status in (202, 429)
    assert await check(business, id, code) == ("verified", None)


async def test_an_id_says_nothing_and_cannot_be_made_up(business: Business) -> None:
    id = await start(business)
    assert "912" not in id.replace("_", "")[:8] or len(id) > 60
    changed = id[:-2] + ("AA" if not id.endswith("AA") else "BB")
    for odd in (changed, id[:-5], "x", "A" * 512, id + "A"):
        status, _body = await business.ask("POST", f"/verifications/{odd}/check", {"code": "123456"})
        assert status == 404


async def test_the_sandbox_has_one_code_and_sends_none(business: Business) -> None:
    sandbox = await business.key(sandbox=True)
    id = await start(sandbox)
    assert await check(sandbox, id, "000000") == ("wrong", 4)
    assert await check(sandbox, id, "123456") == ("verified", None)
    assert await business.home.database.read(select(verifications.c.id)) == []
    assert (await business.ask("POST", f"/verifications/{id}/check", {"code": "123456"}))[0] == 404


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({}, "/to", "missing"),
        ({"to": "09978234567"}, "/to", "number"),
        ({"to": NUMBER, "purpose": "X" * 33}, "/purpose", "form"),
        ({"to": NUMBER, "language": "de"}, "/language", "choice"),
    ],
)
async def test_what_is_refused(business: Business, body: object, pointer: str, code: str) -> None:
    status, problem = await business.ask("POST", "/verifications", body)
    assert status == 422
    assert [(each["pointer"], each["code"]) for each in problem["errors"]] == [(pointer, code)]
