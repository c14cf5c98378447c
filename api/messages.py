"""``/v1/messages`` and ``/v1/inbound``: send, look, cancel; what people wrote."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from aiohttp import web
from pydantic import BaseModel

from api import body, models
from api.access import HOLDER, Guard
from api.body import pointer
from api.drafts import drafted, lines_of
from api.problems import Problem, Wrong
from records import orders
from records.account_messages import Sent, Step
from records.outbox import content
from records.vault import Unreadable, Vault
from services.accounts import Holder
from services.received import Inbound
from services.submissions import Draft, Once, OtherRequest, Submissions, Taken

SHOWN: Mapping[str, models.Status] = {"claimed": "sending", "held": "queued"}  # Otherwise in the outbox.


class Messages:
    """``routes``: by which bot a channel goes that people talk on, "" for a channel without bots; a channel
    that is not there has nobody who sends it."""

    def __init__(
        self,
        *,
        submissions: Submissions,
        inbound: Inbound,
        guard: Guard,
        vault: Vault,
        routes: Mapping[str, str],
        clock: Callable[[], datetime],
    ) -> None:
        self._submissions = submissions
        self._inbound = inbound
        self._guard = guard
        self._vault = vault
        self._routes = routes
        self._clock = clock

    async def send(self, request: web.Request) -> web.Response:
        key = body.idempotency_key(request)
        asked, raw = await body.json_body(request, models.SendRequest)
        return await self.submit(request, key, b"messages " + raw, asked.messages, "messages")

    async def submit(
        self,
        request: web.Request,
        key: str | None,
        request_is: bytes,
        messages: Sequence[models.Message],
        field: str,
    ) -> web.Response:
        """Takes over the messages that stand in this field of the body; ``request_is`` is all that was asked
        for."""
        holder, now = request[HOLDER], self._clock()
        await self._guard.take(request, len(messages) - 1)
        drafts = self._drafts(holder, messages, now, field)
        once = None if key is None else Once(key, request_is)
        try:
            answer, again = await self._submissions.submit(holder, drafts, now, _taken, once)
        except OtherRequest:
            raise Problem("other-request") from None
        response = answered(answer.body, answer.status)
        if again:
            response.headers["Idempotency-Replayed"] = "true"
        return response

    async def list(self, request: web.Request) -> web.Response:
        asked = body.query(request, models.MessageQuery)
        page = await self._submissions.page(
            request[HOLDER], read_cursor(asked.cursor), asked.limit + 1, asked.reference
        )
        items = [models.SentMessage(**self._shown(sent)) for sent in page[: asked.limit]]
        more = page[asked.limit - 1].id if len(page) > asked.limit else None
        return answered(models.MessagePage(items=items, next=cursor(more)))

    async def get(self, request: web.Request) -> web.Response:
        return await self._told(request[HOLDER], read_id(request))

    async def cancel(self, request: web.Request) -> web.Response:
        id, holder = read_id(request), request[HOLDER]
        done = await self._submissions.cancel(holder, id, self._clock())
        if done is None:
            raise Problem("not-found")
        if not done:
            raise Problem("not-queued")
        return await self._told(holder, id)

    async def inbound(self, request: web.Request) -> web.Response:
        asked = body.query(request, models.PageQuery)
        found, more = await self._inbound.page(request[HOLDER], read_cursor(asked.cursor), asked.limit)
        items = [
            models.InboundMessage(
                id=UUID(bytes=each.id),
                line=each.line,
                sender=each.sender,
                text=each.text,
                received_at=each.received_at,
            )
            for each in found
        ]
        return answered(models.InboundPage(items=items, next=cursor(more)))

    async def _told(self, holder: Holder, id: bytes) -> web.Response:
        found = await self._submissions.find(holder, id)
        if found is None:
            raise Problem("not-found")
        sent, steps, ways = found
        shown = self._shown(sent)
        return answered(
            models.MessageDetail(
                **shown, steps=[_step(step) for step in steps], channels=[*_ways(ways, sent, shown["status"])]
            )
        )

    async def arrived(self, request: web.Request) -> web.Response:
        asked, _raw = await body.json_body(request, models.Arrivals)
        known = await self._submissions.arrived(request[HOLDER], asked.tracking, self._clock())
        return answered(models.Arrived(known=known))

    def _shown(self, sent: Sent) -> dict[str, Any]:
        try:
            to = content(self._vault, sent.id, sent.sealed).to
        except Unreadable:
            to = None
        return {
            "id": UUID(bytes=sent.id),
            "tracking": sent.tracking,
            "status": SHOWN.get(sent.status, sent.status),
            "parts": sent.parts,
            "reference": sent.reference,
            "channel": sent.channel,
            "class": sent.klass,
            "to": to,
            "cost": sent.cost,
            "created_at": sent.created_at,
            "due_at": sent.due_at,
            "expires_at": sent.expires_at,
            "sent_at": sent.sent_at,
            "finished_at": sent.finished_at,
        }

    def _drafts(
        self, holder: Holder, messages: Sequence[models.Message], now: datetime, field: str
    ) -> Sequence[Draft]:
        """What the outbox is to take; a ``Problem`` that names every field that only we can know is wrong."""
        wrong: list[Wrong] = []
        drafts: list[Draft] = []
        own = lines_of(holder.lines)
        for place, message in enumerate(messages):
            draft, faults = drafted(message, self._routes.get(message.channel), own, now)
            drafts.append(draft)
            wrong += [replace(fault, pointer=pointer(field, place) + fault.pointer) for fault in faults]
        if wrong:
            raise Problem("invalid", wrong[: body.MOST_WRONG])
        return drafts


def answered(made: BaseModel | str, status: int = 200) -> web.Response:
    """An answer that nobody on the way may keep."""
    text = made if isinstance(made, str) else made.model_dump_json(by_alias=True)
    return web.Response(
        text=text, status=status, content_type="application/json", headers={"Cache-Control": "no-store"}
    )


def read_id(request: web.Request, name: str = "id") -> bytes:
    """What the path names, as ids are written."""
    text = request.match_info[name]
    try:
        id = UUID(text)
    except ValueError:
        raise Problem("not-found") from None
    if str(id) != text.lower():
        raise Problem("not-found")
    return id.bytes


def cursor(id: bytes | None) -> str | None:
    return None if id is None else base64.urlsafe_b64encode(id).decode().rstrip("=")


def read_cursor(text: str | None) -> bytes | None:
    """What a cursor stands for; the model has seen that it has 22 characters."""
    if text is None:
        return None
    try:
        return base64.b64decode(text + "==", altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise Problem("invalid", [Wrong("cursor", "cursor")]) from None


def _taken(taken: Sequence[Taken]) -> str:
    items = [
        models.TakenMessage(
            id=UUID(bytes=each.id),
            tracking=each.tracking,
            status=each.status,  # type: ignore[arg-type]  # The model looks at it.
            parts=each.parts,
            reference=each.reference,
        )
        for each in taken
    ]
    return models.SendResponse(messages=items).model_dump_json(by_alias=True)


def _ways(ways: Sequence[orders.Step], sent: Sent, status: models.Status) -> Iterator[models.Way]:
    """The channels of a message, each with what became of it."""
    for way in ways:
        said: str = way.ended or status
        if way.started_at is None:
            said = "unused" if sent.finished_at else "waiting"
        elif not way.ended and status == "delivered" and sent.sent_at is None:
            said = "unused"  # The receipt of the one before it came first.
        yield models.Way(channel=way.channel, status=said, since=way.started_at)  # type: ignore[arg-type]


def _step(step: Step) -> models.Step:
    return models.Step(at=step.at, kind=step.kind, status=step.status)  # type: ignore[arg-type]  # The same.
