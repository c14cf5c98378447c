"""One try to tell a business: what its server answered, or why it did not.

Only the head of an answer is read: 2xx is yes and everything else is no, also a redirection, which is not
followed. Where the name leads is looked at when the connection is made (``dispatch.guard``).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

import aiohttp

from dispatch.guard import NotPublic

TIMEOUT = aiohttp.ClientTimeout(total=15, sock_connect=5)
LONGEST_WAIT = timedelta(hours=1)  # That is kept to, of what a server asks for.

# What was wrong: ``status`` (none of 2xx), ``redirect``, ``address`` (not public), ``connection`` (no way
# there, TLS), ``time`` (no answer in time), ``broken`` (closed before an answer, or it is no HTTP).
Wrong = Literal["status", "redirect", "address", "connection", "time", "broken"]


@dataclass(frozen=True, slots=True)
class Answer:
    """``problem`` None is yes. ``status``: the HTTP status, where there was one; ``again``: how long the
    server asks to be left alone."""

    status: int | None
    problem: Wrong | None
    again: timedelta | None = None


async def post(
    http: aiohttp.ClientSession,
    url: str,
    body: bytes,
    headers: dict[str, str],
    limit: aiohttp.ClientTimeout = TIMEOUT,
) -> Answer:
    """Tries once; raises nothing that a server could cause."""
    try:
        async with http.post(
            url, data=body, headers=headers, timeout=limit, allow_redirects=False
        ) as response:
            again = response.headers.get("Retry-After", "").strip()
            wait = int(again) if len(again) <= 6 and again.isascii() and again.isdecimal() else 0
            return Answer(
                response.status,
                _wrong(response.status),
                min(timedelta(seconds=wait), LONGEST_WAIT) if wait else None,
            )
    except TimeoutError:
        return Answer(None, "time")
    except aiohttp.ClientConnectorError as error:
        return Answer(
            None, "address" if isinstance(getattr(error, "os_error", None), NotPublic) else "connection"
        )
    except aiohttp.InvalidURL:
        return Answer(None, "address")  # Numbers that are an address to some programs, and to aiohttp none.
    except (aiohttp.ClientError, OSError, ValueError):
        return Answer(None, "broken")


def _wrong(status: int) -> Wrong | None:
    if 200 <= status < 300:
        return None
    return "redirect" if 300 <= status < 400 else "status"
