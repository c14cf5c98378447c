"""The network between a browser and a server, which can be cut, and a shop's page that stands elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType

from aiohttp import web


class Wire:
    """Carries connections to a port. ``cut`` breaks those that there are, without a word; while it is
    ``down`` there are no others."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0
        self.down = False
        self.cuts = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Wire:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        self.cuts += 1
        for writer in self._writers:
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            if self.down:
                return
            there, back = await asyncio.open_connection("127.0.0.1", self._to)
            self._writers.add(back)
            await asyncio.gather(_pour(reader, back), _pour(there, writer), return_exceptions=True)
            self._writers.discard(back)
            back.close()
        finally:
            self._writers.discard(writer)
            self._tasks.discard(task)
            with contextlib.suppress(OSError):
                writer.close()


async def _pour(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(65_536):
            target.write(data)
            await target.drain()
    finally:
        target.close()


PAGE = """<!doctype html>
<html lang="{lang}" dir="{dir}"><head><meta charset="utf-8"><title>فروشگاه</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style nonce="shop">* {{ color: red; font-size: 40px !important; }} button {{ display: none }}</style></head>
<body><main><h1>فروشگاه</h1><p>خوش آمدید.</p></main>
<script src="{chat}/chat/widget.js" async {attributes}></script></body></html>
"""


class Shop:
    """Somebody's site, which holds the widget by one line and is strict about everything else."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.chat = ""
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Shop:
        app = web.Application()
        app.router.add_get("/", self._page)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _page(self, request: web.Request) -> web.Response:
        lang = request.query.get("page", "fa")
        attributes = " ".join(
            f'data-{name}="{value}"' for name, value in request.query.items() if name != "page"
        )
        body = PAGE.format(
            lang=lang, dir="rtl" if lang == "fa" else "ltr", chat=self.chat, attributes=attributes
        )
        policy = (
            f"default-src 'none'; script-src {self.chat}; style-src 'nonce-shop'; "
            f"connect-src {self.chat} {self.chat.replace('http', 'ws', 1)}; img-src blob:; "
            "require-trusted-types-for 'script'; trusted-types 'none'"
        )
        return web.Response(text=body, content_type="text/html", headers={"Content-Security-Policy": policy})
