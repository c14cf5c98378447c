"""Calls by Kavenegar (https://kavenegar.com/rest.html): ``call/maketts`` reads the words, ``verify/lookup``
of type ``call`` says a code by a template, where one is named. Names, refusals and receipts are as for its
SMS; a call that was heard is status 10 there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dispatch.provider import Outcome, Outgoing
from dispatch.providers.exchange import one_by_one
from dispatch.providers.sms.kavenegar import Kavenegar
from dispatch.providers.sms.kavenegar_api import Api


class KavenegarCalls(Kavenegar):
    """``templates``: Kavenegar's names of templates by ours. A template takes no name of ours, so that a code
    that may have been called out is called out again."""

    name = "kavenegar-call"
    channel = "voice"
    batch = 50
    words = "call/maketts"
    lookup: Mapping[str, str] = {"type": "call"}

    def __init__(self, api: Api, templates: Mapping[str, str] | None = None) -> None:
        super().__init__(api, (), templates)

    async def send(self, batch: Sequence[Outgoing]) -> Sequence[Outcome]:
        return await one_by_one(batch, self._send_alone)
