"""USSD over SMPP 3.4: deliver_sm in, submit_sm out.

A deliver_sm of service_type ``USSD`` with the TLV ``ussd_service_op`` opens a dialog, answers a screen or
ends the dialog; a screen is a submit_sm to the same person with the same dialog in its TLV. What is where is
the vendor's (``smpp_vendors``). A receipt that names a screen which was never shown is the end of its dialog
as well.

Source: SMPP v3.4 §4.6.1 (deliver_sm), §4.4.1 (submit_sm), §5.3.2.43 (its_session_info), §5.3.2.44
(ussd_service_op). Pure: no I/O, no clock, nothing remembered.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC

from conversation.incoming import Caller, Departure, Incoming, Reply
from engine.alphabet import is_gsm7
from smpp import tags
from smpp.coding import decode_text, encode_text
from smpp.errors import TooMuch, Unreadable
from smpp.parts import read_part, whole
from smpp.pdu import Message, Tlvs
from smpp.receipts import State, is_receipt, read_receipt
from ussd import fields
from ussd.codes import opening
from ussd.exchange import Malformed, Missing, Reason, Route, Unknown, WrongType
from ussd.smpp_vendors import USSN_CONFIRM, Vendor

END = 0x0001  # The lowest bit of its_session_info.

# What became of a screen, by its receipt; any other state says nothing about the dialog.
UNSHOWN: Mapping[State | None, Reason] = {
    "expired": "timeout",
    "deleted": "failed",
    "undeliverable": "failed",
    "rejected": "failed",
}


def parse(
    message: Message, raw: bytes, route: Route, vendor: Vendor, peer: str = ""
) -> Incoming | Departure | None:
    """The delivery as it is meant, without the key that tells a repetition, which takes memory
    (``smpp_dialogs``); ``raw`` is its body. None for what means nothing to the conversation. ``BadRequest``
    when it cannot be understood."""
    dialog, ended = _dialog(message, vendor)
    address = fields.number({"source_addr": message.source_addr}, "source_addr")
    caller = Caller("ussd", route.name, dialog, address, route.layout, peer, True)
    if is_receipt(message):
        receipt = read_receipt(message, UTC)
        unshown = UNSHOWN.get(receipt.state) if receipt else None
        return Departure(caller, unshown, raw) if unshown else None
    operation = _operation(message)
    if operation == USSN_CONFIRM and not message.short_message:
        return (
            None  # What was pushed (``dispatch/providers/ussd/smpp.py``) has been shown; nobody said a word.
        )
    reason = vendor.ends.get(operation, "aborted" if ended else None)
    if reason is not None:
        return Departure(caller, reason, raw)
    text = _text(message, vendor)
    if operation in vendor.begins:
        named = message.destination_addr if vendor.code == "destination_addr" else ""
        code, answers = opening(text, named, route.code)
        note = code if vendor.source == "code" else None
        return Incoming(caller, answers, raw, code, begins=True, note=note)
    if operation in vendor.answers or vendor.unknown_answers:
        return Incoming(caller, text, raw, begins=False)
    raise Unknown(f"ussd_service_op {operation} has no meaning here")


def render(reply: Reply, message: Message, route: Route, vendor: Vendor) -> Message:
    """The screen as a submit_sm that answers this deliver_sm."""
    text = fields.sendable(reply.text)
    coding = vendor.gsm7 if is_gsm7(text) else vendor.ucs2
    try:
        octets = encode_text(text, coding)
    except TooMuch:  # GSM-7, but gateways may have another alphabet in its place.
        coding = vendor.ucs2
        octets = encode_text(text, coding)
    cut = whole(octets)
    ours = message.destination_addr
    if vendor.source == "code":
        ours = reply.note or route.code or ours
    return Message(
        source_addr=ours,
        destination_addr=message.source_addr,
        short_message=cut.short_message,
        data_coding=coding,
        service_type=vendor.service_type,
        source_addr_ton=message.dest_addr_ton,
        source_addr_npi=message.dest_addr_npi,
        dest_addr_ton=message.source_addr_ton,
        dest_addr_npi=message.source_addr_npi,
        tlvs=(
            (tags.USSD_SERVICE_OP, bytes((vendor.asks if reply.replies else vendor.closes,))),
            *_dialog_back(message, vendor, last=not reply.replies),
            *cut.tlvs,
        ),
    )


def _operation(message: Message) -> int:
    value = _only(message, tags.USSD_SERVICE_OP, "ussd_service_op", 1)
    return value[0]


def _dialog(message: Message, vendor: Vendor) -> tuple[str, bool]:
    """The dialog's name, and whether its TLV says that it is over."""
    if vendor.dialog == "none":
        return "", False
    if vendor.dialog == "user_message_reference":
        reference = _only(message, tags.USER_MESSAGE_REFERENCE, "user_message_reference", 2)
        return reference.hex(), False
    info = int.from_bytes(_only(message, tags.ITS_SESSION_INFO, "its_session_info", 2), "big")
    return f"{info & ~END:04x}", bool(info & END)


def _dialog_back(message: Message, vendor: Vendor, *, last: bool) -> Tlvs:
    """The same in the screen that answers."""
    if vendor.dialog == "none":
        return ()
    if vendor.dialog == "user_message_reference":
        return ((tags.USER_MESSAGE_REFERENCE, message.tlv(tags.USER_MESSAGE_REFERENCE) or b""),)
    info = int.from_bytes(message.tlv(tags.ITS_SESSION_INFO) or b"", "big") & ~END
    if last and vendor.end_bit:
        info |= END
    return ((tags.ITS_SESSION_INFO, info.to_bytes(2, "big")),)


def _text(message: Message, vendor: Vendor) -> str:
    try:
        part = read_part(message)
        if part.total != 1:
            raise Unknown("a dialog has no messages of several parts")
        text = decode_text(part.octets, message.data_coding, vendor.default)
    except Unreadable as error:
        raise Malformed(str(error)) from None
    return fields.text({"short_message": text}, "short_message")


def _only(message: Message, tag: int, name: str, length: int) -> bytes:
    """A TLV that must be there once and of this length."""
    found = [value for each, value in message.tlvs if each == tag]
    if not found:
        raise Missing(name)
    if len(found) > 1 or len(found[0]) != length:
        raise WrongType(name, f"one TLV of {length} octets")
    return found[0]
