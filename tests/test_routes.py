"""Every route of the real application stands beside a rule, and each is the one that is meant."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

import settings
from house import application, conversation_of, house
from tests.running import KEYS
from web.access import LOOPBACK, AnyOf, Loopback, Public, RouteSecret, rule_of, unguarded_routes

SECRET = "open-sesame"


@pytest.fixture
async def app(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[web.Application]:
    """The application as it is served; a test may name settings."""
    given: dict[str, str] = getattr(request, "param", {})
    async with house(settings.load({"DATA_DIR": str(tmp_path), **given})) as home:
        yield application(home, conversation_of(home))


def rules(app: web.Application) -> dict[str, Any]:
    """Path → the rule of each of its routes, which must be the same one."""
    found: dict[str, Any] = {}
    for route in app.router.routes():
        assert route.resource is not None
        rule = rule_of(route)
        assert found.setdefault(route.resource.canonical, rule) == rule
    return found


async def test_every_route_has_a_rule(app: web.Application) -> None:
    assert unguarded_routes(app) == []


async def test_the_rules_of_the_embedded_default(app: web.Application) -> None:
    found = rules(app)
    ussd = {path: rule for path, rule in found.items() if path.startswith("/ussd/")}
    others = {path: rule for path, rule in found.items() if path not in ussd}
    assert isinstance(ussd.pop("/ussd/{gateway}{tail}"), Public), "it answers 404 and 405 alone"
    # In the embedded default every gateway is open to this machine.
    assert {path.split("/")[2].partition("{")[0] for path in ussd} == set(settings.GATEWAYS)
    assert all(rule == RouteSecret(loopback_only_without=True) for rule in ussd.values())
    assert others == {
        "/healthz": Public(),
        "/readyz": Public(),
        "/metrics": AnyOf((LOOPBACK, RouteSecret())),
        "/": Loopback(),
        "/sandbox/static/{name}": Loopback(),
        "/sandbox/messages": Loopback(),
    }


BEYOND = {"DATABASE_URL": "", "KEYS": KEYS, "USSD_NALO_SECRET": SECRET}


@pytest.mark.parametrize(
    "app",
    [
        {
            "SMS_PROVIDER": "kavenegar",
            "KAVENEGAR_KEY": "k",
            "EMAIL_PROVIDER": "smtp",
            "SMTP_URL": "smtp://localhost",
            "MAIL_FROM": "noreply@example.ir",
        }
    ],
    indirect=True,
)
async def test_the_sandbox_shows_no_channel_that_somebody_carries(app: web.Application) -> None:
    """What goes by Kavenegar holds people's one-time codes."""
    async with TestClient(TestServer(app)) as client:
        response = await client.get("/sandbox/messages")
        assert response.status == 200
        assert (await response.json())["messages"] == []


async def test_what_there_is_not(app: web.Application) -> None:
    async with TestClient(TestServer(app)) as client:
        for path, status in (("/ussd/huawei", 404), ("/elsewhere", 404), ("/ussd/nalo", 405)):
            response = await client.get(path)
            assert response.status == status, path
