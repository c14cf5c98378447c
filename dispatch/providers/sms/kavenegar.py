"""SMS over Kavenegar's REST interface, https://kavenegar.com/rest.html.

Each message goes with a number of ours (``localid``): Kavenegar does not send a number that it knows again,
and tells of a number whether it has it (``sms/statuslocalmessageid``). So a message that may have gone is
handed over once more without harm. First attempts go together (``sms/sendarray``), repetitions one by one
(``sms/send``). Receipts are asked for (``sms/status``). A one-time code goes by a template
(``verify/lookup``) where one is named; that takes no number of ours.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec
import structlog

from dispatch.errors import Ambiguous, Rejected, Unroutable, Unsubscribed
from dispatch.provider import Accepted, Callback, Credit, Found, Outcome, Outgoing, Receipt
from dispatch.providers.exchange import one_by_one
from dispatch.providers.sms import names
from dispatch.providers.sms.kavenegar_api import Api
from dispatch.providers.sms.templates import NoTemplate, approved

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
UNKNOWN = 100

# The fields that a template's values go into, in their order; none of them takes a space.
TOKENS = ("token", "token2", "token3")

log = structlog.get_logger(__name__)


class _Entry(msgspec.Struct):
    messageid: int
    status: int
    statustext: str | None = None
    receptor: str | None = None


class _Entries(msgspec.Struct):
    entries: list[_Entry] | None = None


class _Known(_Entry, kw_only=True):
    localid: int


class _Looked(msgspec.Struct):
    entries: list[_Known] | None = None


class _Account(msgspec.Struct):
    remaincredit: float


class _Info(msgspec.Struct):
    entries: _Account


class Kavenegar:
    """``lines``: those that messages go from (``names.line``), "" for the account's own default.
    ``templates``: Kavenegar's names of templates by ours."""

    name = "kavenegar"
    channel = "sms"
    batch = 200
    receipts_batch = 500
    repeatable = True
    words = "sms/send"
    lookup: Mapping[str, str] = {}

    def __init__(self, api: Api, lines: tuple[str, ...], templates: Mapping[str, str] | None = None) -> None:
        self._api = api
        self._lines = lines
        self._templates = templates or {}

    async def send(self, batch: Sequence[Outgoing]) -> Sequence[Outcome]:
        outcomes: dict[bytes, Outcome] = {}
        first = [each for each in batch if each.attempt == 1 and approved(each, self._templates) is None]
        if len(first) > 1 and all(names.line(each, self._lines) for each in first):
            try:  # Together they need a line each.
                outcomes = await self._send_together(first)
            except (Rejected, Unroutable):
                pass  # One of them is at fault, and with it all were refused: each goes alone.
        alone = [outgoing for outgoing in batch if outgoing.id not in outcomes]
        for outgoing, outcome in zip(alone, await one_by_one(alone, self._send_alone), strict=True):
            outcomes[outgoing.id] = outcome
        return [outcomes[outgoing.id] for outgoing in batch]

    async def receipts(self, external_ids: Sequence[str]) -> Mapping[str, Receipt]:
        reply = await self._api.post("sms/status", {"messageid": ",".join(external_ids)}, _Entries)
        return {str(entry.messageid): _receipt(entry) for entry in reply.entries or ()}

    def parse_receipt(self, callback: Callback) -> Mapping[str, Receipt]:
        """Of one message: ``messageid`` and ``status``, in the query or in a form."""
        given = {**callback.query, **callback.form}
        message, status = given.get("messageid", ""), given.get("status", "")
        if not (message.isascii() and message.isdecimal() and status.isascii() and status.isdecimal()):
            raise ValueError("a receipt has a messageid and a status, both numbers")
        return {message: _receipt(_Entry(int(message), int(status)))}

    async def find(self, references: Sequence[str]) -> Mapping[str, Found]:
        ours = {names.serial(bytes.fromhex(reference)): reference for reference in references}
        form = {"localid": ",".join(map(str, ours))}
        reply = await self._api.post("sms/statuslocalmessageid", form, _Looked)
        return {
            ours[entry.localid]: Found(str(entry.messageid), _receipt(entry))
            for entry in reply.entries or ()
            if entry.localid in ours and entry.status != UNKNOWN
        }

    async def credit(self) -> Credit:
        reply = await self._api.post("account/info", {}, _Info)
        return Credit(int(reply.entries.remaincredit), "rial")

    async def _send_together(self, batch: Sequence[Outgoing]) -> dict[bytes, Outcome]:
        form = {
            "receptor": json.dumps([names.home(each.to) for each in batch]),
            "sender": json.dumps([names.line(each, self._lines) for each in batch]),
            "message": json.dumps([each.body for each in batch], ensure_ascii=False),
            "localmessageids": json.dumps([names.serial(each.id) for each in batch]),
        }
        reply = await self._api.post("sms/sendarray", form, _Entries)
        # The order of entries is promised nowhere: each is given to a message to the same number.
        entries: defaultdict[str, list[_Entry]] = defaultdict(list)
        for entry in reply.entries or ():
            entries[(entry.receptor or "")[-10:]].append(entry)
        outcomes: dict[bytes, Outcome] = {}
        for each in batch:
            found = entries[each.to[-10:]]
            outcomes[each.id] = _outcome(found.pop(0)) if found else Ambiguous("no entry in the reply")
        return outcomes

    async def _send_alone(self, outgoing: Outgoing) -> Outcome:
        template = approved(outgoing, self._templates)
        if template is not None:
            try:
                return await self._send_by_template(outgoing, *template)
            except NoTemplate as error:
                log.error("kavenegar.no_template", template=template[0], why=error.detail)
        form = {
            "receptor": names.home(outgoing.to),
            "message": outgoing.body,
            "localid": str(names.serial(outgoing.id)),
        }
        if line := names.line(outgoing, self._lines):
            form["sender"] = line
        return _only(await self._api.post(self.words, form, _Entries))

    async def _send_by_template(
        self, outgoing: Outgoing, template: str, values: Mapping[str, str]
    ) -> Outcome:
        if len(values) > len(TOKENS):
            raise NoTemplate(f"{len(values)} values")
        form = {"receptor": names.home(outgoing.to), "template": template, **self.lookup}
        form |= dict(zip(TOKENS, values.values(), strict=False))
        return _only(await self._api.post("verify/lookup", form, _Entries))


def _only(reply: _Entries) -> Outcome:
    return _outcome(reply.entries[0]) if reply.entries else Ambiguous("no entry in the reply")


def _status(entry: _Entry) -> Literal["sent", "delivered", "failed", "blocked"]:
    status = STATUSES.get(entry.status)
    if status is None:
        log.error("kavenegar.unknown_status", status=entry.status, message=entry.messageid)
        return "sent"  # They took it; what became of it stays open, and the number is kept in the detail.
    return status


def _detail(entry: _Entry) -> str:
    return f"{entry.status} {entry.statustext or ''}".strip()[:200]


def _receipt(entry: _Entry) -> Receipt:
    return Receipt(_status(entry), _detail(entry), entry.status not in STATUSES)


def _outcome(entry: _Entry) -> Outcome:
    status = _status(entry)
    if status == "failed":
        return Rejected(_detail(entry))
    if status == "blocked":
        return Unsubscribed(_detail(entry))
    return Accepted(str(entry.messageid), "delivered" if status == "delivered" else "pending", _detail(entry))
