"""``/v1/balance``: what a business that pays in advance has left, and what moved it."""

from __future__ import annotations

from uuid import UUID

from aiohttp import web

from api import body, models
from api.access import HOLDER
from api.messages import answered, cursor, read_cursor
from services.credit import Credit


class Balance:
    def __init__(self, *, credit: Credit) -> None:
        self._credit = credit

    async def get(self, request: web.Request) -> web.Response:
        left = await self._credit.left(request[HOLDER].account)
        return answered(models.Balance(prepaid=left is not None, left=left))

    async def entries(self, request: web.Request) -> web.Response:
        asked = body.query(request, models.PageQuery)
        page = await self._credit.page(request[HOLDER].account, read_cursor(asked.cursor), asked.limit + 1)
        items = [
            models.CreditEntry(
                id=UUID(bytes=each.id),
                at=each.at,
                kind=each.kind,  # type: ignore[arg-type]  # The model looks at it.
                rial=each.rial,
                messages=each.messages,
                note=each.note,
            )
            for each in page[: asked.limit]
        ]
        more = page[asked.limit - 1].id if len(page) > asked.limit else None
        return answered(models.CreditPage(items=items, next=cursor(more)))
