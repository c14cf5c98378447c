"""Who may call a route, through a real server."""

import base64
from collections.abc import Awaitable, Callable
from ipaddress import ip_network
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, make_mocked_request
from yarl import URL

from web.access import (
    AnyOf,
    HeaderSecret,
    Loopback,
    Networks,
    PathSecret,
    Public,
    RouteSecret,
    Rule,
    guarded,
    is_loopback,
    is_loopback_name,
    parse_address,
    peer_of,
    rule_of,
    unguarded_routes,
)

Client = TestClient[web.Request, web.Application]
MakeClient = Callable[[web.Application], Awaitable[Client]]

HERE = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
ELSEWHERE = (ip_network("192.0.2.0/24"),)


async def body_of(request: web.Request) -> web.Response:
    return web.Response(text=f"read {len(await request.read())}")


async def status(make: MakeClient, rule: Rule, query: str = "", **headers: str) -> int:
    app = web.Application()
    app.router.add_post("/door", guarded(body_of, rule))
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    client = await make(app)
    response = await client.post(f"/door{query}", data=b"body", headers=named)
    return response.status


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


async def test_public_is_open_to_everybody(aiohttp_client: MakeClient) -> None:
    assert await status(aiohttp_client, Public(), Host="example.org", Origin="https://example.org") == 200


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, 200),
        ({"Host": "localhost"}, 200),
        ({"Host": "localhost:8080"}, 200),
        ({"Host": "[::1]:8080"}, 200),
        ({"Host": "127.8.0.1"}, 200),
        ({"Host": "LOCALHOST"}, 200),
        ({"Host": "attacker.example"}, 403),
        ({"Host": "localhost.attacker.example"}, 403),
        ({"Host": "localhost@attacker.example"}, 403),
        ({"Host": "10.0.0.1"}, 403),
        ({"Host": "localhost", "Origin": "http://localhost"}, 200),
        ({"Host": "localhost:8080", "Origin": "http://localhost:8080"}, 200),
        ({"Host": "localhost:8080", "Origin": "http://localhost:3000"}, 403),
        ({"Host": "localhost", "Origin": "https://attacker.example"}, 403),
        ({"Host": "localhost", "Origin": "null"}, 403),
        ({"Sec_Fetch_Site": "same-origin"}, 200),
        ({"Sec_Fetch_Site": "none"}, 200),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({"Sec_Fetch_Site": "same-site"}, 403),
        ({"X_Forwarded_For": "127.0.0.1"}, 403),
        ({"X_Real_IP": "203.0.113.1"}, 403),
        ({"Forwarded": "for=203.0.113.1"}, 403),
    ],
)
async def test_loopback_is_for_this_machine_and_its_own_pages(
    aiohttp_client: MakeClient, headers: dict[str, str], expected: int
) -> None:
    assert await status(aiohttp_client, Loopback(), **headers) == expected


@pytest.mark.parametrize(
    ("query", "headers", "expected"),
    [
        ("", {}, 403),
        ("?secret=open%20sesame", {}, 200),
        ("?secret=open+sesame", {}, 200),
        ("?call=1&secret=open+sesame", {}, 200),
        ("?secret=", {}, 403),
        ("?secret=wrong", {}, 403),
        ("?secret=open+sesame!", {}, 403),
        ("?secret=open+sesame&secret=open+sesame", {}, 403),
        ("?notsecret=open+sesame", {}, 403),
        ("?secret=wrong", {"X_Chapar_Secret": "open sesame"}, 403),
        ("", {"X_Chapar_Secret": "open sesame"}, 200),
        ("", {"X_Chapar_Secret": "wrong"}, 403),
        ("", {"Authorization": basic("anybody", "open sesame")}, 200),
        ("", {"Authorization": basic("open sesame", "")}, 403),
        ("", {"Authorization": "Basic !!!"}, 403),
        ("", {"Authorization": "Basic b3Blbg=="}, 403),
        ("", {"Authorization": "Bearer open sesame"}, 403),
    ],
)
async def test_the_secret_comes_in_three_ways(
    aiohttp_client: MakeClient, query: str, headers: dict[str, str], expected: int
) -> None:
    assert await status(aiohttp_client, RouteSecret(b"open sesame"), query, **headers) == expected


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (RouteSecret(), 403),
        (RouteSecret(b""), 403),
        (RouteSecret(loopback_only_without=True), 200),
        (RouteSecret(b"s", loopback_only_without=True), 403),
        (RouteSecret(None, ELSEWHERE, loopback_only_without=True), 403),
        (RouteSecret(None, HERE), 200),
        (RouteSecret(b"s", HERE), 200),
        (RouteSecret(None, ELSEWHERE), 403),
        (AnyOf((RouteSecret(None, ELSEWHERE), Loopback())), 200),
        (AnyOf((RouteSecret(None, ELSEWHERE), RouteSecret(b"s"))), 403),
        (AnyOf(()), 403),
    ],
)
async def test_an_address_on_the_list_needs_no_secret(
    aiohttp_client: MakeClient, rule: Rule, expected: int
) -> None:
    assert await status(aiohttp_client, rule) == expected


async def test_a_foreign_page_does_not_borrow_an_address(aiohttp_client: MakeClient) -> None:
    assert await status(aiohttp_client, RouteSecret(None, HERE), Origin="https://attacker.example") == 403


async def test_without_secret_and_list_a_foreign_page_is_refused(aiohttp_client: MakeClient) -> None:
    rule = RouteSecret(loopback_only_without=True)
    assert await status(aiohttp_client, rule, Origin="https://attacker.example") == 403


