"""``/v1/templates``: texts with placeholders, their versions, and messages made of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from aiohttp import web
from pydantic import ValidationError

from api import body, models
from api.access import HOLDER
from api.body import pointer
from api.messages import Messages, answered
from api.problems import Problem, Wrong
from records.account_templates import Version
from services.business_templates import BadText, BusinessTemplates, Unfilled, placeholders


class Templates:
    def __init__(
        self, *, templates: BusinessTemplates, messages: Messages, clock: Callable[[], datetime]
    ) -> None:
        self._templates = templates
        self._messages = messages
        self._clock = clock

    async def put(self, request: web.Request) -> web.Response:
        asked, _raw = await body.json_body(request, models.TemplateText)
        name = _name(request)
        try:
            made = await self._templates.put(request[HOLDER], name, asked.text, self._clock())
        except BadText:
            raise Problem("invalid", [Wrong("/text", "template")]) from None
        return answered(_shown(made))

    async def get(self, request: web.Request) -> web.Response:
        return answered(_shown(await self._found(request, None)))

    async def list(self, request: web.Request) -> web.Response:
        asked = body.query(request, models.TemplateQuery)
        page = await self._templates.page(request[HOLDER], asked.after or "", asked.limit + 1)
        items = [_shown(each) for each in page[: asked.limit]]
        more = items[-1].name if len(page) > asked.limit else None
        return answered(models.TemplateList(items=items, next=more))

    async def send(self, request: web.Request) -> web.Response:
        key = body.idempotency_key(request)
        asked, raw = await body.json_body(request, models.TemplateSend)
        version = await self._found(request, asked.version)
        wrong: list[Wrong] = []
        made: list[models.Message] = []
        common = _common(asked)
        for place, recipient in enumerate(asked.recipients):
            if len(wrong) >= body.MOST_WRONG:
                break  # More is not told.
            try:
                text = self._templates.filled(version, recipient.values)
            except Unfilled as unfilled:
                wrong += [
                    Wrong(pointer("recipients", place, "values", name), _fault(name, recipient))
                    for name in unfilled.names
                ]
                continue
            if not text.strip():
                wrong.append(Wrong(pointer("recipients", place, "values"), "short"))
                continue
            own = {"to": recipient.to, "text": text, "reference": recipient.reference}
            try:
                made.append(models.one.validate_python({**common, **own}))
            except ValidationError as error:
                wrong += [fault for fault in _faults(error, place) if fault not in wrong]
        if wrong:
            raise Problem("invalid", wrong[: body.MOST_WRONG])
        request_is = b"template " + version.name.encode() + b" " + raw
        return await self._messages.submit(request, key, request_is, made, "recipients")

    async def _found(self, request: web.Request, version: int | None) -> Version:
        found = await self._templates.find(request[HOLDER], _name(request), version)
        if found is None:
            raise Problem("not-found")
        return found


def _common(asked: models.TemplateSend) -> dict[str, Any]:
    """What of a message is the same for all, as a message has it."""
    given: dict[str, Any] = {
        "class": asked.klass,
        "send_at": asked.send_at,
        "expires_in": asked.expires_in,
        "channel": asked.channel or (None if asked.channels else "sms"),
    }
    rest = {name: getattr(asked, name) for name in ("channels", "within", "subject", "title", "line")}
    return {name: value for name, value in (given | rest).items() if value is not None}


def _faults(error: ValidationError, place: int) -> Iterator[Wrong]:
    """What is wrong with the message of this recipient, where it stands in the request."""
    for fault in body.faults(error):
        name = fault.pointer.split("/")[1]
        if name == "text":
            yield replace(fault, pointer=pointer("recipients", place, "values"))
        elif name in ("to", "reference"):
            yield replace(fault, pointer=pointer("recipients", place) + fault.pointer)
        else:
            yield fault


def _name(request: web.Request) -> str:
    """The name of the template in the path; what is no name is not there."""
    name = request.match_info["name"]
    if not re.fullmatch(models.TEMPLATE_NAME.strip("^$"), name):
        raise Problem("not-found")
    return name


def _fault(name: str, recipient: models.Recipient) -> str:
    return "unknown" if name in recipient.values else "missing"


def _shown(version: Version) -> models.Template:
    return models.Template(
        name=version.name,
        version=version.version,
        text=version.text,
        placeholders=[*placeholders(version.text)],
        created_at=version.created_at,
    )
