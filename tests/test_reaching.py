"""Who calls, mails and pushes, made from the settings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer

import settings
from composition import carriers, reaching
from composition.house import house, now
from composition.sending import dispatching
from dispatch.provider import Account, ReceiptSource
from dispatch.routes import Routes
from records.unit import Unit
from services.notices import Recipient
from settings import SettingError
from tests.dispatch.test_asterisk import Ari, answered
from tests.dispatch.test_fcm import PEM
from tests.dispatch.test_webpush import PEM as VAPID
from tests.test_sending import settled

VOICE: Mapping[str, dict[str, str]] = {
    "sandbox": {},
    "kavenegar-call": {"KAVENEGAR_KEY": "k", "KAVENEGAR_CALL_TEMPLATE": "chapar"},
    "ippanel-call": {"IPPANEL_KEY": "k"},
    "asterisk": {
        "ASTERISK_USER": "chapar",
        "ASTERISK_PASSWORD": "secret",
        "ASTERISK_ENDPOINT": "PJSIP/{number}@trunk",
    },
}


async def test_whoever_calls_is_made_from_its_settings(tmp_path: Path) -> None:
    assert set(VOICE) == set(settings.VOICE_PROVIDERS)
    for name, given in VOICE.items():
        found = settings.load({"DATA_DIR": str(tmp_path / name), "VOICE_PROVIDER": name, **given})
        async with house(found) as home:
            provider, close = reaching.provider("voice", name, home)
            assert (provider.name, provider.channel) == (name, "voice")
            assert carriers.usual(found)["voice"].provider == name
            if name.endswith("-call"):
                assert isinstance(provider, ReceiptSource)
                assert isinstance(provider, Account)
            with pytest.raises(SettingError, match="ROUTES_FILE: there is no provider nobody of voice"):
                reaching.provider("voice", "nobody", home)
            await close()


@pytest.mark.parametrize("name", [name for name, given in VOICE.items() if given])
def test_what_a_caller_cannot_do_without(name: str) -> None:
    with pytest.raises(SettingError, match=f"_(KEY|USER): is empty, but VOICE_PROVIDER={name} needs it"):
        settings.load({"VOICE_PROVIDER": name})


async def test_a_code_is_called_out_and_its_receipt_kept(tmp_path: Path) -> None:
    """From the flow's side to Asterisk, and back by its event."""
    ari = Ari()
    ari.person = lambda call: [answered(call)]
    async with TestServer(ari.app()) as server:
        given = {
            "DATA_DIR": str(tmp_path),
            "VOICE_PROVIDER": "asterisk",
            "ASTERISK_URL": str(server.make_url("/ari")),
            **VOICE["asterisk"],
        }
        async with house(settings.load(given)) as home, dispatching(home):
            unit, to, life = Unit(), Recipient("+989121234567", "fa"), timedelta(minutes=2)
            home.services.notices.code(unit, now(), to, "voice", "0482", "x.ir", life, "verification:1")
            await home.committer.commit(unit)
            row = await settled(home)
            assert (row.status, row.provider) == ("delivered", "asterisk")
    assert ari.played[0][1]["media"].startswith("sound:chapar/code,sound:digits/0,sound:digits/4")


async def test_fcm_is_made_from_its_settings(tmp_path: Path) -> None:
    file = tmp_path / "fcm.json"
    given = {"DATA_DIR": str(tmp_path), "PUSH_PROVIDER": "fcm", "FCM_ACCOUNT_FILE": str(file)}
    async with house(settings.load(given)) as home:
        with pytest.raises(SettingError, match=r"FCM_ACCOUNT_FILE: .*No such file"):
            reaching.provider("push", "fcm", home)
        file.write_text("hidden")
        with pytest.raises(SettingError, match="FCM_ACCOUNT_FILE: ") as refused:
            reaching.provider("push", "fcm", home)
        assert "hidden" not in str(refused.value)
        account = {"project_id": "p", "client_email": "e", "private_key": PEM}
        file.write_text(json.dumps(account))
        provider, _close = reaching.provider("push", "fcm", home)
        assert (provider.name, provider.channel) == ("fcm", "push")
    with pytest.raises(SettingError, match="FCM_ACCOUNT_FILE: is empty, but PUSH_PROVIDER=fcm needs it"):
        settings.load({"PUSH_PROVIDER": "fcm"})


@pytest.mark.parametrize("proxy", ["", "http://127.0.0.1:3128"])
async def test_web_push_is_made_from_its_settings(tmp_path: Path, proxy: str) -> None:
    file = tmp_path / "vapid.pem"
    file.write_bytes(VAPID)
    given = {
        "DATA_DIR": str(tmp_path),
        "PUSH_PROVIDER": "webpush",
        "PUSH_PROXY": proxy,
        "WEBPUSH_KEY_FILE": str(file),
        "WEBPUSH_CONTACT": "mailto:push@example.ir",
    }
    async with house(settings.load(given)) as home:
        provider, close = reaching.provider("push", "webpush", home)
        assert (provider.name, provider.channel) == ("webpush", "push")
        await close()
        assert not home.http.closed
        file.write_text(PEM)
        with pytest.raises(SettingError, match=r"WEBPUSH_KEY_FILE: .* is not a private key on P-256"):
            reaching.provider("push", "webpush", home)
    for name in ("WEBPUSH_KEY_FILE", "WEBPUSH_CONTACT"):
        with pytest.raises(SettingError, match=f"{name}: is empty, but PUSH_PROVIDER=webpush needs it"):
            settings.load({key: value for key, value in given.items() if key != name})


async def test_apns_is_made_from_its_settings(tmp_path: Path) -> None:
    file = tmp_path / "apns.p8"
    file.write_bytes(VAPID)
    given = {
        "DATA_DIR": str(tmp_path),
        "PUSH_PROVIDER": "apns",
        "APNS_KEY_FILE": str(file),
        "APNS_KEY_ID": "KEY1234567",
        "APNS_TEAM": "TEAM123456",
        "APNS_TOPIC": "ir.example.chapar",
    }
    async with house(settings.load(given)) as home:
        provider, close = reaching.provider("push", "apns", home)
        assert (provider.name, provider.channel) == ("apns", "push")
        await close()
        file.unlink()
        with pytest.raises(SettingError, match=r"APNS_KEY_FILE: .*No such file"):
            reaching.provider("push", "apns", home)


def test_each_service_of_push_has_the_addresses_of_its_name() -> None:
    routes = Routes(reaching.push_routes(("fcm", "apns")))
    found = routes.of("push", "otp", "apns:abc")
    assert found is not None
    assert list(found.providers) == ["apns"]
    assert routes.of("push", "otp", "webpush:{}") is None
    sandbox = Routes(reaching.push_routes(("sandbox",))).of("push", "otp", "webpush:{}")
    assert sandbox is not None
    assert list(sandbox.providers) == ["sandbox"]
