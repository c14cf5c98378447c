"""E-mail wired as the settings say, and the way out by one click (RFC 8058)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

import mailing
import settings
from house import House, house
from services.suppression import Suppressions
from services.unsubscribing import PATH
from serving import application, conversation_of
from settings import SettingError

URL = "https://chapar.example.ir"
SMTP = {"EMAIL_PROVIDER": "smtp", "SMTP_URL": "smtp://localhost", "MAIL_FROM": "noreply@example.ir"}
TO = "sara@example.ir"
Browser = TestClient[web.Request, web.Application]
NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[House]:
    async with house(settings.load({"DATA_DIR": str(tmp_path), "PUBLIC_URL": URL, **SMTP})) as home:
        yield home


@pytest.fixture
async def browser(home: House) -> AsyncIterator[Browser]:
    async with TestClient(TestServer(application(home, conversation_of(home)))) as client:
        yield client


async def suppressed(home: House) -> str | None:
    found = await Suppressions(database=home.database, vault=home.vault).of("email", TO, NOW)
    return None if found is None else found.scope


async def test_only_a_post_ends_advertising(home: House, browser: Browser) -> None:
    url = mailing.unsubscribing(home).url(TO)
    assert url.startswith(f"{URL}{PATH}")
    path = url.removeprefix(URL)
    for _look in range(2):  # Programs that look into mails do.
        async with browser.get(path) as response:
            assert response.status == 200
            shown = await response.text()
            assert '<form method="post">' in shown
            assert 'dir="rtl"' in shown
    assert await suppressed(home) is None
    async with browser.post(path, data={"List-Unsubscribe": "One-Click"}) as response:
        assert response.status == 200
    assert await suppressed(home) == "advertising"
    async with browser.post(path, headers={"Accept-Language": "en-GB,en;q=0.9"}) as response:
        assert response.status == 200
        assert "No more advertising" in await response.text()


async def test_a_made_up_url_ends_nothing(home: House, browser: Browser) -> None:
    token = mailing.unsubscribing(home).url(TO).rpartition("/")[2]
    last = "A" if token[-2] != "A" else "B"
    for wrong in ("x", "a" * 43, f"{token[:-2]}{last}{token[-1]}", f"{token}AAAA", "%D8%A7", token[:20]):
        for method in ("GET", "POST"):
            async with browser.request(method, PATH + wrong) as response:
                assert response.status == 404, wrong
    assert await suppressed(home) is None


async def test_a_url_says_nothing_of_its_person(home: House) -> None:
    ways_out = mailing.unsubscribing(home)
    assert TO not in ways_out.url(TO)
    assert ways_out.url(TO) == ways_out.url(TO) != ways_out.url("ali@example.ir")


async def test_without_https_there_is_no_way_out_by_a_click(tmp_path: Path) -> None:
    given = {"DATA_DIR": str(tmp_path), "PUBLIC_URL": "http://chapar.example.ir", **SMTP}
    async with house(settings.load(given)) as home:
        assert mailing.unsubscribing(home).url(TO) == ""
        assert mailing.routes(home) == []


async def test_a_key_that_signs(tmp_path: Path) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    pem = tmp_path / "dkim.pem"
    given = settings.load({"DKIM_KEY_FILE": str(pem), **SMTP})
    with pytest.raises(SettingError, match=r"DKIM_KEY_FILE: .*No such file"):
        mailing.signer(given)
    pem.write_text("hidden")
    with pytest.raises(SettingError, match="DKIM_KEY_FILE: ") as refused:
        mailing.signer(given)
    assert "hidden" not in str(refused.value)
    pem.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    assert mailing.signer(given) is not None
    assert mailing.signer(settings.load(SMTP)) is None
