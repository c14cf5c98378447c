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
from typing import Literal

import msgspec
import structlog

from dispatch.errors import Ambiguous, DispatchError, Rejected, Unsubscribed
from dispatch.provider import Accepted, Outcome, Outgoing, Receipt
from dispatch.providers.sms.kavenegar_api import Api

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

ANSWERS = "sms-"  # What the routes of inbound SMS begin with.
AT_ONCE = 8  # Requests under way, where messages go one by one.

log = structlog.get_logger(__name__)


class _Entry(msgspec.Struct):
    messageid: int
    status: int
    statustext: str | None = None
    receptor: str | None = None


class _Sent(msgspec.Struct):
    entries: list[_Entry] | None = None


class Kavenegar:
    """``sender`` is the line that messages go from, "" for the account's own default. An answer to an SMS
    goes from the line that it came to."""

    name = "kavenegar"
    channel = "sms"
    batch = 200
    receipts_batch = 500
    repeatable = True

    def __init__(self, api: Api, sender: str) -> None:
        self._api = api
        self._sender = sender

    async def send(self, batch: Sequence[Outgoing]) -> Sequence[Outcome]:
        first = [outgoing for outgoing in batch if outgoing.attempt == 1]
        outcomes: dict[bytes, Outcome] = {}
        if len(first) > 1 and all(self._line(each) for each in first):  # Together they need a line each.
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
        reply = await self._api.post("sms/status", {"messageid": ",".join(external_ids)}, _Sent)
        return {
            str(entry.messageid): Receipt(_status(entry), _detail(entry), entry.status not in STATUSES)
            for entry in reply.entries or ()
        }

    async def _send_together(self, batch: Sequence[Outgoing]) -> dict[bytes, Outcome]:
        form = {
            "receptor": json.dumps([receptor(each.to) for each in batch]),
            "sender": json.dumps([self._line(each) for each in batch]),
            "message": json.dumps([each.body for each in batch], ensure_ascii=False),
            "localmessageids": json.dumps([localid(each.id) for each in batch]),
        }
        reply = await self._api.post("sms/sendarray", form, _Sent)
        # The order of entries is promised nowhere: each is given to a message to the same number.
        entries: defaultdict[str, list[_Entry]] = defaultdict(list)
        for entry in reply.entries or ():
            entries[(entry.receptor or "")[-10:]].append(entry)
        outcomes: dict[bytes, Outcome] = {}
        for each in batch:
            found = entries[each.to[-10:]]
            outcomes[each.id] = _outcome(found.pop(0)) if found else Ambiguous("no entry in the reply")
        return outcomes

    def _line(self, outgoing: Outgoing) -> str:
        """The line that a message goes from: its route is ``sms-<line>`` where it answers one."""
        return outgoing.route.removeprefix(ANSWERS) if outgoing.route.startswith(ANSWERS) else self._sender

    async def _send_alone(self, outgoing: Outgoing, slots: asyncio.Semaphore) -> Outcome:
        form = {
            "receptor": receptor(outgoing.to),
            "message": outgoing.body,
            "localid": str(localid(outgoing.id)),
        }
        if line := self._line(outgoing):
            form["sender"] = line
        try:
            async with slots:
                reply = await self._api.post("sms/send", form, _Sent)
        except DispatchError as error:
            return error
        return _outcome(reply.entries[0]) if reply.entries else Ambiguous("no entry in the reply")


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
