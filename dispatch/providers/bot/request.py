"""How python-telegram-bot's ``Bot`` reaches the Bot API here: over aiohttp, which the rest of the service
uses too and which takes less time than httpx, its own HTTP client.

Errors beside python-telegram-bot's own::

    telegram.error.NetworkError
    ├── Unconnected   no connection came about: nothing was sent
    └── Broken        it broke, or nobody answered, after the request went out
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgspec
from telegram.error import BadRequest, NetworkError, TelegramError
from telegram.request import BaseRequest, RequestData
from yarl import URL

CONNECT = 5.0  # Seconds.
READ = 20.0
ANSWER_BYTES = 32 * 1024 * 1024  # A hundred updates are far smaller.
CONNECTIONS = 256

_PATIENCE = aiohttp.ClientTimeout(total=CONNECT + READ, connect=CONNECT)
_JSON = {"Content-Type": "application/json"}


class Unconnected(NetworkError):
    """The Bot API cannot be reached; nothing was sent."""


class Broken(NetworkError):
    """The connection broke, or the Bot API did not answer in time; it may have done what was asked."""


def session() -> aiohttp.ClientSession:
    """The connections to the Bot API of one process. A connection that was quiet for ten seconds is not used
    again: the other side may just be closing it, and then nobody knows whether a message went."""
    connector = aiohttp.TCPConnector(limit=CONNECTIONS, keepalive_timeout=10.0)
    return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())


class Request(BaseRequest):
    """Requests by a session that is opened and closed elsewhere. ``proxy`` is an outbound HTTP proxy, "" for
    none. What is raised quotes neither the URL, which has the bot's token in it, nor what was sent."""

    def __init__(self, http: aiohttp.ClientSession, proxy: str = "") -> None:
        self._http = http
        self._proxy = proxy or None

    @property
    def read_timeout(self) -> float | None:
        return READ

    async def initialize(self) -> None:
        """Nothing is opened here."""

    async def shutdown(self) -> None:
        """Nothing was opened here."""

    async def do_request(
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        read_timeout: Any = BaseRequest.DEFAULT_NONE,
        write_timeout: Any = BaseRequest.DEFAULT_NONE,
        connect_timeout: Any = BaseRequest.DEFAULT_NONE,
        pool_timeout: Any = BaseRequest.DEFAULT_NONE,
    ) -> tuple[int, bytes]:
        if request_data is not None and request_data.contains_files:
            raise TelegramError("files are not uploaded by this client")
        body = b"" if request_data is None else msgspec.json.encode(request_data.parameters)
        read = READ if read_timeout is BaseRequest.DEFAULT_NONE or read_timeout is None else read_timeout
        return await self.exchange(url, body, read, method=method)

    async def exchange(
        self, url: str | URL, body: bytes | aiohttp.FormData, read: float = READ, *, method: str = "POST"
    ) -> tuple[int, bytes]:
        """One request with a JSON body, or a form; the status and the body of its answer. ``read`` is in
        seconds from the connection to the end of the answer. Raises ``Unconnected`` and ``Broken``."""
        headers = _JSON if isinstance(body, bytes) and body else None
        timeout = _PATIENCE if read == READ else aiohttp.ClientTimeout(total=CONNECT + read, connect=CONNECT)
        try:
            async with self._http.request(
                method,
                url,
                data=body or None,
                headers=headers,
                proxy=self._proxy,
                timeout=timeout,
                allow_redirects=False,
            ) as response:
                length = response.content_length
                if length is not None and length > ANSWER_BYTES:
                    raise Broken("the answer is too large")
                return response.status, await response.read()
        except (
            aiohttp.ClientConnectorError,
            aiohttp.ConnectionTimeoutError,
            aiohttp.ClientHttpProxyError,
        ) as error:
            raise Unconnected(type(error).__name__) from None
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise Broken(type(error).__name__) from None

    async def stream(self, url: str, most: int) -> AsyncIterator[bytes]:
        """A file in chunks, at most ``most`` bytes. ``BadRequest`` when it is longer or is not there;
        ``Broken`` and ``Unconnected`` when it may come whole another time."""
        timeout = aiohttp.ClientTimeout(total=300.0, connect=CONNECT, sock_read=READ)
        got = 0
        try:
            async with self._http.get(
                url, proxy=self._proxy, timeout=timeout, allow_redirects=False
            ) as response:
                if response.status in (400, 403, 404, 410):
                    raise BadRequest("the file is not there")
                if response.status != 200:
                    raise Broken(f"HTTP {response.status}")
                async for chunk in response.content.iter_chunked(64 * 1024):
                    got += len(chunk)
                    if got > most:
                        raise BadRequest("the file is longer than was said")
                    yield chunk
        except aiohttp.ClientConnectorError as error:
            raise Unconnected(type(error).__name__) from None
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise Broken(type(error).__name__) from None
