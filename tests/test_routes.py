"""Every route of the real application stands beside a rule, and each is the one that is meant."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

import settings
from api.access import ApiKey, in_path
from bot.telegram_webhook import HEADER, secret_of
from bot.webchat_origins import Origins
from composition.chatting import WebChat
from composition.house import House, house
from composition.messaging import Bots
from composition.serving import application, conversation_of
from composition.submitting import Api
from composition.texting import Texting
from records.outbox import queue
from records.unit import Unit
from tests.dispatch.test_webpush import PEM
from tests.running import SECRET
from web.access import (
    LOOPBACK,
    AnyOf,
    HeaderSecret,
    PathSecret,
    Public,
    RouteSecret,
    rule_of,
    unguarded_routes,
)

KAVENEGAR = {"SMS_PROVIDER": "kavenegar", "KAVENEGAR_KEY": "k"}
SMTP = {"EMAIL_PROVIDER": "smtp", "SMTP_URL": "smtp://localhost", "MAIL_FROM": "noreply@example.ir"}


@asynccontextmanager
async def built(**given: str) -> AsyncIterator[tuple[House, web.Application]]:
    """The application as it is served with these settings."""
    async with house(settings.load(given)) as home:
        chat = WebChat.of(home)
        conversation = conversation_of(home, chat)
        texting = Texting.of(home, conversation)
        yield home, application(home, conversation, chat, texting=texting, api=Api.of(home))


def rules(app: web.Application) -> dict[str, Any]:
    """Path → the rule of its routes, which is the same for each."""
    assert unguarded_routes(app) == []
    found: dict[str, Any] = {}
    for route in app.router.routes():
        assert route.resource is not None
        rule = rule_of(route)
        assert found.setdefault(route.resource.canonical, rule) == rule
    return found


def gateway(path: str) -> str:
    return path.split("/")[2].partition("{")[0]


async def test_the_embedded_default_is_open_to_this_machine(tmp_path: Path) -> None:
    async with built(DATA_DIR=str(tmp_path)) as (_home, app):
        found = rules(app)
    assert found.pop("/ussd/{gateway}{tail}") == Public(), "it answers 404 and 405 alone"
    doors = {path: found.pop(path) for path in list(found) if path.startswith("/ussd/")}
    assert {gateway(path) for path in doors} == set(settings.GATEWAYS)
    assert all(rule == RouteSecret(loopback_only_without=True) for rule in doors.values())
    assert found == {
        "/healthz": Public(),
        "/readyz": Public(),
        "/metrics": AnyOf((LOOPBACK, RouteSecret())),
        "/": LOOPBACK,
        "/sandbox/static/{name}": LOOPBACK,
        "/sandbox/messages": LOOPBACK,
        "/chat": Public(),
        "/chat/widget.js": Public(),
        "/chat/static/{name}": Public(),
        "/chat/ws": Origins(),
        "/chat/files": Origins(),
        "/chat/files/{id}": Origins(),
        "/sms/kavenegar": RouteSecret(loopback_only_without=True),
        "/receipts/{provider}": RouteSecret(loopback_only_without=True),
        **{
            f"/v1/{{key}}/sms/{method}.json": ApiKey((("GET", scope), ("POST", scope)), in_path)
            for method, scope in (("send", "send"), ("sendarray", "send"), ("status", "read"))
        },
        "/v1/{key}/verify/lookup.json": ApiKey((("GET", "verify"), ("POST", "verify")), in_path),
        "/v1/{key}/{scope}/{method}.json": Public(),
        "/api/openapi.json": Public(),
        "/api/v1/messages": ApiKey((("POST", "send"), ("GET", "read"))),
        "/api/v1/messages/{id}": ApiKey((("GET", "read"), ("DELETE", "send"))),
        "/api/v1/arrivals": ApiKey((("POST", "send"),)),
        "/api/v1/devices": ApiKey((("POST", "send"),)),
        "/api/v1/devices/{id}": ApiKey((("DELETE", "send"),)),
        "/api/v1/inbound": ApiKey((("GET", "read"),)),
        "/api/v1/templates": ApiKey((("GET", "read"),)),
        "/api/v1/templates/{name}": ApiKey((("GET", "read"), ("PUT", "send"))),
        "/api/v1/templates/{name}/messages": ApiKey((("POST", "send"),)),
        "/api/v1/estimates": ApiKey((("POST", "read"),)),
        "/api/v1/usage": ApiKey((("GET", "read"),)),
        "/api/v1/balance": ApiKey((("GET", "read"),)),
        "/api/v1/balance/entries": ApiKey((("GET", "read"),)),
        "/api/v1/webhooks": ApiKey((("GET", "read"), ("POST", "webhooks"))),
        "/api/v1/webhooks/{id}": ApiKey((("GET", "read"), ("DELETE", "webhooks"))),
        "/api/v1/webhooks/{id}/secret": ApiKey((("POST", "webhooks"),)),
        "/api/v1/webhooks/{id}/test": ApiKey((("POST", "webhooks"),)),
        "/api/v1/webhooks/{id}/resume": ApiKey((("POST", "webhooks"),)),
        "/api/v1/webhooks/{id}/replay": ApiKey((("POST", "webhooks"),)),
        "/api/v1/webhooks/{id}/deliveries": ApiKey((("GET", "read"),)),
        "/api/v1/webhooks/{id}/deliveries/{delivery}/replay": ApiKey((("POST", "webhooks"),)),
        "/api/v1/jobs": ApiKey((("POST", "jobs"), ("GET", "jobs"))),
        "/api/v1/jobs/{id}": ApiKey((("GET", "jobs"),)),
        **{
            f"/api/v1/jobs/{{id}}/{act}": ApiKey((("POST", "jobs"),)) for act in ("pause", "resume", "cancel")
        },
        "/api/v1/jobs/{id}/errors": ApiKey((("GET", "jobs"),)),
        "/api/v1/verifications": ApiKey((("POST", "verify"),)),
        "/api/v1/verifications/{id}/check": ApiKey((("POST", "verify"),)),
    }


async def test_beyond_the_default_each_door_has_its_own_lock(tmp_path: Path) -> None:
    # The embedded default makes the tables.
    async with built(DATA_DIR=str(tmp_path)):
        pass
    proxies, network = (ip_network("10.0.0.0/8"),), (ip_network("192.0.2.0/24"),)
    async with built(
        DATA_DIR=str(tmp_path),
        DATABASE_URL=f"sqlite:///{tmp_path}/chapar.sqlite3",
        USSD_NALO_SECRET=SECRET,
        USSD_INOTI_ADDRESSES="192.0.2.0/24",
        SMS_INBOUND_SECRET=SECRET,
        SMS_INBOUND_ADDRESSES="192.0.2.0/24",
        MONITOR_ADDRESSES="192.0.2.0/24",
        TRUSTED_PROXIES="10.0.0.0/8",
        **KAVENEGAR,
        **SMTP,
    ) as (_home, app):
        found = rules(app)
    doors = {gateway(path): rule for path, rule in found.items() if path.startswith("/ussd/")}
    doors.pop("")
    locks = {
        "nalo": RouteSecret(SECRET.encode(), trusted_proxies=proxies),
        "inoti": RouteSecret(networks=network, trusted_proxies=proxies),
    }
    closed = RouteSecret(trusted_proxies=proxies)
    assert doors == {name: locks.get(name, closed) for name in settings.GATEWAYS}
    assert found["/sms/kavenegar"] == RouteSecret(SECRET.encode(), network, trusted_proxies=proxies)
    assert found["/metrics"] == AnyOf((LOOPBACK, RouteSecret(networks=network, trusted_proxies=proxies)))


async def test_each_bot_has_its_own_lock(tmp_path: Path) -> None:
    given = {
        "DATA_DIR": str(tmp_path),
        "PUBLIC_URL": "https://chapar.example.ir",
        "TELEGRAM_TOKEN": "1:a",
        "TELEGRAM_BOTS": "shop=2:b,polled=3:c",
        "BALE_TOKEN": "4:d",
        "BALE_WEBHOOK_SECRET": "open-sesame-open-sesame",
    }
    async with house(settings.load(given)) as home:
        conversation = conversation_of(home)
        found = rules(application(home, conversation, None, Bots.of(home, conversation)))
        secrets = [home.lines[name] for name in ("telegram", "telegram-shop", "telegram-polled")]
    locks = {path: rule for path, rule in found.items() if path.startswith("/bot/")}
    assert locks == {
        "/bot/bale/{secret}": PathSecret(b"open-sesame-open-sesame"),
        **{f"/bot/{line.route}": HeaderSecret(secret_of(line, "").encode(), HEADER) for line in secrets},
    }
    assert len({rule.secret for rule in locks.values()}) == 4
    async with house(settings.load(given | {"TELEGRAM_MODE": "polling"})) as home:
        conversation = conversation_of(home)
        found = rules(application(home, conversation, None, Bots.of(home, conversation)))
    assert [path for path in found if path.startswith("/bot/")] == ["/bot/bale/{secret}"]


async def test_the_sandbox_shows_no_channel_that_somebody_carries(tmp_path: Path) -> None:
    """What goes by Kavenegar holds people's one-time codes."""
    async with (
        built(DATA_DIR=str(tmp_path), **KAVENEGAR) as (home, app),
        TestClient(TestServer(app)) as client,
    ):
        unit, now = Unit(), datetime.now(UTC)
        for channel, kind, to in (("sms", "msisdn", "+989121234567"), ("email", "email", "sara@example.ir")):
            queue(
                unit, home.vault, now=now, channel=channel, klass="otp", kind=kind, to=to,
                body="123456", lifetime=timedelta(minutes=2),
            )  # fmt: skip
        await home.committer.commit(unit)
        async with client.get("/sandbox/messages") as response:
            shown = (await response.json())["messages"]
    assert [message["channel"] for message in shown] == ["email"]


async def test_pushes_of_the_web_chat_are_there_with_their_key(tmp_path: Path) -> None:
    file = tmp_path / "vapid.pem"
    file.write_bytes(PEM)
    async with built(DATA_DIR=str(tmp_path), WEBPUSH_KEY_FILE=str(file)) as (_home, app):
        found = rules(app)
    assert found["/chat/worker.js"] == Public()
    assert found["/chat/push"] == found["/chat/push/{id}"] == Origins()


async def test_what_there_is_not(tmp_path: Path) -> None:
    async with built(DATA_DIR=str(tmp_path)) as (_home, app), TestClient(TestServer(app)) as client:
        for path, status in (("/ussd/huawei", 404), ("/ussd/nalo", 405), ("/elsewhere", 404)):
            async with client.get(path) as response:
                assert response.status == status, path
