"""``server.py send|outbox|providers`` as an operator types them, each channel against its counterpart."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope

from dispatch.providers.push.jwt import base64url, read_p256_key
from dispatch.providers.push.webpush import _point
from tests.bot.messenger import TOKEN, messenger
from tests.dispatch.certificates import self_signed
from tests.dispatch.test_asterisk import Ari, answered
from tests.dispatch.test_webpush import PEM, Service, service
from tests.dispatch.vendors import Asked, Vendor
from tests.running import command, free_port

SERVICE = service  # A fixture.
NUMBER = "09121234567"
KAVENEGAR = {"SMS_PROVIDER": "kavenegar", "KAVENEGAR_KEY": "k", "KAVENEGAR_SENDER": "10004346"}

Run = Callable[..., Any]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Types a command; all of one test work on the same records."""

    async def typed(*arguments: str, **settings: str) -> CompletedProcess[str]:
        return await asyncio.to_thread(command, *arguments, folder=tmp_path, settings=settings)

    return typed


async def send(run: Run, settings: Mapping[str, str], channel: str, to: str, *more: str) -> list[str]:
    """What it says when all goes well, without the tracking number."""
    done = await run("send", "--channel", channel, "--to", to, *more, **settings)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    tracking = lines[0].partition(" ")[0]
    assert re.fullmatch("[0-9]{10}", tracking)
    return [line.removeprefix(f"{tracking} ") for line in lines]


@asynccontextmanager
async def playing(answer: Callable[[Asked], Any]) -> AsyncIterator[Vendor]:
    """A vendor that answers every request."""

    async def always(request: web.Request, asked: Asked) -> web.StreamResponse:
        vendor.answers.append(always)
        return web.json_response(answer(asked))

    vendor = Vendor(answers=[always])
    async with TestServer(vendor.app()) as server:
        vendor.url = str(server.make_url("")).rstrip("/")
        yield vendor


def about_messages(vendor: Vendor) -> list[Asked]:
    """What it was asked but what is left on the account."""
    return [each for each in vendor.asked if not each.path.endswith("account/info.json")]


def kavenegar(status: int = 200) -> Callable[[Asked], Any]:
    def answer(asked: Asked) -> Any:
        if "messageid" in (asked.body or {}):
            entries = [{"messageid": int(id), "status": 10} for id in asked.body["messageid"].split(",")]
        else:
            numbers = re.findall("09[0-9]{9}", asked.body.get("receptor", "")) if asked.body else []
            entries = [
                {"messageid": id, "status": 1, "receptor": number} for id, number in enumerate(numbers, 7)
            ]
        return {"return": {"status": status, "message": "خطا"}, "entries": entries}

    return answer


async def test_an_sms_arrives(run: Run) -> None:
    async with playing(kavenegar()) as vendor:
        settings = KAVENEGAR | {"KAVENEGAR_URL": vendor.url}
        said = await send(run, settings, "sms", NUMBER, "--text", "سلام")
    assert said == ["queued", "sent by kavenegar as 7", "delivered by kavenegar as 7"]
    asked = about_messages(vendor)[0]
    assert asked.path == "/v1/k/sms/send.json"
    assert (asked.body["receptor"], asked.body["message"]) == (NUMBER, "سلام")


async def test_words_are_called_out(run: Run) -> None:
    async with playing(kavenegar()) as vendor:
        settings = {
            "VOICE_PROVIDER": "kavenegar-call",
            "KAVENEGAR_KEY": "k",
            "KAVENEGAR_URL": vendor.url,
        }
        said = await send(run, settings, "voice", NUMBER, "--text", "قطعی برطرف شد", "--wait", "2")
    assert said == ["queued", "sent by kavenegar-call as 7"]
    assert about_messages(vendor)[0].path == "/v1/k/call/maketts.json"


