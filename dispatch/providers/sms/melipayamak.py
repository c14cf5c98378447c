"""SMS over Melipayamak's REST interface, https://www.melipayamak.com/api/.

``POST api/SendSMS/<method>`` with the account in the form; replies ``{Value, RetStatus, StrRetStatus}``. A
``Value`` of fifteen digits or more is a message's id, a shorter one says what is wrong (``RetStatus`` is then
often 35, whatever it was). There is no name of ours. Each message is a request of its own: several people in
one are refused where the text does not end with لغو11, and how their ids come back is written nowhere, so
that is a setting (``together``). Receipts are asked for one by one (``GetDeliveries2``). A code goes by an
approved text of the shared line (``BaseServiceNumber``) where one is named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    Unroutable,
    Unsubscribed,
)
from dispatch.provider import Accepted, Credit, Outcome, Outgoing, Receipt
from dispatch.providers.exchange import Exchange, merged, one_by_one
from dispatch.providers.sms import names
from dispatch.providers.sms.templates import NoTemplate, approved
from engine.fold import fold

URL = "https://rest.payamak-panel.com"

# What a message is, by the ``Value`` of GetDeliveries2.
STATUSES: Mapping[int, Literal["sent", "delivered", "failed", "blocked"]] = {
    -1: "sent",  # waits
    0: "sent",  # to the operator
    1: "delivered",
    2: "failed",  # not delivered
    3: "failed",  # the operator's error
    5: "failed",  # the operator does not tell
    8: "sent",  # reached the operator
    16: "failed",  # did not reach the operator
    35: "blocked",  # on the blacklist
    100: "sent",  # not known yet
    200: "sent",
    300: "failed",  # filtered
    400: "sent",  # in their queue
    500: "failed",  # refused
}

# Why a message was refused, by ``Value``. What is below 0 comes from BaseServiceNumber.
ERRORS: Mapping[int, type[DispatchError]] = {
    -111: Misconfigured,  # address of ours
    -110: Misconfigured,  # wants the key of the interface as password
    -109: Misconfigured,  # the account has no list of addresses
    -108: Misconfigured,  # address of ours, shut out
    -10: NoTemplate,  # a value has a link
    -7: Misconfigured,  # line
    -6: Unreachable,  # trouble on their side
    -5: NoTemplate,  # the values do not fit the text
    -4: NoTemplate,  # there is no such text, or it is not approved
    -3: Misconfigured,  # line not known
    -2: Rejected,  # more than one number
    -1: Misconfigured,  # the service is not active
    0: Misconfigured,  # user or password
    2: Misconfigured,  # credit
    3: Misconfigured,  # the limit of the day
    4: Throttled,  # the limit of one send
    5: Misconfigured,  # line
    6: Unreachable,  # being renewed
    7: Rejected,  # a word that is filtered
    9: Misconfigured,  # a public line
    10: Misconfigured,  # account not active
    11: Unreachable,  # not sent
    12: Misconfigured,  # the account's papers
    14: Unroutable,  # a link in the text, which others carry
    15: Rejected,  # several numbers without لغو11
    16: Rejected,  # no number
    17: Rejected,  # no text
    18: Unroutable,  # number: another vendor may know such numbers
    35: Unsubscribed,  # on the blacklist
}

SENDING = ("SendSMS", "BaseServiceNumber")  # Methods whose Value is a message's id.
ID_DIGITS = 15
OPT_OUT = "لغو11"  # Folded: its digits as Latin ones.

log = structlog.get_logger(__name__)


class _Reply(msgspec.Struct, rename="pascal"):
    value: str | int | float | None = None
    ret_status: int | None = None
    str_ret_status: str | None = None


class Melipayamak:
    """``lines``: those that messages go from (``names.line``); none where there is only the shared one of the
    approved texts.
    ``templates``: Melipayamak's numbers of those (bodyId) by our names. ``together``: whether equal texts
    that end with لغو11 share a request."""

    name = "melipayamak"
    channel = "sms"
    batch = 100
    receipts_batch = 50
    repeatable = False

    def __init__(
        self,
        http: aiohttp.ClientSession,
        username: str,
        password: str,
        lines: tuple[str, ...],
        *,
        templates: Mapping[str, str] | None = None,
        together: bool = False,
        url: str = URL,
        proxy: str = "",
    ) -> None:
        self._exchange = Exchange(http, f"{url.rstrip('/')}/api/SendSMS", secrets=(password,), proxy=proxy)
        self._account = {"username": username, "password": password}
        self._lines = lines
        self._templates = templates or {}
        self._together = together

    async def send(self, batch: Sequence[Outgoing]) -> Sequence[Outcome]:
        outcomes: dict[bytes, Outcome] = {}
        for answer in await one_by_one(self._groups(batch), self._send_group):
            if not isinstance(answer, DispatchError):
                outcomes |= answer
        alone = [outgoing for outgoing in batch if outgoing.id not in outcomes]
        for outgoing, outcome in zip(alone, await one_by_one(alone, self._send_alone), strict=True):
            outcomes[outgoing.id] = outcome
        return [outcomes[outgoing.id] for outgoing in batch]

    async def receipts(self, external_ids: Sequence[str]) -> Mapping[str, Receipt]:
        return merged(await one_by_one(external_ids, self._ask))

    async def credit(self) -> Credit:
        reply = await self._call("GetCredit", {})
        try:
            return Credit(int(float(str(reply.value))), "messages")
        except ValueError:
            raise Unreachable(f"no number in {str(reply.value)[:40]!r}") from None

    def _groups(self, batch: Sequence[Outgoing]) -> list[list[Outgoing]]:
        """The messages that may share a request: of one line and one text, two of them at least."""
        if not self._together:
            return []
        groups: dict[tuple[str, str], list[Outgoing]] = {}
        for each in batch:
            if approved(each, self._templates) is None and fold(each.body).endswith(OPT_OUT):
                groups.setdefault((names.line(each, self._lines), each.body), []).append(each)
        lots = [lot for group in groups.values() for lot in names.each_number_once(group)]
        return [lot for lot in lots if len(lot) > 1]

    async def _send_group(self, group: Sequence[Outgoing]) -> dict[bytes, Outcome]:
        """The outcome of each; raises ``Rejected`` when the whole was refused for one of them, which is not
        known."""
        first = group[0]
        to = ",".join(names.home(each.to) for each in group)
        try:
            reply = await self._call("SendSMS", self._words(first, to))
        except (Rejected, Unroutable, Unsubscribed) as error:
            raise Rejected(error.detail) from None
        except DispatchError as error:
            return {each.id: error for each in group}
        ids = str(reply.value).split(",")
        if len(ids) == len(group):
            return {each.id: self._outcome(reply, id) for each, id in zip(group, ids, strict=True)}
        outcome = self._outcome(reply, ids[0])
        if isinstance(outcome, Accepted):  # One id for all of them: it tells of none.
            outcome = Accepted(detail=f"{len(ids)} ids for {len(group)} messages")
        return {each.id: outcome for each in group}

    async def _send_alone(self, outgoing: Outgoing) -> Outcome:
        template = approved(outgoing, self._templates)
        if template is not None:
            try:
                return await self._send_by_template(outgoing, *template)
            except NoTemplate as error:
                log.error("melipayamak.no_template", template=template[0], why=error.detail)
                if not names.line(outgoing, self._lines):
                    raise
        reply = await self._call("SendSMS", self._words(outgoing, names.home(outgoing.to)))
        return self._outcome(reply, str(reply.value))

    async def _send_by_template(
        self, outgoing: Outgoing, template: str, values: Mapping[str, str]
    ) -> Outcome:
        form = {"text": ";".join(values.values()), "to": names.home(outgoing.to), "bodyId": template}
        reply = await self._call("BaseServiceNumber", form)
        return self._outcome(reply, str(reply.value))

    def _words(self, outgoing: Outgoing, to: str) -> dict[str, str]:
        line = names.line(outgoing, self._lines)
        return {"to": to, "from": line, "text": outgoing.body, "isFlash": "false"}

    async def _ask(self, external_id: str) -> Mapping[str, Receipt]:
        reply = await self._call("GetDeliveries2", {"recId": external_id})
        number = _number(reply.value)
        status = None if number is None else STATUSES.get(number)
        if status is None:
            log.error("melipayamak.unknown_status", status=str(reply.value)[:40], message=external_id)
        return {external_id: Receipt(status or "sent", str(reply.value)[:40], unknown=status is None)}

    def _outcome(self, reply: _Reply, value: str) -> Outcome:
        """What one id of a reply that says Ok means."""
        if value.isascii() and value.isdecimal() and len(value) >= ID_DIGITS:
            return Accepted(value, "pending")
        return Ambiguous(self._exchange.redacted(f"Ok, but {value[:40]!r} is no id"))

    async def _call(self, method: str, form: Mapping[str, str]) -> _Reply:
        """The reply to what went well; ``Value`` may say otherwise where ``RetStatus`` does not."""
        answer = await self._exchange.post(method, form={**self._account, **form})
        reply = answer.read(_Reply)
        number = _number(reply.value)
        short = number is not None and abs(number) < 10 ** (ID_DIGITS - 1)
        if reply.ret_status == 1 and not (method in SENDING and short and number in ERRORS):
            return reply
        code = number if short else reply.ret_status
        if code is None:
            raise Ambiguous(f"HTTP {answer.status} with neither Value nor RetStatus")
        error = ERRORS.get(code)
        if error is Unsubscribed and not short:
            error = Rejected  # RetStatus 35 is their word for whatever is wrong.
        if error is None:
            log.error("melipayamak.unknown_error", method=method, status=code)
            error = Unreachable
        detail = self._exchange.redacted(f"{code} {reply.str_ret_status or ''}")
        raise error(detail, retry_after=answer.retry_after)


def _number(value: str | float | None) -> int | None:
    text = str(value).strip()
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdecimal() else None
