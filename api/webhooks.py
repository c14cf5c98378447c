"""``/v1/webhooks``: where a business wants to be told what happens, and what it was told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from ipaddress import ip_address
from typing import Any
from uuid import UUID

from aiohttp import web
from yarl import URL

from api import body
from api import webhook_models as models
from api.access import HOLDER
from api.messages import answered, cursor, read_cursor, read_id
from api.problems import Problem, Wrong
from dispatch.guard import Allowed, public
from records.vault import Unreadable
from records.webhook_deliveries import WAITING, Told
from records.webhooks import TEST, Webhook
from services.webhooks import TooMany
from services.webhooks import Webhooks as Service


class Webhooks:
    """``allowed``: which addresses may be told; ``schemes``: and how."""

    def __init__(
        self,
        *,
        service: Service,
        clock: Callable[[], datetime],
        allowed: Allowed = public,
        schemes: tuple[str, ...] = ("https",),
    ) -> None:
        self._service = service
        self._clock = clock
        self._allowed = allowed
        self._schemes = schemes

    async def create(self, request: web.Request) -> web.Response:
        asked, _raw = await body.json_body(request, models.WebhookRequest)
        if not usable(asked.url, self._allowed, self._schemes):
            raise Problem("invalid", [Wrong("/url", "url")])
        events = list(dict.fromkeys(asked.events))
        try:
            made, secret = await self._service.create(
                request[HOLDER], asked.url, events, asked.description, self._clock()
            )
        except TooMany:
            raise Problem("webhooks") from None
        return answered(models.WebhookCreated(**self._shown(made), secret=secret), 201)

    async def list(self, request: web.Request) -> web.Response:
        found = await self._service.every(request[HOLDER])
        return answered(models.WebhookList(items=[models.Webhook(**self._shown(each)) for each in found]))

    async def get(self, request: web.Request) -> web.Response:
        return answered(models.Webhook(**self._shown(await self._found(request))))

    async def delete(self, request: web.Request) -> web.Response:
        webhook = await self._found(request)
        if not await self._service.delete(request[HOLDER], webhook.id, self._clock()):
            raise Problem("not-found")
        return answered(models.Webhook(**self._shown(webhook)))

    async def rotate(self, request: web.Request) -> web.Response:
        secret = await self._service.rotate(request[HOLDER], read_id(request), self._clock())
        if secret is None:
            raise Problem("not-found")
        return answered(models.WebhookSecret(secret=secret))

    async def resume(self, request: web.Request) -> web.Response:
        if not await self._service.resume(request[HOLDER], read_id(request)):
            raise Problem("not-found")
        return await self.get(request)

    async def test(self, request: web.Request) -> web.Response:
        return _told(await self._service.test(request[HOLDER], read_id(request), self._clock()))

    async def deliveries(self, request: web.Request) -> web.Response:
        asked = body.query(request, models.DeliveryQuery)
        webhook = await self._found(request)
        page = await self._service.page(webhook, read_cursor(asked.cursor), asked.status, asked.limit + 1)
        items = [_delivery(each) for each in page[: asked.limit]]
        more = page[asked.limit - 1].id if len(page) > asked.limit else None
        return answered(models.DeliveryPage(items=items, next=cursor(more)))

    async def replay(self, request: web.Request) -> web.Response:
        webhook, id = await self._found(request), read_id(request, "delivery")
        return _told(await self._service.replay(webhook, id, self._clock()))

    async def replay_failed(self, request: web.Request) -> web.Response:
        asked, _raw = await body.json_body(request, models.ReplayRequest)
        if not 1970 < asked.since.year < 9_000:
            raise Problem("invalid", [Wrong("/since", "range")])
        webhook = await self._found(request)
        done, more = await self._service.replay_failed(webhook, asked.since, self._clock())
        return answered(models.Replayed(replayed=done, more=more), 202)

    async def _found(self, request: web.Request) -> Webhook:
        webhook = await self._service.find(request[HOLDER], read_id(request))
        if webhook is None:
            raise Problem("not-found")
        return webhook

    def _shown(self, webhook: Webhook) -> dict[str, Any]:
        try:
            url = self._service.url(webhook)
        except Unreadable:
            url = None
        paused = None
        if webhook.paused_at is not None:
            paused = models.Paused(at=webhook.paused_at, why=webhook.paused_why)  # type: ignore[arg-type]
        return {
            "id": UUID(bytes=webhook.id),
            "url": url,
            "events": list(webhook.events),
            "description": webhook.description,
            "created_at": webhook.created_at,
            "failing_since": webhook.failing_since,
            "paused": paused,
        }


def usable(text: str, allowed: Allowed, schemes: tuple[str, ...]) -> bool:
    """Whether something may be posted there, as far as can be told without asking anybody: what a name leads
    to is looked at each time that a connection is made."""
    try:
        url = URL(text)
        host, port = url.host or "", url.port
    except ValueError:
        return False
    if url.scheme not in schemes or not host or not port or url.user or url.password or "#" in text:
        return False
    try:
        return allowed(str(ip_address(host)))
    except ValueError:
        # Of a name the last part is no number; what is may be an address to some programs.
        return not host.rstrip(".").rpartition(".")[2][:1].isdecimal()


def _told(told: Told | None) -> web.Response:
    if told is None:
        raise Problem("not-found")
    return answered(_delivery(told), 202)


def _delivery(told: Told) -> models.Delivery:
    return models.Delivery(
        id=UUID(bytes=told.id),
        event=told.event,  # type: ignore[arg-type]  # The model looks at it.
        subject=None if told.event == TEST else UUID(bytes=told.subject),
        at=told.at,
        status=told.status,  # type: ignore[arg-type]  # The same.
        attempts=told.attempts,
        next_at=told.due_at if told.status == WAITING else None,
        tried_at=told.tried_at,
        answered=told.answered,
        problem=told.problem,  # type: ignore[arg-type]  # The same.
        finished_at=told.finished_at,
    )
