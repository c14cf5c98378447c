"""Every fault with every provider that speaks HTTP, through the dispatcher, done by a real server. Afterwards
each message has one story that ended. Where a vendor knows messages by our own names nobody gets one twice;
elsewhere a code or a notice may come twice, and it stands in its story and in what is counted, and an
advertisement never does."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from dispatch.dispatcher import Dispatcher
from dispatch.errors import Ambiguous
from dispatch.provider import Lookup
from dispatch.providers import exchange
from dispatch.providers.bot import request
from dispatch.providers.bot.line import Line
from dispatch.providers.bot.platforms import PLATFORMS
from dispatch.providers.bot.safir import Safir
from dispatch.providers.bot.telegram import BotApi
from dispatch.providers.push.fcm import Fcm, ServiceAccount
from dispatch.providers.push.jwt import read_p256_key
from dispatch.providers.push.webpush import WebPush
from dispatch.providers.sms.ippanel import IpPanel
from dispatch.providers.sms.kavenegar import Kavenegar
from dispatch.providers.sms.kavenegar_api import Api
from dispatch.providers.sms.magfa import Magfa
from dispatch.providers.sms.melipayamak import Melipayamak
from dispatch.providers.sms.smsir import SmsIr
from dispatch.providers.ussd.restcomm import RestcommPush
from dispatch.providers.voice.asterisk import Asterisk
from dispatch.providers.voice.ippanel import IpPanelCalls
from dispatch.providers.voice.kavenegar import KavenegarCalls
from dispatch.talking import Talking
from records.claims import CLASSES
from records.outbox import queue, templated
from records.unit import Unit
from settings import PROVIDERS
from tests.dispatch import faulty
from tests.dispatch.certificates import self_signed
from tests.dispatch.faulty import VENDORS, Fault, Faulty
from tests.dispatch.outbox import Clock, Outbox
from tests.dispatch.test_fcm import PEM as FCM_KEY
from tests.dispatch.test_webpush import CONTACT
from tests.dispatch.test_webpush import PEM as WEBPUSH_KEY
from tests.running import free_port

CODE = templated("code", code="0482")
FINAL = ("sent", "delivered", "failed", "blocked", "expired")
MARKS = dict(zip(CLASSES, ("9121110001", "9121110002", "9121110003"), strict=True))

Make = Callable[[ClientSession, str, Clock], Any]


async def _heard(call: str, receipt: object) -> None:
    raise AssertionError("nobody answers a call here")


def _bot(platform: str) -> Make:
    def made(http: ClientSession, url: str, clock: Clock) -> BotApi:
        line = Line(platform, PLATFORMS[platform], "7:token", request.Request(http), base_url=url)
        return BotApi(PLATFORMS[platform], {platform: line}, rate=0, chat_rate=0)

    return made


def _webpush(http: ClientSession, url: str, clock: Clock) -> WebPush:
    key = read_p256_key(WEBPUSH_KEY)
    return WebPush(http, key, CONTACT, clock=clock, hosts=("127.0.0.1",), schemes=("http", "https"))


def _fcm(http: ClientSession, url: str, clock: Clock) -> Fcm:
    account = ServiceAccount("p", "push@p.iam", FCM_KEY, "kid1", f"{url}/token")
    return Fcm(http, account, clock=clock, url=url)


MAKES: Mapping[str, tuple[str, Make]] = {
    "kavenegar": ("sms", lambda http, url, clock: Kavenegar(Api(http, "k", url), ("1000",))),
    "smsir": ("sms", lambda http, url, clock: SmsIr(http, "k", ("3000",), url=url)),
    "melipayamak": ("sms", lambda http, url, clock: Melipayamak(http, "u", "p", ("5000",), url=url)),
    "ippanel": ("sms", lambda http, url, clock: IpPanel(http, "k", ("3000",), url=url)),
    "magfa": ("sms", lambda http, url, clock: Magfa(http, "u", "p", "d", ("3000",), url=url)),
    "safir": ("sms", lambda http, url, clock: Safir(http, "k", 7, url=url)),
    "restcomm-push": ("ussd", lambda http, url, clock: RestcommPush(http, f"{url}/restcomm")),
    "kavenegar-call": ("voice", lambda http, url, clock: KavenegarCalls(Api(http, "k", url))),
    "ippanel-call": ("voice", lambda http, url, clock: IpPanelCalls(http, "k", url=url)),
    "asterisk": (
        "voice",
        lambda http, url, clock: Asterisk(http, f"{url}/ari", "u", "p", "PJSIP/{number}@t", told=_heard),
    ),
    "fcm": ("push", _fcm),
    "webpush": ("push", _webpush),
    "telegram": ("telegram", _bot("telegram")),
    "bale": ("bale", _bot("bale")),
}

# What is taken though no answer, or none that can be read, says so; and what is not, though nobody can know.
TAKEN = (
    faulty.taken_and_silent,
    faulty.taken_and_reset,
    faulty.taken_and_half,
    faulty.taken_and_trickling,
    faulty.taken_and_page,
    faulty.taken_and_other_json,
)
ENDLESS = (faulty.silent, faulty.taken_and_silent, faulty.taken_and_trickling)
DOUBTFUL = (faulty.silent, faulty.reset, faulty.page)
TOLD = (faulty.refusal, faulty.unknown)
# Who says yes by the HTTP status alone, or has no 200 with an error inside.
BY_STATUS = (faulty.page, faulty.taken_and_page, faulty.taken_and_other_json, *TOLD)
MEANINGLESS: Mapping[str, tuple[Fault, ...]] = {
    "asterisk": BY_STATUS,
    "webpush": BY_STATUS,
    "fcm": TOLD,
    "telegram": (faulty.unknown,),
    "bale": (faulty.unknown,),
}
CASES = [
    pytest.param(name, fault, id=f"{name}-{fault.__name__}")
    for name in MAKES
    for fault in (*TAKEN, *DOUBTFUL, *TOLD)
    if fault not in MEANINGLESS.get(name, ())
]


def test_every_provider_that_speaks_http_is_here() -> None:
    """But the sandbox, and APNs, which speaks HTTP/2 (``test_apns.py``)."""
    named = {name for names in PROVIDERS.values() for name in names}
    assert set(MAKES) == {*named, *PLATFORMS} - {"sandbox", "apns", "smtp", "smpp", "smpp-ussd"}


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


@dataclass
class Run:
    """One provider at work on a message of each class. ``step``: how much time passes at once, at least."""

    outbox: Outbox
    channel: str
    provider: Any
    step: timedelta = timedelta(seconds=5)
    counted: Counter[str] = field(default_factory=Counter)

    async def queue(self, url: str) -> dict[str, str]:
        """A message of each class; its tracking number by class."""
        trackings: dict[str, str] = {}
        for klass, mark in MARKS.items():
            unit = Unit()
            trackings[klass] = queue(
                unit,
                self.outbox.vault,
                now=self.outbox.clock(),
                channel=self.channel,
                klass=klass,
                kind=self.channel,
                to=self._address(mark, url),
                body="سلام",
                payload=CODE if self.channel == "voice" else b"",
                lifetime=timedelta(hours=1),
            )
            await self.outbox.committer.commit(unit)
        return trackings

    def _address(self, mark: str, url: str) -> str:
        if self.provider.name == "webpush":
            point = ec.generate_private_key(ec.SECP256R1()).public_key()
            public = point.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
            keys = {"p256dh": b64encode(public).decode(), "auth": b64encode(b"s" * 16).decode()}
            return "webpush:" + json.dumps({"endpoint": f"{url}/push/{mark}", "keys": keys})
        if self.channel == "push":
            return f"{self.provider.name}:{mark}"
        return mark if self.channel in PLATFORMS else f"+98{mark}"

    async def until_the_end(self, trackings: Mapping[str, str]) -> None:
        """Until every message's story has ended. Time passes while nothing is under way."""
        working = self._working()
        running = asyncio.create_task(working.run())
        try:
            async with asyncio.timeout(60):
                while rows := await self._open(trackings):
                    if all(row.status == "queued" for row in rows):
                        next = min(row.due_at for row in rows)
                        self.outbox.clock.now = max(next, self.outbox.clock.now + self.step)
                    await asyncio.sleep(0.02)
        finally:
            working.stop()
            await running
            if isinstance(self.provider, Asterisk):
                await self.provider.close()

    async def _open(self, trackings: Mapping[str, str]) -> list[Any]:
        rows = [await self.outbox.row(each) for each in trackings.values()]
        return [row for row in rows if row.status not in FINAL]

    def _working(self) -> Dispatcher | Talking:
        database, vault, clock = self.outbox.database, self.outbox.vault, self.outbox.clock

        def watch(_lane: object, outcome: str, _waited: timedelta) -> None:
            self.counted[outcome] += 1

        if self.channel in PLATFORMS:
            carriers = {self.channel: self.provider}
            return Talking(
                database, vault, carriers, clock=clock, wake=asyncio.Event(), poll=0.01, watch=watch
            )
        return Dispatcher(
            database, vault, [self.provider], clock=clock, wake=asyncio.Event(), poll=0.01, watch=watch,
            receipts=3_600,
        )  # fmt: skip


