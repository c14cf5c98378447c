"""``/v1/verifications``: send a one-time code, check what a person typed. No answer depends on whether we
know the number."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeVar

from aiohttp import web

from api import body, models, problems
from api.access import HOLDER
from api.messages import answered
from api.problems import Problem
from engine.fold import fold
from records.committer import Committer
from records.unit import Conflict, Unavailable, Unit
from services.business_codes import BusinessCodes, Started
from services.sending_limits import TooMany, Wait
from services.verification import BadNumber, Expired, Right, Wrong

T = TypeVar("T")

TRIES = 4
LATER = 600  # Seconds after which a number whose limit is reached may be tried again, at the soonest.


class Verifications:
    def __init__(self, *, codes: BusinessCodes, committer: Committer, clock: Callable[[], datetime]) -> None:
        self._codes = codes
        self._committer = committer
        self._clock = clock

    async def start(self, request: web.Request) -> web.Response:
        asked, _raw = await body.json_body(request, models.VerificationRequest)

        async def send(unit: Unit) -> Started | Wait | TooMany:
            return await self._codes.start(
                unit,
                request[HOLDER],
                now=self._clock(),
                number=asked.to,
                purpose=asked.purpose,
                language=asked.language,
            )

        try:
            started = await self._committed(send)
        except BadNumber:
            raise Problem("invalid", [problems.Wrong("/to", "number")]) from None
        if isinstance(started, Wait):
            raise Problem("codes", again=started.seconds)
        if isinstance(started, TooMany):
            raise Problem("codes", again=LATER)
        return answered(
            models.VerificationStarted(id=started.id, by=started.by, expires_in=started.seconds), 202
        )

    async def check(self, request: web.Request) -> web.Response:
        asked, _raw = await body.json_body(request, models.CodeCheck)

        async def look(unit: Unit) -> Right | Wrong | Expired | TooMany | None:
            return await self._codes.check(
                unit, request[HOLDER], request.match_info["id"], fold(asked.code), self._clock()
            )

        found = await self._committed(look)
        if found is None:
            raise Problem("not-found")
        if isinstance(found, Right):
            return answered(models.CodeChecked(status="verified", left=None))
        if isinstance(found, Expired):
            return answered(models.CodeChecked(status="expired", left=None))
        if isinstance(found, TooMany):
            return answered(models.CodeChecked(status="exhausted", left=None))
        return answered(models.CodeChecked(status="wrong", left=found.left))

    async def _committed(self, work: Callable[[Unit], Awaitable[T]]) -> T:
        """What ``work`` says, once what it puts into its unit is durable. It runs again when another request
        was first."""
        for _try in range(TRIES):
            unit = Unit()
            said = await work(unit)
            try:
                await self._committer.commit(unit)
            except Conflict:
                continue
            return said
        raise Unavailable("others were first each time")
