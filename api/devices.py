"""``/v1/devices``: which devices and browsers are whose, for pushes to go there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from aiohttp import web

from api import body
from api.access import HOLDER
from api.device_models import Forgotten, Registered, Registration
from api.messages import answered, read_id
from api.problems import Problem, Wrong
from services.devices import App, Devices
from services.verification import BadNumber, e164


class DeviceDoor:
    def __init__(self, *, devices: Devices, clock: Callable[[], datetime]) -> None:
        self._devices = devices
        self._clock = clock

    async def register(self, request: web.Request) -> web.Response:
        asked, _raw = await body.json_body(request, Registration)
        wrong: list[Wrong] = []
        person = name = ""
        try:
            person = e164(asked.to)
        except BadNumber:
            wrong.append(Wrong("/to", "number"))
        if asked.service == "webpush" and asked.subscription is not None:
            name = asked.subscription.model_dump_json()
        elif asked.service != "webpush" and asked.token is not None:
            name = asked.token
        else:
            wrong.append(Wrong("/subscription" if asked.service == "webpush" else "/token", "missing"))
        if wrong:
            raise Problem("invalid", wrong)
        made = await self._devices.register(
            App.of(request[HOLDER]), asked.service, name, kind="msisdn", person=person, now=self._clock()
        )
        return answered(Registered(id=UUID(bytes=made.id), service=asked.service))

    async def forget(self, request: web.Request) -> web.Response:
        id = read_id(request)
        if not await self._devices.forget(App.of(request[HOLDER]), id):
            raise Problem("not-found")
        return answered(Forgotten(id=UUID(bytes=id)))
