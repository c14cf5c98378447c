"""APNs against an HTTP/2 server of hypercorn's, which answers as Apple's documentation shows."""

from __future__ import annotations

import asyncio
import json
import ssl
from base64 import urlsafe_b64decode
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypercorn.asyncio import serve
from hypercorn.config import Config

from dispatch.errors import (
    Ambiguous,
    DispatchError,
    Misconfigured,
    Nobody,
    Rejected,
    Throttled,
    Unreachable,
    Unroutable,
)
from dispatch.provider import Accepted, Outcome
from dispatch.providers.push import apns as module
from dispatch.providers.push.apns import ERRORS, LONGEST, Apns
from tests.dispatch.certificates import self_signed
from tests.dispatch.outbox import Outbox
from tests.dispatch.test_matrix import MARKS, Run, stories
from tests.dispatch.vendors import NOW, outgoing
from tests.running import free_port

KEY = ec.generate_private_key(ec.SECP256R1())
DEVICE = "00fc13adff785122b4ad28809a3420982341241421348097878e577c991de8f0"
TO = f"apns:{DEVICE}"


class Clock:
    now = NOW

    def __call__(self) -> Any:
        return self.now


@dataclass
class Apple:
    """``answers``: status and body of each next answer; else 200."""

    answers: list[tuple[int, bytes]] = field(default_factory=list)
    asked: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)
    versions: set[str] = field(default_factory=set)
    peers: set[Any] = field(default_factory=set)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            event = await receive()
            body, more = body + event.get("body", b""), event.get("more_body", False)
        self.versions.add(scope["http_version"])
        self.peers.add(scope["client"])
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.asked.append((scope["path"], headers, json.loads(body)))
        status, said = self.answers.pop(0) if self.answers else (200, b"")
        more_headers = [(b"apns-id", headers["apns-id"].encode())]
        if status in (429, 503):
            more_headers.append((b"retry-after", b"30"))
        await send({"type": "http.response.start", "status": status, "headers": more_headers})
        await send({"type": "http.response.body", "body": said})


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def apple() -> Apple:
    return Apple()


@asynccontextmanager
async def serving(apple: Apple, clock: Any, folder: Path) -> AsyncIterator[Apns]:
    """A client of ours, and Apple listening."""
    _server, trust = self_signed(folder)
    port = free_port()
    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.certfile = config.keyfile = str(folder / "server.pem")
    config.alpn_protocols = ["h2"]
    config.loglevel = "CRITICAL"
    config.graceful_timeout = 0.1
    stopping = asyncio.Event()
    serving = asyncio.create_task(serve(apple, config, shutdown_trigger=stopping.wait))
    made = client(clock, port, trust)
    async with asyncio.timeout(20):
        while True:
            try:
                _reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                break
            except OSError:
                await asyncio.sleep(0.02)
    yield made
    await made.close()
    stopping.set()
    await serving


@pytest.fixture
async def apns(apple: Apple, clock: Clock, tmp_path: Path) -> AsyncIterator[Apns]:
    async with serving(apple, clock, tmp_path) as made:
        yield made


def client(clock: Any, port: int, trust: ssl.SSLContext) -> Apns:
    return Apns(
        KEY, "KEY1234567", "TEAM123456", "ir.example.chapar", clock=clock,
        url=f"https://127.0.0.1:{port}", trust=trust,
    )  # fmt: skip


async def one(apns: Apns, **given: Any) -> Outcome:
    (outcome,) = await apns.send([outgoing(TO, **given)])
    return outcome


def refused(status: int, reason: str) -> tuple[int, bytes]:
    return status, json.dumps({"reason": reason}).encode()


async def test_a_push(apple: Apple, apns: Apns) -> None:
    message = outgoing(TO, "سلام")
    assert await apns.send([message]) == [Accepted(str(UUID(bytes=message.id)))]
    ((path, headers, body),) = apple.asked
    assert apple.versions == {"2"}
    assert path == f"/3/device/{DEVICE}"
    assert body == {
        "aps": {"alert": {"title": "", "body": "سلام"}, "sound": "default"},
        "tracking": "1234567890",
    }
    assert headers["apns-topic"] == "ir.example.chapar"
    assert headers["apns-push-type"] == "alert"
    assert headers["apns-priority"] == "10"
    assert int(headers["apns-expiration"]) == int(message.expires_at.timestamp())
    head, claims, signature = headers["authorization"].removeprefix("bearer ").split(".")
    raw = urlsafe_b64decode(signature + "==")
    der = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    KEY.public_key().verify(der, f"{head}.{claims}".encode(), ec.ECDSA(hashes.SHA256()))
    assert json.loads(urlsafe_b64decode(head + "==")) == {"alg": "ES256", "typ": "JWT", "kid": "KEY1234567"}
    assert json.loads(urlsafe_b64decode(claims + "==")) == {"iss": "TEAM123456", "iat": int(NOW.timestamp())}


