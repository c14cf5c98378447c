"""SMS over SMS.ir's REST interface, version 1, https://apidocs.sms.ir.

``X-API-KEY`` in the header; replies ``{status, message, data}``, where 1 is success. Equal texts go together
(``send/bulk``), different ones paired with their numbers (``send/likeToLike``), a hundred at once. What is
sent together is a pack; its receipts are asked for as a whole (``send/pack/<pack>``), so a message is
``<pack>/<message>`` here, one that went by a template just ``<message>``. SMS.ir takes no name of ours: what
may have gone cannot be asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Generic, Literal, TypeVar
from urllib.parse import quote

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
    Unsubscribed,
)
from dispatch.provider import Accepted, Credit, Outcome, Outgoing, Receipt
from dispatch.providers.exchange import Exchange, merged, one_by_one
from dispatch.providers.sms import names
from dispatch.providers.sms.templates import NoTemplate, approved

T = TypeVar("T")

URL = "https://api.sms.ir"

# What a message is, by its ``deliveryState``; none yet is none.
STATUSES: Mapping[int, Literal["sent", "delivered", "failed", "blocked"]] = {
    1: "delivered",
    2: "failed",  # not delivered
    3: "sent",  # at the operator
    4: "failed",  # did not reach the operator
    5: "sent",  # reached the operator
    6: "failed",  # error
    7: "blocked",  # on the blacklist
}

# Why a request was refused, by its ``status``.
ERRORS: Mapping[int, type[DispatchError]] = {
    0: Ambiguous,  # trouble on their side, who knows where
    10: Misconfigured,  # key
    11: Misconfigured,  # key not active
    12: Misconfigured,  # address of ours
    13: Misconfigured,  # account not active
    14: Misconfigured,  # account suspended
    20: Throttled,  # rate
    101: Misconfigured,  # line
    102: Misconfigured,  # credit
    103: Rejected,  # a text is empty
    104: Unroutable,  # a number is wrong: another vendor may know such numbers
    105: Rejected,  # too many numbers
    106: Rejected,  # too many texts
    107: Rejected,  # no numbers
    108: Rejected,  # no texts
    109: Rejected,  # time
    110: Rejected,  # not as many texts as numbers
    111: Rejected,  # no such id
    112: Rejected,  # nothing to delete
    113: NoTemplate,  # there is no such template
    114: NoTemplate,  # a value is too long for it
    115: Unsubscribed,  # on the blacklist
    116: NoTemplate,  # it has no such parameter
    117: Rejected,  # the text is not allowed
    118: Throttled,  # too many messages
    119: NoTemplate,  # the plan has no templates of one's own
    123: Misconfigured,  # line not active
}

log = structlog.get_logger(__name__)


class _Head(msgspec.Struct):
    status: int
    message: str | None = None


class _Reply(msgspec.Struct, Generic[T]):
    data: T


class _Pack(msgspec.Struct, rename="camel"):
    pack_id: str
    message_ids: list[int | None]


class _Verify(msgspec.Struct, rename="camel"):
    message_id: int


class _Report(msgspec.Struct, rename="camel"):
    message_id: int
    delivery_state: int | None = None


class SmsIr:
    """``lines``: those that messages go from (``names.line``). ``templates``: SMS.ir's ids of templates
    by our names; ``parameter``: what a template calls the code."""

    name = "smsir"
    channel = "sms"
    batch = 100
    receipts_batch = 200
    repeatable = False

    def __init__(
        self,
        http: aiohttp.ClientSession,
        key: str,
        lines: tuple[str, ...],
        *,
        templates: Mapping[str, str] | None = None,
        parameter: str = "Code",
        url: str = URL,
        proxy: str = "",
    ) -> None:
        headers = {"X-API-KEY": key}
        self._exchange = Exchange(http, f"{url.rstrip('/')}/v1", secrets=(key,), headers=headers, proxy=proxy)
        self._lines = lines
        self._templates = templates or {}
        self._parameters = {"code": parameter}

    async def send(self, batch: Sequence[Outgoing]) -> Sequence[Outcome]:
        outcomes: dict[bytes, Outcome] = {}
        together = [outgoing for outgoing in batch if approved(outgoing, self._templates) is None]
        for lot in names.each_number_once(together):
            for line, some in names.by_line(lot, self._lines).items():
                outcomes |= await self._send_together(line, some)
        alone = [outgoing for outgoing in batch if outgoing.id not in outcomes]
        for outgoing, outcome in zip(alone, await one_by_one(alone, self._send_alone), strict=True):
            outcomes[outgoing.id] = outcome
        return [outcomes[outgoing.id] for outgoing in batch]

    async def receipts(self, external_ids: Sequence[str]) -> Mapping[str, Receipt]:
        packs: dict[str, list[str]] = {}
        for external_id in external_ids:
            pack, _slash, _message = external_id.rpartition("/")
            packs.setdefault(pack or external_id, []).append(external_id)
        return merged(await one_by_one(list(packs.items()), self._ask))

    async def credit(self) -> Credit:
        reply = await self._call("credit", None, _Reply[float])
        return Credit(int(reply.data), "messages")

    async def _send_together(self, line: str, batch: Sequence[Outgoing]) -> dict[bytes, Outcome]:
        """The outcome of each. Empty when the whole was refused for one of them, which is not known."""
        try:
            outcomes = await self._send_pack(line, batch)
        except (Rejected, Unroutable, Unsubscribed) as error:
            return {} if len(batch) > 1 else {batch[0].id: error}
        except DispatchError as error:
            outcomes = [error] * len(batch)
        return {each.id: outcome for each, outcome in zip(batch, outcomes, strict=True)}

    async def _send_pack(self, line: str, batch: Sequence[Outgoing]) -> list[Outcome]:
        mobiles = [names.home(each.to) for each in batch]
        body: dict[str, Any] = {"lineNumber": int(line), "mobiles": mobiles}
        texts = [each.body for each in batch]
        if len(set(texts)) == 1:
            reply = await self._call("send/bulk", {**body, "messageText": texts[0]}, _Reply[_Pack])
        else:
            reply = await self._call("send/likeToLike", {**body, "messageTexts": texts}, _Reply[_Pack])
        pack = reply.data
        if len(pack.message_ids) != len(batch):
            return [Ambiguous(f"{len(pack.message_ids)} ids for {len(batch)} messages")] * len(batch)
        return [_outcome(pack.pack_id, message) for message in pack.message_ids]

    async def _send_alone(self, outgoing: Outgoing) -> Outcome:
        template = approved(outgoing, self._templates)
        if template is not None:
            try:
                return await self._send_by_template(outgoing, *template)
            except NoTemplate as error:
                log.error("smsir.no_template", template=template[0], why=error.detail)
        return (await self._send_pack(names.line(outgoing, self._lines), [outgoing]))[0]

    async def _send_by_template(
        self, outgoing: Outgoing, template: str, values: Mapping[str, str]
    ) -> Outcome:
        body = {
            "mobile": names.home(outgoing.to),
            "templateId": int(template),
            "parameters": [
                {"name": self._parameters.get(name, name), "value": value} for name, value in values.items()
            ],
        }
        reply = await self._call("send/verify", body, _Reply[_Verify])
        return Accepted(str(reply.data.message_id), "pending")

    async def _ask(self, pack: tuple[str, list[str]]) -> Mapping[str, Receipt]:
        name, external_ids = pack
        path = quote(name, safe="")
        if name == external_ids[0]:
            reply = await self._call(f"send/{path}", None, _Reply[_Report])
            return {name: _receipt(reply.data)}
        pack_reply = await self._call(f"send/pack/{path}", None, _Reply[list[_Report]])
        return {f"{name}/{report.message_id}": _receipt(report) for report in pack_reply.data}

    async def _call(self, path: str, body: Mapping[str, Any] | None, kind: type[T]) -> T:
        """The reply as a ``kind``: to a question where there is no body."""
        answer = await (self._exchange.get(path) if body is None else self._exchange.post(path, json=body))
        head = answer.read(_Head)
        if head.status == 1:
            return answer.read(kind)
        error = ERRORS.get(head.status)
        if error is None:
            log.error("smsir.unknown_error", path=path.partition("/")[0], status=head.status)
            error = Unreachable
        detail = self._exchange.redacted(f"{head.status} {head.message or ''}")
        raise error(detail, retry_after=answer.retry_after)


def _outcome(pack: str, message: int | None) -> Outcome:
    """What became of one message of a pack, by its id."""
    if message is None:
        return Unroutable("no id: the number is wrong")
    if message == 0:
        return Unsubscribed("id 0: on the blacklist")
    return Accepted(f"{pack}/{message}", "pending")


def _receipt(report: _Report) -> Receipt:
    state = report.delivery_state
    if state is None:
        return Receipt("sent")
    status = STATUSES.get(state)
    if status is None:
        log.error("smsir.unknown_status", status=state, message=report.message_id)
    return Receipt(status or "sent", str(state), unknown=status is None)
