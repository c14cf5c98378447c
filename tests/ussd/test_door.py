"""The doors over HTTP, through a real server, with a conversation that repeats what it hears."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from io import BytesIO
from ipaddress import ip_network
from typing import Any

import pytest
from aiohttp import ClientResponse, ClientSession, web
from structlog.testing import capture_logs

from conversation.incoming import Caller, Departure, Incoming, Reply
from tests.ussd.asking import screen
from ussd import fields
from ussd.door import BODY_BYTES, Door, routes, straight
from ussd.exchange import Route
from ussd.gateways import GATEWAYS
from web.access import Loopback, Networks, RouteSecret, Rule, unguarded_routes
from web.direct import Direct

Client = ClientSession
Connect = Callable[..., Awaitable[ClientSession]]

SORRY = screen("کار انجام نشد. دوباره تماس بگیرید.", replies=False)
START = {"sessionId": "AT1", "phoneNumber": "+989121234567", "serviceCode": "*733#", "text": ""}


@dataclass
class Echo:
    """Repeats what was typed; ends when ``0`` was. Keeps what it was told and the notes of dialogs."""

    heard: list[Incoming] = field(default_factory=list)
    left: list[Departure] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)
    fails: bool = False

    async def take_turn(self, incoming: Incoming) -> Reply:
        if self.fails:
            raise RuntimeError("nobody expected this")
        self.heard.append(incoming)
        session = incoming.caller.session
        if incoming.note is not None:
            self.notes[session] = incoming.note
        typed = incoming.text.rpartition("*")[2] if incoming.cumulative else incoming.text
        return screen(f"شنیدم: {typed}", typed != "0", self.notes.get(session, ""))

    async def depart(self, departure: Departure) -> None:
        if self.fails:
            raise RuntimeError("nobody expected this")
        self.left.append(departure)

    async def is_open(self, caller: Caller) -> bool:
        return any(known.caller.session == caller.session for known in self.heard)


def all_doors(rule: Rule | None = None) -> dict[str, Door]:
    return {name: Door(Route(name), rule or Loopback()) for name in GATEWAYS}


def application(echo: Echo, rule: Rule | None = None, trusted_proxies: Networks = ()) -> web.Application:
    app = web.Application()
    app.add_routes(routes(echo, all_doors(rule), SORRY, trusted_proxies))
    return app


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture(params=["by aiohttp", "directly"])
async def connect(request: pytest.FixtureRequest, echo: Echo) -> AsyncIterator[Connect]:
    """Makes clients of doors that are reached by aiohttp alone, or as they are served (``web.direct``)."""
    async with AsyncExitStack() as stack:

        async def connected(rule: Rule | None = None, trusted_proxies: Networks = ()) -> ClientSession:
            runner = web.AppRunner(application(echo, rule, trusted_proxies), access_log=None)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            if request.param == "directly":
                assert runner.server is not None
                direct = Direct(straight(echo, all_doors(rule), SORRY, trusted_proxies), runner.server)
                stack.push_async_callback(direct.close, 5)
                port = await direct.listen("127.0.0.1", 0)
            else:
                await web.TCPSite(runner, "127.0.0.1", 0).start()
                port = int(runner.addresses[0][1])
            return await stack.enter_async_context(ClientSession(f"http://127.0.0.1:{port}"))

        yield connected


@pytest.fixture
async def client(connect: Connect) -> ClientSession:
    return await connect()


def port_of(client: ClientSession) -> int:
    return client._build_url("/").port or 0


async def told(response: ClientResponse) -> tuple[int, str]:
    async with response:
        return response.status, await response.text()


async def dial(client: Client, text: str = "", **headers: str) -> tuple[int, str]:
    return await told(await client.post("/ussd/africastalking", data=START | {"text": text}, headers=headers))


async def test_africastalking(client: Client, echo: Echo) -> None:
    assert await dial(client) == (200, "CON شنیدم: ")
    assert await dial(client, "1") == (200, "CON شنیدم: 1")
    assert await dial(client, "1*0") == (200, "END شنیدم: 0")
    event = START | {"status": "Success", "durationInMillis": "1000"}
    assert await told(await client.post("/ussd/africastalking/events", data=event)) == (200, "")
    assert [departure.reason for departure in echo.left] == ["ended"]
    assert echo.heard[0].caller.peer == "127.0.0.1"


async def test_inoti(client: Client) -> None:
    query = {"sessionid": "1", "mobile": "09121234567"}
    assert await told(await client.get("/ussd/inoti", params=query | {"call": "*733"})) == (200, "شنیدم: ")
    ended = await told(await client.get("/ussd/inoti", params=query | {"call": "*733*0"}))
    assert ended == (200, "شنیدم: 0[end]")


async def test_infobip(client: Client, echo: Echo) -> None:
    start = {"msisdn": "989121234567", "text": "", "shortCode": "*733#"}
    response = await client.post("/ussd/infobip/8f0c/start", json=start)
    assert response.content_type == "application/json"
    assert (await response.json())["ussdMenu"] == "شنیدم: "
    ended = await client.post("/ussd/infobip/8f0c/response", json=start | {"text": "0"})
    assert (await ended.json())["shouldClose"] is True
    for session, active in (("8f0c", True), ("other", False)):
        status = await client.get(f"/ussd/infobip/{session}/status")
        assert (await status.json())["sessionActive"] is active
    left = await client.put("/ussd/infobip/8f0c/end", json={"exitCode": 0, "reason": "ok"})
    assert left.status == 200
    assert [departure.caller.session for departure in echo.left] == ["8f0c"]


async def test_restcomm(client: Client) -> None:
    begin = (
        '<dialog type="Begin" localId="12" mapMessagesSize="1"><processUnstructuredSSRequest_Request '
        'invokeId="3" dataCodingScheme="15" string="*733#"><msisdn number="989121234567"/>'
        "</processUnstructuredSSRequest_Request></dialog>"
    )
    first = fields.xml(await (await client.post("/ussd/restcomm", data=begin)).read())
    assert first[0].get("string") == "شنیدم: "
    carried = first.get("userObject")
    answer = (
        f'<dialog type="Continue" localId="12" mapMessagesSize="1" userObject="{carried}">'
        '<unstructuredSSRequest_Response invokeId="4" dataCodingScheme="15" string="0"/></dialog>'
    )
    response = await client.post("/ussd/restcomm", data=answer)
    assert response.content_type == "text/xml"
    last = fields.xml(await response.read())
    assert (last.get("prearrangedEnd"), last[0].get("invokeId")) == ("false", "3")


@pytest.mark.parametrize(
    ("name", "method", "body"),
    [
        (
            "hubtel",
            "json",
            {"Type": "initiation", "Message": "*733#", "Mobile": "09121234567", "SessionId": "1"},
        ),
        (
            "nalo",
            "json",
            {"USERID": "u", "MSISDN": "09121234567", "USERDATA": "", "MSGTYPE": True, "SESSIONID": "1"},
        ),
        (
            "arkesel",
            "json",
            {"userID": "u", "msisdn": "09121234567", "userData": "", "newSession": True, "sessionID": "1"},
        ),
        ("comviva", "params", {"SessionID": "1", "MSISDN": "989121234567", "MSC": "m", "input": "733"}),
        (
            "truroute",
            "data",
            "<ussd><msisdn>09121234567</msisdn><sessionid>1</sessionid><type>1</type><msg>*733#</msg></ussd>",
        ),
    ],
)
async def test_the_others(client: Client, echo: Echo, name: str, method: str, body: Any) -> None:
    verb = "GET" if method == "params" else "POST"
    given: dict[str, Any] = {method: body}
    status, text = await told(await client.request(verb, f"/ussd/{name}", **given))
    assert status == 200
    assert "شنیدم" in text
    assert echo.heard[0].caller.address == "+989121234567"


async def test_a_bad_request_is_told_in_the_format_of_the_gateway(client: Client, echo: Echo) -> None:
    assert await told(await client.post("/ussd/africastalking", data={})) == (
        400,
        "END the field sessionId is missing",
    )
    doubled = "sessionId=1&sessionId=2"
    assert (await client.post("/ussd/africastalking", data=doubled)).status == 400
    assert (await client.post("/ussd/africastalking", data=b"text=\xff")).status == 400
    broken = await client.post("/ussd/infobip/1/start", data=b"{")
    assert (await broken.json())["responseMessage"] == "the body is not JSON"
    bomb = '<!DOCTYPE d [<!ENTITY a "aaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><ussd><msg>&b;</msg></ussd>'
    assert (await client.post("/ussd/truroute", data=bomb)).status == 400
    assert echo.heard == []


@pytest.mark.parametrize("text", ["😀", "\u200fسلام\u200c", "۱*۲", "a\x00b", "*", "1" * 1000])
async def test_odd_text_is_heard(client: Client, echo: Echo, text: str) -> None:
    assert (await dial(client, text))[0] == 200
    assert echo.heard[0].text == text.replace("\x00", "")


async def test_a_large_body_is_refused(client: Client, echo: Echo) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(160):
            yield b"x" * BODY_BYTES

    for body in (BytesIO(b"x" * 10_000_000), chunks(), BytesIO(b"x" * (BODY_BYTES + 1))):
        response = await client.post("/ussd/africastalking", data=body)
        assert response.status == 413
        assert await response.text() == f"END the body is larger than {BODY_BYTES} bytes"
    assert (await client.post("/ussd/africastalking", data=b"x=" + b"x" * (BODY_BYTES - 2))).status == 400
    assert echo.heard == []


async def test_a_large_body_is_answered_while_it_is_still_to_come(client: Client, echo: Echo) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(client))
    writer.write(
        b"POST /ussd/africastalking HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000000\r\n\r\nsessionId"
    )
    await writer.drain()
    assert b" 413 " in await reader.readline()
    writer.close()
    await writer.wait_closed()


async def test_a_body_that_is_not_what_its_header_says(client: Client, echo: Echo) -> None:
    response = await client.post(
        "/ussd/africastalking", data=b"not gzip at all", headers={"Content-Encoding": "gzip"}
    )
    assert response.status == 400
    assert echo.heard == []


@pytest.mark.parametrize(
    ("method", "path", "status", "allowed"),
    [
        ("GET", "/ussd/africastalking", 405, "POST"),
        ("PUT", "/ussd/africastalking", 405, "POST"),
        ("HEAD", "/ussd/inoti", 405, "GET"),
        ("POST", "/ussd/inoti", 405, "GET"),
        ("GET", "/ussd/infobip/1/start", 405, "POST"),
        ("POST", "/ussd/infobip/1/status", 405, "GET"),
        ("DELETE", "/ussd/infobip/1/end", 405, "POST,PUT"),
        ("POST", "/ussd/africastalking/", 404, None),
        ("POST", "/ussd/africastalking/else", 404, None),
        ("POST", "/ussd/infobip/start", 404, None),
        ("POST", "/ussd/huawei", 404, None),
        ("POST", "/ussd/", 404, None),
    ],
)
async def test_a_wrong_method_or_path(
    client: Client, echo: Echo, method: str, path: str, status: int, allowed: str | None
) -> None:
    response = await client.request(method, path, data=START)
    assert response.status == status
    assert response.headers.get("Allow") == allowed
    assert echo.heard == []


async def test_an_unknown_gateway_is_told_which_there_are(client: Client) -> None:
    status, text = await told(await client.post("/ussd/huawei"))
    assert status == 404
    assert "There are: africastalking, arkesel" in text


async def test_without_the_secret_nothing_is_heard(connect: Connect, echo: Echo) -> None:
    client = await connect(RouteSecret(b"open sesame", ()))
    for path in ("/ussd/africastalking", "/ussd/africastalking?secret=wrong", "/ussd/africastalking/events"):
        status, _ = await told(await client.post(path, data=START))
        assert status == 403
    assert (await client.post("/ussd/africastalking", data=BytesIO(b"x" * 10_000_000))).status == 403
    assert echo.heard == []
    status, _ = await told(await client.post("/ussd/africastalking?secret=open+sesame", data=START))
    assert status == 200


async def test_the_secret_is_not_kept(connect: Connect, echo: Echo) -> None:
    client = await connect(RouteSecret(b"sesame", ()))
    query = {"call": "*733", "sessionid": "1", "mobile": "09121234567", "secret": "sesame"}
    assert (await client.get("/ussd/inoti", params=query)).status == 200
    assert b"sesame" not in echo.heard[0].raw
    assert b"call=" in echo.heard[0].raw


async def test_the_caller_behind_a_trusted_proxy(connect: Connect, echo: Echo) -> None:
    proxies = (ip_network("127.0.0.0/8"),)
    rule = RouteSecret(None, (ip_network("203.0.113.0/24"),), trusted_proxies=proxies)
    client = await connect(rule, proxies)
    assert (await dial(client))[0] == 403
    assert (await dial(client, **{"X-Forwarded-For": "203.0.113.9, 198.51.100.1"}))[0] == 403
    assert (await dial(client, **{"X-Forwarded-For": "198.51.100.1, 203.0.113.9"}))[0] == 200
    assert [heard.caller.peer for heard in echo.heard] == ["203.0.113.9"]


async def test_what_nobody_expected_is_told_on_a_screen_and_logged(client: Client, echo: Echo) -> None:
    echo.fails = True
    with capture_logs() as logs:
        assert await dial(client) == (200, f"END {SORRY.text}")
        response = await client.post("/ussd/infobip/1/start", json={"msisdn": "989121234567", "text": ""})
        assert (await response.json())["ussdMenu"] == SORRY.text
    assert [entry["event"] for entry in logs] == ["request failed", "request failed"]
    assert logs[0]["route"] == "africastalking"
    assert "9121234567" not in json.dumps(logs[0], default=str)
    assert logs[0]["speaker"].startswith("+98912")


async def test_every_route_has_a_rule(echo: Echo) -> None:
    assert unguarded_routes(application(echo)) == []


@pytest.mark.parametrize(
    "doors",
    [
        {"huawei": Door(Route("huawei"), Loopback())},
        {"nalo": Door(Route("nalo", options={"charge": "Y"}), Loopback())},
    ],
)
def test_a_wrong_setting_is_found_at_the_start(echo: Echo, doors: dict[str, Door]) -> None:
    with pytest.raises(ValueError, match="gateway"):
        routes(echo, doors, SORRY)