async def test_digits_are_called_out_as_a_code(run: Run) -> None:
    ari = Ari(person=lambda call: [answered(call)])
    async with TestServer(ari.app()) as server:
        settings = {
            "VOICE_PROVIDER": "asterisk",
            "ASTERISK_URL": str(server.make_url("/ari")),
            "ASTERISK_USER": "chapar",
            "ASTERISK_PASSWORD": "secret",
            "ASTERISK_ENDPOINT": "PJSIP/{number}@trunk",
        }
        said = await send(run, settings, "voice", NUMBER, "--text", "0482", "--class", "otp")
    assert said[-1].startswith("delivered by asterisk as ")
    assert "sound:digits/0,sound:digits/4,sound:digits/8,sound:digits/2" in ari.played[0][1]["media"]


class Mailbox:
    def __init__(self) -> None:
        self.mails: list[Envelope] = []

    async def handle_DATA(self, server: object, session: object, envelope: Envelope) -> str:
        self.mails.append(envelope)
        return "250 queued as 1"


async def test_a_mail_is_handed_over(run: Run) -> None:
    box, port = Mailbox(), free_port()
    serving = Controller(box, hostname="127.0.0.1", port=port)
    serving.start()
    try:
        settings = {
            "EMAIL_PROVIDER": "smtp",
            "SMTP_URL": f"smtp://127.0.0.1:{port}",
            "MAIL_FROM": "noreply@example.ir",
        }
        said = await send(run, settings, "email", "a@example.ir", "--subject", "پاسخ", "--text", "برطرف شد")
    finally:
        serving.stop()
    assert said[-1].startswith("sent by smtp")
    [mail] = box.mails
    assert mail.rcpt_tos == ["a@example.ir"]


@asynccontextmanager
async def on_the_way(folder: Path, host: str, port: int) -> AsyncIterator[dict[str, str]]:
    """An HTTP proxy on the way to a push service: what is sent to ``host`` over TLS comes out at a port here.
    The settings of who goes by it and trusts it."""
    tls, _trust = self_signed(folder, host)

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
        finally:
            writer.close()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readuntil(b"\r\n\r\n")
        assert asked.startswith(f"CONNECT {host}:443 ".encode())
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await writer.drain()
        await writer.start_tls(tls)
        there = await asyncio.open_connection("localhost", port)
        try:
            await asyncio.gather(pass_on(reader, there[1]), pass_on(there[0], writer))
        except (ConnectionError, ssl.SSLError):
            pass  # Whoever is done hangs up.

    server = await asyncio.start_server(one, "127.0.0.1", 0)
    try:
        at = server.sockets[0].getsockname()[1]
        yield {"PUSH_PROXY": f"http://127.0.0.1:{at}", "SSL_CERT_FILE": str(folder / "server.pem")}
    finally:
        server.close()


async def test_a_browser_reads_a_push(run: Run, service: Service, tmp_path: Path) -> None:
    """Decrypted by ``web-push-testing``, which stands for one of the services that are pushed to."""
    key = tmp_path / "vapid.pem"
    key.write_bytes(PEM)
    public = base64url(_point(read_p256_key(PEM).public_key()))
    told = await service.ask("subscribe", applicationServerKey=public, userVisibleOnly="true")
    path = told["endpoint"].partition("/notify/")[2]
    to = {"endpoint": f"https://fcm.googleapis.com/notify/{path}", "keys": told["keys"]}
    port = int(service.url.rpartition(":")[2])
    async with on_the_way(tmp_path, "fcm.googleapis.com", port) as way:
        settings = way | {
            "PUSH_PROVIDER": "webpush",
            "WEBPUSH_KEY_FILE": str(key),
            "WEBPUSH_CONTACT": "mailto:push@example.ir",
        }
        said = await send(run, settings, "push", f"webpush:{json.dumps(to)}", "--text", "کد ۱۲۳")
    assert said == ["queued", "sent by webpush"]
    read = (await service.ask("get-notifications", clientHash=told["clientHash"]))["messages"]
    assert [json.loads(each)["body"] for each in read] == ["کد ۱۲۳"]


