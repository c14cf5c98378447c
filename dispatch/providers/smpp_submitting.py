"""Short messages handed to an SMSC, for whichever channel: what its answers mean to a dispatcher, and when it
is left alone.

Source: SMPP v3.4 §5.1.3 (statuses).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import structlog

from dispatch.errors import (
    Ambiguous,
    Away,
    DispatchError,
    Misconfigured,
    Rejected,
    Throttled,
    Unreachable,
    Unroutable,
)
from smpp.connection import Connection
from smpp.errors import QUEUE_FULL, STATUSES, Advice, BindRefused, NoAnswer, NotSent, Refused, TooMuch
from smpp.pdu import Message

# Why a submit was refused, by what its status advises (``smpp.errors.STATUSES``). What this SMSC will never
# take another one may.
ERRORS: Mapping[Advice, type[DispatchError]] = {
    "ok": Unreachable,
    "later": Unreachable,
    "slower": Throttled,
    "never": Unroutable,
    "repair": Misconfigured,
}
SLOWER = timedelta(seconds=1)  # Rates are counted by the second.
FULL = timedelta(seconds=10)  # A queue that is full takes longer.
UNBOUND = timedelta(seconds=2)  # How soon a bind that is lost is looked for again.
PATIENCE = 2.0  # Seconds that a batch waits for a bind.

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Rest:
    """Until when (of the loop's clock) nothing is submitted, and why."""

    until: float
    error: type[DispatchError]
    why: str


class Submitter:
    """``name`` is the provider's. As many are under way as the windows of all binds have room for."""

    def __init__(self, name: str, connection: Connection) -> None:
        self._name = name
        self._connection = connection
        self._places = asyncio.Semaphore(connection.room)
        self._rest: _Rest | None = None

    async def missing(self) -> DispatchError | None:
        """Why nothing can be submitted, for want of a bind."""
        return None if await self._connection.able(PATIENCE) else self._unbound()

    async def submit(self, message: Message) -> str | DispatchError:
        """The SMSC's id of the message, or why it was not taken. Once the SMSC asked for fewer, or is gone,
        whatever else waits here is not submitted before that time is over."""
        async with self._places:
            now = asyncio.get_running_loop().time()
            if self._rest is not None:
                if now < self._rest.until:
                    wait = timedelta(seconds=self._rest.until - now)
                    return self._rest.error(self._rest.why, retry_after=wait, tried=False)
                self._rest = None
            try:
                return await self._connection.submit(message, 0.0)
            except Refused as error:
                return self._refused(error)
            except NoAnswer as error:
                return Ambiguous(str(error))
            except NotSent:
                unbound = self._unbound()
                return self._resting(type(unbound), UNBOUND, unbound.detail)
            except TooMuch as error:
                return Rejected(str(error))

    def _refused(self, error: Refused) -> DispatchError:
        kind = ERRORS[error.advice]
        if error.status not in STATUSES:
            log.error("smpp.unknown_status", provider=self._name, status=error.status)
        if kind is Throttled:
            return self._resting(kind, FULL if error.status == QUEUE_FULL else SLOWER, str(error))
        return kind(str(error))

    def _resting(self, kind: type[DispatchError], wait: timedelta, why: str) -> DispatchError:
        self._rest = _Rest(asyncio.get_running_loop().time() + wait.total_seconds(), kind, why)
        return kind(why, retry_after=wait)

    def _unbound(self) -> DispatchError:
        trouble = self._connection.trouble
        if isinstance(trouble, BindRefused) and trouble.advice == "repair":
            return Misconfigured(str(trouble))
        return Away(str(trouble or "there is no bind"), retry_after=UNBOUND, tried=False)
