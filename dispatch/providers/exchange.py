"""One exchange with a vendor over HTTP: its answer, or what went wrong by what is to be done about it.

A request that never left is ``Unreachable``; one that left and has no answer that can be read is
``Ambiguous``, since the vendor may have carried it out. What an answer means is the vendor's file's to say:
HTTP 200 is no success yet.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import aiohttp
import msgspec

from dispatch.errors import Ambiguous, DispatchError, Misconfigured, Throttled, Unreachable
from dispatch.provider import Receipt

T = TypeVar("T")
Item = TypeVar("Item")

TIMEOUT = aiohttp.ClientTimeout(total=20, connect=5)
AT_ONCE = 8  # Requests under way, where messages go one by one.
LONGEST = 4 << 20  # Bytes of an answer; the vendors' longest are some thousand.
DETAIL = 200  # Characters of a vendor's words.

# An answer that cannot be read, by its HTTP status: these carried nothing out.
REFUSED: Mapping[int, type[DispatchError]] = {
    401: Misconfigured,
    403: Misconfigured,  # Often a firewall that does not know our address.
    404: Misconfigured,
    405: Misconfigured,
    407: Misconfigured,
    429: Throttled,
    503: Unreachable,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the HTTP status, the body, and how long the vendor asks to be left alone."""

    status: int
    body: bytes
    retry_after: timedelta | None

    def read(self, kind: type[T]) -> T:
        """The body's JSON as a ``kind``, which names what it wants of it; numbers may be written as text.
        Raises ``DispatchError`` for a body that is none."""
        try:
            return msgspec.json.decode(self.body, type=kind, strict=False)
        except (msgspec.DecodeError, UnicodeDecodeError):
            error = REFUSED.get(self.status, Misconfigured if 300 <= self.status < 400 else Ambiguous)
        raise error(f"HTTP {self.status} without an answer that can be read", retry_after=self.retry_after)


class Exchange:
    """Requests to one vendor at ``url``. ``secrets`` stand in no error, wherever they are in the requests.
    ``proxy``: an HTTP proxy on the way there, for vendors who want one address of ours."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        url: str,
        *,
        secrets: Sequence[str] = (),
        headers: Mapping[str, str] | None = None,
        proxy: str = "",
    ) -> None:
        self._http = http
        self._url = url.rstrip("/")
        self._secrets = [secret for secret in secrets if secret]
        self._headers = dict(headers or {})
        self._proxy = proxy or None

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> Answer:
        return await self._ask("GET", path, params=query)

    async def delete(self, path: str) -> Answer:
        return await self._ask("DELETE", path)

    async def post(
        self,
        path: str,
        *,
        form: Mapping[str, str] | None = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """A form, or else JSON."""
        if form is not None:
            return await self._ask("POST", path, headers=headers, data=form)
        headers = {"Content-Type": "application/json; charset=utf-8", **(headers or {})}
        return await self._ask("POST", path, data=msgspec.json.encode(json), headers=headers)

    async def send(self, path: str, body: bytes, kind: str, headers: Mapping[str, str]) -> Answer:
        """Posts octets of a media type."""
        return await self._ask("POST", path, headers={"Content-Type": kind, **headers}, data=body)

    def redacted(self, what: object) -> str:
        """Words, or an error with its kind, short and without the secrets."""
        words = what if isinstance(what, str) else f"{type(what).__name__}: {what}"
        for secret in self._secrets:
            words = words.replace(secret, "…")
        return words.strip()[:DETAIL]

    async def _ask(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **given: Any
    ) -> Answer:
        try:
            async with self._http.request(
                method,
                f"{self._url}/{path}",
                headers={"Accept": "application/json", **self._headers, **(headers or {})},
                proxy=self._proxy,
                timeout=TIMEOUT,
                allow_redirects=False,
                **given,
            ) as response:
                body = b""
                async for chunk in response.content.iter_chunked(1 << 16):
                    body += chunk
                    if len(body) > LONGEST:
                        raise Ambiguous(f"HTTP {response.status} with an answer without an end")
                return Answer(response.status, body, _wait(response.headers.get("Retry-After", "")))
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL) as error:
            raise Unreachable(self.redacted(error)) from None
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise Ambiguous(self.redacted(error)) from None


async def one_by_one(
    items: Sequence[Item], work: Callable[[Item], Awaitable[T]], at_once: int = AT_ONCE
) -> list[T | DispatchError]:
    """What ``work`` made of each, in order, so many under way at a time; an error in place of what failed."""
    slots = asyncio.Semaphore(at_once)

    async def one(item: Item) -> T | DispatchError:
        async with slots:
            try:
                return await work(item)
            except DispatchError as error:
                return error

    return list(await asyncio.gather(*(one(item) for item in items)))


def merged(answers: Sequence[Mapping[str, Receipt] | DispatchError]) -> Mapping[str, Receipt]:
    """The receipts of all answers; those that failed are asked for again. Raises the first error when there
    is nothing else."""
    told = [answer for answer in answers if not isinstance(answer, DispatchError)]
    for answer in answers:
        if isinstance(answer, DispatchError) and not told:
            raise answer
    return {external_id: receipt for each in told for external_id, receipt in each.items()}


def _wait(written: str) -> timedelta | None:
    seconds = written.strip()
    return timedelta(seconds=int(seconds)) if seconds.isascii() and seconds.isdecimal() else None
