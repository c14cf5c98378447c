"""The web chat's routes: its page, the files of page and widget, the socket."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from aiohttp import hdrs, web

from bot.webchat_files import FileDoor
from bot.webchat_origins import Origins
from bot.webchat_push import PushDoor
from web.access import Handler, Public, guarded
from web.files import SECURITY, File, folder

STATIC = Path(__file__).parent / "static"
# Pages of any origin may load the widget; what it may do there is for the socket to say.
SHARED: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "cross-origin",
    hdrs.ACCESS_CONTROL_ALLOW_ORIGIN: "*",
}
# Files that people sent are shown from memory (blob:).
PAGE: Mapping[str, str] = {
    **SECURITY,
    "Content-Security-Policy": SECURITY["Content-Security-Policy"].replace(
        "img-src 'self'", "img-src 'self' blob:"
    ),
}
# The worker runs beside the page /chat, which is above its own folder, and asks for nothing but the page.
WORKER = "worker.js"
BESIDE: Mapping[str, str] = {**SECURITY, "Service-Worker-Allowed": "/chat"}


def routes(
    socket: Handler, files: FileDoor | None, origins: Origins, push: PushDoor | None = None
) -> list[web.RouteDef]:
    """``/chat``, ``/chat/widget.js``, ``/chat/static/…``, ``/chat/ws``, and ``/chat/files`` and
    ``/chat/push`` where there are such."""
    pages, static = folder(STATIC, PAGE), folder(STATIC, SHARED)
    worker = File(STATIC / WORKER, BESIDE)

    async def page(request: web.Request) -> web.StreamResponse:
        return pages["page.html"].answer(request)

    async def widget(request: web.Request) -> web.StreamResponse:
        return static["widget.js"].answer(request)

    async def file(request: web.Request) -> web.StreamResponse:
        found = static.get(request.match_info["name"])
        if found is None:
            raise web.HTTPNotFound
        return found.answer(request)

    made = [
        web.get("/chat", guarded(page, Public())),
        web.get("/chat/widget.js", guarded(widget, Public())),
        web.get("/chat/static/{name}", guarded(file, Public())),
        web.get("/chat/ws", guarded(socket, origins), allow_head=False),
    ]
    if files is not None:
        one = "/chat/files/{id:[0-9a-f]{32}}"
        made += [
            web.post("/chat/files", guarded(files.keep, origins)),
            web.options("/chat/files", guarded(files.ask, origins)),
            web.get(one, guarded(files.hand_out, origins), allow_head=False),
            web.options(one, guarded(files.ask, origins)),
        ]
    if push is not None:

        async def work(request: web.Request) -> web.StreamResponse:
            return worker.answer(request)

        made += [
            web.get(f"/chat/{WORKER}", guarded(work, Public())),
            web.put("/chat/push", guarded(push.keep, origins)),
            web.delete("/chat/push/{id:[0-9a-f]{32}}", guarded(push.forget, origins)),
        ]
    return made