async def test_many_share_a_connection_and_a_token(apple: Apple, apns: Apns, clock: Clock) -> None:
    await one(apns)
    outcomes = await apns.send([outgoing(TO, klass="bulk") for _push in range(100)])
    assert {type(outcome) for outcome in outcomes} == {Accepted}
    assert len(apple.peers) == 1
    clock.now += timedelta(minutes=39)
    await one(apns)
    clock.now += timedelta(minutes=2)
    await one(apns)
    tokens = [headers["authorization"] for _path, headers, _body in apple.asked]
    assert len(set(tokens[:-1])) == 1
    assert tokens[-1] != tokens[0]
    assert apple.asked[1][1]["apns-priority"] == "5"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (refused(410, "Unregistered"), Nobody),
        (refused(400, "BadDeviceToken"), Nobody),
        (refused(400, "DeviceTokenNotForTopic"), Rejected),
        (refused(413, "PayloadTooLarge"), Rejected),
        (refused(403, "InvalidProviderToken"), Misconfigured),
        (refused(429, "TooManyProviderTokenUpdates"), Throttled),
        (refused(429, "TooManyRequests"), Unreachable),
        (refused(503, "ServiceUnavailable"), Unreachable),
        (refused(400, "SomethingNew"), Ambiguous),
        ((502, b"<html>"), Ambiguous),
    ],
)
async def test_refusals(
    apple: Apple, apns: Apns, answer: tuple[int, bytes], error: type[DispatchError]
) -> None:
    apple.answers = [answer]
    outcome = await one(apns)
    assert type(outcome) is error
    assert DEVICE not in str(outcome)
    if answer[0] in (429, 503):
        assert outcome.retry_after == timedelta(seconds=30)


async def test_a_token_that_ran_out_is_changed(apple: Apple, apns: Apns, clock: Clock) -> None:
    apple.answers = [refused(403, "ExpiredProviderToken")]
    assert isinstance(await one(apns), Throttled)
    clock.now += timedelta(seconds=5)
    assert isinstance(await one(apns), Accepted)
    assert apple.asked[0][1]["authorization"] != apple.asked[1][1]["authorization"]


async def test_nobody_there(clock: Clock) -> None:
    apns = client(clock, free_port(), ssl.create_default_context())
    assert isinstance(await one(apns), Unreachable)
    await apns.close()


async def test_a_certificate_that_nobody_vouches_for(apns: Apns, clock: Clock) -> None:
    port = apns._http.base_url.port
    assert port is not None
    strict = client(clock, port, ssl.create_default_context())
    assert isinstance(await one(strict), Unreachable)
    await strict.close()


async def test_no_answer(clock: Clock, tmp_path: Path) -> None:
    server_side, trust = self_signed(tmp_path)
    server_side.set_alpn_protocols(["h2"])

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(200)
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0, ssl=server_side)
    apns = client(clock, server.sockets[0].getsockname()[1], trust)
    assert isinstance(await one(apns), Ambiguous)
    await apns.close()
    server.close()


async def test_what_does_not_go_by_it(apple: Apple, apns: Apns) -> None:
    outcomes = await apns.send([outgoing("fcm:ab"), outgoing("apns:../x"), outgoing(TO, "س" * LONGEST)])
    assert [type(outcome) for outcome in outcomes] == [Unroutable, Rejected, Rejected]
    assert apple.asked == []
    assert set(ERRORS.values()) >= {Nobody, Throttled}


@dataclass
class FaultyApple(Apple):
    """``fault`` befalls the first push to each device: before it is taken or after."""

    fault: str = ""
    taken: Counter[str] = field(default_factory=Counter)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    begun: Callable[[], None] = lambda: None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        device = str(scope.get("path", "")).rpartition("/")[2]
        first = not any(path.endswith(device) for path, _headers, _body in self.asked)
        said: list[Any] = []

        async def keep(event: Any) -> None:
            said.append(event)

        await super().__call__(scope, receive, keep)
        if scope["type"] != "http":
            return
        if not first or self.fault.startswith("taken"):
            self.taken[device] += 1
        if len({path for path, _headers, _body in self.asked}) == 3:
            self.begun()  # With all three: the others may take as long as the machine takes.
        if first:
            await self._fail(send)
        else:
            for event in said:
                await send(event)

    async def _fail(self, send: Any) -> None:
        status, body = {
            "told to slow down": (429, b'{"reason": "TooManyProviderTokenUpdates"}'),
            "a page": (403, b"<html>"),
            "a reason that nobody knows": (400, b'{"reason": "Mercury"}'),
            "taken, and a page": (502, b"<html>"),
        }.get(self.fault, (0, b""))
        if not status:
            await self.over.wait()
            return
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": body})


@pytest.mark.parametrize(
    "fault",
    [
        "silent",
        "a page",
        "a reason that nobody knows",
        "told to slow down",
        "taken, and silent",
        "taken, and a page",
    ],
)
async def test_each_message_has_one_story(
    outbox: Outbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """Through the dispatcher, one of each class (as with the others, ``test_matrix.py``)."""
    if fault.endswith("silent"):
        monkeypatch.setattr(module, "TIMEOUT", httpx.Timeout(1.0))
    apple = FaultyApple(fault=fault)
    async with serving(apple, outbox.clock, tmp_path) as made:
        apple.begun = lambda: setattr(made._http, "timeout", httpx.Timeout(20.0))
        run = Run(outbox, "push", made)
        trackings = await run.queue("")
        await run.until_the_end(trackings)
        apple.over.set()
    ends = await stories(outbox, trackings)
    got = {klass: apple.taken[mark] for klass, mark in MARKS.items()}
    if fault == "told to slow down":
        assert (set(ends.values()), set(got.values())) == ({"sent"}, {1})
        return
    assert run.counted["ambiguous"] == 3
    taken = fault.startswith("taken")
    assert ends == {"otp": "sent", "service": "sent", "bulk": "failed"}
    assert got == {"otp": 1 + taken, "service": 1 + taken, "bulk": int(taken)}
