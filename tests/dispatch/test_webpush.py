"""Web Push against npm ``web-push-testing``, which checks who sends and decrypts what was sent; and what push
services answer, played."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from asyncio.subprocess import DEVNULL, PIPE
from base64 import b64encode, urlsafe_b64decode
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import ClientConnectorError, ClientSession, TCPConnector, web
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from dispatch.errors import (
    Ambiguous,
    DispatchError,
    Nobody,
    Rejected,
    Unroutable,
)
from dispatch.guard import Public, guarded, public, public_or_own
from dispatch.provider import Accepted, Outgoing
from dispatch.providers.push.jwt import base64url, read_p256_key
from dispatch.providers.push.webpush import ERRORS, HOSTS, LONGEST, WebPush
from tests import npm
from tests.dispatch.vendors import outgoing
from tests.running import free_port

PACKAGE = "web-push-testing@1.2.2"
PEM = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
CONTACT = "mailto:push@example.ir"


class Clock:
    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def plain(http: ClientSession, clock: Clock) -> WebPush:
    """One that sends to a server of the test."""
    return WebPush(
        http, read_p256_key(PEM), CONTACT, clock=clock, hosts=("127.0.0.1", "localhost"), schemes=("http",)
    )


def message(to: Any, clock: Clock, body: str = "سلام", klass: str = "service") -> Outgoing:
    address = to if isinstance(to, str) else f"webpush:{json.dumps(to)}"
    return replace(outgoing(address, body, klass=klass), expires_at=clock.now + timedelta(hours=1))


def subscription(endpoint: str) -> dict[str, Any]:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return {
        "endpoint": endpoint,
        "expirationTime": None,
        "keys": {"p256dh": b64encode(point).decode(), "auth": b64encode(b"s" * 16).decode()},
    }


@dataclass
class Service:
    """The push service of ``web-push-testing``."""

    url: str
    http: ClientSession

    async def ask(self, path: str, **body: Any) -> Any:
        async with self.http.post(f"{self.url}/{path}", json=body) as response:
            assert response.status == 200, await response.text()
            return (await response.json())["data"] if response.content_type == "application/json" else None


@pytest.fixture
async def service(http: ClientSession) -> AsyncIterator[Service]:
    modules = await asyncio.to_thread(npm.modules, PACKAGE)
    port = free_port()
    source = (
        "const { PushApiModel } = require('web-push-testing/src/PushApiModel');"
        "const Server = require('web-push-testing/src/server');"
        f"new Server(new PushApiModel(), {port}).startServer();"
    )
    process = await asyncio.create_subprocess_exec(
        npm.node(), "-e", source, stdout=PIPE, stderr=DEVNULL, env={**os.environ, "NODE_PATH": str(modules)}
    )
    try:
        assert process.stdout is not None
        assert b"running" in await asyncio.wait_for(process.stdout.readline(), 60)
        yield Service(f"http://localhost:{port}", http)
    finally:
        process.kill()
        await process.wait()


async def test_a_browser_reads_what_was_sent(service: Service, plain: WebPush, clock: Clock) -> None:
    told = await service.ask("subscribe", applicationServerKey=plain.public, userVisibleOnly="true")
    to = {"endpoint": told["endpoint"], "keys": told["keys"]}
    longest = "ب" * 1_900
    outcomes = await plain.send([message(to, clock, "کد ۱۲۳"), message(to, clock, longest)])
    assert [type(outcome) for outcome in outcomes] == [Accepted, Accepted]
    read = (await service.ask("get-notifications", clientHash=told["clientHash"]))["messages"]
    assert {json.loads(each)["body"] for each in read} == {"کد ۱۲۳", longest}
    assert json.loads(read[0])["tag"] == "1234567890"
    await service.ask(f"expire-subscription/{told['clientHash']}")
    assert [type(outcome) for outcome in await plain.send([message(to, clock)])] == [Nobody]


async def test_only_who_a_browser_subscribed_to_may_push(
    service: Service, plain: WebPush, clock: Clock
) -> None:
    other = ec.generate_private_key(ec.SECP256R1()).public_key()
    key = base64url(other.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))
    told = await service.ask("subscribe", applicationServerKey=key, userVisibleOnly="true")
    (outcome,) = await plain.send([message({"endpoint": told["endpoint"], "keys": told["keys"]}, clock)])
    assert type(outcome) is Rejected


async def test_the_request(plain: WebPush, clock: Clock) -> None:
    asked: list[Any] = []

    async def take(request: web.Request) -> web.Response:
        asked.append((request.headers.copy(), request.path_qs, len(await request.read())))
        return web.Response(status=201)

    app = web.Application()
    app.router.add_post("/{path:.*}", take)
    async with TestServer(app) as server:
        origin = str(server.make_url("")).rstrip("/")
        to = subscription(f"{origin}/send/abc?x=1")
        sent = [message(to, clock, klass=klass) for klass in ("otp", "service", "bulk")]
        for each in sent:
            await plain.send([each])
        clock.now += timedelta(hours=7)
        await plain.send([message(to, clock)])
        clock.now += timedelta(hours=7)
        await plain.send([replace(sent[0], expires_at=clock.now)])
    headers = [each[0] for each in asked]
    assert [each["Urgency"] for each in headers] == ["high", "normal", "low", "normal", "high"]
    assert [each["TTL"] for each in headers] == ["3600"] * 4 + ["0"]
    assert headers[0]["Topic"] == sent[0].id.hex()
    assert headers[0]["Content-Encoding"] == "aes128gcm"
    assert {each[1] for each in asked} == {"/send/abc?x=1"}
    tokens = [each["Authorization"].partition("t=")[2].partition(",")[0] for each in headers]
    assert tokens[0] == tokens[1] == tokens[2] != tokens[3] != tokens[4]
    claims = [json.loads(urlsafe_b64decode(token.split(".")[1] + "==")) for token in tokens]
    assert all(each["aud"] == origin for each in claims)
    assert all(each["sub"] == CONTACT for each in claims)
    assert claims[3]["exp"] - claims[0]["exp"] == 7 * 3_600


@pytest.mark.parametrize(
    ("status", "error"),
    [*ERRORS.items(), (302, Ambiguous), (418, Ambiguous)],
)
async def test_refusals(plain: WebPush, clock: Clock, status: int, error: type[DispatchError]) -> None:
    async def refuse(request: web.Request) -> web.Response:
        where = {"Location": "http://127.0.0.1:1/"} if status == 302 else {}
        return web.Response(status=status, text="<html>", headers={"Retry-After": "60", **where})

    app = web.Application()
    app.router.add_post("/{path:.*}", refuse)
    async with TestServer(app) as server:
        (outcome,) = await plain.send([message(subscription(str(server.make_url("/secret-path"))), clock)])
    assert type(outcome) is error
    assert outcome.retry_after == timedelta(seconds=60)
    assert "secret-path" not in str(outcome)


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://fcm.googleapis.com/x",
        "https://127.0.0.1/x",
        "https://[::1]/x",
        "https://2130706433/x",
        "https://localhost/x",
        "https://evil.example/x",
        "https://fcm.googleapis.com@evil.example/x",
        "https://fcm.googleapis.com.evil.example/x",
        "https://evilpush.services.mozilla.com.evil.example",
        "https://xpush.apple.com/x",
        "https://user:pass@fcm.googleapis.com/x",
        "ftp://fcm.googleapis.com/x",
        "https://[fcm.googleapis.com/x",
        "https://fcm.googleapis.com:port/x",
        "",
    ],
)
async def test_an_endpoint_that_is_not_asked(http: ClientSession, clock: Clock, endpoint: str) -> None:
    strict = WebPush(http, read_p256_key(PEM), CONTACT, clock=clock)
    (outcome,) = await strict.send([message(subscription(endpoint), clock)])
    assert type(outcome) is Rejected


def test_the_push_services_that_are_named() -> None:
    assert HOSTS[0] == "fcm.googleapis.com"
    assert all(host.startswith(".") for host in HOSTS[1:])


async def test_what_is_no_subscription(plain: WebPush, clock: Clock) -> None:
    good = subscription("http://localhost:1/x")
    wrong = [
        "webpush:",
        "webpush:{}",
        "webpush:[]",
        good | {"keys": {"p256dh": "AAAA", "auth": good["keys"]["auth"]}},
        good | {"keys": good["keys"] | {"auth": "AAAA"}},
        good | {"keys": good["keys"] | {"auth": "سلام"}},
    ]
    outcomes = await plain.send([message(each, clock) for each in wrong])
    assert [type(outcome) for outcome in outcomes] == [Rejected] * len(wrong)
    (long, other) = await plain.send([message(good, clock, "س" * LONGEST), message("fcm:abc", clock)])
    assert (type(long), type(other)) == (Rejected, Unroutable)


class Names(AbstractResolver):
    """Answers with these addresses, another one each time."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=each, port=port, family=family, proto=0, flags=0)
            for each in self.addresses
        ]

    async def close(self) -> None:
        pass


