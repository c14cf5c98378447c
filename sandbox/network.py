"""A USSD network in front of a running server: it speaks Africa's Talking's form, as that gateway does."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout

DOOR = "/ussd/africastalking"
CARRIER = "43211"
PATIENCE = ClientTimeout(total=15)

_CODE = re.compile(r"\*([0-9]{1,16})((?:\*[^*#]+)*)#")


class NetworkError(Exception):
    """The dialog cannot go on; the message says why and what to do."""


@dataclass(slots=True)
class Dialog:
    """One USSD dialog. ``number`` is in E.164, ``code`` what was dialled (``*733*2#``)."""

    http: ClientSession
    url: str
    number: str
    code: str
    open: bool = False
    _service: str = ""
    _typed: list[str] = field(default_factory=list)
    _session: str = field(default_factory=lambda: f"terminal-{secrets.token_hex(12)}")

    async def begin(self) -> str:
        """Dials; the first screen. Raises ``NetworkError``."""
        match = _CODE.fullmatch(self.code)
        if match is None:
            raise NetworkError(f"{self.code}: a code begins with * and ends with #, like *733#")
        self._service = f"*{match[1]}#"
        self._typed = [match[2][1:]] if match[2] else []
        return await self._send()

    async def answer(self, typed: str) -> str:
        """Types an answer; the next screen."""
        self._typed.append(typed)
        return await self._send()

    async def hang_up(self) -> None:
        """Ends the dialog as a person does who puts the phone down."""
        if self.open:
            await self._over("Incomplete")

    async def _send(self) -> str:
        status, body = await _post(
            self.http, f"{self.url}{DOOR}", self._form({"text": "*".join(self._typed)})
        )
        word, _, screen = body.partition(" ")
        if status == 403:
            raise NetworkError(f"the gateway at {self.url}{DOOR} refused us: {body.strip()}")
        if status != 200 or word not in ("CON", "END"):
            raise NetworkError(f"the gateway at {self.url}{DOOR} answered {status}: {body.strip()[:200]}")
        self.open = word == "CON"
        if not self.open:
            await self._over("Success")
        return screen

    async def _over(self, status: str) -> None:
        self.open = False
        form = self._form({"status": status, "durationInMillis": "0", "hopsCount": "1", "cost": "0"})
        try:
            await _post(self.http, f"{self.url}{DOOR}/events", form)
        except NetworkError:
            pass  # The person has left; the session would run out by itself.

    def _form(self, more: Mapping[str, str]) -> dict[str, str]:
        return {
            "sessionId": self._session,
            "phoneNumber": self.number,
            "networkCode": CARRIER,
            "serviceCode": self._service,
            **more,
        }


async def answers(http: ClientSession, url: str) -> bool:
    """Whether a server that can be dialled answers at ``url``."""
    try:
        async with http.get(f"{url}/healthz", timeout=ClientTimeout(total=2)) as response:
            return response.status == 200
    except (ClientError, TimeoutError, OSError):
        return False


async def messages(http: ClientSession, url: str, after: str = "") -> tuple[Sequence[Any], str]:
    """What the system sent since ``after``, the oldest first, and the cursor for the next time. Nothing where
    the sandbox is off."""
    query = {"limit": "200", **({"after": after} if after else {})}
    try:
        async with http.get(f"{url}/sandbox/messages", params=query, timeout=PATIENCE) as response:
            if response.status != 200:
                return (), after
            found = await response.json()
    except (ClientError, TimeoutError, OSError, ValueError):
        return (), after
    return found["messages"][::-1], found["cursor"]


async def _post(http: ClientSession, url: str, form: Mapping[str, str]) -> tuple[int, str]:
    try:
        async with http.post(url, data=form, timeout=PATIENCE) as response:
            return response.status, await response.text(errors="replace")
    except TimeoutError:
        raise NetworkError(f"{url} did not answer in time; dial again") from None
    except (ClientError, OSError) as error:
        raise NetworkError(f"no server answers at {url} ({error}); start one by `make run`") from None
