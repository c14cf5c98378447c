"""Who may call the API, and how often."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from records.tables import account_keys
from services.accounts import KNOWN, Accounts, BadAccount
from tests.api.conftest import Business, sms
from tests.running import command

NOW = datetime(2026, 11, 25, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer chapar_live_aaaaaaaa_" + "b" * 32},
        {"Authorization": "Bearer chapar_live_aaaaaaaa_" + "b" * 31},
        {"Authorization": "Bearer " + "x" * 4_000},
        {"Authorization": "Basic {token}"},
        {"Authorization": "Bearer {token}x"},
        {"Authorization": "Bearer {sandbox}"},
        {"X-Chapar-Secret": "{token}"},
    ],
)
async def test_without_a_good_key_nobody_comes_in(business: Business, given: dict[str, str]) -> None:
    token = business.token
    names = {"token": token, "sandbox": token.replace("_live_", "_sandbox_")}
    headers = {name: value.format(**names) for name, value in given.items()}
    async with business.client.post("/api/v1/messages", json={}, headers=headers) as response:
        assert response.status == 401
        assert response.headers["WWW-Authenticate"] == 'Bearer realm="Chapar"'
        assert (await response.json(content_type=None))["type"] == "urn:chapar:problem:no-key"


async def test_a_key_is_not_in_the_records(anywhere: Business) -> None:
    [row] = await anywhere.home.database.read(select(account_keys))
    secret = anywhere.token.rpartition("_")[2]
    assert secret not in repr(row)
    assert secret.encode() not in row.digest


async def test_a_key_may_do_what_its_scopes_say(business: Business) -> None:
    for scope, allowed in (("send", (202, 403, 403)), ("read", (403, 200, 403)), ("verify", (403, 403, 202))):
        key = await business.key(scopes=[scope])
        answers = (
            await key.send(sms()),
            await key.ask("GET", "/messages"),
            await key.ask("POST", "/verifications", {"to": "09121234567"}),
        )
        assert tuple(status for status, _body in answers) == allowed


async def test_a_key_is_good_from_its_addresses_only(business: Business) -> None:
    inside = await business.key(networks=["127.0.0.0/8", "2001:db8::/32"])
    outside = await business.key(networks=["192.0.2.7"])
    assert (await inside.send(sms()))[0] == 202
    status, body = await outside.send(sms(), **{"X-Forwarded-For": "192.0.2.7"})
    assert (status, body["type"]) == (403, "urn:chapar:problem:address")


async def test_a_revoked_key_is_good_no_longer(anywhere: Business) -> None:
    other = await anywhere.key()
    assert (await other.send(sms()))[0] == 202
    await anywhere.api.accounts.revoke(other.token.split("_")[2], NOW)
    assert (await other.send(sms()))[0] == 401
    assert (await anywhere.send(sms()))[0] == 202
    with pytest.raises(BadAccount, match="is good"):
        await anywhere.api.accounts.revoke(other.token.split("_")[2], NOW)


async def test_another_process_knows_of_it_within_seconds(business: Business) -> None:
    time = [0.0]
    home = business.home
    elsewhere = Accounts(
        database=home.database, committer=home.committer, vault=home.vault, clock=lambda: time[0]
    )
    assert await elsewhere.holder(business.token) is not None
    await business.api.accounts.revoke(business.token.split("_")[2], NOW)
    time[0] = KNOWN
    assert await elsewhere.holder(business.token) is None


async def test_what_cannot_be_is_refused(business: Business) -> None:
    accounts = business.api.accounts
    for name in ("shop", "", " shop", "x" * 65, "a\nb"):
        with pytest.raises(BadAccount):
            await accounts.create(name, [], NOW)
    with pytest.raises(BadAccount):
        await accounts.create("other", ["١٢٣"], NOW)
    refused: list[dict[str, Any]] = [
        {"scopes": ["all"]},
        {"scopes": []},
        {"networks": ["10.0.0.1/8"]},
        {"networks": ["x"]},
        {"rate": 0},
        {"rate": 10**9},
    ]
    for options in refused:
        with pytest.raises(BadAccount):
            await accounts.issue("shop", NOW, **options)
    with pytest.raises(BadAccount):
        await accounts.issue("nobody", NOW)


async def test_a_key_that_is_too_fast_is_told_when_to_come_back(business: Business) -> None:
    slow = await business.key(rate=1)
    status, _body = await slow.send(*[sms() for _ in range(990)])
    assert status == 202
    assert slow.headers["RateLimit-Limit"] == "1000"
    assert slow.headers["RateLimit-Remaining"] == "10"
    assert 989 <= int(slow.headers["RateLimit-Reset"]) <= 990
    status, body = await slow.send(*[sms() for _ in range(50)])
    assert (status, body["type"]) == (429, "urn:chapar:problem:too-fast")
    assert 38 <= int(slow.headers["Retry-After"]) <= 41
    assert (await slow.send(*[sms() for _ in range(5)]))[0] == 202, "what there is may be sent"
    assert (await business.send(sms()))[0] == 202, "another key has its own"


async def test_keys_are_not_logged(business: Business, capfd: pytest.CaptureFixture[str]) -> None:
    for token in (business.token, business.token[:-1] + ("a" if business.token[-1] != "a" else "b")):
        async with business.client.post(f"/api/v1/{token}", headers={"Authorization": f"Bearer {token}"}):
            pass
    assert business.token.rpartition("_")[2] not in "".join(capfd.readouterr())


def test_accounts_are_kept_from_the_command_line(tmp_path: Path) -> None:
    done = command("accounts", "add", "فروشگاه سارا", "--line", "10004346", folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, "Added: فروشگاه سارا\n")
    done = command(
        "accounts", "key", "فروشگاه سارا", "--scope", "send", "--sandbox", "--address", "192.0.2.0/24",
        folder=tmp_path,
    )  # fmt: skip
    token = done.stdout.splitlines()[0]
    assert token.startswith("chapar_sandbox_")
    prefix = token.split("_")[2]
    done = command("accounts", "list", folder=tmp_path)
    assert done.stdout.splitlines() == [
        "فروشگاه سارا  10004346",
        f"    {prefix}  sandbox send 500/s from 192.0.2.0/24 (good)",
    ]
    assert command("accounts", "revoke", prefix, folder=tmp_path).returncode == 0
    assert "(revoked " in command("accounts", "list", folder=tmp_path).stdout
    done = command("accounts", "revoke", prefix, folder=tmp_path)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == f"server.py: there is no key '{prefix}' that is good"
