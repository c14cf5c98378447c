"""One-time codes called out by IPPanel's Edge interface, https://ippanelcom.github.io/Edge-Document/docs/send/votp.

``send`` with ``votp`` takes the digits and one number; the vendor's own words are around them. Nothing else
is called out. Errors, receipts and credit are as for its SMS.
"""

from __future__ import annotations

from collections.abc import Sequence

import aiohttp

from dispatch.errors import Ambiguous, Unroutable
from dispatch.provider import Accepted, Outcome, Outgoing
from dispatch.providers.exchange import one_by_one
from dispatch.providers.sms.ippanel import URL, IpPanel
from records.outbox import template_of


class IpPanelCalls(IpPanel):
    name = "ippanel-call"
    channel = "voice"

    def __init__(self, http: aiohttp.ClientSession, key: str, *, url: str = URL, proxy: str = "") -> None:
        super().__init__(http, key, (), url=url, proxy=proxy)

    async def send(self, batch: Sequence[Outgoing]) -> Sequence[Outcome]:
        return await one_by_one(batch, self._call)

    async def _call(self, outgoing: Outgoing) -> Outcome:
        said = template_of(outgoing.payload) if outgoing.payload else None
        code = said.parameters.get("code", "") if said is not None and said.template == "code" else ""
        if not (code.isascii() and code.isdecimal()):
            return Unroutable("IPPanel calls out codes alone")
        body = {"sending_type": "votp", "message": code, "params": {"recipients": [outgoing.to]}}
        ids = await self._send(body)
        return Accepted(str(ids[0]), "pending") if len(ids) == 1 else Ambiguous(f"{len(ids)} ids for a call")
