"""Kavenegar's REST interface: a request, its reply, and what went wrong. https://kavenegar.com/rest.html."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TypeVar

import aiohttp
import msgspec
import structlog

from dispatch.errors import Ambiguous, DispatchError, Misconfigured, Rejected, Throttled, Unreachable

T = TypeVar("T")

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
    411: Rejected,  # receptor
    412: Misconfigured,  # sender
    413: Rejected,  # length
    414: Rejected,  # too many at once
    416: Misconfigured,  # address of ours
    417: Rejected,  # date
    418: Misconfigured,  # credit
    419: Rejected,  # arrays of different sizes
    422: Rejected,  # a character
    424: Misconfigured,  # template
    426: Misconfigured,  # plan
    427: Misconfigured,  # line
    428: Rejected,  # call impossible
    429: Throttled,  # rate
    431: Rejected,  # token's form
    432: Misconfigured,  # template without the token
    451: Throttled,  # rate
    607: Misconfigured,  # tag
}

TIMEOUT = aiohttp.ClientTimeout(total=20, connect=5)

log = structlog.get_logger(__name__)


class _Return(msgspec.Struct):
    status: int
    message: str | None = None


class _Head(msgspec.Struct):
    result: _Return = msgspec.field(name="return")


class Api:
    """``key`` stands in the path of each request; it is in no error and no log."""

    def __init__(self, http: aiohttp.ClientSession, key: str, url: str = "https://api.kavenegar.com") -> None:
        self._http = http
        self._key = key
        self._url = url.rstrip("/")

    async def post(self, method: str, form: Mapping[str, str], kind: type[T]) -> T:
        """The reply of ``method`` (``sms/send``) as a ``kind``, which names what it wants of it. Raises
        ``DispatchError``: ``Ambiguous`` when it may have been carried out."""
        url = f"{self._url}/v1/{self._key}/{method}.json"
        try:
            async with self._http.post(url, data=form, timeout=TIMEOUT, allow_redirects=False) as response:
                body = await response.read()
                status = response.status
                wait = response.headers.get("Retry-After", "")
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise Unreachable(self._redacted(error)) from None
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise Ambiguous(self._redacted(error)) from None
        retry_after = timedelta(seconds=int(wait)) if wait.isascii() and wait.isdecimal() else None
        try:
            result = msgspec.json.decode(body, type=_Head, strict=False).result
            if result.status == 200:
                return msgspec.json.decode(body, type=kind, strict=False)
        except (msgspec.DecodeError, UnicodeDecodeError):
            if status == 429:
                raise Throttled(f"HTTP {status}", retry_after=retry_after) from None
            raise Ambiguous(f"HTTP {status} without a reply that can be read") from None
        detail = f"{result.status} {result.message or ''}".strip()[:200]
        error_class = ERRORS.get(result.status)
        if error_class is None:
            log.error("kavenegar.unknown_error", method=method, status=result.status)
            error_class = Unreachable
        raise error_class(self._redacted(detail), retry_after=retry_after)

    def _redacted(self, what: object) -> str:
        words = what if isinstance(what, str) else f"{type(what).__name__}: {what}"
        return words.replace(self._key, "…")
