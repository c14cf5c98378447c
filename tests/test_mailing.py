"""E-mail wired as the settings say, and the way out by one click (RFC 8058)."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy import select

import settings
from composition import mailing
from composition.house import House, house
from composition.serving import application, conversation_of
from records.claims import claim, settle
from records.outbox import queue
from records.settlement import Note, Settled
from records.tables import attempts, dead_letters, outbox
from records.unit import Unit
from services.suppression import Suppressions
from services.unsubscribing import PATH
from settings import SettingError
from tests.dispatch.test_bounces import OURS, POSTFIX
from tests.running import ROOT

LEASE = b"l" * 16
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


async def sent_mail(home: House, to: str = TO) -> tuple[str, bytes]:
    """A mail that a server took; its tracking number and its id."""
    unit = Unit()
    tracking = queue(
        unit, home.vault, now=NOW, channel="email", klass="service", kind="email", to=to,
        subject="سلام", body="متن", lifetime=timedelta(days=1),
    )  # fmt: skip
    await home.committer.commit(unit)
    [claimed] = await claim(home.database, now=NOW, lease=LEASE, until=NOW, most=1)
    note = Note("attempt", "sent")
    done = Settled(claimed.id, "sent", 1, NOW, "smtp", None, NOW, NOW, (note,))
    assert not await settle(home.database, LEASE, [done], NOW)
    return tracking, claimed.id


def bounced(tracking: str, id: bytes, to: str = TO, status: str = "5.1.1") -> bytes:
    ours = f"<{tracking}.{id.hex()}@example.ir>"
    text = (
        POSTFIX.replace(OURS, ours)
        .replace("Sara@example.com", to)
        .replace("Status: 5.1.1", f"Status: {status}")
    )
    return text.encode()


def bounces(home: House, *arguments: str, mail: bytes = b"") -> CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "server.py", "bounces", *arguments],
        cwd=ROOT,
        env={**os.environ, "DATA_DIR": str(home.settings.data_dir), **SMTP},
        input=mail,
        capture_output=True,
        timeout=60,
        check=False,
    )


async def status_of(home: House, tracking: str) -> str:
    rows = await home.database.read(select(outbox.c.status).where(outbox.c.tracking == tracking))
    return str(rows[0][0])


async def test_a_mail_that_is_piped_in_ends_mail_to_that_address(home: House) -> None:
    tracking, id = await sent_mail(home)
    for _again in range(2):
        done = await asyncio.to_thread(bounces, home, mail=bounced(tracking, id))
        assert (done.returncode, done.stdout) == (0, b"Taken.\n"), done.stderr
    assert await status_of(home, tracking) == "failed"
    assert await suppressed(home) == "all"
    said = await home.database.read(select(attempts.c.kind, attempts.c.status, attempts.c.detail))
    assert [tuple(row)[:2] for row in said] == [("attempt", "sent"), ("receipt", "failed")]
    assert TO not in said[1][2]
    [letter] = await home.database.read(select(dead_letters))
    assert (letter.provider, letter.reason) == ("smtp", "failed")


async def test_a_full_mailbox_ends_that_mail_alone(home: House, tmp_path: Path) -> None:
    first, second = await sent_mail(home), await sent_mail(home)
    maildir = tmp_path / "bounces"
    (maildir / "new").mkdir(parents=True)
    (maildir / "new" / "1").write_bytes(bounced(*first, status="5.2.2"))
    # A mailbox behind the one that we wrote to is not there.
    (maildir / "new" / "2").write_bytes(bounced(*second, to="behind@example.com"))
    (maildir / "new" / "3").write_bytes(b"Subject: hello\n\n")
    (maildir / "new" / "4").write_bytes(bounced("1234567890", first[1]))
    done = await asyncio.to_thread(bounces, home, "--maildir", str(maildir))
    assert (done.returncode, done.stdout) == (0, b"4 mails, 2 of them of ours that did not arrive\n")
    assert [await status_of(home, each[0]) for each in (first, second)] == ["failed", "failed"]
    assert await suppressed(home) is None
    assert sorted(path.name for path in (maildir / "cur").iterdir()) == ["1:2,S", "2:2,S", "3:2,S", "4:2,S"]
    assert list((maildir / "new").iterdir()) == []


async def test_what_is_none_of_ours_does_not_come_back_itself(home: House) -> None:
    done = await asyncio.to_thread(bounces, home, mail=b"Subject: hello\n\nwhere is my order?")
    assert (done.returncode, done.stdout) == (0, b"Passed over: it tells of no mail of ours.\n")


async def test_where_mails_come_back_to_is_an_address(tmp_path: Path) -> None:
    given = {"DATA_DIR": str(tmp_path), **SMTP, "MAIL_RETURNS": "nobody"}
    async with house(settings.load(given)) as home:
        with pytest.raises(SettingError, match="MAIL_RETURNS: "):
            mailing.mailer(home)