PRIVATE = [
    "127.0.0.1", "10.0.0.7", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",  # noqa: S104
    "224.0.0.1", "255.255.255.255", "::1", "fe80::1%eth0", "fd00::1", "::ffff:10.0.0.7", "64:ff9b::a00:7",
    "2002:a00:7::1", "ff02::1", "::",
]  # fmt: skip


async def test_private_addresses_are_not_reached() -> None:
    for address in PRIVATE:
        assert not public(address), address
        with pytest.raises(OSError, match="no public address"):
            await Public(Names(address)).resolve("push.example")
    assert public("142.250.1.95")
    assert public("2607:f8b0:4004:800::200a")
    (found,) = await Public(Names("142.250.1.95")).resolve("push.example")
    assert found["host"] == "142.250.1.95"
    with pytest.raises(OSError, match="no public address"):  # Who has both is up to no good.
        await Public(Names("10.0.0.7", "142.250.1.95")).resolve("push.example")
    assert public_or_own("127.0.0.1")
    assert public_or_own("::1")
    assert not public_or_own("10.0.0.7")


async def test_a_guarded_session_does_not_come_here() -> None:
    async def take(request: web.Request) -> web.Response:
        raise AssertionError("it came here")

    app = web.Application()
    app.router.add_post("/{path:.*}", take)
    async with TestServer(app) as server, guarded() as http:
        for host in ("localhost", "127.0.0.1", "[::1]", "[::ffff:127.0.0.1]"):
            with pytest.raises(ClientConnectorError, match="no public address"):
                await http.post(f"http://{host}:{server.port}/x")


async def test_a_name_that_changes_its_address_gains_nothing() -> None:
    """The first look finds a public address, and the connection this machine's."""

    class Rebound(Names):
        looks = 0

        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
        ) -> list[ResolveResult]:
            self.looks += 1
            return await Names("142.250.1.95" if self.looks == 1 else "127.0.0.1").resolve(host, port, family)

    resolver = Public(Rebound())
    await resolver.resolve("push.example")
    async with ClientSession(connector=TCPConnector(resolver=resolver, use_dns_cache=False)) as http:
        with pytest.raises(ClientConnectorError, match="no public address"):
            await http.post("http://push.example/x")
