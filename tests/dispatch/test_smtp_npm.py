"""E-mail against npm ``smtp-server``, which nobody here wrote: STARTTLS, refusals, a link that drops."""

from __future__ import annotations

import asyncio
import json
import ssl
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest

from dispatch.errors import Ambiguous, Nobody, Unreachable
from dispatch.provider import Accepted
from dispatch.providers.email.smtp import Smtp
from tests import npm
from tests.dispatch.test_smtp import NOW, outgoing

PACKAGE = "smtp-server@3.21.6"


@dataclass
class Server:
    port: int
    process: Process

    async def mail(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        found: dict[str, Any] = json.loads(await asyncio.wait_for(self.process.stdout.readline(), 20))
        return found


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    modules = await asyncio.to_thread(npm.modules, PACKAGE)
    program = Path(__file__).parent / "mail_server.js"
    process = await asyncio.create_subprocess_exec(
        npm.node(), str(program), str(modules), stdout=PIPE, limit=1 << 20
    )
    assert process.stdout is not None
    try:
        yield Server(int(await asyncio.wait_for(process.stdout.readline(), 60)), process)
    finally:
        process.kill()
        await process.wait()


@pytest.fixture
async def smtp(server: Server) -> AsyncIterator[Smtp]:
    # The server's certificate is one that comes with the package: STARTTLS is spoken, nobody is vouched for.
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trust.check_hostname = False
    trust.verify_mode = ssl.CERT_NONE
    made = Smtp(
        f"smtp://127.0.0.1:{server.port}",
        "چاپار <noreply@example.ir>",
        clock=lambda: NOW,
        trust=trust,
        unsubscribe=lambda outgoing: "https://chapar.example.ir/unsubscribe/abc",
    )
    yield made
    await made.close()


async def test_a_letter_by_starttls(server: Server, smtp: Smtp) -> None:
    (outcome,) = await smtp.send([outgoing()])
    assert isinstance(outcome, Accepted)
    mail = await server.mail()
    assert (mail["to"], mail["secure"]) == (["a@example.ir"], True)
    read = message_from_bytes(mail["raw"].encode("latin1"), policy=policy.default)
    assert read["Subject"] == "پاسخ"
    assert read["List-Unsubscribe"] == "<https://chapar.example.ir/unsubscribe/abc>"
    assert read["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    markup = read.get_body(("html",))
    assert markup is not None
    assert 'dir="rtl"' in markup.get_content()


async def test_refusals_spoil_no_other_letter(server: Server, smtp: Smtp) -> None:
    names = ["421", "a", "450", "b", "550", "c"]
    outcomes = await smtp.send([outgoing(f"{name}@example.ir") for name in names])
    kinds = [type(outcome) for outcome in outcomes]
    assert issubclass(kinds[0], Unreachable)
    assert kinds[1:] == [Accepted, Unreachable, Accepted, Nobody, Accepted]
    assert "550 5.1.1" in str(outcomes[4])
    assert sorted([(await server.mail())["to"][0][0] for _ in range(3)]) == ["a", "b", "c"]


async def test_a_link_that_drops_after_the_content(server: Server, smtp: Smtp) -> None:
    (outcome,) = await smtp.send([outgoing("drop@example.ir")])
    assert isinstance(outcome, Ambiguous)
    await server.mail()
    (outcome,) = await smtp.send([outgoing("a@example.ir")])
    assert isinstance(outcome, Accepted)
