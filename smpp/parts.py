"""Messages that are longer than one short message: cut into parts, and put together again.

The ways (3GPP TS 23.040 §9.2.3.24.1 and SMPP §3.2.3): a user data header in each part (``udh``), TLVs beside
it (``sar``), or the whole text in message_payload, for the SMSC to cut (``payload``).
"""

from __future__ import annotations

from typing import Literal

import msgspec

from engine import alphabet
from smpp import tags
from smpp.coding import GSM7, UCS2, alphabet_of, encode_text
from smpp.errors import TooMuch, Unreadable
from smpp.pdu import SHORT_MESSAGE, Message, Tlvs

Way = Literal["udh", "sar", "payload"]

UDHI = 0x40  # The bit of esm_class that says that a user data header is there.
MOST = 255  # Parts of one message.

# How much of one short message there is, in septets of GSM-7 or octets of anything else: alone, and as a part
# that gives up six octets to its header. With TLVs the SMSC writes that header, so it takes as much.
_ALONE = {"gsm7": 160, "other": 140}
_PART = {"gsm7": 153, "other": 134}


class Cut(msgspec.Struct, frozen=True):
    """One short message as it is to be submitted: what of a ``Message`` depends on its part."""

    short_message: bytes
    esm_class: int = 0
    tlvs: Tlvs = ()


def split(text: str, coding: int, reference: int, way: Way = "udh") -> list[Cut]:
    """The text as short messages. ``reference`` (its low octet or two) is the same in all parts of a message,
    and another one in the next message to the same number. They are cut as ``engine.alphabet`` counts them.
    ``TooMuch`` for more than 255 parts, or for a character that the coding does not have."""
    octets = encode_text(text, coding)
    name = alphabet_of(coding)
    kind = "gsm7" if name == "gsm7" else "other"
    if len(octets) <= _ALONE[kind]:
        return [Cut(octets)]
    if way == "payload":
        return [whole(octets)]
    if name in ("gsm7", "ucs2"):
        pieces = [encode_text(piece, coding) for piece in alphabet.split(text, name)]
    else:
        most = _PART[kind]
        pieces = [octets[at : at + most] for at in range(0, len(octets), most)]
    if len(pieces) > MOST:
        raise TooMuch(f"{len(pieces)} parts, where {MOST} is the most")
    return [_part(piece, reference, len(pieces), n, way) for n, piece in enumerate(pieces, 1)]


def whole(octets: bytes) -> Cut:
    """The octets as one message, however long: by message_payload where short_message is too short."""
    if len(octets) <= SHORT_MESSAGE:
        return Cut(octets)
    if len(octets) > 0xFFFF:
        raise TooMuch(f"{len(octets)} octets of message_payload")
    return Cut(b"", tlvs=((tags.MESSAGE_PAYLOAD, octets),))


def _part(piece: bytes, reference: int, total: int, number: int, way: Way) -> Cut:
    if way == "udh":
        return Cut(bytes((5, 0, 3, reference & 0xFF, total, number)) + piece, UDHI)
    return Cut(
        piece,
        tlvs=(
            (tags.SAR_MSG_REF_NUM, (reference & 0xFFFF).to_bytes(2, "big")),
            (tags.SAR_TOTAL_SEGMENTS, bytes((total,))),
            (tags.SAR_SEGMENT_SEQNUM, bytes((number,))),
        ),
    )


class Part(msgspec.Struct, frozen=True):
    """What an inbound message carries. ``number`` of ``total`` under ``reference``; a message that is not
    one of several is 1 of 1."""

    octets: bytes
    reference: int = 0
    total: int = 1
    number: int = 1


def read_part(message: Message) -> Part:
    """The octets of an inbound message without their header, and which part they are. A header that cannot be
    read is ``Unreadable``; numbers that make no sense leave it a message of its own."""
    payload = message.tlv(tags.MESSAGE_PAYLOAD)
    octets = message.short_message or payload or b""
    if message.esm_class & UDHI:
        if not octets or len(octets) <= octets[0]:
            raise Unreadable("a user data header that is longer than its message")
        header, octets = octets[1 : octets[0] + 1], octets[octets[0] + 1 :]
        found = _concatenation(header)
    else:
        found = _segment(message)
    if found is None or not 1 <= found[2] <= found[1]:
        return Part(octets)
    return Part(octets, *found)


def _concatenation(header: bytes) -> tuple[int, int, int] | None:
    """Reference, total and number of the elements 0x00 (a reference of one octet) and 0x08 (of two)."""
    at = 0
    while at + 2 <= len(header):
        element, length = header[at], header[at + 1]
        value = header[at + 2 : at + 2 + length]
        if element == 0x00 and len(value) == 3:
            return value[0], value[1], value[2]
        if element == 0x08 and len(value) == 4:
            return int.from_bytes(value[:2], "big"), value[2], value[3]
        at += 2 + length
    return None


def _segment(message: Message) -> tuple[int, int, int] | None:
    """The same from the sar_* TLVs."""
    reference = message.tlv(tags.SAR_MSG_REF_NUM)
    total = message.tlv(tags.SAR_TOTAL_SEGMENTS)
    number = message.tlv(tags.SAR_SEGMENT_SEQNUM)
    if not reference or not total or not number:
        return None
    return (int.from_bytes(reference, "big"), int.from_bytes(total, "big"), int.from_bytes(number, "big"))


__all__ = ["GSM7", "UCS2", "Cut", "Part", "Way", "read_part", "split", "whole"]
