"""The page's files: what they ask for, how they are served, and their words."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

import sandbox
from records.database import Database
from records.vault import Vault
from sandbox.page import STATIC
from web.files import SHARED

Client = TestClient[web.Request, web.Application]


@pytest.fixture
async def client(tmp_path: Path, vault: Vault) -> AsyncIterator[Client]:
    database = await Database.open(f"sqlite:///{tmp_path / 'none.db'}")
    app = web.Application()
    app.add_routes(sandbox.routes(database, vault))
    async with TestClient(TestServer(app)) as client:
        yield client
    await database.close()


async def test_the_page_allows_nothing_but_its_own_files(client: Client) -> None:
    response = await client.get("/")
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert response.headers["X-Content-Type-Options"] == "nosniff"


async def test_a_browser_keeps_what_did_not_change(client: Client) -> None:
    for path in ("/", "/sandbox/static/page.js", "/sandbox/static/handset.css"):
        response = await client.get(path)
        assert response.headers["Cache-Control"] == "no-cache"
        again = await client.get(path, headers={"If-None-Match": response.headers["ETag"]})
        assert again.status == 304
        assert await again.read() == b""


async def test_every_file_that_is_named_is_there(client: Client) -> None:
    page = await (await client.get("/")).text()
    named = set(re.findall(r'(?:href|src)="(/[^"]+)"', page))
    assert len(named) >= 4
    for path in named:
        assert (await client.get(path)).status == 200
    for script in STATIC.glob("*.js"):
        for name in re.findall(r'from "\./([^"]+)"', script.read_text()):
            assert (STATIC / name).exists() or (SHARED / name).exists()


@pytest.mark.parametrize("name", ["missing.js", "..%2Fpage.py", "%2e%2e%2fpage.py", "page.py"])
async def test_no_other_file_is_served(client: Client, name: str) -> None:
    assert (await client.get(f"/sandbox/static/{name}")).status == 404


def test_no_file_names_another_host() -> None:
    for path in STATIC.iterdir():
        hosts = re.findall(r"https?://[^\s\"'<>)]+", path.read_text())
        assert set(hosts) <= {"http://www.w3.org/2000/svg"}, path


def test_no_inline_script_or_style() -> None:
    page = (STATIC / "page.html").read_text()
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", page)


def words() -> dict[str, dict[str, str]]:
    source = (STATIC / "words.js").read_text()
    return {
        language: dict(re.findall(r'^  (\w+): "(.*)",$', body, re.MULTILINE))
        for language, body in re.findall(r"^const (fa|en) = \{\n(.*?)^\};$", source, re.MULTILINE | re.DOTALL)
    }


def test_every_word_is_in_both_languages() -> None:
    fa, en = words()["fa"], words()["en"]
    assert fa.keys() == en.keys()
    assert len(fa) > 50
    for name, text in fa.items():
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", en[name]))
        if name != "other":
            assert re.search(r"[\u0600-\u06ff]", text)
            assert not re.search(r"[\u0600-\u06ff]", en[name])
        assert not re.search(r"[يكى]", text), "Persian letters, not Arabic ones"


def test_every_word_that_is_used_is_there() -> None:
    known = words()["fa"].keys()
    page = (STATIC / "page.html").read_text()
    used = set(re.findall(r'data-(?:words|label)="(\w+)"', page))
    for script in STATIC.glob("*.js"):
        text = script.read_text()
        used |= set(re.findall(r'words\("(\w+)"', text)) | set(re.findall(r'\{ name: "(\w+)" \}', text))
        used |= set(re.findall(r'"(offline|slow|broken|missing|forbidden|crowded)"', text))
    assert used <= known
