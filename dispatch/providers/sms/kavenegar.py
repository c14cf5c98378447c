"""SMS over Kavenegar's REST interface, https://kavenegar.com/rest.html.

Each message goes with a number of ours (``localid``): Kavenegar does not send a number that it knows again,
so a message that may have gone is handed over once more without harm. First attempts go together
(``sms/sendarray``), repetitions one by one (``sms/send``). Receipts are asked for (``sms/status``).
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Literal

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
    Unsubscribed,
)
from dispatch.provider import Accepted, Outcome, Outgoing, Receipt

# What a message is, by ``status`` of its entry.
STATUSES: Mapping[int, Literal["sent", "delivered", "failed", "blocked"]] = {
    1: "sent",  # in their queue
    2: "sent",  # scheduled
    4: "sent",  # handed to the operator
    5: "sent",  # handed to the operator
    6: "failed",
    10: "delivered",
    11: "failed",  # not delivered
    13: "failed",  # cancelled
    14: "blocked",  # the person closed the line to advertising
    100: "sent",  # an id that they do not know, or older than 48 hours: nothing new
}

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

AT_ONCE = 8  # Requests under way, where messages go one by one.
TIMEOUT = aiohttp.ClientTimeout(total=20, connect=5)

log = structlog.get_logger(__name__)


class _Return(msgspec.Struct):
    status: int
    message: str | None = None


class _Entry(msgspec.Struct):
    messageid: int
    status: int
    statustext: str | None = None
    receptor: str | None = None


class _Reply(msgspec.Struct):
    result: _Return = msgspec.field(name="return")
    entries: list[_Entry] | None = None


class Kavenegar:
    """``key`` stands in the path of each request; it is in no error and no log. ``sender`` is the line that
    messages go from, "" for the account's own default."""

    name = "kavenegar"
    channel = "sms"
    batch = 200
    receipts_batch = 500
    repeatable = True

    def __init__(
        self, http: aiohttp.ClientSession, key: str, sender: str, url: str = "https://api.kavenegar.com"
    ) -> None:
        self._http = http
        self._key = key
        self._sender = sender
        self._url = url.rstrip("/")

    async def send(self, batch: Sequence[Outgoing]) -> Sequence[Outcome]:
        first = [outgoing for outgoing in batch if outgoing.attempt == 1]
        outcomes: dict[bytes, Outcome] = {}
        if len(first) > 1 and self._sender:  # Together they need a line each.
            try:
                outcomes = await self._send_together(first)
            except Rejected:
                pass  # One of them is at fault, and with it all were refused: each goes alone.
        alone = [outgoing for outgoing in batch if outgoing.id not in outcomes]
        slots = asyncio.Semaphore(AT_ONCE)
        for outgoing, outcome in zip(
            alone, await asyncio.gather(*(self._send_alone(each, slots) for each in alone)), strict=True
        ):
            outcomes[outgoing.id] = outcome
        return [outcomes[outgoing.id] for outgoing in batch]

    async def receipts(self, external_ids: Sequence[str]) -> Mapping[str, Receipt]:
        reply = await self._post("sms/status", {"messageid": ",".join(external_ids)})
        return {
            str(entry.messageid): Receipt(_status(entry), _detail(entry), entry.status not in STATUSES)
            for entry in reply.entries or ()
        }

    async def _send_together(self, batch: Sequence[Outgoing]) -> dict[bytes, Outcome]:
        form = {
            "receptor": json.dumps([receptor(each.to) for each in batch]),
            "sender": json.dumps([self._sender for _ in batch]),
            "message": json.dumps([each.body for each in batch], ensure_ascii=False),
            "localmessageids": json.dumps([localid(each.id) for each in batch]),
        }
        reply = await self._post("sms/sendarray", form)
        # The order of entries is promised nowhere: each is given to a message to the same number.
        entries: defaultdict[str, list[_Entry]] = defaultdict(list)
        for entry in reply.entries or ():
            entries[(entry.receptor or "")[-10:]].append(entry)
        outcomes: dict[bytes, Outcome] = {}
        for each in batch:
            found = entries[each.to[-10:]]
            outcomes[each.id] = _outcome(found.pop(0)) if found else Ambiguous("no entry in the reply")
        return outcomes

    async def _send_alone(self, outgoing: Outgoing, slots: asyncio.Semaphore) -> Outcome:
        form = {
            "receptor": receptor(outgoing.to),
            "message": outgoing.body,
            "localid": str(localid(outgoing.id)),
        }
        if self._sender:
            form["sender"] = self._sender
        try:
            async with slots:
                reply = await self._post("sms/send", form)
        except DispatchError as error:
            return error
        return _outcome(reply.entries[0]) if reply.entries else Ambiguous("no entry in the reply")

    async def _post(self, method: str, form: Mapping[str, str]) -> _Reply:
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
            reply = msgspec.json.decode(body, type=_Reply, strict=False)
        except (msgspec.DecodeError, UnicodeDecodeError):
            if status == 429:
                raise Throttled(f"HTTP {status}", retry_after=retry_after) from None
            raise Ambiguous(f"HTTP {status} without a reply that can be read") from None
        if reply.result.status == 200:
            return reply
        detail = f"{reply.result.status} {reply.result.message or ''}".strip()[:200]
        error_class = ERRORS.get(reply.result.status)
        if error_class is None:
            log.error("kavenegar.unknown_error", method=method, status=reply.result.status)
            error_class = Unreachable
        raise error_class(self._redacted(detail), retry_after=retry_after)

    def _redacted(self, what: object) -> str:
        words = what if isinstance(what, str) else f"{type(what).__name__}: {what}"
        return words.replace(self._key, "…")


def receptor(to: str) -> str:
    """A number in E.164 as Kavenegar takes it: ``09…`` inside Iran, ``00…`` outside."""
    return "0" + to[3:] if to.startswith("+98") else "00" + to.removeprefix("+")


def localid(message: bytes) -> int:
    """Our number of a message: 63 bits of its id's hash, so that a number is not met again, even after the
    database began anew. Two of a thousand million messages share one with a chance of 5 %."""
    return int.from_bytes(hashlib.sha256(message).digest()[:8], "big") >> 1


def _status(entry: _Entry) -> Literal["sent", "delivered", "failed", "blocked"]:
    status = STATUSES.get(entry.status)
    if status is None:
        log.error("kavenegar.unknown_status", status=entry.status, message=entry.messageid)
        return "sent"  # They took it; what became of it stays open, and the number is kept in the detail.
    return status


def _detail(entry: _Entry) -> str:
    return f"{entry.status} {entry.statustext or ''}".strip()[:200]


def _outcome(entry: _Entry) -> Outcome:
    status = _status(entry)
    if status == "failed":
        return Rejected(_detail(entry))
    if status == "blocked":
        return Unsubscribed(_detail(entry))
    return Accepted(str(entry.messageid), "delivered" if status == "delivered" else "pending", _detail(entry))
