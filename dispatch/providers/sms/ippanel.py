"""SMS over IPPanel's Edge interface, https://ippanelcom.github.io/Edge-Document/.

The key in the header ``Authorization``; replies ``{data, meta: {status, message, message_code, errors}}``. A
batch is one request (``peer_to_peer``): the people of each text together, and one id for each text. Receipts
are asked for by that id (``report/recipients``) and name people by their numbers. So a message is ``<id>``
where its text went to one person, else ``<id>-<mark>`` here: the mark is made from the number under the key,
since numbers are not stored as they are. There is no name of ours to ask by. A code goes by a pattern where
one is named.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeVar

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
from dispatch.provider import Accepted, Credit, Outcome, Outgoing, Receipt
from dispatch.providers.exchange import Answer, Exchange, merged, one_by_one
from dispatch.providers.sms import names
from dispatch.providers.sms.templates import NoTemplate, approved

T = TypeVar("T")

URL = "https://edge.ippanel.com/v1"

# What a message is, by ``message_status`` of its recipient.
STATUSES: Mapping[int, Literal["sent", "delivered", "failed", "blocked"]] = {
    0: "sent",  # to the operator
    1: "sent",  # the operator has it
    2: "delivered",
    3: "failed",  # not delivered
    4: "blocked",  # on the blacklist
}

# Why a request was refused, by ``message_code``; it was not carried out.
ERRORS: Mapping[str, type[DispatchError]] = {
    "400-1": Misconfigured,  # key
    "400-2": Rejected,  # a field
}

# And by the field that is wrong, where one is named (without the places in lists).
FIELDS: Mapping[str, type[DispatchError]] = {
    "from_number": Misconfigured,
    "recipients": Unroutable,  # a number: another vendor may know such numbers
    "params.recipients": Unroutable,
    "code": NoTemplate,
    "params.code": NoTemplate,
}

# And by the HTTP status, where the code is none of these.
HTTP: Mapping[int, type[DispatchError]] = {
    401: Misconfigured,
    402: Misconfigured,  # credit
    403: Misconfigured,
    422: Rejected,
    429: Throttled,
}

log = structlog.get_logger(__name__)


class _Meta(msgspec.Struct):
    status: bool
    message: str | None = None
    message_code: str | None = None
    errors: dict[str, Any] | list[Any] | None = None


class _Head(msgspec.Struct):
    meta: _Meta


class _Ids(msgspec.Struct):
    message_outbox_ids: list[int]


class _Sent(msgspec.Struct):
    data: _Ids


class _Recipient(msgspec.Struct):
    recipient: str
    message_status: int | None = None


class _Recipients(msgspec.Struct):
    data: list[_Recipient]


class _Mine(msgspec.Struct):
    credit: float


class _Credit(msgspec.Struct):
    data: _Mine


class IpPanel:
    """``lines``: those that messages go from (``names.line``). ``templates``: IPPanel's codes of patterns
    by our names; ``parameter``: what a pattern calls the code."""

    name = "ippanel"
    channel = "sms"
    batch = 100
    receipts_batch = 100
    repeatable = False

    def __init__(
        self,
        http: aiohttp.ClientSession,
        key: str,
        lines: tuple[str, ...],
        *,
        templates: Mapping[str, str] | None = None,
        parameter: str = "code",
        url: str = URL,
        proxy: str = "",
    ) -> None:
        headers = {"Authorization": key}
        self._exchange = Exchange(
            http, f"{url.rstrip('/')}/api", secrets=(key,), headers=headers, proxy=proxy
        )
        self._key = key
        self._lines = lines
        self._templates = templates or {}
        self._parameters = {"code": parameter}

    async def send(self, batch: Sequence[Outgoing]) -> Sequence[Outcome]:
        outcomes: dict[bytes, Outcome] = {}
        together = [outgoing for outgoing in batch if approved(outgoing, self._templates) is None]
        for line, some in names.by_line(together, self._lines).items():
            outcomes |= await self._send_together(line, some)
        alone = [outgoing for outgoing in batch if outgoing.id not in outcomes]
        for outgoing, outcome in zip(alone, await one_by_one(alone, self._send_alone), strict=True):
            outcomes[outgoing.id] = outcome
        return [outcomes[outgoing.id] for outgoing in batch]

    async def receipts(self, external_ids: Sequence[str]) -> Mapping[str, Receipt]:
        asked: dict[str, list[str]] = {}
        for external_id in external_ids:
            asked.setdefault(external_id.partition("-")[0], []).append(external_id)
        return merged(await one_by_one(list(asked.items()), self._ask))

    async def credit(self) -> Credit:
        answer = await self._exchange.get("payment/credit/mine")
        return Credit(int(self._read(answer, _Credit).data.credit), "rial")

    async def _send_together(self, line: str, batch: Sequence[Outgoing]) -> dict[bytes, Outcome]:
        """The outcome of each. Empty when the whole was refused for one of them, which is not known."""
        texts: dict[str, list[Outgoing]] = {}
        for outgoing in batch:
            texts.setdefault(outgoing.body, []).append(outgoing)
        lots = [lot for same in texts.values() for lot in names.each_number_once(same)]
        try:
            sent = await self._send(
                _peer_to_peer(line, lots) if len(lots) > 1 else _webservice(line, lots[0])
            )
        except (Rejected, Unroutable) as error:
            return {} if len(batch) > 1 else {batch[0].id: error}
        except DispatchError as error:
            return {each.id: error for each in batch}
        if len(sent) != len(lots):
            unclear = Ambiguous(f"{len(sent)} ids for {len(lots)} texts")
            return {each.id: unclear for each in batch}
        return {
            each.id: Accepted(self._named(id, each.to) if len(lot) > 1 else str(id), "pending")
            for id, lot in zip(sent, lots, strict=True)
            for each in lot
        }

    async def _send_alone(self, outgoing: Outgoing) -> Outcome:
        line = names.line(outgoing, self._lines)
        template = approved(outgoing, self._templates)
        if template is not None:
            code, values = template
            try:
                return _only(await self._send(self._pattern(line, outgoing, code, values)))
            except (NoTemplate, Rejected) as error:
                log.error("ippanel.no_template", template=code, why=error.detail)
        return _only(await self._send(_webservice(line, [outgoing])))

    def _pattern(self, line: str, outgoing: Outgoing, code: str, values: Mapping[str, str]) -> dict[str, Any]:
        return {
            "sending_type": "pattern",
            "from_number": _from(line),
            "code": code,
            "recipients": [outgoing.to],
            "params": {self._parameters.get(name, name): value for name, value in values.items()},
        }

    async def _send(self, body: Mapping[str, Any]) -> list[int]:
        answer = await self._exchange.post("send", json=body)
        return self._read(answer, _Sent).data.message_outbox_ids

    async def _ask(self, asked: tuple[str, list[str]]) -> Mapping[str, Receipt]:
        bulk, external_ids = asked
        query = {"bulk_id": bulk, "page": "1", "per_page": str(self.batch)}
        recipients = self._read(await self._exchange.get("report/recipients", query), _Recipients).data
        if external_ids == [bulk]:
            return {bulk: _receipt(recipients[0])} if recipients else {}
        return {self._named(int(bulk), each.recipient): _receipt(each) for each in recipients}

    def _named(self, bulk: int, to: str) -> str:
        """The name of one of several people's messages: the same for the same number alone, and nobody
        without the key can try numbers out."""
        return f"{bulk}-{hmac.digest(self._key.encode(), to[-10:].encode(), 'sha256')[:8].hex()}"

    def _read(self, answer: Answer, kind: type[T]) -> T:
        meta = answer.read(_Head).meta
        if meta.status:
            return answer.read(kind)
        fields = meta.errors if isinstance(meta.errors, dict) else {}
        named = (FIELDS[name] for name in map(_plain, fields) if name in FIELDS)
        error = next(named, None) or ERRORS.get(meta.message_code or "") or HTTP.get(answer.status)
        if error is None:
            log.error("ippanel.unknown_error", status=answer.status, code=meta.message_code)
            error = Unreachable
        words = f"{meta.message_code or answer.status} {meta.message or ''} {' '.join(fields)}"
        raise error(self._exchange.redacted(words), retry_after=answer.retry_after)


def _peer_to_peer(line: str, lots: Sequence[Sequence[Outgoing]]) -> dict[str, Any]:
    params = [{"recipients": [each.to for each in lot], "message": lot[0].body} for lot in lots]
    return {"sending_type": "peer_to_peer", "from_number": _from(line), "params": params}


def _webservice(line: str, lot: Sequence[Outgoing]) -> dict[str, Any]:
    return {
        "sending_type": "webservice",
        "from_number": _from(line),
        "message": lot[0].body,
        "params": {"recipients": [each.to for each in lot]},
    }


def _plain(field: str) -> str:
    """``params.0.recipients.1`` is ``params.recipients``."""
    return ".".join(part for part in field.split(".") if not part.isdecimal())


def _from(line: str) -> str:
    """A line as IPPanel writes it, with the prefix of the country."""
    return line if line.startswith("+") else f"+98{line}"


def _only(ids: Sequence[int]) -> Outcome:
    return Accepted(str(ids[0]), "pending") if len(ids) == 1 else Ambiguous(f"{len(ids)} ids for a message")


def _receipt(recipient: _Recipient) -> Receipt:
    number = recipient.message_status
    if number is None:  # Told once the whole of it is settled.
        return Receipt("sent")
    status = STATUSES.get(number)
    if status is None:
        log.error("ippanel.unknown_status", status=number)
    return Receipt(status or "sent", str(number), unknown=status is None)