async def test_the_reason_is_told_and_the_body_not_read(aiohttp_client: MakeClient) -> None:
    reads: list[str] = []

    async def read(request: web.Request) -> web.Response:
        reads.append(await request.text())
        return web.Response()

    app = web.Application()
    app.router.add_post("/door", guarded(read, RouteSecret(b"s")))
    response = await (await aiohttp_client(app)).post("/door", data=b"body")
    assert (response.status, await response.text()) == (403, "This needs its secret.")
    assert reads == []


@pytest.mark.parametrize(
    ("remote", "forwarded", "trusted", "peer"),
    [
        ("203.0.113.9", None, (), "203.0.113.9"),
        ("203.0.113.9", "198.51.100.1", (), "203.0.113.9"),
        ("203.0.113.9", "198.51.100.1", HERE, "203.0.113.9"),
        ("127.0.0.1", None, HERE, "127.0.0.1"),
        ("127.0.0.1", "198.51.100.1", HERE, "198.51.100.1"),
        ("127.0.0.1", "6.6.6.6, 198.51.100.1", HERE, "198.51.100.1"),
        ("127.0.0.1", "198.51.100.1, 127.0.0.3", HERE, "198.51.100.1"),
        ("127.0.0.1", "127.0.0.2, 127.0.0.3", HERE, "127.0.0.2"),
        ("127.0.0.1", "198.51.100.1:4711", HERE, "198.51.100.1"),
        ("127.0.0.1", "[2001:db8::1]:4711", HERE, "2001:db8::1"),
        ("127.0.0.1", "2001:db8::1", HERE, "2001:db8::1"),
        ("127.0.0.1", "198.51.100.1, garbage", HERE, ""),
        ("127.0.0.1", "garbage, 198.51.100.1", HERE, "198.51.100.1"),
        ("127.0.0.1", "198.51.100.1,", HERE, "198.51.100.1"),
        ("::ffff:127.0.0.1", "198.51.100.1", HERE, "198.51.100.1"),
    ],
)
def test_the_peer_is_the_last_hop_that_is_not_a_trusted_proxy(
    remote: str, forwarded: str | None, trusted: Networks, peer: str
) -> None:
    headers = {"X-Forwarded-For": forwarded} if forwarded is not None else {}
    request = make_mocked_request("GET", "/", headers=headers).clone(remote=remote)
    assert peer_of(request, trusted) == peer


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("10.0.0.1", False),
        ("", False),
        ("localhost", False),
    ],
)
def test_loopback_addresses(address: str, expected: bool) -> None:
    assert is_loopback(address) is expected


@pytest.mark.parametrize("host", ["", ":8080", "[", "[::1", "http://localhost", "localhost/x", "[::1]@x"])
def test_odd_hosts_are_not_this_machine(host: str) -> None:
    assert is_loopback_name(host) is False


@pytest.mark.parametrize("text", ["", "300.1.1.1", "1.2.3", "x:1", "[x]", "1.2.3.4:5:6", " "])
def test_odd_addresses_are_none(text: str) -> None:
    assert parse_address(text) is None


def test_every_route_without_a_rule_is_found(tmp_path: Path) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response()

    below = web.Application()
    below.router.add_get("/bare", handler, allow_head=False)
    below.router.add_get("/guarded", guarded(handler, Public()))
    app = web.Application()
    app.router.add_get("/guarded", guarded(handler, Loopback()))
    app.router.add_post("/{name}", handler)
    app.router.add_static("/files", tmp_path)
    app.add_subapp("/below", below)
    assert sorted(unguarded_routes(app)) == [
        "GET /below/bare",
        "GET /files",
        "HEAD /files",
        "POST /{name}",
    ]
    rules = {rule_of(route) for route in app.router.routes()}
    assert Loopback() in rules


@pytest.mark.parametrize(
    ("secret", "given", "expected"),
    [
        (b"open-sesame", "open-sesame", 200),
        (b"open-sesame", "open-sesam", 403),
        (b"open-sesame", "open-sesame1", 403),
        (b"open-sesame", "Open-Sesame", 403),
        (b"open-sesame", "", 403),
        (b"open-sesame", None, 403),
        (b"", "", 403),
        (b"", None, 403),
    ],
)
async def test_a_secret_in_a_header_of_its_own(
    aiohttp_client: MakeClient, secret: bytes, given: str | None, expected: int
) -> None:
    rule = HeaderSecret(secret, "X-Telegram-Bot-Api-Secret-Token")
    headers = {} if given is None else {"X_Telegram_Bot_Api_Secret_Token": given}
    assert await status(aiohttp_client, rule, **headers) == expected
    # Another rule's header is nothing to this one.
    assert await status(aiohttp_client, rule, X_Chapar_Secret="open-sesame") == 403


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/bot/bale/open-sesame", 200),
        ("/bot/bale/open%2Dsesame", 200),
        ("/bot/bale/open-sesam", 403),
        ("/bot/bale/%FF", 403),
        ("/bot/bale/open-sesame/x", 404),
        ("/bot/bale/", 404),
    ],
)
async def test_a_secret_in_the_path(aiohttp_client: MakeClient, path: str, expected: int) -> None:
    app = web.Application()
    app.router.add_post("/bot/bale/{secret}", guarded(body_of, PathSecret(b"open-sesame")))
    client = await aiohttp_client(app)
    response = await client.post(URL(path, encoded=True), data=b"body")
    assert response.status == expected
