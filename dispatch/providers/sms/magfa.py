"""SMS over Magfa's HTTP interface, version 2, https://messaging.magfa.com/ui/?public/wiki/api/http_v2.

Basic authentication as ``user/domain``. A batch is one request of parallel arrays, a hundred messages at
most; each goes with a number of ours (``uids``), by which Magfa tells whether it has it (``mid/<uid>``): so
what may have gone is asked for before it is sent again. Receipts are asked for together
(``statuses/<mid>,…``); after a day Magfa has forgotten them.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Literal, TypeVar

import aiohttp
import msgspec
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
    Unsubscribed,
)
from dispatch.provider import Accepted, Credit, Found, Outcome, Outgoing, Receipt
from dispatch.providers.exchange import Answer, Exchange, one_by_one
from dispatch.providers.sms import names

T = TypeVar("T")

URL = "https://sms.magfa.com/api/http/sms/v2"

# What a message is, by ``status`` of its receipt.
STATUSES: Mapping[int, Literal["sent", "delivered", "failed", "blocked"]] = {
    -1: "sent",  # an id that they do not know, or older than a day: nothing new
    0: "sent",  # nothing yet
    1: "delivered",
    2: "failed",  # not delivered
    8: "sent",  # reached the operator
    16: "failed",  # did not reach the operator
}

# Why a request or one message of it was refused, by its ``status``.
ERRORS: Mapping[int, type[DispatchError]] = {
    1: Unroutable,  # number: another vendor may know such numbers
    2: Misconfigured,  # line
    3: Rejected,  # encoding
    4: Rejected,  # class
    6: Rejected,  # UDH
    8: Away,  # outside the hours of advertising: the message waits, and others do not
    13: Rejected,  # no text
    14: Misconfigured,  # credit
    15: Unreachable,  # trouble on their side
    16: Misconfigured,  # account not active
    17: Misconfigured,  # account expired
    18: Misconfigured,  # user or password
    19: Misconfigured,  # user, password and domain
    20: Misconfigured,  # the line is not the account's
    22: Misconfigured,  # the service is not active
    23: Throttled,  # busy
    24: Rejected,  # id
    25: Misconfigured,  # method
    27: Unsubscribed,  # on the operator's blacklist
    28: Unroutable,  # numbers like it are closed here
    29: Misconfigured,  # address of ours
    30: Unroutable,  # too many parts: others carry longer ones
    31: Rejected,  # JSON
    33: Unsubscribed,  # لغو۱۱
    34: Misconfigured,  # the line's papers
    101: Rejected,  # arrays of different sizes, here and below
    102: Rejected,
    103: Rejected,
    104: Rejected,
    105: Rejected,
    106: Rejected,
    107: Rejected,
    108: Rejected,
    109: Rejected,
    110: Rejected,
}
HALF_AN_HOUR = timedelta(minutes=30)  # How soon a message looks again whether its hours have come.

log = structlog.get_logger(__name__)


class _Head(msgspec.Struct):
    status: int


class _Message(msgspec.Struct, rename="camel"):
    status: int
    id: int | None = None
    user_id: int | None = None


class _Sent(msgspec.Struct):
    messages: list[_Message] | None = None


class _Receipt(msgspec.Struct):
    mid: int
    status: int


class _Receipts(msgspec.Struct):
    dlrs: list[_Receipt] | None = None


class _Mid(msgspec.Struct):
    mid: int | None = None


class _Balance(msgspec.Struct):
    balance: float


class Magfa:
    """``lines``: those that messages go from (``names.line``)."""

    name = "magfa"
    channel = "sms"
    batch = 100
    receipts_batch = 100
    repeatable = False

    def __init__(
        self,
        http: aiohttp.ClientSession,
        username: str,
        password: str,
        domain: str,
        lines: tuple[str, ...],
        *,
        url: str = URL,
        proxy: str = "",
    ) -> None:
        basic = base64.b64encode(f"{username}/{domain}:{password}".encode()).decode()
        headers = {"Authorization": f"Basic {basic}"}
        self._exchange = Exchange(http, url, secrets=(password, basic), headers=headers, proxy=proxy)
        self._lines = lines

    async def send(self, batch: Sequence[Outgoing]) -> Sequence[Outcome]:
        numbers = [names.serial(outgoing.id) for outgoing in batch]
        body = {
            "senders": [names.line(outgoing, self._lines) for outgoing in batch],
            "recipients": [names.home(outgoing.to) for outgoing in batch],
            "messages": [outgoing.body for outgoing in batch],
            "uids": numbers,
        }
        reply = self._read(await self._exchange.post("send", json=body), _Sent)
        told = {message.user_id: message for message in reply.messages or ()}
        return [
            self._outcome(told[number]) if number in told else Ambiguous("not in the reply")
            for number in numbers
        ]

    async def receipts(self, external_ids: Sequence[str]) -> Mapping[str, Receipt]:
        answer = await self._exchange.get(f"statuses/{','.join(external_ids)}")
        return {str(each.mid): _receipt(each) for each in self._read(answer, _Receipts).dlrs or ()}

    async def find(self, references: Sequence[str]) -> Mapping[str, Found]:
        found = await one_by_one(references, self._find)
        for each in found:
            if isinstance(each, DispatchError):
                raise each  # Of the others it could not be said that they were never taken.
        return {
            reference: Found(str(mid), Receipt("sent"))
            for reference, mid in zip(references, found, strict=True)
            if mid
        }

    async def credit(self) -> Credit:
        return Credit(int(self._read(await self._exchange.get("balance"), _Balance).balance), "rial")

    async def _find(self, reference: str) -> int:
        """Magfa's id of the message, 0 where it has none (it answers nothing, or -1)."""
        answer = await self._exchange.get(f"mid/{names.serial(bytes.fromhex(reference))}")
        return max(self._read(answer, _Mid).mid or 0, 0)

    def _outcome(self, message: _Message) -> Outcome:
        if message.status:
            return self._error(message.status, None)
        return Accepted(str(message.id), "pending") if message.id else Ambiguous("no id in the reply")

    def _read(self, answer: Answer, kind: type[T]) -> T:
        status = answer.read(_Head).status
        if status:
            raise self._error(status, answer.retry_after)
        return answer.read(kind)

    def _error(self, status: int, retry_after: timedelta | None) -> DispatchError:
        error = ERRORS.get(status)
        if error is None:
            log.error("magfa.unknown_error", status=status)
            error = Unreachable
        return error(str(status), retry_after=HALF_AN_HOUR if error is Away else retry_after)


def _receipt(told: _Receipt) -> Receipt:
    status = STATUSES.get(told.status)
    if status is None:
        log.error("magfa.unknown_status", status=told.status, message=told.mid)
    return Receipt(status or "sent", str(told.status), unknown=status is None)
