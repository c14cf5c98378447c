"""SMS by an SMSC over SMPP 3.4: submit_sm. What became of them comes back as deliver_sm (``smpp_receipts``).

A long message goes as so many submits, each with an id and a receipt of its own. What an SMSC took of one
whose rest it did not take is remembered, so that only the rest goes when the message is tried again; its
parts have the same reference then, and a phone puts them together.

Source: SMPP v3.4 §4.4 (submit_sm), §5.2.17 (registered_delivery), §7.1.1 (times).
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from dispatch.errors import DispatchError, Rejected, Unroutable
from dispatch.provider import Accepted, Outcome, Outgoing
from dispatch.providers.smpp_submitting import Submitter
from dispatch.providers.sms import names
from engine.alphabet import is_gsm7
from smpp.coding import GSM7, UCS2
from smpp.connection import Connection
from smpp.errors import TooMuch
from smpp.parts import Cut, Way, split
from smpp.pdu import Message
from smpp.receipts import IdForm, normal_id

BEGUN = 10_000  # Messages remembered of which only some parts were taken.
LONGEST = 30 * 86_400  # Seconds that a message may ask an SMSC to try.

Validity = Literal["relative", "absolute", "none"]


@dataclass(frozen=True, slots=True)
class Manner:
    """How one SMSC wants its messages. ``way``: how long ones are cut. ``ids``: how ids are spelt in answers
    to submits. ``validity``: how the end of a message's time is written. ``receipts``: whether they are asked
    for."""

    way: Way = "udh"
    ids: IdForm = "text"
    validity: Validity = "relative"
    receipts: bool = True
    service_type: str = ""
    source_ton: int = 0
    source_npi: int = 0
    dest_ton: int = 1
    dest_npi: int = 1


class Smpp:
    """``name`` is the connector's, under which its receipts are kept. ``lines``: those that messages go from
    (``names.line``)."""

    channel = "sms"
    repeatable = False

    def __init__(
        self,
        name: str,
        connection: Connection,
        lines: tuple[str, ...],
        *,
        clock: Callable[[], datetime],
        manner: Manner | None = None,
    ) -> None:
        self.name = name
        # Enough that the windows stay full; but of a process that is killed nobody knows what of it had gone.
        self.batch = 2 * connection.room
        self._submitter = Submitter(name, connection)
        self._lines = lines
        self._clock = clock
        self._manner = manner or Manner()
        self._begun: OrderedDict[bytes, list[str]] = OrderedDict()

    async def send(self, batch: Sequence[Outgoing]) -> Sequence[Outcome]:
        missing = await self._submitter.missing()
        if missing is not None:
            return [missing] * len(batch)
        cut = [self._cut(each) for each in batch]
        short = [place for place, (_coding, cuts) in enumerate(cut) if len(cuts) == 1]
        long = [place for place, (_coding, cuts) in enumerate(cut) if len(cuts) > 1]
        messages = [self._message(batch[place], cut[place][0], cut[place][1][0]) for place in short]
        answers, rest = await asyncio.gather(
            self._submitter.submit_all(messages, batch[0].klass),
            asyncio.gather(*(self._send_parts(batch[place], *cut[place]) for place in long)),
        )
        outcomes: list[Outcome] = [Rejected("more parts than a message can have")] * len(batch)
        for place, answer in zip(short, answers, strict=True):
            outcomes[place] = answer if isinstance(answer, DispatchError) else self._accepted([answer])
        for place, outcome in zip(long, rest, strict=True):
            outcomes[place] = outcome
        return outcomes

    def _cut(self, outgoing: Outgoing) -> tuple[int, list[Cut]]:
        """Its data_coding, and its short messages: none where there would be too many."""
        coding = GSM7 if is_gsm7(outgoing.body) else UCS2
        try:
            cuts = split(outgoing.body, coding, 0, self._manner.way)
            if len(cuts) > 1:  # Only they have a reference, which is the same when they go once more.
                cuts = split(outgoing.body, coding, names.serial(outgoing.id), self._manner.way)
            return coding, cuts
        except TooMuch:
            return coding, []

    async def _send_parts(self, outgoing: Outgoing, coding: int, cuts: Sequence[Cut]) -> Outcome:
        taken = self._begun.pop(outgoing.id, [])
        for cut in cuts[len(taken) :]:
            answer = await self._submitter.submit(self._message(outgoing, coding, cut), outgoing.klass)
            if isinstance(answer, DispatchError):
                if taken and not isinstance(answer, Rejected | Unroutable):
                    self._begun[outgoing.id] = taken
                    if len(self._begun) > BEGUN:
                        self._begun.popitem(last=False)
                return answer
            taken.append(answer)
        return self._accepted(taken)

    def _accepted(self, ids: Sequence[str]) -> Accepted:
        """What an SMSC took in so many parts. Without their ids nobody can tell what receipts are of."""
        called = [normal_id(each, self._manner.ids) for each in ids]
        told = self._manner.receipts and all(called)
        parts = tuple(called) if told and len(called) > 1 else ()
        return Accepted(called[0], "pending" if told else "none", parts=parts)

    def _message(self, outgoing: Outgoing, coding: int, cut: Cut) -> Message:
        manner = self._manner
        return Message(
            source_addr=names.line(outgoing, self._lines).removeprefix("+"),
            destination_addr=outgoing.to.removeprefix("+"),
            short_message=cut.short_message,
            data_coding=coding,
            esm_class=cut.esm_class,
            service_type=manner.service_type,
            source_addr_ton=manner.source_ton,
            source_addr_npi=manner.source_npi,
            dest_addr_ton=manner.dest_ton,
            dest_addr_npi=manner.dest_npi,
            validity_period=validity(manner.validity, outgoing.expires_at, self._clock()),
            registered_delivery=1 if manner.receipts else 0,
            tlvs=cut.tlvs,
        )


def validity(form: Validity, until: datetime, now: datetime) -> str:
    """§7.1.1: until when the SMSC tries. Relative times need no clock in common; some SMSCs know only
    absolute ones."""
    if form == "none":
        return ""
    if form == "absolute":
        return f"{until.astimezone(UTC):%y%m%d%H%M%S}000+"
    left = min(max(int((until - now).total_seconds()), 1), LONGEST)
    hours, seconds = divmod(left, 3_600)
    days, hours = divmod(hours, 24)
    return f"0000{days:02}{hours:02}{seconds // 60:02}{seconds % 60:02}000R"
