"""Asks a registry whether a national ID and a mobile number belong together (Shahkar and the like).

Providers reach Shahkar through intermediaries whose addresses and field names differ, so these are settings.
The usual form: ``POST …/api/inquiry/mobile/owner/v2`` with ``{"nationalId": …, "mobileNumber": "0912…"}``,
answered by ``isMatched`` somewhere in the JSON. HTTP 200 alone means nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import structlog
from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout

log = structlog.get_logger()

LARGEST_ANSWER = 64 * 1024


class IdentityUnavailable(Exception):
    """The registry gave no answer that says yes or no: it is off, away, slow, or says something else."""


@dataclass(frozen=True, slots=True)
class Registry:
    """Where to ask and how. ``answer`` is the way to the yes or no in the answer's JSON, its steps joined by
    dots (``result.isMatched``). ``seconds`` bounds the whole request."""

    url: str = ""
    token: str = ""
    national_id: str = "nationalId"
    number: str = "mobileNumber"
    answer: str = "isMatched"
    seconds: float = 4.0


class Identity:
    """``http`` is the house's session; None only where the registry is off."""

    def __init__(self, *, http: ClientSession | None, registry: Registry) -> None:
        self._http = http
        self._registry = registry

    @property
    def required(self) -> bool:
        """Whether people are asked for their national ID: where a registry was named."""
        return bool(self._registry.url)

    async def match(self, national_id: str, number: str) -> bool:
        """Whether the number (E.164) is registered to this national ID. Raises ``IdentityUnavailable``.
        Neither of them is logged, nor is the answer."""
        if self._http is None or not self._registry.url:
            raise IdentityUnavailable("no registry is set")
        national = "0" + number.removeprefix("+98") if number.startswith("+98") else number
        headers = {"Authorization": f"Bearer {self._registry.token}"} if self._registry.token else {}
        try:
            async with self._http.post(
                self._registry.url,
                json={self._registry.national_id: national_id, self._registry.number: national},
                headers=headers,
                timeout=ClientTimeout(total=self._registry.seconds),
                allow_redirects=False,  # The token is for this address alone.
            ) as response:
                body = await _whole(response)
                status = response.status
        except (ClientError, TimeoutError) as error:
            raise IdentityUnavailable(type(error).__name__) from error
        if status != 200:
            raise IdentityUnavailable(f"HTTP {status}")
        return self._read(body)

    def _read(self, body: bytes) -> bool:
        try:
            found: Any = msgspec.json.decode(body)
            for step in self._registry.answer.split("."):
                found = found[step]
        except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
            raise IdentityUnavailable(f"no {self._registry.answer} in the answer") from error
        if not isinstance(found, bool):
            raise IdentityUnavailable(f"{self._registry.answer} is neither true nor false")
        return found


async def _whole(response: ClientResponse) -> bytes:
    body = b""
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > LARGEST_ANSWER:
            raise IdentityUnavailable(f"an answer of more than {LARGEST_ANSWER} bytes")
    return body
