"""What sends, wired as the settings say: each vendor of SMS from its settings, a code from the flow's side to
the vendor and its receipt back, what it cost, and what is counted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from prometheus_client import generate_latest
from sqlalchemy import select

import settings
from composition import carriers
from composition.house import House, house, now
from composition.sending import dispatching, receipt_routes
from dispatch.provider import Account, Lookup, ReceiptSource
from records.tables import outbox
from records.tariffs import Tariff
from records.unit import Unit
from services.notices import Recipient
from tests.dispatch.vendors import Vendor

SMS = {
    "kavenegar": {"KAVENEGAR_KEY": "k"},
    "smsir": {"SMSIR_KEY": "k", "SMSIR_SENDER": "30004505"},
    "melipayamak": {
        "MELIPAYAMAK_USERNAME": "u",
        "MELIPAYAMAK_PASSWORD": "p",
        "MELIPAYAMAK_SENDER": "50002710",
    },
    "ippanel": {"IPPANEL_KEY": "k", "IPPANEL_SENDER": "+983000505"},
    "magfa": {"MAGFA_USERNAME": "u", "MAGFA_PASSWORD": "p", "MAGFA_DOMAIN": "d", "MAGFA_SENDER": "3000"},
}


async def test_every_vendor_is_made_from_its_settings(http: ClientSession) -> None:
    assert set(settings.SMS_PROVIDERS) == {"sandbox", "safir", "smpp", *SMS}
    for name, given in SMS.items():
        found = settings.load({"SMS_PROVIDER": name, **given})
        provider = carriers.sms(name, found, http)
        assert (provider.name, provider.channel) == (name, "sms")
        assert isinstance(provider, ReceiptSource)
        assert isinstance(provider, Account)
        assert isinstance(provider, Lookup) == (name in ("kavenegar", "magfa"))
        assert carriers.usual(found)["sms"].provider == name
    assert carriers.sms("sandbox", settings.load({}), http).name == "sandbox"
    safir = settings.load({"SMS_PROVIDER": "safir", "SAFIR_KEY": "k", "SAFIR_BOT": "7"})
    assert carriers.sms("safir", safir, http).name == "safir"
    assert set(carriers.lines(settings.load({}))) == {"smpp", *SMS}


@pytest.mark.parametrize(
    ("channel", "name", "missing"),
    [
        ("sms", "magfa", "MAGFA_USERNAME: is empty, but magfa in ROUTES_FILE needs it"),
        ("voice", "asterisk", "ASTERISK_USER: is empty, but asterisk in ROUTES_FILE needs it"),
        ("push", "fcm", "FCM_ACCOUNT_FILE: is empty, but fcm in ROUTES_FILE needs it"),
        ("email", "smtp", "SMTP_URL: is empty, but smtp in ROUTES_FILE needs it"),
        ("sms", "nobody", "ROUTES_FILE: there is no provider nobody of sms"),
        ("email", "fcm", "ROUTES_FILE: there is no provider fcm of email"),
    ],
)
async def test_what_only_the_routes_name_is_checked_at_the_start(
    tmp_path: Path, channel: str, name: str, missing: str
) -> None:
    """Before anything is opened for a provider, whether this process sends or answers alone."""
    file = tmp_path / "routes.yaml"
    file.write_text(f"{channel}:\n  - providers: {{sandbox: 1, {name}: 0}}\n", "utf-8")
    found = settings.load({"DATA_DIR": str(tmp_path), "ROUTES_FILE": str(file)})
    async with house(found) as home:
        with pytest.raises(settings.SettingError, match=f"^{missing}$"):
            receipt_routes(home)
        with pytest.raises(settings.SettingError, match=f"^{missing}$"):
            async with dispatching(home):
                pass


@pytest.fixture
async def http() -> Any:
    async with ClientSession() as session:
        yield session


# A reply to a code by template, a reply to its receipt, and what stands in the request, of each vendor.
Said = Callable[[dict[str, Any]], object]
KAVENEGAR = {"messageid": 7, "status": 5, "statustext": "ارسال", "receptor": "09121234567"}
CODES: dict[str, tuple[dict[str, str], str, list[dict[str, Any]], Said]] = {
    "kavenegar": (
        {"KAVENEGAR_TEMPLATE": "chapar"},
        "/v1/k/verify/lookup.json",
        [
            {"return": {"status": 200}, "entries": [KAVENEGAR]},
            {"return": {"status": 200}, "entries": [KAVENEGAR | {"status": 10}]},
        ],
        lambda body: body["token"],
    ),
    "smsir": (
        {"SMSIR_TEMPLATE": "100000"},
        "/v1/send/verify",
        [
            {"status": 1, "data": {"messageId": 7, "cost": 1}},
            {"status": 1, "data": {"messageId": 7, "deliveryState": 1}},
        ],
        lambda body: body["parameters"][0]["value"],
    ),
    "melipayamak": (
        {"MELIPAYAMAK_TEMPLATE": "4711"},
        "/api/SendSMS/BaseServiceNumber",
        [{"Value": "1234567890123456", "RetStatus": 1}, {"Value": "1", "RetStatus": 1}],
        lambda body: body["text"],
    ),
    "ippanel": (
        {"IPPANEL_TEMPLATE": "k0x"},
        "/api/send",
        [
            {"data": {"message_outbox_ids": [7]}, "meta": {"status": True}},
            {"data": [{"recipient": "+989121234567", "message_status": "2"}], "meta": {"status": True}},
        ],
        lambda body: body["params"]["code"],
    ),
}


class Answering(Vendor):
    """Answers a question about credit with an error, whatever else with the next reply."""

    def __init__(self, replies: list[dict[str, Any]]) -> None:
        super().__init__()
        self.replies = replies

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if any(word in request.path.lower() for word in ("credit", "account/info")):
            return web.json_response({}, status=503)
        self.answers = [web.json_response(self.replies.pop(0))]
        return await super().handle(request)


async def test_a_code_goes_by_template_arrives_and_is_charged(tmp_path: Path) -> None:
    """By each vendor, all of them at once: what takes time are the seconds before a receipt is asked for."""
    async with AsyncExitStack() as stack:
        homes: dict[str, tuple[Vendor, House]] = {}
        for name, (more, _path, replies, _said) in CODES.items():
            vendor = Answering(list(replies))
            server = await stack.enter_async_context(TestServer(vendor.app()))
            given = {
                "DATA_DIR": str(tmp_path / name),
                "SMS_PROVIDER": name,
                f"{name.upper()}_URL": str(server.make_url("")),
                **SMS[name],
                **more,
            }
            homes[name] = vendor, await stack.enter_async_context(house(settings.load(given)))
        await asyncio.gather(*(code_by(name, *homes[name]) for name in CODES))


async def code_by(name: str, vendor: Vendor, home: House) -> None:
    _more, path, _replies, said = CODES[name]
    await home.services.tariffs.add([Tariff("price", "sms", 1330, now())], now())
    async with dispatching(home):
        await queue_code(home, "123456")
        row = await settled(home)
    metrics = generate_latest(home.registry).decode()
    assert (row.status, row.provider, row.parts, row.cost) == ("delivered", name, 1, 1330)
    sent, _receipt = vendor.asked
    assert sent.path == path
    assert said(sent.body) == "123456"
    counted = f'{{channel="sms",class="otp",provider="{name}"}}'
    assert f"chapar_message_parts_total{counted} 1.0" in metrics
    assert f"chapar_message_cost_rial_total{counted} 1330.0" in metrics


async def queue_code(home: House, code: str) -> None:
    unit = Unit()
    home.services.notices.code(
        unit,
        now(),
        Recipient("+989121234567", "fa"),
        "sms",
        code,
        "chapar.example.ir",
        timedelta(minutes=2),
        "verification:1",
    )
    await home.committer.commit(unit)


async def settled(home: House) -> Any:
    async with asyncio.timeout(60):
        while True:
            [row] = await home.database.read(select(outbox))
            if row.finished_at is not None:
                return row
            await asyncio.sleep(0.05)


async def test_what_is_left_on_the_account_is_shown(tmp_path: Path) -> None:
    vendor = Vendor()
    vendor.answers = [web.json_response({"status": 0, "balance": 1_250_000})]
    async with TestServer(vendor.app()) as server:
        given = {
            "DATA_DIR": str(tmp_path),
            "SMS_PROVIDER": "magfa",
            "MAGFA_URL": str(server.make_url("")),
            **SMS["magfa"],
        }
        shown = 'chapar_provider_credit{provider="magfa",unit="rial"} 1.25e+06'
        async with house(settings.load(given)) as home, dispatching(home), asyncio.timeout(30):
            while shown not in generate_latest(home.registry).decode():
                await asyncio.sleep(0.02)
