"""Files that visitors send and get, in front of a real server."""

from __future__ import annotations

import asyncio
import io
import zipfile
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import ClientSession

from tests.bot.conftest import OwnServer, Visit, VisitAt
from tests.bot.visiting import Visitor
from tests.running import Server, within

# A picture of one point.
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
    "0000000d49444154789c6360f8cfc0f01f0005000 1ff89993d1d0000000049454e44ae426082".replace(" ", "")
)
PDF = b"%PDF-1.7\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"


def zipped() -> bytes:
    """Ten megabytes of nothing in ten kilobytes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", bytes(10_000_000))
    return file.getvalue()


async def send(
    visitor: Visitor,
    content: bytes,
    *,
    type: str = "image/png",
    name: str = "عکس.png",
    token: str | None = None,
    **headers: str,
) -> tuple[int, dict[str, Any]]:
    """Sends a file as the widget does; the status and the answer."""
    proof = visitor.token if token is None else token
    async with visitor.http.post(
        f"{visitor.url}/chat/files",
        data=io.BytesIO(content),
        headers={
            "Authorization": f"Bearer {proof}",
            "Content-Type": type,
            "X-Chapar-Name": quote(name),
            **headers,
        },
    ) as response:
        return response.status, await response.json()


async def get(visitor: Visitor, id: str, token: str | None = None) -> tuple[int, bytes, dict[str, str]]:
    proof = visitor.token if token is None else token
    async with visitor.http.get(
        f"{visitor.url}/chat/files/{id}", headers={"Authorization": f"Bearer {proof}"}
    ) as response:
        return response.status, await response.read(), dict(response.headers)


async def test_a_picture_is_sent_said_and_read_again(visit: Visit) -> None:
    visitor = await visit().come()
    assert "image/png" in visitor.welcome["file_types"]
    assert visitor.welcome["file_bytes"] >= 1_000_000
    status, kept = await send(visitor, PNG)
    assert status == 201
    assert (kept["type"], kept["size"]) == ("image/png", len(PNG))
    attached = {"id": kept["id"], "name": "عکس.png", "type": "image/png", "size": len(PNG)}
    await visitor.say("کارشناس")
    shown = await visitor.say("این را ببینید", files=[attached])
    assert shown["files"] == [attached]
    status, content, headers = await get(visitor, kept["id"])
    assert (status, content) == (200, PNG)
    assert headers["Content-Type"] == "image/png"
    assert headers["Content-Disposition"] == f"attachment; filename*=UTF-8''{quote('عکس.png')}"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in headers["Content-Security-Policy"]
    await visitor.come(anew=True)
    assert visitor.seen[-1]["files"] == [attached]


async def test_nobody_elses_file_is_handed_out(visit: Visit) -> None:
    owner, stranger = await visit().come(), await visit().come()
    _status, kept = await send(owner, PNG)
    assert (await get(stranger, kept["id"]))[0] == 404
    assert (await get(stranger, "0" * 32))[0] == 404
    assert (await get(stranger, kept["id"], token="forged"))[0] == 401
    assert (await get(stranger, kept["id"], token=""))[0] == 401
    # Nor does a message with somebody else's file bring it to an operator.
    await stranger.say("کارشناس")
    await stranger.say("ببینید", files=[{"id": kept["id"]}])
    assert (await get(stranger, kept["id"]))[0] == 404


@pytest.mark.parametrize(
    ("content", "type", "name", "reason"),
    [
        (b"<script>alert(1)</script>", "image/png", "a.png", "lies"),
        (PNG, "application/pdf", "a.pdf", "lies"),
        (b"<html></html>", "text/html", "a.html", "type"),
        (zipped(), "image/png", "a.png", "archive"),
        (b"", "image/png", "a.png", "empty"),
        (PNG[:20], "image/png", "a.png", "broken"),
    ],
)
async def test_files_that_are_refused(
    visit: Visit, content: bytes, type: str, name: str, reason: str
) -> None:
    visitor = await visit().come()
    status, answer = await send(visitor, content, type=type, name=name)
    assert (status, answer["reason"]) == (422, reason)
    assert answer["text"]
    status, english = await send(visitor, content, type=type, name=name, **{"Accept-Language": "en"})
    assert english["text"].isascii()


async def test_a_file_that_is_too_big_is_not_read(visit: Visit) -> None:
    visitor = await visit().come()
    most = visitor.welcome["file_bytes"]
    status, answer = await send(visitor, PNG + bytes(most))
    assert (status, answer["reason"]) == (422, "too_big")


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "..\\..\\boot.ini", "a\r\nSet-Cookie: x=1.png", "/" * 500]
)
async def test_names_lead_nowhere(visit: Visit, name: str) -> None:
    visitor = await visit().come()
    status, kept = await send(visitor, PNG, name=name)
    assert status == 201
    _status, _content, headers = await get(visitor, kept["id"])
    assert "/" not in headers["Content-Disposition"]
    assert "%2F" not in headers["Content-Disposition"]
    assert "Set-Cookie" not in headers


async def test_without_a_token_nothing_is_read(visit: Visit) -> None:
    visitor = await visit().come()
    for token in ("", "1.x", visitor.token[:-1], "x" * 1_000):
        assert (await send(visitor, PNG, token=token))[0] == 401


async def test_a_token_that_is_over_sends_nothing(visit: Visit) -> None:
    visitor = await visit().come()
    await visitor.send(type="forget")
    await visitor.closed()
    assert (await send(visitor, PNG))[0] == 401


async def test_pages_of_other_sites(own_server: OwnServer, visit_at: VisitAt) -> None:
    shop = "https://shop.example.ir"
    async with own_server(WEBCHAT_ORIGINS=shop) as server:
        visitor = await visit_at(server).come()
        path = f"{server.url}/chat/files"
        async with visitor.http.options(path, headers={"Origin": shop}) as response:
            assert response.status == 204
            assert response.headers["Access-Control-Allow-Origin"] == shop
            assert "Authorization" in response.headers["Access-Control-Allow-Headers"]
            assert "Access-Control-Allow-Credentials" not in response.headers
        status, _kept = await send(visitor, PNG, Origin=shop)
        assert status == 201
        for method in ("OPTIONS", "POST"):
            async with visitor.http.request(
                method, path, headers={"Origin": "https://elsewhere.example"}
            ) as response:
                assert response.status == 403
                assert "Access-Control-Allow-Origin" not in response.headers


async def test_so_many_a_second(own_server: OwnServer, visit_at: VisitAt) -> None:
    async with own_server(WEBCHAT_ADDRESS_RATE="5") as server:
        visitor = await visit_at(server).come()
        pdf = {"type": "application/pdf", "name": "a.pdf"}
        sent = await asyncio.gather(*(send(visitor, PDF, **pdf) for _each in range(20)))
    statuses = [status for status, _answer in sent]
    assert statuses.count(201) in (5, 6, 7)
    assert set(statuses) == {201, 429}


@within(30)
async def test_a_file_that_never_ends_is_given_up(chat_server: Server, http: ClientSession) -> None:
    """It is cut off; what came of it is nowhere."""
    visitor = await Visitor(http, chat_server.url).come()
    head = (
        f"POST /chat/files HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {visitor.token}\r\n"
        "Content-Type: image/png\r\nContent-Length: 1000\r\n\r\n"
    )
    _reader, writer = await asyncio.open_connection("127.0.0.1", chat_server.port)
    writer.write(head.encode() + PNG)
    await writer.drain()
    writer.transport.abort()
    status, _kept = await send(visitor, PNG)
    assert status in (201, 429)
    await visitor.go()
