"""``/v1/estimates`` and ``/v1/usage``: what messages would cost, and what was sent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta

from aiohttp import web

from api import body, models
from api.access import HOLDER
from api.body import pointer
from api.messages import SHOWN, answered
from api.problems import Problem, Wrong
from services.submissions import Submissions
from services.tariffs import Tariffs
from services.verification import BadNumber, e164


class Costs:
    def __init__(self, *, tariffs: Tariffs, submissions: Submissions, clock: Callable[[], datetime]) -> None:
        self._tariffs = tariffs
        self._submissions = submissions
        self._clock = clock

    async def estimate(self, request: web.Request) -> web.Response:
        asked, _raw = await body.json_body(request, models.EstimateRequest)
        recipients: list[str] = []
        wrong: list[Wrong] = []
        for place, number in enumerate(asked.to):
            try:
                recipients.append(e164(number))
            except BadNumber:
                wrong.append(Wrong(pointer("to", place), "number"))
        if wrong:
            raise Problem("invalid", wrong[: body.MOST_WRONG])
        told = await self._tariffs.estimate(
            asked.text, recipients, at=self._clock(), channel=asked.channel, klass=asked.klass
        )
        return answered(models.Estimated(parts=told.parts, cost=told.rial, unpriced=told.unpriced))

    async def usage(self, request: web.Request) -> web.Response:
        asked = body.query(request, models.UsageQuery)
        if not timedelta() <= asked.until - asked.since < timedelta(days=models.MOST_DAYS):
            raise Problem("invalid", [Wrong("until", "range")])
        if asked.since.year < 1970 or asked.until.year > 9_000:
            raise Problem("invalid", [Wrong("since", "range")])
        since = datetime.combine(asked.since, time(), UTC)
        until = datetime.combine(asked.until, time(), UTC) + timedelta(days=1)
        found = await self._submissions.usage(request[HOLDER], since, until)
        items = [
            models.UsageRow(
                day=each.day,
                channel=each.channel,
                status=SHOWN.get(each.status, each.status),  # type: ignore[arg-type]  # The model looks at it.
                messages=each.messages,
                parts=each.parts,
                cost=each.cost,
            )
            for each in found
        ]
        return answered(models.Usage(items=items))
