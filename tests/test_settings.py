"""The environment: what each setting takes and refuses, what is shown of it, and where it came from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

import settings
from settings import (
    BotSettings,
    RouteSettings,
    SettingError,
    Settings,
    SmppSettings,
    SmppSmsSettings,
    describe,
    load,
)
from ussd.gateways import GATEWAYS
from ussd.smpp_vendors import VENDORS

KEYS = '{"current": "k1", "keys": {}, "index": ""}'
TEXT = ("anything", "anything")
NETWORKS = (ip_network("10.0.0.7/32"), ip_network("2001:db8::/32"))

# What each takes: (as written, as read).
TAKES: Mapping[str, tuple[str, Any]] = {
    "HOST": ("0.0.0.0", "0.0.0.0"),  # noqa: S104
    "PORT": ("0", 0),
    "DATA_DIR": ("/var/lib/chapar", Path("/var/lib/chapar")),
    "FLOWS_DIR": ("elsewhere/flows", Path("elsewhere/flows")),
    "DATABASE_URL": ("postgresql://u:p@db:5432/chapar",) * 2,
    "REDIS_URL": ("rediss://:p@cache/2",) * 2,
    "KEYS": (KEYS, KEYS),
    "KEY_FILE": ("/run/secrets/keys", "/run/secrets/keys"),
    "PUBLIC_URL": ("https://chapar.example.ir",) * 2,
    "TRUSTED_PROXIES": (" 10.0.0.7, 2001:db8::/32 ,", NETWORKS),
    "MONITOR_ADDRESSES": ("10.0.0.7,2001:db8::/32", NETWORKS),
    "TURN_DEADLINE": ("2.5", 2.5),
    "NEED_DEADLINE": ("1e1", 10.0),
    "TURNS_IN_FLIGHT": ("10000", 10_000),
    "CACHE_BYTES": ("1048576", 1_048_576),
    "DISPATCH_PORT": ("8081", 8081),
    "DISPATCH_IN_SERVE": ("NO", False),
    "SMS_PROVIDER": ("kavenegar", "kavenegar"),
    "KAVENEGAR_KEY": TEXT,
    "KAVENEGAR_SENDER": ("10004346", "10004346"),
    "KAVENEGAR_URL": ("http://127.0.0.1:8000/v1",) * 2,
    "KAVENEGAR_TEMPLATE": ("chapar-code",) * 2,
    "SMS_PROXY": ("http://u:p@10.0.0.7:3128",) * 2,
    "SMSIR_KEY": TEXT,
    "SMSIR_SENDER": (" 30004505000017, 10002166,", ("30004505000017", "10002166")),
    "SMSIR_URL": ("http://127.0.0.1:8000",) * 2,
    "SMSIR_TEMPLATE": ("100000", 100_000),
    "SMSIR_PARAMETER": ("CODE",) * 2,
    "MELIPAYAMAK_USERNAME": ("09121111111",) * 2,
    "MELIPAYAMAK_PASSWORD": TEXT,
    "MELIPAYAMAK_SENDER": ("50002710001", ("50002710001",)),
    "MELIPAYAMAK_URL": ("http://127.0.0.1:8000",) * 2,
    "MELIPAYAMAK_TEMPLATE": ("4711", 4711),
    "MELIPAYAMAK_TOGETHER": ("yes", True),
    "IPPANEL_KEY": TEXT,
    "IPPANEL_SENDER": ("+983000505", ("+983000505",)),
    "IPPANEL_URL": ("http://127.0.0.1:8000/v1",) * 2,
    "IPPANEL_TEMPLATE": ("k0x9z",) * 2,
    "IPPANEL_PARAMETER": ("otp",) * 2,
    "MAGFA_USERNAME": ("chapar",) * 2,
    "MAGFA_PASSWORD": TEXT,
    "MAGFA_DOMAIN": ("magfa",) * 2,
    "MAGFA_SENDER": ("3000611", ("3000611",)),
    "MAGFA_URL": ("http://127.0.0.1:8000/v2",) * 2,
    "SAFIR_KEY": TEXT,
    "SAFIR_BOT": ("123456789", 123_456_789),
    "SAFIR_URL": ("http://127.0.0.1:8000",) * 2,
    "SMS_LINES": (" 10004346, +983000222,", ("10004346", "+983000222")),
    "SMS_INBOUND_SECRET": TEXT,
    "SMS_INBOUND_ADDRESSES": ("10.0.0.7,2001:db8::/32", NETWORKS),
    "SMS_INBOUND_EVERY": ("15", 15.0),
    "SMS_INBOUND_SMPP": ("smpp://line:hidden@smsc:2775", "smpp://line:hidden@smsc:2775"),
    "SMS_INBOUND_BIND": ("transceiver", "transceiver"),
    "SMPP_CONNECTORS": (" mci, irancell2,", ("mci", "irancell2")),
    "ROUTES_FILE": ("routes.yaml", Path("routes.yaml")),
    "RECEIPTS_SECRET": TEXT,
    "RECEIPTS_ADDRESSES": ("10.0.0.7,2001:db8::/32", NETWORKS),
    "WEBHOOKS_LOOPBACK": ("yes", True),
    "ADVERTISING_HOURS": ("07:00-22:30", "07:00-22:30"),
    "ADVERTISING_CONSENT": ("no", False),
    "ADVERTISING_WAY_OUT": ("لغو۱۱",) * 2,
    "NOTICES_WAY_OUT": ("لغو11", "لغو11"),
    "VOICE_PROVIDER": ("kavenegar-call", "kavenegar-call"),
    "KAVENEGAR_CALL_TEMPLATE": ("chapar-call",) * 2,
    "ASTERISK_URL": ("http://10.0.0.7:8088/ari",) * 2,
    "ASTERISK_USER": ("chapar",) * 2,
    "ASTERISK_PASSWORD": TEXT,
    "ASTERISK_ENDPOINT": ("PJSIP/{number}@trunk",) * 2,
    "ASTERISK_CALLER": ("02112345",) * 2,
    "ASTERISK_PROMPTS": ("prompts",) * 2,
    "USSD_PUSH_PROVIDER": ("restcomm-push",) * 2,
    "RESTCOMM_PUSH_URL": ("http://10.0.0.5:8080/restcomm",) * 2,
    "RESTCOMM_PUSH_NETWORK": ("3", 3),
    "EMAIL_PROVIDER": ("smtp", "smtp"),
    "SMTP_URL": ("smtps://u:p@mail:465",) * 2,
    "MAIL_FROM": ("Chapar <noreply@example.ir>",) * 2,
    "MAIL_RETURNS": ("bounces@example.ir",) * 2,
    "DKIM_KEY_FILE": ("/run/secrets/dkim.pem", Path("/run/secrets/dkim.pem")),
    "DKIM_SELECTOR": ("mail2026",) * 2,
    "PUSH_PROVIDER": ("fcm", ("fcm",)),
    "PUSH_PROXY": ("http://u:p@10.0.0.7:3128",) * 2,
    "FCM_ACCOUNT_FILE": ("/run/secrets/fcm.json", Path("/run/secrets/fcm.json")),
    "FCM_URL": ("http://127.0.0.1:8000",) * 2,
    "WEBPUSH_KEY_FILE": ("/run/secrets/vapid.pem", Path("/run/secrets/vapid.pem")),
    "WEBPUSH_CONTACT": ("mailto:push@example.ir",) * 2,
    "APNS_KEY_FILE": ("/run/secrets/apns.p8", Path("/run/secrets/apns.p8")),
    "APNS_KEY_ID": ("KEY1234567",) * 2,
    "APNS_TEAM": ("TEAM123456",) * 2,
    "APNS_TOPIC": ("ir.example.chapar",) * 2,
    "APNS_URL": ("https://api.sandbox.push.apple.com",) * 2,
    "SITE_DOMAIN": ("chapar.example.ir", "chapar.example.ir"),
    "IDENTITY_URL": ("https://registry.example.ir/api",) * 2,
    "IDENTITY_TOKEN": TEXT,
    "COMPLAINT_DAYS": ("10", 10),
    "HANDOVER_HOURS": ("sat-wed 08:00-16:00", "sat-wed 08:00-16:00"),
    "HANDOVER_PATIENCE": ("60", 60.0),
    "NUMBER_PROOF_DAYS": ("90", 90),
    "NUMBER_SILENCE_DAYS": ("730", 730),
    "FILE_BYTES": ("1000000", 1_000_000),
    "FILE_DAY_BYTES": ("100000000", 100_000_000),
    "FILE_TYPES": ("image/jpeg, application/pdf", ("image/jpeg", "application/pdf")),
    "FILE_PIXELS": ("12000000", 12_000_000),
    "JOB_BYTES": ("1000000", 1_000_000),
    "WEBCHAT": ("yes", True),
    "WEBCHAT_ORIGINS": (
        " https://Shop.example.ir/, http://localhost:8000 ,",
        ("https://shop.example.ir", "http://localhost:8000"),
    ),
    "WEBCHAT_SOCKETS": ("50000", 50_000),
    "WEBCHAT_ADDRESS_SOCKETS": ("20", 20),
    "WEBCHAT_ADDRESS_RATE": ("0", 0.0),
    "WEBCHAT_VISITOR_RATE": ("0.5", 0.5),
    "LOG_LEVEL": ("debug", "debug"),
    "LOG_FORMAT": ("text", "text"),
}
ROUTE_TAKES: Mapping[str, tuple[str, Any]] = {
    "SECRET": TEXT,
    "ADDRESSES": ("10.0.0.7,2001:db8::/32", NETWORKS),
    "CODE": ("*733*2#", "*733*2#"),
    "UNITS": ("70", 70),
    "SEPTETS": ("160", 160),
    "STRIP_ZWNJ": ("yes", True),
    "RLM": ("on", True),
    "OPTIONS": ("charge=Y, amount = 500", (("charge", "Y"), ("amount", "500"))),
}

BOT_TAKES: Mapping[str, tuple[str, Any]] = {
    "TOKEN": ("123:A-b_C",) * 2,
    "BOTS": (" shop=123:ABC, help=456:DEF ,", (("shop", "123:ABC"), ("help", "456:DEF"))),
    "MODE": ("polling",) * 2,
    "WEBHOOK_SECRET": ("x" * 16,) * 2,
    "BASE_URL": ("http://127.0.0.1:8081/bot",) * 2,
    "PROXY": ("http://u:p@10.0.0.7:3128",) * 2,
    "RATE": ("0", 0.0),
    "CHAT_RATE": ("2.5", 2.5),
}

SMSC_TAKES: Mapping[str, tuple[str, Any]] = {
    "URL": ("smpps://id:p%40ss@smsc:3550",) * 2,
    "BIND": ("pair",) * 2,
    "BINDS": ("4", 4),
    "WINDOW": ("50", 50),
    "SYSTEM_TYPE": ("USSD",) * 2,
    "ADDRESS_RANGE": ("733",) * 2,
    "CA_FILE": ("/etc/smsc.pem", Path("/etc/smsc.pem")),
    "RESPONSE": ("10", 10.0),
    "ENQUIRE": ("60", 60.0),
}
SMPP_TAKES: Mapping[str, tuple[str, Any]] = {
    **SMSC_TAKES,
    "VENDOR": ("mica",) * 2,
    "OPTIONS": (
        "gsm7=15, ends=0x81:aborted+0x82:timeout",
        (("gsm7", "15"), ("ends", "0x81:aborted+0x82:timeout")),
    ),
    "CODE": ("*733*2#",) * 2,
    "UNITS": ("70", 70),
    "SEPTETS": ("160", 160),
    "STRIP_ZWNJ": ("yes", True),
    "RLM": ("on", True),
}
SMPP_SMS_TAKES: Mapping[str, tuple[str, Any]] = {
    **SMSC_TAKES,
    "SENDER": (" 10004346, +983000222,", ("10004346", "+983000222")),
    "LONG": ("sar",) * 2,
    "IDS": ("hex",) * 2,
    "RECEIPT_IDS": ("decimal",) * 2,
    "RECEIPTS": ("no", False),
    "VALIDITY": ("absolute",) * 2,
    "SERVICE_TYPE": ("CMT",) * 2,
    "SOURCE_TON": ("5", 5),
    "SOURCE_NPI": ("1", 1),
    "DEST_TON": ("0", 0),
    "DEST_NPI": ("18", 18),
}

# What each refuses. Text and folders are taken as they are.
REFUSES: Mapping[str, tuple[str, ...]] = {
    "PORT": ("eighty", "-1", "65536", "8080.0", "٨٠٨٠", "1_000", "9" * 5_000),
    "DATABASE_URL": ("mysql://u:hidden@db/x", "/hidden/file", "postgresql://u:hidden@db:port/x"),
    "REDIS_URL": ("http://hidden", "redis://hidden:port", "redis://[hidden"),
    "TRUSTED_PROXIES": ("10.0.0.300", "10.0.0.7/8", "localhost"),
    "MONITOR_ADDRESSES": ("10.0.0.7-10.0.0.9",),
    "TURN_DEADLINE": ("0", "-1", "soon", "nan", "inf", "86401"),
    "NEED_DEADLINE": ("0",),
    "TURNS_IN_FLIGHT": ("0", "10001"),
    "CACHE_BYTES": ("1",),
    "DISPATCH_PORT": ("70000", "x"),
    "DISPATCH_IN_SERVE": ("perhaps",),
    "SMS_PROVIDER": ("nobody", "Sandbox"),
    "KAVENEGAR_URL": ("ftp://api", "api.kavenegar.com", "http://["),
    "KAVENEGAR_TEMPLATE": ("کد", "a b"),
    "SMS_PROXY": ("socks5://hidden",),
    "SMSIR_SENDER": ("+983000", "خط", "12"),
    "SMSIR_URL": ("api.sms.ir",),
    "SMSIR_TEMPLATE": ("code", "0"),
    "SMSIR_PARAMETER": ("#code#",),
    "MELIPAYAMAK_SENDER": ("5000-2710",),
    "MELIPAYAMAK_URL": ("rest.payamak-panel.com",),
    "MELIPAYAMAK_TEMPLATE": ("code",),
    "MELIPAYAMAK_TOGETHER": ("both",),
    "IPPANEL_SENDER": ("+98BANK",),
    "IPPANEL_URL": ("edge.ippanel.com",),
    "IPPANEL_TEMPLATE": ("k 0",),
    "IPPANEL_PARAMETER": ("%code%",),
    "MAGFA_SENDER": ("Chapar",),
    "MAGFA_URL": ("sms.magfa.com",),
    "SAFIR_BOT": ("0", "bot", "1:abc"),
    "SAFIR_URL": ("safir.bale.ai",),
    "SMS_LINES": ("chapar", "12", "10004346;30002225", "۱۰۰۰۴۳۴۶"),
    "SMS_INBOUND_ADDRESSES": ("everybody",),
    "SMS_INBOUND_EVERY": ("0", "often"),
    "SMS_INBOUND_SMPP": ("https://hidden", "hidden"),
    "SMS_INBOUND_BIND": ("sender",),
    "SMPP_CONNECTORS": ("sms", "mci,mci", "MCI", "all_of_them", "همراه"),
    "RECEIPTS_ADDRESSES": ("everybody",),
    "ADVERTISING_HOURS": ("9-21", "21:00-09:00", "09:00-24:30", "always"),
    "ADVERTISING_CONSENT": ("perhaps",),
    "VOICE_PROVIDER": ("kavenegar",),
    "KAVENEGAR_CALL_TEMPLATE": ("a b",),
    "ASTERISK_URL": ("10.0.0.7:8088",),
    "ASTERISK_ENDPOINT": ("PJSIP/trunk",),
    "ASTERISK_PROMPTS": ("../x",),
    "USSD_PUSH_PROVIDER": ("restcomm",),
    "RESTCOMM_PUSH_URL": ("10.0.0.5:8080",),
    "RESTCOMM_PUSH_NETWORK": ("-1", "home"),
    "EMAIL_PROVIDER": ("sendmail",),
    "SMTP_URL": ("http://hidden", "smtp://hidden:port"),
    "DKIM_SELECTOR": ("a b",),
    "PUSH_PROVIDER": ("nobody", "sandbox,fcm", "fcm,fcm", ","),
    "PUSH_PROXY": ("socks5://hidden",),
    "FCM_URL": ("fcm.googleapis.com",),
    "WEBPUSH_CONTACT": ("push@example.ir",),
    "APNS_KEY_ID": ("a b",),
    "APNS_TEAM": ("تیم",),
    "APNS_URL": ("http://api.push.apple.com",),
    "IDENTITY_URL": ("registry.example.ir",),
    "COMPLAINT_DAYS": ("0", "11"),
    "HANDOVER_PATIENCE": ("0", "two minutes"),
    "NUMBER_PROOF_DAYS": ("0", "3651"),
    "NUMBER_SILENCE_DAYS": ("29", "year"),
    "FILE_BYTES": ("999", "20000001", "5 MB"),
    "FILE_DAY_BYTES": ("0",),
    "FILE_TYPES": ("jpeg", "image/*", "image/jpeg,,"),
    "FILE_PIXELS": ("0",),
    "JOB_BYTES": ("999", "1 GB"),
    "WEBCHAT": ("perhaps",),
    "WEBCHAT_ORIGINS": ("shop.example.ir", "https://shop.example.ir/page", "https://*.example.ir"),
    "WEBCHAT_SOCKETS": ("0",),
    "WEBCHAT_ADDRESS_SOCKETS": ("0",),
    "WEBCHAT_ADDRESS_RATE": ("-1",),
    "WEBCHAT_VISITOR_RATE": ("fast",),
    "LOG_LEVEL": ("chatty",),
    "LOG_FORMAT": ("xml",),
}
ROUTE_REFUSES: Mapping[str, tuple[str, ...]] = {
    "ADDRESSES": ("everybody",),
    "CODE": ("733", "*733", "733#", "*7a3#", "*#", "*٧٣٣#"),
    "UNITS": ("19", "1001"),
    "SEPTETS": ("39", "2001"),
    "STRIP_ZWNJ": ("sometimes",),
    "RLM": ("2",),
    "OPTIONS": ("charge", "=Y", "charge=Y,amount"),
}
BOT_REFUSES: Mapping[str, tuple[str, ...]] = {
    "TOKEN": ("hidden/../", "hid den"),
    "BOTS": ("hidden", "=hidden", "shop=hid/den", "shop=1:hidden,shop=2:hidden", "فروش=1:hidden"),
    "MODE": ("both",),
    "WEBHOOK_SECRET": ("hidden", "hidden" * 3 + "/", "x" * 257),
    "BASE_URL": ("api.telegram.org",),
    "PROXY": ("socks5://hidden",),
    "RATE": ("-1", "fast", "nan"),
    "CHAT_RATE": ("inf",),
}
SMPP_SMS_REFUSES: Mapping[str, tuple[str, ...]] = {
    "URL": ("http://id:hidden@smsc",),
    "SENDER": ("chapar",),
    "LONG": ("header",),
    "IDS": ("octal",),
    "RECEIPT_IDS": ("octal",),
    "RECEIPTS": ("some",),
    "VALIDITY": ("local",),
    "SOURCE_TON": ("8",),
    "SOURCE_NPI": ("x",),
    "DEST_TON": ("-1",),
    "DEST_NPI": ("19",),
}
SMPP_REFUSES: Mapping[str, tuple[str, ...]] = {
    "URL": ("http://id:hidden@smsc", "smpp://id:hidden@smsc:port"),
    "VENDOR": ("nobody",),
    "OPTIONS": ("gsm7",),
    "CODE": ("733",),
    "BIND": ("receiver",),
    "BINDS": ("0", "33"),
    "WINDOW": ("0", "1001"),
    "RESPONSE": ("0",),
    "ENQUIRE": ("soon",),
    "UNITS": ("19",),
    "SEPTETS": ("39",),
    "STRIP_ZWNJ": ("sometimes",),
    "RLM": ("2",),
}

# What others need so that they can stand alone.
CONNECTORS = {"SMPP_MCI_URL": "smpp://c:hidden@mci", "SMPP_IRANCELL2_URL": "smpp://c:hidden@mtn"}
COMPANIONS = {
    "SMPP_CONNECTORS": CONNECTORS,
    "SMS_PROVIDER": {"KAVENEGAR_KEY": "k"},
    "SMS_INBOUND_EVERY": {"KAVENEGAR_KEY": "k", "SMS_LINES": "10004346"},
    "VOICE_PROVIDER": {"KAVENEGAR_KEY": "k"},
    "PUSH_PROVIDER": {"FCM_ACCOUNT_FILE": "fcm.json"},
    "EMAIL_PROVIDER": {"SMTP_URL": "smtp://localhost", "MAIL_FROM": "noreply@example.ir"},
    "USSD_PUSH_PROVIDER": {"RESTCOMM_PUSH_URL": "http://10.0.0.5:8080/restcomm"},
}


def names(kind: type[Any]) -> list[str]:
    return [each.name.upper() for each in fields(kind) if "parse" in each.metadata]


def secrets(kind: type[Any]) -> list[str]:
    return [each.name.upper() for each in fields(kind) if each.metadata.get("secret")]


def test_every_setting_is_tried_here() -> None:
    assert set(TAKES) == set(names(Settings))
    assert set(ROUTE_TAKES) == set(names(RouteSettings))
    assert set(BOT_TAKES) == set(names(BotSettings))
    assert set(SMPP_TAKES) == set(names(SmppSettings))
    assert set(SMPP_SMS_TAKES) == set(names(SmppSmsSettings))
    assert set(settings.GATEWAYS) == set(GATEWAYS)
    assert tuple(VENDORS) == settings.SMPP_VENDORS


@pytest.mark.parametrize(("name", "text", "value"), [(name, *each) for name, each in TAKES.items()])
def test_a_setting_is_read(name: str, text: str, value: Any) -> None:
    found = load({name: f" {text}\n", **COMPANIONS.get(name, {})})
    assert getattr(found, name.lower()) == value
    assert found.sources[name] == "environment"


@pytest.mark.parametrize("gateway", settings.GATEWAYS)
def test_the_settings_of_a_route_are_read(gateway: str) -> None:
    found = load({f"USSD_{gateway.upper()}_{name}": text for name, (text, _value) in ROUTE_TAKES.items()})
    for name, (_text, value) in ROUTE_TAKES.items():
        assert getattr(found.routes[gateway], name.lower()) == value
    others = [route for name, route in found.routes.items() if name != gateway]
    assert all(route == RouteSettings() for route in others)


@pytest.mark.parametrize("platform", settings.PLATFORMS)
def test_the_settings_of_bots_are_read(platform: str) -> None:
    found = load({f"{platform.upper()}_{name}": text for name, (text, _value) in BOT_TAKES.items()})
    for name, (_text, value) in BOT_TAKES.items():
        assert getattr(found.bots[platform], name.lower()) == value
    assert [bots for name, bots in found.bots.items() if name != platform] == [BotSettings()]
    assert found.bots[platform].tokens == {"": "123:A-b_C", "shop": "123:ABC", "help": "456:DEF"}
    assert BotSettings().tokens == {}


@pytest.mark.parametrize(("holder", "takes"), [("smpp_ussd", SMPP_TAKES), ("smpp_sms", SMPP_SMS_TAKES)])
def test_the_settings_of_smpp_are_read(holder: str, takes: Mapping[str, tuple[str, Any]]) -> None:
    found = load({f"{holder.upper()}_{name}": text for name, (text, _value) in takes.items()})
    for name, (_text, value) in takes.items():
        assert getattr(getattr(found, holder), name.lower()) == value
    assert (load({}).smpp_ussd, load({}).smpp_sms) == (SmppSettings(), SmppSmsSettings())


@pytest.mark.parametrize(
    ("name", "text"),
    [(name, text) for name, texts in REFUSES.items() for text in texts]
    + [(f"USSD_NALO_{name}", text) for name, texts in ROUTE_REFUSES.items() for text in texts]
    + [(f"BALE_{name}", text) for name, texts in BOT_REFUSES.items() for text in texts]
    + [(f"SMPP_USSD_{name}", text) for name, texts in SMPP_REFUSES.items() for text in texts]
    + [(f"SMPP_SMS_{name}", text) for name, texts in SMPP_SMS_REFUSES.items() for text in texts],
)
def test_a_setting_is_refused_in_one_line_that_names_it(name: str, text: str) -> None:
    with pytest.raises(SettingError) as refused:
        load({name: text})
    said = str(refused.value)
    assert re.match(f"{name}: .+ is not (a|an|one of|yes or no|addresses|options)\\b", said), said
    assert "\n" not in said
    assert "hidden" not in said


def test_nothing_set_is_the_embedded_default() -> None:
    found = load({"PORT": "", "DATABASE_URL": "  ", "UNRELATED": "x", "USSD_NALO_SECRET": ""})
    assert found.embedded
    assert found.database == "sqlite:///var/chapar.sqlite3"
    assert found.key_path == Path("var/keys.json")
    assert found.dispatches
    assert found.sandboxed == ("sms", "voice", "email", "ussd", "push")
    assert (found.host, found.port) == ("127.0.0.1", 8080)
    assert found.sources == {}
    assert {source for _name, _value, source, _meaning in describe(found)} == {"default"}


def test_beyond_the_default() -> None:
    found = load({"DATABASE_URL": "postgresql://db/chapar", "KEY_FILE": "/keys", "DATA_DIR": "/data"})
    assert not found.embedded
    assert not found.dispatches
    assert found.database == "postgresql://db/chapar"
    assert found.key_path == Path("/keys")
    assert load({"DATABASE_URL": "postgresql://db/x", "DISPATCH_IN_SERVE": "1"}).dispatches
    assert not load({"DISPATCH_IN_SERVE": "0"}).dispatches


def test_channels_leave_the_sandbox_one_by_one() -> None:
    kavenegar = {"SMS_PROVIDER": "kavenegar", "KAVENEGAR_KEY": "k"}
    smtp = {"EMAIL_PROVIDER": "smtp", "SMTP_URL": "smtp://mail", "MAIL_FROM": "noreply@example.ir"}
    fcm = {"PUSH_PROVIDER": "fcm", "FCM_ACCOUNT_FILE": "fcm.json"}
    assert load(kavenegar).sandboxed == ("voice", "email", "ussd", "push")
    assert load(kavenegar | smtp).sandboxed == ("voice", "ussd", "push")
    assert load(kavenegar | smtp | fcm).sandboxed == ("voice", "ussd")


def test_further_smscs() -> None:
    found = load({"SMPP_CONNECTORS": "mci", "SMPP_MCI_URL": "smpp://c@mci", "SMPP_MCI_IDS": "hex"})
    assert list(found.smscs) == ["smpp", "smpp-mci"]
    assert (found.smscs["smpp-mci"].url, found.smscs["smpp-mci"].ids) == ("smpp://c@mci", "hex")
    with pytest.raises(SettingError, match=r"^SMPP_MCI_URL: is empty, but SMPP_CONNECTORS needs it$"):
        load({"SMPP_CONNECTORS": "mci"})
    with pytest.raises(SettingError, match=r"^SMPP_MCI_URL: there is no such setting"):
        load({"SMPP_MCI_URL": "smpp://c@mci"})


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"SMS_PROVIDER": "kavenegar"}, "KAVENEGAR_KEY"),
        ({"SMS_PROVIDER": "smsir"}, "SMSIR_KEY"),
        ({"SMS_PROVIDER": "smsir", "SMSIR_KEY": "k"}, "SMSIR_SENDER"),
        ({"SMS_PROVIDER": "safir", "SAFIR_KEY": "k"}, "SAFIR_BOT"),
        ({"SMS_PROVIDER": "melipayamak"}, "MELIPAYAMAK_USERNAME"),
        ({"SMS_PROVIDER": "melipayamak", "MELIPAYAMAK_USERNAME": "u"}, "MELIPAYAMAK_PASSWORD"),
        ({"SMS_PROVIDER": "ippanel", "IPPANEL_KEY": "k"}, "IPPANEL_SENDER"),
        ({"SMS_PROVIDER": "magfa", "MAGFA_USERNAME": "u", "MAGFA_PASSWORD": "p"}, "MAGFA_DOMAIN"),
        ({"SMS_INBOUND_EVERY": "5", "SMS_LINES": "10004346"}, "KAVENEGAR_KEY"),
        ({"SMS_INBOUND_EVERY": "5", "KAVENEGAR_KEY": "k"}, "SMS_LINES"),
        ({"EMAIL_PROVIDER": "smtp", "MAIL_FROM": "noreply@example.ir"}, "SMTP_URL"),
        ({"EMAIL_PROVIDER": "smtp", "SMTP_URL": "smtp://mail"}, "MAIL_FROM"),
        ({"BALE_MODE": "webhook", "BALE_TOKEN": "1:x"}, "PUBLIC_URL"),
    ],
)
def test_a_setting_that_another_needs(given: dict[str, str], name: str) -> None:
    with pytest.raises(SettingError, match=f"^{name}: is empty, but [A-Z_]+(=[a-z]+)? needs it$"):
        load(given)


@pytest.mark.parametrize(
    "name",
    [
        "USSD_NALO_SECERT",
        "USSD_NALA_SECRET",
        "USSD_SECRET",
        "USSD_nalo_secret",
        "TELEGRAM_TOKNE",
        "SMS_INBOUND_SECERT",
        "SMPP_USSD_PASSWORD",
    ],
)
def test_a_misspelt_setting_of_a_route_is_refused(name: str) -> None:
    """Else the route stays as it was while its operator thinks that it has a secret."""
    with pytest.raises(SettingError, match=f"^{name}: there is no such setting"):
        load({name: "hidden"})


def test_everything_is_described_and_secrets_are_masked() -> None:
    given = {name: text for name, (text, _value) in TAKES.items()}
    for gateway in settings.GATEWAYS:
        for name, (text, _value) in ROUTE_TAKES.items():
            given[f"USSD_{gateway.upper()}_{name}"] = text
    for platform in settings.PLATFORMS:
        for name, (text, _value) in BOT_TAKES.items():
            given[f"{platform.upper()}_{name}"] = text
    given |= {f"SMPP_USSD_{name}": text for name, (text, _value) in SMPP_TAKES.items()}
    for smsc in ("SMS", "MCI", "IRANCELL2"):
        given |= {f"SMPP_{smsc}_{name}": text for name, (text, _value) in SMPP_SMS_TAKES.items()}
    secret = set(secrets(Settings)) | {
        f"USSD_{gateway.upper()}_{name}" for gateway in settings.GATEWAYS for name in secrets(RouteSettings)
    }
    secret |= {
        f"{platform}_{name}".upper() for platform in settings.PLATFORMS for name in secrets(BotSettings)
    }
    secret |= {
        f"SMPP_{what}_{name}"
        for what in ("USSD", "SMS", "MCI", "IRANCELL2")
        for name in secrets(SmppSettings)
    }
    shown = {name: (value, source, meaning) for name, value, source, meaning in describe(load(given))}
    assert shown.keys() == given.keys()
    for name, (value, source, meaning) in shown.items():
        assert source == "environment"
        assert meaning
        assert (value == "••••") == (name in secret), name
    assert shown["TRUSTED_PROXIES"][0] == "10.0.0.7/32,2001:db8::/32"
    assert shown["DISPATCH_IN_SERVE"][0] == "no"
    assert shown["USSD_NALO_OPTIONS"][0] == "charge=Y,amount=500"


def test_what_holds_a_password_is_a_secret() -> None:
    assert set(secrets(Settings)) == {
        "DATABASE_URL",
        "REDIS_URL",
        "KEYS",
        "KAVENEGAR_KEY",
        "SMS_PROXY",
        "SAFIR_KEY",
        "SMSIR_KEY",
        "MELIPAYAMAK_PASSWORD",
        "IPPANEL_KEY",
        "MAGFA_PASSWORD",
        "SMS_INBOUND_SECRET",
        "SMS_INBOUND_SMPP",
        "RECEIPTS_SECRET",
        "ASTERISK_PASSWORD",
        "SMTP_URL",
        "PUSH_PROXY",
        "IDENTITY_TOKEN",
    }
    assert secrets(RouteSettings) == ["SECRET"]
    assert secrets(BotSettings) == ["TOKEN", "BOTS", "WEBHOOK_SECRET", "PROXY"]
    given = load({"USSD_NALO_SECRET": "hidden", "DATABASE_URL": "postgresql://u:hidden@db/x"})
    assert "hidden" not in str(dict(zip("abcd", describe(given), strict=False)))
