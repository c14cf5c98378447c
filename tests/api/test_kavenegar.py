"""The door for programs made for Kavenegar, used by the vendor's own SDK, which speaks TLS only."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import kavenegar as kavenegar_sdk
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from sqlalchemy import select

from records.outbox import content
from records.tables import account_answers, outbox
from tests.api.conftest import Business
from tests.dispatch.certificates import self_signed

Sdk = Any  # The vendor's package says no types.


@pytest.fixture
async def sdk(business: Business, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Sdk]:
    server_side, _client_side = self_signed(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "server.pem"))
    app = web.Application()
    business.api.add_to(app)
    server = TestServer(app, scheme="https")
    await server.start_server(ssl=server_side)
    async with server:
        sdk = kavenegar_sdk.KavenegarAPI(business.token)
        sdk.host = f"127.0.0.1:{server.port}"
        yield sdk


async def rows(business: Business) -> list[Any]:
    return list(await business.home.database.read(select(outbox).order_by(outbox.c.id)))


async def refusal(call: Any, params: Any) -> str:
    with pytest.raises(kavenegar_sdk.APIException) as raised:
        await asyncio.to_thread(call, params)
    said: bytes = raised.value.args[0]
    return said.decode().partition("[")[2].partition("]")[0]


async def test_one_text_to_many(business: Business, sdk: Sdk) -> None:
    params = {"sender": "10004346", "receptor": "09121234567,00989351112233", "message": "سلام"}
    entries = await asyncio.to_thread(sdk.sms_send, params)
    first, second = await rows(business)
    assert [entry["messageid"] for entry in entries] == [int(first.tracking), int(second.tracking)]
    assert entries[0] | {"date": 0} == {
        "messageid": int(first.tracking),
        "message": "سلام",
        "status": 1,
        "statustext": "در صف ارسال",
        "sender": "10004346",
        "receptor": "09121234567",
        "date": 0,
        "cost": 0,
    }
    assert first.route == "sms-10004346"
    assert content(business.home.vault, second.id, second.sealed).to == "+989351112233"

    ids = f"{first.tracking},{second.tracking},1234567890"
    entries = await asyncio.to_thread(sdk.sms_status, {"messageid": ids})
    assert [entry["status"] for entry in entries] == [1, 1, 100]
    _status, body = await business.ask("GET", "/messages")
    assert len(body["items"]) == 2, "they are messages of the account like any other"


async def test_each_its_own_text(business: Business, sdk: Sdk) -> None:
    params = {
        "receptor": json.dumps(["09121234567", "09351112233"]),
        "sender": json.dumps(["10004346", "10004346"]),
        "message": json.dumps(["یک", "دو"]),
        "localmessageids": json.dumps([1, 2]),
        "date": str(int(time.time()) + 3_600),
    }
    entries = await asyncio.to_thread(sdk.sms_sendarray, params)
    assert [(entry["message"], entry["status"]) for entry in entries] == [("یک", 2), ("دو", 2)]
    assert await asyncio.to_thread(sdk.sms_sendarray, params) == entries
    assert len(await rows(business)) == 2, "numbers of theirs that come again are not sent again"
    assert await refusal(sdk.sms_sendarray, params | {"message": json.dumps(["یک", "سه"])}) == "400"
    [[kept]] = await business.home.database.read(select(account_answers.c.body))
    assert "یک" not in kept
    assert "0912" not in kept


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"message": "x"}, "400"),
        ({"receptor": "0912", "message": "x"}, "411"),
        ({"receptor": "09121234567", "message": " "}, "413"),
        ({"receptor": "09121234567", "message": "س" * 671}, "413"),
        ({"receptor": "09121234567", "message": "x", "sender": "3000"}, "412"),
        ({"receptor": "09121234567", "message": "x", "date": "soon"}, "417"),
        ({"receptor": "09121234567", "message": "x", "date": "99999999999"}, "417"),
        ({"receptor": ",".join(["09121234567"] * 1_001), "message": "x"}, "414"),
        ({"receptor": "09121234567", "message": "x", "localid": "1,2"}, "419"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_what_is_refused(business: Business, sdk: Sdk, given: dict[str, str], status: str) -> None:
    assert await refusal(sdk.sms_send, given) == status
    assert await rows(business) == []


async def test_arrays_that_are_none(sdk: Sdk) -> None:
    good = {"receptor": '["09121234567"]', "sender": '["10004346"]', "message": '["x"]'}
    for wrong in (
        {"receptor": "09121234567"},
        {"message": "[]"},
        {"message": "[[]]"},
        {"sender": "[" * 99_999},
    ):
        assert await refusal(sdk.sms_sendarray, good | wrong) == "400"
    assert await refusal(sdk.sms_sendarray, good | {"message": '["x", "y"]'}) == "419"


async def test_keys_in_paths_are_asked_for_and_not_logged(
    business: Business, sdk: Sdk, capfd: pytest.CaptureFixture[str]
) -> None:
    good = {"receptor": "09121234567", "message": "x"}
    read = await business.key(scopes=["read"])
    outside = await business.key(networks=["192.0.2.1"])
    for key, status in (("wrong", "403"), (read.token, "407"), (outside.token, "407")):
        sdk.apikey = key
        assert await refusal(sdk.sms_send, good) == status
    sdk.apikey = business.token
    assert await refusal(sdk.sms_latestoutbox, {}) == "404"
    said = "".join(capfd.readouterr())
    for key in (business.token, read.token, outside.token):
        assert key.rpartition("_")[2] not in said


async def test_a_code_by_a_template(business: Business, sdk: Sdk) -> None:
    await business.ask("PUT", "/templates/login", {"text": "کد {token} برای {token2}"})
    params = {"receptor": "09121234567", "template": "login", "token": "123456", "token2": "ورود"}
    [entry] = await asyncio.to_thread(sdk.verify_lookup, params)
    assert entry["message"] == "کد 123456 برای ورود"
    [row] = await rows(business)
    assert (row._mapping["class"], int(row.tracking)) == ("otp", entry["messageid"])
    assert (row.expires_at - row.due_at).total_seconds() == 300
    assert await refusal(sdk.verify_lookup, params | {"template": "none"}) == "424"
    assert await refusal(sdk.verify_lookup, params | {"template": "a\x00b"}) == "424"
    assert await refusal(sdk.verify_lookup, params | {"token3": "x"}) == "431"
    assert await refusal(sdk.verify_lookup, params | {"token2": "a\nb"}) == "431"
    assert await refusal(sdk.verify_lookup, {"receptor": "09121234567"}) == "400"
    sdk.apikey = (await business.key(scopes=["send"])).token
    assert await refusal(sdk.verify_lookup, params) == "407"
