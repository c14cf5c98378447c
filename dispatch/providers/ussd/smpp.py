"""USSD push by a gateway that speaks SMPP 3.4: a submit_sm with ``ussd_service_op`` that opens a dialog.

Which operation that is (USSN, which only shows, or USSR for gateways without it) and where the dialog is
named each vendor decided for itself: the row of the gateway's vendor says it (``ussd/smpp_vendors.py``).

Source: SMPP v3.4 §4.4.1 (submit_sm), §5.3.2.43 (its_session_info), §5.3.2.44 (ussd_service_op).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from dispatch.errors import DispatchError, Unroutable
from dispatch.provider import Accepted, Outcome, Outgoing
from dispatch.providers.smpp_submitting import Submitter
from dispatch.providers.sms.names import serial
from engine import alphabet
from engine.layout import USSD
from smpp import tags
from smpp.coding import encode_text
from smpp.connection import Connection
from smpp.parts import whole
from smpp.pdu import Message, Tlvs


@dataclass(frozen=True, slots=True)
class Style:
    """How the gateway wants it: the ``operation``, the data_coding of each alphabet, the TLV that names a
    dialog, and whether that says as well that it ends."""

    operation: int = 3
    gsm7: int = 0
    ucs2: int = 8
    dialog: Literal["its_session_info", "user_message_reference", "none"] = "its_session_info"
    end_bit: bool = True
    service_type: str = "USSD"


class SmppPush:
    """``source`` is whom a screen comes from: the service code, or its digits."""

    name = "smpp-ussd"
    channel = "ussd"
    repeatable = False

    def __init__(self, connection: Connection, source: str, style: Style) -> None:
        self.batch = 2 * connection.room
        self._submitter = Submitter(self.name, connection)
        self._source = source
        self._style = style

    async def send(self, batch: Sequence[Outgoing]) -> Sequence[Outcome]:
        missing = await self._submitter.missing()
        if missing is not None:
            return [missing] * len(batch)
        fitting = [alphabet.fits(each.body, USSD.septets, USSD.units) for each in batch]
        messages = [self._message(each) for each, fits in zip(batch, fitting, strict=True) if fits]
        answers = iter(await self._submitter.submit_all(messages, batch[0].klass))
        return [_outcome(next(answers)) if fits else Unroutable("longer than a screen") for fits in fitting]

    def _message(self, outgoing: Outgoing) -> Message:
        style = self._style
        coding = style.gsm7 if alphabet.is_gsm7(outgoing.body) else style.ucs2
        cut = whole(encode_text(outgoing.body, coding))
        return Message(
            source_addr=self._source,
            destination_addr=outgoing.to.removeprefix("+"),
            short_message=cut.short_message,
            data_coding=coding,
            service_type=style.service_type,
            dest_addr_ton=1,
            dest_addr_npi=1,
            tlvs=(
                (tags.USSD_SERVICE_OP, bytes((style.operation,))),
                *self._dialog(outgoing),
                *cut.tlvs,
            ),
        )

    def _dialog(self, outgoing: Outgoing) -> Tlvs:
        """A dialog's name of ours, the same when the message is handed over again."""
        name = serial(outgoing.id) & 0xFFFE
        match self._style.dialog:
            case "its_session_info":
                last = 1 if self._style.end_bit else 0
                return ((tags.ITS_SESSION_INFO, (name | last).to_bytes(2, "big")),)
            case "user_message_reference":
                return ((tags.USER_MESSAGE_REFERENCE, name.to_bytes(2, "big")),)
            case _:
                return ()


def _outcome(answer: str | DispatchError) -> Outcome:
    return answer if isinstance(answer, DispatchError) else Accepted(answer)
