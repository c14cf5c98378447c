"""A vendor's server, played over real HTTP: it remembers what it was asked and answers as it was told."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from dispatch.provider import Outgoing
from records.ids import IdMaker

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
ids = IdMaker()


@dataclass(frozen=True, slots=True)
class Asked:
    """One request. ``body`` is a form's fields or what JSON says; ``path`` has no host and no query."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


Answer = web.StreamResponse | Callable[[web.Request, Asked], Awaitable[web.StreamResponse]]


@dataclass
class Vendor:
    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        text = await request.text()
        body: Any = None
        if request.content_type == "application/json" and text:
            body = json.loads(text)
        elif text:
            assert request.content_type == "application/x-www-form-urlencoded"
            body = dict(parse_qsl(text, keep_blank_values=True, strict_parsing=True))
        headers = {name.lower(): value for name, value in request.headers.items()}
        asked = Asked(request.method, request.path, dict(request.query), headers, body)
        self.asked.append(asked)
        answer = self.answers.pop(0)
        return answer if isinstance(answer, web.StreamResponse) else await answer(request, asked)

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.handle)
        return app


def outgoing(
    to: str = "+989121234567",
    body: str = "سلام",
    *,
    attempt: int = 1,
    klass: str = "service",
    payload: bytes = b"",
    route: str = "",
    subject: str = "",
) -> Outgoing:
    return Outgoing(
        ids(NOW), "1234567890", klass, to, subject, body, attempt, NOW + timedelta(hours=1), payload, route
    )
