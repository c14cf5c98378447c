"""Kavenegar's REST interface: a request, its reply, and what went wrong. https://kavenegar.com/rest.html."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import aiohttp
import msgspec
import structlog

from dispatch.errors import DispatchError, Misconfigured, Rejected, Throttled, Unreachable, Unroutable
from dispatch.providers.exchange import Exchange
from dispatch.providers.sms.templates import NoTemplate

T = TypeVar("T")

URL = "https://api.kavenegar.com"

# Why a request was refused, by ``status`` of its ``return``. It was not carried out, in part either.
ERRORS: Mapping[int, type[DispatchError]] = {
    400: Rejected,  # parameters
    401: Misconfigured,  # account not active
    402: Unreachable,  # it failed on their side
    403: Misconfigured,  # key
    404: Misconfigured,  # method
    405: Misconfigured,  # verb
    406: Rejected,  # empty parameters
    407: Misconfigured,  # access, address of ours
    409: Throttled,  # busy
    411: Unroutable,  # receptor: another vendor may know such numbers
    412: Misconfigured,  # sender
    413: Unroutable,  # length: others carry longer ones
    414: Rejected,  # too many at once
    416: Misconfigured,  # address of ours
    417: Rejected,  # date
    418: Misconfigured,  # credit
    419: Rejected,  # arrays of different sizes
    422: Unroutable,  # a character
    424: NoTemplate,  # there is no such template, or it is not approved
    426: NoTemplate,  # the plan has no templates
    427: Misconfigured,  # line
    428: Unroutable,  # call impossible
    429: Throttled,  # rate
    431: NoTemplate,  # token's form
    432: NoTemplate,  # template without the token
    451: Throttled,  # rate
    607: Misconfigured,  # tag
}

log = structlog.get_logger(__name__)


class _Return(msgspec.Struct):
    status: int
    message: str | None = None


class _Head(msgspec.Struct):
    result: _Return = msgspec.field(name="return")


class Api:
    """``key`` stands in the path of each request; it is in no error and no log."""

    def __init__(self, http: aiohttp.ClientSession, key: str, url: str = URL, *, proxy: str = "") -> None:
        self._exchange = Exchange(http, f"{url.rstrip('/')}/v1/{key}", secrets=(key,), proxy=proxy)

    async def post(self, method: str, form: Mapping[str, str], kind: type[T]) -> T:
        """The reply of ``method`` (``sms/send``) as a ``kind``, which names what it wants of it. Raises
        ``DispatchError``: ``Ambiguous`` when it may have been carried out."""
        answer = await self._exchange.post(f"{method}.json", form=form)
        result = answer.read(_Head).result
        if result.status == 200:
            return answer.read(kind)
        error = ERRORS.get(result.status)
        if error is None:
            log.error("kavenegar.unknown_error", method=method, status=result.status)
            error = Unreachable
        detail = self._exchange.redacted(f"{result.status} {result.message or ''}")
        raise error(detail, retry_after=answer.retry_after)
