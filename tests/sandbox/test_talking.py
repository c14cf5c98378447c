"""The chat of the terminal, in front of the real server."""

from __future__ import annotations

import asyncio
import io
import os
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

import sandbox
from sandbox.talking import shown
from sandbox.visitor import Talk
from tests.running import Server, command, within


@contextmanager
def piped(text: str) -> Iterator[TextIO]:
    """An input that is no terminal."""
    reading, writing = os.pipe()
    os.write(writing, text.encode())
    os.close(writing)
    with os.fdopen(reading) as source:
        yield source


@pytest.fixture
async def http() -> AsyncIterator[ClientSession]:
    async with ClientSession() as session:
        yield session


async def chat(http: ClientSession, url: str, text: str, language: str = "fa") -> tuple[int, str]:
    out = io.StringIO()
    with piped(text) as source:
        ended = await sandbox.chat(http, url, language, source=source, out=out)
    return ended, out.getvalue()


@within(60)
async def test_a_complaint_from_a_pipe(tmp_path: Path, http: ClientSession) -> None:
    async with Server(tmp_path) as server:
        ended, said = await chat(http, server.url, "شکایت\n2\nاینترنت از دیروز قطع است\n1\n")
    assert ended == 0
    assert re.search(r"شکایت شما ثبت شد(.|\n)*\d{4}-\d{4}", said)
    assert said.count("╭─ chat") == 4
    assert said.index("> شکایت") < said.index("1 پیام مزاحم") < said.index("> 2") < said.index("You left.")


@within(60)
async def test_the_command_brings_a_server_of_its_own(tmp_path: Path) -> None:
    done = await asyncio.to_thread(command, "chat", "--language", "en", folder=tmp_path, typed="menu\n\n")
    assert done.returncode == 0, done.stderr
    assert "Follow a complaint" in done.stdout
    assert "You left." in done.stdout


@within(90)
async def test_the_server_is_killed_between_question_and_answer(tmp_path: Path, http: ClientSession) -> None:
    """Each message is sent, the server is killed at once, and comes back: one turn each, in order."""
    frames: list[str] = []
    told: list[str] = []
    server = Server(tmp_path)
    async with server:
        talk = Talk(http, server.url, "fa", lambda frame: frames.append(frame.get("ref", "")), told.append)
        connected = asyncio.create_task(talk.run())
        await talk.ready.wait()
        for text in ("شکایت", "2", "اینترنت محله ما قطع است", "1"):
            saying = asyncio.create_task(talk.say(text))
            await asyncio.sleep(0.003)
            server.kill()
            await server.start()
            await saying
        connected.cancel()
        await asyncio.gather(connected, return_exceptions=True)
    assert len(frames) == len(set(frames)) == 4
    assert "not connected; trying again" in told


async def test_a_server_without_a_chat(http: ClientSession) -> None:
    async with TestServer(web.Application()) as server:
        ended, said = await chat(http, str(server.make_url("")).rstrip("/"), "سلام\n")
    assert ended == 1
    assert "there is no chat for us" in said


async def test_what_is_slowed_or_not_taken_is_said_again(http: ClientSession) -> None:
    """A server that is busy at first, and once cannot do it at all."""
    got: list[str] = []

    async def socket(request: web.Request) -> web.StreamResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        async for message in ws:
            frame = message.json()
            if frame["type"] == "hello":
                await ws.send_json({"type": "welcome", "token": "t"})
                await ws.send_json({"type": "ready"})
                continue
            got.append(frame["text"])
            answer = [
                {"type": "slow", "ref": frame["id"], "retry": 0.05},
                {"type": "sorry", "ref": frame["id"], "text": "شلوغ است", "retry": 0.05},
                {"type": "turn", "id": "1", "ref": frame["id"], "at": 0, "text": "یک"},
                {"type": "sorry", "ref": frame["id"], "text": "نشد", "retry": 0},
                {"type": "refused", "ref": frame["id"], "reason": "too_long"},
            ][len(got) - 1]
            await ws.send_json(answer)
        return ws

    app = web.Application()
    app.router.add_get("/chat/ws", socket)
    async with TestServer(app) as server:
        ended, said = await chat(http, str(server.make_url("")).rstrip("/"), "الف\nب\nج\n")
    assert ended == 0
    assert got == ["الف", "الف", "الف", "ب", "ج"]
    assert "یک" in said
    assert "(نشد)" in said


def test_a_turn_as_lines() -> None:
    turn = {
        "text": "متن",
        "options": [{"key": "1", "label": "یک"}],
        "ways": [{"key": "0", "label": "بازگشت"}],
    }
    assert shown(turn) == "متن\n1 یک\n0 بازگشت"
    assert shown({"text": ""}) == ""
