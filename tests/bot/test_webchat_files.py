"""The files of page and widget: who may load them, what they ask for, and their words."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from bot.webchat_origins import Origins
from bot.webchat_routes import STATIC, routes
from web.files import SHARED

Client = TestClient[web.Request, web.Application]
SCRIPTS = [*STATIC.glob("*.js"), *SHARED.glob("*.js")]


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async def socket(request: web.Request) -> web.StreamResponse:
        return web.Response(text="a socket")

    app = web.Application()
    app.add_routes(routes(socket, None, Origins()))
    async with TestClient(TestServer(app)) as client:
        yield client


async def test_the_page_allows_nothing_but_its_own_files(client: Client) -> None:
    response = await client.get("/chat")
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    page = await response.text()
    named = set(re.findall(r'(?:href|src)="(/[^"]+)"', page))
    assert len(named) >= 3
    for path in named:
        assert (await client.get(path)).status == 200
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", page)


async def test_every_page_may_load_the_widget(client: Client) -> None:
    for path in ("/chat/widget.js", "/chat/static/embed.js", "/chat/static/isolate.js"):
        response = await client.get(path, headers={"Origin": "https://shop.example.ir"})
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        assert response.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert response.headers["Content-Type"] == "text/javascript; charset=utf-8"
        again = await client.get(path, headers={"If-None-Match": response.headers["ETag"]})
        assert again.status == 304


@pytest.mark.parametrize("name", ["missing.js", "..%2Fwebchat.py", "%2e%2e%2fwebchat.py"])
async def test_no_other_file_is_served(client: Client, name: str) -> None:
    assert (await client.get(f"/chat/static/{name}")).status == 404


def test_what_is_imported_is_there() -> None:
    for script in SCRIPTS:
        for name in re.findall(r'from "\./([^"]+)"', script.read_text()):
            assert (STATIC / name).exists() or (SHARED / name).exists(), (script, name)


def test_no_file_names_another_host_or_keeps_a_cookie() -> None:
    for path in STATIC.iterdir():
        text = path.read_text()
        hosts = set(re.findall(r"(?:https?|wss?)://[^\s\"'<>)$]+", text))
        assert hosts <= {"http://www.w3.org/2000/svg", "https://chapar.example.ir/chat/widget.js"}, path
        assert "document.cookie" not in text
        assert "innerHTML" not in text, "what people write is never markup"


def words() -> dict[str, dict[str, str]]:
    source = (STATIC / "words.js").read_text()
    return {
        language: dict(re.findall(r'^  (\w+): "(.*)",$', body, re.MULTILINE))
        for language, body in re.findall(r"^const (fa|en) = \{\n(.*?)^\};$", source, re.MULTILINE | re.DOTALL)
    }


def test_every_word_is_in_both_languages() -> None:
    fa, en = words()["fa"], words()["en"]
    assert fa.keys() == en.keys()
    for name, text in fa.items():
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", en[name]))
        assert re.search(r"[\u0600-\u06ff]", text)
        assert not re.search(r"[\u0600-\u06ff]", en[name])
        assert not re.search(r"[\u064a\u0643\u0649]", text), "Persian letters, not Arabic ones"


def test_every_word_that_is_used_is_there_and_the_others_are_not() -> None:
    used: set[str] = set()
    for script in STATIC.glob("*.js"):
        used |= set(re.findall(r'words\("(\w+)"', script.read_text()))
        used |= set(re.findall(r'(?:listener\.state|#beginning|state)\("(\w+)"', script.read_text()))
    known = words()["fa"].keys() | {"gone"}
    assert used <= known
