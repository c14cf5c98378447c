"""What goes wrong between us and a vendor of SMS, done to each of them: an error says whether the message may
have gone."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
from aiohttp import ClientSession, web
from structlog.testing import capture_logs

from dispatch.errors import Ambiguous, DispatchError, Misconfigured, Throttled, Unreachable
from dispatch.provider import Accepted, Account, Outgoing, Provider, ReceiptSource
from dispatch.providers import exchange
from dispatch.providers.sms.ippanel import IpPanel
from dispatch.providers.sms.kavenegar import Kavenegar
from dispatch.providers.sms.kavenegar_api import Api
from dispatch.providers.sms.magfa import Magfa
from dispatch.providers.sms.melipayamak import Melipayamak
from dispatch.providers.sms.smsir import SmsIr
from tests.dispatch.certificates import self_signed
from tests.dispatch.vendors import Vendor, outgoing

SECRET = "hidden-secret"

Make = Callable[[ClientSession, str], Provider]

VENDORS: dict[str, Make] = {
    "kavenegar": lambda http, url: Kavenegar(Api(http, SECRET, url), ("10004346",)),
    "smsir": lambda http, url: SmsIr(http, SECRET, ("30004505",), url=url),
    "melipayamak": lambda http, url: Melipayamak(http, "user", SECRET, ("5000",), url=url),
    "ippanel": lambda http, url: IpPanel(http, SECRET, ("3000505",), url=url),
    "magfa": lambda http, url: Magfa(http, "user", SECRET, "domain", ("3000",), url=url),
}

pytestmark = pytest.mark.parametrize("make", VENDORS.values(), ids=VENDORS)


async def outcome_of(provider: Provider, message: Outgoing | None = None) -> DispatchError:
    """The error of one message, as the dispatcher sees it."""
    try:
        [outcome] = await provider.send([message or outgoing()])
    except DispatchError as error:
        outcome = error
    assert not isinstance(outcome, Accepted)
    assert SECRET not in outcome.detail + str(outcome)
    return outcome


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (200, Ambiguous),
        (302, Misconfigured),
        (401, Misconfigured),
        (403, Misconfigured),
        (404, Misconfigured),
        (429, Throttled),
        (500, Ambiguous),
        (502, Ambiguous),
        (503, Unreachable),
        (504, Ambiguous),
    ],
)
async def test_a_page_instead_of_an_answer(
    vendor: Vendor, http: ClientSession, make: Make, status: int, error: type[DispatchError]
) -> None:
    headers = {"Retry-After": "30", "Location": "/elsewhere"}
    vendor.answers = [web.Response(status=status, text="<html>", content_type="text/html", headers=headers)]
    outcome = await outcome_of(make(http, vendor.url))
    assert type(outcome) is error
    assert outcome.retry_after == timedelta(seconds=30)
    assert len(vendor.asked) == 1  # No redirect is followed: the key would go with it.


@pytest.mark.parametrize(
    "body", [b"", b"{", b"null", b"[]", b'"ok"', b"{}", b'{"status": "x"}', b"\xff\xfe", b'{"meta": 1}']
)
async def test_an_answer_that_is_none(vendor: Vendor, http: ClientSession, make: Make, body: bytes) -> None:
    vendor.answers = [web.Response(body=body, content_type="application/json")]
    assert type(await outcome_of(make(http, vendor.url))) is Ambiguous


async def test_nobody_there(http: ClientSession, make: Make) -> None:
    assert type(await outcome_of(make(http, "http://127.0.0.1:9"))) is Unreachable


async def test_a_name_that_nobody_has(http: ClientSession, make: Make) -> None:
    assert type(await outcome_of(make(http, "http://vendor.invalid"))) is Unreachable


async def test_a_certificate_that_nobody_vouches_for(http: ClientSession, make: Make, tmp_path: Path) -> None:
    server, _client = self_signed(tmp_path)
    async with raw(hang_up, tls=server) as port:
        outcome = await outcome_of(make(http, f"https://127.0.0.1:{port}"))
    assert type(outcome) is Unreachable


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")


async def half_a_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"status": 1, "data"')
    await writer.drain()


async def no_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"220 mail.example.ir ESMTP\r\n")
    await writer.drain()


async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.02)


async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        writer.write(b"x" * 65536)
        await writer.drain()


@asynccontextmanager
async def raw(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], object],
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[int]:
    """A server below HTTP; its port."""

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)  # type: ignore[misc]
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # The caller left, as it should.
        finally:
            writer.close()

    server = await asyncio.start_server(one, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@pytest.mark.parametrize("serve", [hang_up, half_a_body, no_http, silence, trickle, flood])
async def test_what_may_have_gone_is_ambiguous(
    http: ClientSession, make: Make, monkeypatch: pytest.MonkeyPatch, serve: Callable[..., object]
) -> None:
    if serve in (silence, trickle):
        monkeypatch.setattr(exchange, "TIMEOUT", aiohttp.ClientTimeout(total=0.5))
    async with raw(serve) as port:
        outcome = await outcome_of(make(http, f"http://127.0.0.1:{port}"))
        assert type(outcome) is Ambiguous
        await http.close()


async def test_a_proxy_is_asked_where_there_is_one(vendor: Vendor, http: ClientSession, make: Make) -> None:
    """The key goes to the vendor by way of the proxy, and an error of the proxy is one."""
    vendor.answers = [web.Response(status=407, text="<html>")]
    provider = make(http, "http://api.vendor.invalid")
    for holder in (provider, getattr(provider, "_api", None)):
        if (asks := getattr(holder, "_exchange", None)) is not None:
            asks._proxy = vendor.url
    assert type(await outcome_of(provider)) is Misconfigured
    [asked] = vendor.asked
    assert asked.headers["host"] == "api.vendor.invalid"


async def test_receipts_and_credit_that_cannot_be_had(
    vendor: Vendor, http: ClientSession, make: Make
) -> None:
    provider = make(http, vendor.url)
    assert isinstance(provider, ReceiptSource)
    assert isinstance(provider, Account)
    vendor.answers = [web.Response(status=502, text="<html>") for _ in range(2)]
    with pytest.raises(Ambiguous):
        await provider.receipts(["11"])
    with pytest.raises(Ambiguous):
        await provider.credit()


async def test_nothing_of_a_message_is_logged(vendor: Vendor, http: ClientSession, make: Make) -> None:
    vendor.answers = [web.json_response({"status": 987, "return": {"status": 987}, "RetStatus": 987})]
    with capture_logs() as logs:
        await outcome_of(make(http, vendor.url), outgoing(body="کد ۱۲۳۴۵۶"))
    assert not any(word in str(logs) for word in (SECRET, "9121234567", "۱۲۳۴۵۶", "سلام"))
