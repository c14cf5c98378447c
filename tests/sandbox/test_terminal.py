"""The phone of the terminal, in front of a network that answers by script, and of the real server."""

from __future__ import annotations

import asyncio
import io
import os
import pty
import re
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

import sandbox
from sandbox.terminal import box
from tests.running import ROOT, Server, free_port


class Network:
    """Answers with the screens of ``script`` and keeps what was asked."""

    def __init__(self) -> None:
        self.script: list[str | web.Response] = []
        self.asked: list[dict[str, Any]] = []
        self.ended: list[dict[str, Any]] = []
        self.messages: list[dict[str, Any]] = []

    async def screen(self, request: web.Request) -> web.Response:
        self.asked.append(dict(await request.post()))
        answer = self.script.pop(0)
        return answer if isinstance(answer, web.Response) else web.Response(text=answer)

    async def end(self, request: web.Request) -> web.Response:
        self.ended.append(dict(await request.post()))
        return web.Response()

    async def list(self, request: web.Request) -> web.Response:
        shown = self.messages if "after" in request.query else []
        return web.json_response({"messages": shown, "cursor": "00" * 16})


@pytest.fixture
def network() -> Network:
    return Network()


@pytest.fixture
async def url(network: Network) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/ussd/africastalking", network.screen)
    app.router.add_post("/ussd/africastalking/events", network.end)
    app.router.add_get("/sandbox/messages", network.list)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")


@contextmanager
def piped(text: str) -> Iterator[TextIO]:
    """An input that is no terminal."""
    reading, writing = os.pipe()
    os.write(writing, text.encode())
    os.close(writing)
    with os.fdopen(reading) as source:
        yield source


async def phone(url: str, text: str, code: str = "*733#", number: str = "09121234567") -> tuple[int, str]:
    out = io.StringIO()
    with piped(text) as source:
        async with ClientSession() as http:
            ended = await sandbox.dial(http, url, code, number, source=source, out=out)
    return ended, out.getvalue()


async def test_a_dialog_from_a_pipe(network: Network, url: str) -> None:
    network.script = ["CON منو\n1 شکایت", "CON شرح را بنویسید", "END ثبت شد"]
    ended, shown = await phone(url, "1\nقطع است\n")
    assert ended == 0
    assert [form["text"] for form in network.asked] == ["", "1", "1*قطع است"]
    assert {form["phoneNumber"] for form in network.asked} == {"+989121234567"}
    assert len({form["sessionId"] for form in network.asked}) == 1
    for words in ("1 شکایت", "> 1", "شرح را بنویسید", "> قطع است", "ثبت شد"):
        assert words in shown
    assert [form["status"] for form in network.ended] == ["Success"]


async def test_answers_dialled_with_the_code(network: Network, url: str) -> None:
    network.script = ["END ok"]
    await phone(url, "", code="*733*2*1#")
    assert (network.asked[0]["serviceCode"], network.asked[0]["text"]) == ("*733#", "2*1")


@pytest.mark.parametrize("text", ["", "\n", "1\n"])
async def test_the_end_of_the_input_hangs_up(network: Network, url: str, text: str) -> None:
    network.script = ["CON منو", "CON دوباره"]
    ended, shown = await phone(url, text)
    assert ended == 0
    assert "You hung up." in shown
    assert [form["status"] for form in network.ended] == ["Incomplete"]


async def test_what_is_sent_meanwhile(network: Network, url: str) -> None:
    network.script = ["END ثبت شد"]
    network.messages = [
        {
            "tracking": "1234567890",
            "channel": "sms",
            "class": "service",
            "to": "+989121234567",
            "subject": "",
            "body": "شکایت شما ثبت شد.",
            "status": "delivered",
        }
    ]
    _ended, shown = await phone(url, "")
    assert "SMS to 09121234567" in shown
    assert shown.count("شکایت شما ثبت شد.") == 1


async def test_a_gateway_that_refuses(network: Network, url: str) -> None:
    network.script = [web.Response(status=403, text="This needs its secret.")]
    ended, shown = await phone(url, "")
    assert ended == 1
    assert "refused us: This needs its secret." in shown


async def test_a_body_that_is_no_screen(network: Network, url: str) -> None:
    network.script = [web.Response(text="<html>")]
    ended, shown = await phone(url, "")
    assert ended == 1
    assert "answered 200: <html>" in shown


async def test_no_server() -> None:
    ended, shown = await phone(f"http://127.0.0.1:{free_port()}", "")
    assert ended == 1
    assert "no server answers" in shown
    assert "make run" in shown


@pytest.mark.parametrize(
    ("code", "number", "says", "exit_code"),
    [("733", "09121234567", "begins with *", 1), ("*733#", "12", "not a mobile number", 2)],
)
async def test_what_cannot_be_dialled(url: str, code: str, number: str, says: str, exit_code: int) -> None:
    ended, shown = await phone(url, "", code, number)
    assert ended == exit_code
    assert says in shown


async def test_whether_a_server_answers(url: str) -> None:
    async with ClientSession() as http:
        assert not await sandbox.answers(http, url)  # It has no /healthz.
        assert not await sandbox.answers(http, f"http://127.0.0.1:{free_port()}")


def test_a_box_is_straight() -> None:
    lines = box("پیام‌ها\nکوتاه\n" + "a" * 60, "*733#", "7/80").split("\n")
    assert len({len(line.replace("\u200c", "")) for line in lines}) == 1
    assert lines[0].startswith("╭─ *733# ─")
    assert lines[-1].endswith("─ 7/80 ─╯")


async def test_the_command_in_a_pipe_and_in_a_terminal(tmp_path: Path) -> None:
    server = Server(tmp_path)
    async with server:
        arguments = [sys.executable, "server.py", "dial", "*733*2#"]
        process = await asyncio.create_subprocess_exec(
            *arguments,
            cwd=ROOT,
            env=server.environment(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        answers = "2\nاینترنت خانه از دیروز قطع است\n1\n".encode()
        shown, _ = await asyncio.wait_for(process.communicate(answers), 30)
        assert process.returncode == 0
        assert "SMS to 09121234567" in shown.decode()

        terminal, other = pty.openpty()
        process = await asyncio.create_subprocess_exec(
            *arguments, cwd=ROOT, env=server.environment(), stdin=other, stdout=other, stderr=other
        )
        os.close(other)
        await _until(terminal, r"> $")
        os.write(terminal, b"\x04")  # Ctrl-D.
        await _until(terminal, r"You hung up\.")
        assert await asyncio.wait_for(process.wait(), 30) == 0
        os.close(terminal)


async def _until(terminal: int, pattern: str) -> None:
    shown = ""
    async with asyncio.timeout(30):
        while not re.search(pattern, shown):
            shown += (await asyncio.to_thread(os.read, terminal, 4096)).decode(errors="replace")
