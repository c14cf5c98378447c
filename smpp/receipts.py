"""What an SMSC says became of a message: a deliver_sm of a certain esm_class, with TLVs or in a text of no
standard (appendix B), and the message's id, which may be spelt otherwise than when it was given out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Literal

from smpp import tags
from smpp.coding import decode_gsm7
from smpp.pdu import Message

State = Literal[
    "enroute", "delivered", "expired", "deleted", "undeliverable", "accepted", "unknown", "rejected"
]

# §5.2.28.
STATES: Mapping[int, State] = {
    1: "enroute",
    2: "delivered",
    3: "expired",
    4: "deleted",
    5: "undeliverable",
    6: "accepted",
    7: "unknown",
    8: "rejected",
}
# Appendix B; whole words are met as well.
WORDS: Mapping[str, State] = {
    "ENROUTE": "enroute",
    "DELIVRD": "delivered",
    "DELIVERED": "delivered",
    "EXPIRED": "expired",
    "DELETED": "deleted",
    "UNDELIV": "undeliverable",
    "UNDELIVERABLE": "undeliverable",
    "ACCEPTD": "accepted",
    "ACCEPTED": "accepted",
    "UNKNOWN": "unknown",
    "REJECTD": "rejected",
    "REJECTED": "rejected",
}
# States after which nothing more is to be expected.
FINAL = frozenset({"delivered", "expired", "deleted", "undeliverable", "rejected"})

# How a connector spells ids. ``text``: as they are; ``folded``: without regard to case; ``decimal`` and
# ``hex``: numbers, without regard to leading zeros, and so the same number in the two is the same id.
IdForm = Literal["text", "folded", "decimal", "hex"]

_RECEIPT = 0x04  # §5.2.12: an SMSC delivery receipt.
_NOTIFICATION = 0x20  # An intermediate one.
_TYPES = 0x3C
_FIELD = re.compile(
    r"(id|sub|dlvrd|submit date|done date|stat|err)\s*:\s*(\S*)|(text)\s*:", re.IGNORECASE | re.ASCII
)
_TEXT = 1_024  # Characters of a receipt that are looked at.


@dataclass(frozen=True, slots=True)
class Receipt:
    """``message_id`` as it is spelt there. ``state`` is None for one that is not known here: ``word`` is then
    worth a line in the log. ``error`` is the network's own code, "" where there is none. The dates are None
    where they are absent or no dates."""

    message_id: str
    state: State | None
    word: str
    error: str = ""
    submitted: datetime | None = None
    done: datetime | None = None

    @property
    def final(self) -> bool:
        return self.state in FINAL


def is_receipt(message: Message) -> bool:
    """Whether a delivery says what became of a message of ours. Some SMSCs forget the esm_class, but nobody
    else sends the TLV."""
    kind = message.esm_class & _TYPES
    return kind in (_RECEIPT, _NOTIFICATION) or message.tlv(tags.RECEIPTED_MESSAGE_ID) is not None


def read_receipt(message: Message, zone: tzinfo) -> Receipt | None:
    """The receipt; None when it names no message. TLVs are believed before the text. ``zone`` is the SMSC's,
    whose dates name none."""
    text = (message.short_message or message.tlv(tags.MESSAGE_PAYLOAD) or b"")[:_TEXT]
    fields = _fields(decode_gsm7(text))
    told = message.tlv(tags.RECEIPTED_MESSAGE_ID)
    message_id = told.rstrip(b"\0").decode("latin-1") if told else fields.get("id", "")
    if not message_id:
        return None
    word = fields.get("stat", "")
    state = WORDS.get(word.upper())
    number = message.tlv(tags.MESSAGE_STATE)
    if number:
        code = int.from_bytes(number, "big")
        state, word = STATES.get(code), word or str(code)
    return Receipt(
        message_id,
        state,
        word,
        _error(message.tlv(tags.NETWORK_ERROR_CODE)) or fields.get("err", ""),
        read_date(fields.get("submit date", ""), zone),
        read_date(fields.get("done date", ""), zone),
    )


def read_date(text: str, zone: tzinfo) -> datetime | None:
    """``YYMMDDhhmm`` or ``YYMMDDhhmmss``; None for anything else."""
    if not text.isascii() or not text.isdecimal() or len(text) not in (10, 12):
        return None
    numbers = [int(text[at : at + 2]) for at in range(0, len(text), 2)]
    try:
        return datetime(2000 + numbers[0], *numbers[1:], tzinfo=zone)  # type: ignore[arg-type,misc]
    except ValueError:
        return None


def normal_id(message_id: str, form: IdForm) -> str:
    """The id in the one spelling that it is kept and looked up in. What is no number by its connector's form
    is left as it is: an id must not be lost for its spelling."""
    text = message_id.strip()
    if form == "text":
        return text
    if form == "folded":
        return text.lower()
    digits = "0123456789" if form == "decimal" else "0123456789abcdef"
    bare = text.lower().removeprefix("0x") if form == "hex" else text
    if not bare or len(bare) > 64 or any(digit not in digits for digit in bare):
        return text
    return str(int(bare, 10 if form == "decimal" else 16))


def _fields(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for match in _FIELD.finditer(text):
        if match[3]:
            break  # What follows is the message's own text, in which anything may stand.
        found.setdefault(match[1].lower(), match[2])
    return found


def _error(value: bytes | None) -> str:
    """§5.3.2.31: the kind of network, and its code."""
    if value is None or len(value) != 3:
        return ""
    return str(int.from_bytes(value[1:], "big"))
