"""Texts to numbers over Bale's Safir, version 3: https://docs.bale.ai/safir.

It stands among those who carry SMS: a number is written to in Bale, if its owner is there, and where they are
not another carrier of the route gets the message at once. ``send_message`` takes one message: ``request_id``
is ours, and the same again is sent once; what says yes is a ``message_id``, what says no ``error_data``, both
with HTTP 200. One-time codes go as such. There are no receipts, and no list of codes but the one below.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import aiohttp
import msgspec
import structlog

from dispatch.errors import (
    Ambiguous,
    DispatchError,
    Misconfigured,
    Rejected,
    Throttled,
    Unreachable,
    Unroutable,
)
from dispatch.provider import Accepted, Outcome, Outgoing
from dispatch.providers.exchange import REFUSED, Answer, Exchange, one_by_one
from records.outbox import template_of

URL = "https://safir.bale.ai"

# Why a message was refused, by ``code`` of its ``error_data``.
ERRORS: Mapping[int, type[DispatchError]] = {
    2: Unreachable,  # InternalServerError
    3: Throttled,  # RateLimitExceeded
    4: Rejected,  # InvalidInput
    8: Unroutable,  # InvalidPhone: another carrier may know such numbers
    17: Unroutable,  # NotBaleUser
    20: Misconfigured,  # PaymentRequired
    21: Unroutable,  # MaximumContactLimitReached: of people whom the bot did not write to before
}
CODE = "code"  # What our template of one-time codes is called.
IRAN = "+98"


class _Error(msgspec.Struct):
    code: int = 0
    description: str = ""


class _Sent(msgspec.Struct):
    message_id: str | None = None
    error_data: list[_Error] | None = None


log = structlog.get_logger(__name__)


class Safir:
    """``bot``: the number of the bot that writes, the part of its token before the colon."""

    name = "safir"
    channel = "sms"
    batch = 100
    repeatable = True

    def __init__(
        self, http: aiohttp.ClientSession, key: str, bot: int, *, url: str = URL, proxy: str = ""
    ) -> None:
        headers = {"api-access-key": key}
        self._exchange = Exchange(http, url, secrets=(key,), headers=headers, proxy=proxy)
        self._bot = bot

    async def send(self, batch: Sequence[Outgoing]) -> Sequence[Outcome]:
        return await one_by_one(batch, self._send)

    async def _send(self, outgoing: Outgoing) -> Outcome:
        if not outgoing.to.startswith(IRAN):
            return Unroutable("not a number of Iran")
        body = {
            "request_id": outgoing.id.hex(),
            "bot_id": self._bot,
            "phone_number": outgoing.to.removeprefix("+"),
            "message_data": _data(outgoing),
        }
        answer = await self._exchange.post("api/v3/send_message", json=body)
        sent = answer.read(_Sent)
        if sent.error_data:
            return self._refusal(sent.error_data[0], answer, outgoing)
        if answer.status == 200 and sent.message_id:
            return Accepted(sent.message_id)
        kind = REFUSED.get(answer.status, Ambiguous)
        return kind(f"HTTP {answer.status} without a message_id", retry_after=answer.retry_after)

    def _refusal(self, told: _Error, answer: Answer, outgoing: Outgoing) -> DispatchError:
        error = ERRORS.get(told.code)
        if error is None:
            log.error("safir.unknown_error", status=answer.status, code=told.code)
            error = Unreachable
        words = told.description.replace(outgoing.to.removeprefix("+"), "…")
        return error(self._exchange.redacted(f"{told.code} {words}"), retry_after=answer.retry_after)


def _data(outgoing: Outgoing) -> dict[str, Any]:
    """The code alone, for which Bale has words of its own, or the words."""
    said = template_of(outgoing.payload) if outgoing.payload else None
    if said is not None and said.template == CODE and (code := said.parameters.get(CODE, "")).isdecimal():
        return {"otp_message": {"otp": code}}
    return {"message": {"text": outgoing.body}}