async def test_a_push_to_a_number_goes_to_its_devices(run: Run) -> None:
    done = await run("send", "--channel", "push", "--to", "09121234567", "--text", "کد ۱۲۳")
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1].endswith("failed by devices"), "there is none"


@pytest.mark.parametrize("platform", ["telegram", "bale"])
async def test_a_bot_says_it(run: Run, platform: str) -> None:
    async with messenger() as chats:
        settings = {f"{platform.upper()}_TOKEN": TOKEN, f"{platform.upper()}_BASE_URL": chats.url}
        said = await send(run, settings, platform, "7001", "--text", "سلام")
        assert said[-1].startswith(f"sent by {platform}")
        assert [(each.method, each.chat, each.text) for each in chats.bot.sent] == [
            ("sendMessage", "7001", "سلام")
        ]


async def test_what_failed_is_listed_and_sent_again(run: Run) -> None:
    async with playing(kavenegar(406)) as vendor:
        settings = KAVENEGAR | {"KAVENEGAR_URL": vendor.url}
        done = await run("send", "--channel", "sms", "--to", NUMBER, "--text", "سلام", **settings)
    assert done.returncode == 1
    tracking = done.stdout.partition(" ")[0]
    assert done.stdout.splitlines() == [f"{tracking} queued", f"{tracking} failed by kavenegar"]
    listed = await run("outbox", "dead", "--channel", "sms", **settings)
    [line, count] = listed.stdout.splitlines()
    assert re.fullmatch(f"{tracking} .* sms service kavenegar rejected: 406 خطا", line)
    assert count == "1 messages"
    assert (await run("outbox", "dead", "--channel", "email", **settings)).stdout == "0 messages\n"
    assert (await run("outbox", "replay", **settings)).returncode != 0
    again = await run("outbox", "replay", tracking, **settings)
    assert again.stdout == "1 messages are on their way again\n"
    async with playing(kavenegar()) as vendor:
        settings = KAVENEGAR | {"KAVENEGAR_URL": vendor.url}
        await send(run, settings, "sms", "09351112233", "--text", "دوم")
    handed = "".join(each.body["receptor"] for each in about_messages(vendor) if "status" not in each.path)
    assert sorted(re.findall("09[0-9]{9}", handed)) == [NUMBER, "09351112233"]


async def test_a_provider_that_is_paused_gets_nothing(run: Run) -> None:
    async with playing(kavenegar()) as vendor:
        settings = KAVENEGAR | {"KAVENEGAR_URL": vendor.url}
        assert (await run("providers", "pause", "kavenegar", **settings)).returncode == 0
        listed = (await run("providers", "list", **settings)).stdout
        assert re.search("^sms +kavenegar +paused ", listed, re.MULTILINE)
        done = await run(
            "send", "--channel", "sms", "--to", NUMBER, "--text", "سلام", "--wait", "1", **settings
        )
        assert done.returncode == 1
        assert done.stdout.splitlines()[-1].endswith("it goes on by itself while a dispatcher runs")
        assert about_messages(vendor) == []
        assert (await run("providers", "resume", "kavenegar", **settings)).returncode == 0
        assert len(await send(run, settings, "sms", "09351112233", "--text", "دوم", "--wait", "2")) > 1
    nobody = await run("providers", "pause", "nobody", **settings)
    assert nobody.returncode != 0
    assert "there is no provider nobody" in nobody.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--channel", "sms", "--to", "12", "--text", "x"), "--to: 12 is no number such as 09121234567"),
        (("--channel", "pigeon", "--to", "12", "--text", "x"), "invalid choice: 'pigeon'"),
    ],
)
async def test_what_cannot_be_sent_is_said_in_a_line(run: Run, arguments: tuple[str, ...], says: str) -> None:
    done = await run("send", *arguments)
    assert done.returncode != 0
    assert says in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
async def http() -> AsyncIterator[ClientSession]:
    async with ClientSession() as session:
        yield session