async def stories(outbox: Outbox, trackings: Mapping[str, str]) -> dict[str, str]:
    """How each message's story ended, by class; there is one end, and nothing after it."""
    ends: dict[str, str] = {}
    for klass, tracking in trackings.items():
        row = await outbox.row(tracking)
        said = [status for kind, status in await outbox.notes(tracking) if kind == "attempt"]
        went = row.status in ("sent", "delivered")
        assert row.lease_owner is None
        assert said.count("sent") == went
        assert "sent" not in said[:-1]
        assert (row.sent_at is not None) == went
        ends[klass] = "sent" if went else str(row.status)
    return ends


@asynccontextmanager
async def serving(name: str, fault: Fault) -> AsyncIterator[tuple[Faulty, str]]:
    server = Faulty(VENDORS[name], fault)
    async with TestServer(server.app()) as at:
        try:
            yield server, str(at.make_url("")).rstrip("/")
        finally:
            server.over.set()


@pytest.mark.parametrize(("name", "fault"), CASES)
async def test_each_message_has_one_story(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch, name: str, fault: Fault
) -> None:
    def patience(seconds: float) -> None:
        monkeypatch.setattr(exchange, "TIMEOUT", aiohttp.ClientTimeout(total=seconds))
        monkeypatch.setattr(request, "_PATIENCE", aiohttp.ClientTimeout(total=seconds))

    channel, make = MAKES[name]
    async with serving(name, fault) as (server, url), ClientSession() as http:
        if fault in ENDLESS:
            patience(1.0)
            server.begun = lambda: patience(20.0)  # However busy the machine is.
        run = Run(outbox, channel, make(http, url, outbox.clock))
        trackings = await run.queue(url)
        await run.until_the_end(trackings)
    ends = await stories(outbox, trackings)
    ledger = server.ledger
    got = {klass: ledger.got[mark] for klass, mark in MARKS.items()}
    if fault in TOLD:
        assert set(ends.values()) == {"sent"}
        assert set(got.values()) == {1}
        return
    assert run.counted[Ambiguous().name] == 3
    if isinstance(run.provider, Lookup):  # It is asked before anything is handed over again.
        assert set(ends.values()) == {"sent"}
        assert set(got.values()) == {1}
        assert set(ledger.handed.values()) == {1 if fault in TAKEN else 2}
    elif run.provider.repeatable:  # It knows a message that comes again.
        assert set(ends.values()) == {"sent"}
        assert set(got.values()) == {1}
        assert set(ledger.handed.values()) == {2}
    else:
        assert ends == {"otp": "sent", "service": "sent", "bulk": "failed"}
        twice = 1 + (fault in TAKEN)
        assert got == {"otp": twice, "service": twice, "bulk": twice - 1}
        assert ledger.handed == Counter({MARKS["otp"]: 2, MARKS["service"]: 2, MARKS["bulk"]: 1})
        notes = await outbox.notes(trackings["otp"])
        assert [status for kind, status in notes if kind == "attempt"] == ["ambiguous", "sent"]


@pytest.mark.parametrize("name", MAKES)
@pytest.mark.parametrize("how", ["nobody listens", "a certificate of nobody"])
async def test_what_cannot_be_reached_got_nothing(
    outbox: Outbox, name: str, how: str, tmp_path: Path
) -> None:
    """It is tried again and again, and its story ends with its time or its attempts."""
    channel, make = MAKES[name]
    port, seen = free_port(), 0

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal seen
        seen += bool(await reader.read(1))
        writer.close()

    tls, _trust = self_signed(tmp_path)
    listening = None
    if how != "nobody listens":
        listening = await asyncio.start_server(speak, "127.0.0.1", port, ssl=tls)
    url = f"{'http' if listening is None else 'https'}://127.0.0.1:{port}"
    async with ClientSession() as http:
        run = Run(outbox, channel, make(http, url, outbox.clock), timedelta(minutes=10))
        trackings = await run.queue(url)
        await run.until_the_end(trackings)
    if listening is not None:
        listening.close()
    ends = await stories(outbox, trackings)
    assert set(ends.values()) <= {"failed", "expired"}
    assert seen == 0
    assert not run.counted[Ambiguous().name]
    assert run.counted["unreachable"] + run.counted["away"] >= 3
