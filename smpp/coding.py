"""Texts as octets and back: SMPP's data_coding (§5.2.19), and the data coding schemes of USSD that some
gateways put in its place (3GPP TS 23.038 §5).

GSM-7 is written unpacked, an octet for each septet, as SMSCs take it.
"""

from __future__ import annotations

import re
from typing import Literal

from engine.alphabet import BASIC, EXTENSION
from smpp.errors import TooMuch, Unreadable

Alphabet = Literal["gsm7", "ascii", "latin1", "ucs2", "ucs2 tagged"]

GSM7 = 0x00
UCS2 = 0x08
USSD_GSM7 = 0x0F
USSD_UCS2 = 0x48

# What each data_coding is here. 0 is the SMSC's default alphabet, nearly always GSM-7; an SMSC whose default
# is another one has it as a setting.
ALPHABETS: dict[int, Alphabet] = {
    GSM7: "gsm7",
    0x01: "ascii",
    0x03: "latin1",
    UCS2: "ucs2",
    USSD_GSM7: "gsm7",
    0x11: "ucs2 tagged",  # Two septets of a language code first, packed in two octets.
    0xF0: "gsm7",  # Class 0, GSM-7.
    0xF1: "gsm7",
    USSD_UCS2: "ucs2",
}

ESCAPE = "\x1b"


class _Codes(dict[int, str]):
    """For ``str.translate``: what has no code becomes a character that ASCII does not have either."""

    def __missing__(self, _character: int) -> str:
        return "\x80"


_CODES = _Codes(
    {ord(character): chr(code) for code, character in enumerate(BASIC) if character != ESCAPE}
    | {ord(character): f"{ESCAPE}{chr(code)}" for code, character in EXTENSION.items()}
)
_CHARACTERS = dict(enumerate(BASIC)) | dict.fromkeys(range(0x80, 0x100), "\N{REPLACEMENT CHARACTER}")
_ESCAPED = re.compile(f"{ESCAPE}(.?)", re.DOTALL)


def encode_gsm7(text: str) -> bytes:
    """``TooMuch`` for a character that GSM-7 does not have."""
    try:
        return text.translate(_CODES).encode("ascii")
    except UnicodeEncodeError:
        raise TooMuch("a character that GSM-7 does not have") from None


def decode_gsm7(data: bytes) -> str:
    """Never fails. An octet above 127 is U+FFFD; an escape before what has no meaning in the extension table
    is dropped and the character behind it is shown from the basic one (TS 23.038 §6.2.1.1)."""
    text = data.decode("latin-1")
    if ESCAPE not in text:
        return text.translate(_CHARACTERS)
    pieces, at = [], 0
    for match in _ESCAPED.finditer(text):
        pieces.append(text[at : match.start()].translate(_CHARACTERS))
        escaped = match[1]
        pieces.append(EXTENSION.get(ord(escaped)) or escaped.translate(_CHARACTERS) if escaped else "")
        at = match.end()
    pieces.append(text[at:].translate(_CHARACTERS))
    return "".join(pieces).replace(ESCAPE, "")


def encode_ucs2(text: str) -> bytes:
    """UTF-16, big end first: UCS-2 and what lies beyond it. A lone surrogate becomes U+FFFD."""
    try:
        return text.encode("utf-16-be")
    except UnicodeEncodeError:
        return text.encode("utf-16-be", "surrogatepass").decode("utf-16-be", "replace").encode("utf-16-be")


def decode_ucs2(data: bytes) -> str:
    """Never fails: what is no UTF-16 becomes U+FFFD."""
    return data.decode("utf-16-be", "replace")


def encode_text(text: str, coding: int) -> bytes:
    """The text in a data_coding; ``TooMuch`` when it has a character that the alphabet has not, and
    ``Unreadable`` for a coding that is not known here."""
    alphabet = alphabet_of(coding)
    if alphabet == "gsm7":
        return encode_gsm7(text)
    if alphabet == "ucs2":
        return encode_ucs2(text)
    if alphabet == "ucs2 tagged":
        return _TAG + encode_ucs2(text)
    try:
        return text.encode("ascii" if alphabet == "ascii" else "latin-1")
    except UnicodeEncodeError:
        raise TooMuch(f"a character that {alphabet} does not have") from None


def decode_text(data: bytes, coding: int, default: Alphabet = "gsm7") -> str:
    """The text of a message; ``Unreadable`` for a coding that is not known here (an 8-bit message is no
    text). ``default`` is the SMSC's alphabet for coding 0. Octets that the alphabet does not have become
    U+FFFD."""
    alphabet = alphabet_of(coding) if coding else default
    if alphabet == "gsm7":
        return decode_gsm7(data)
    if alphabet == "ucs2":
        return decode_ucs2(data)
    if alphabet == "ucs2 tagged":
        return decode_ucs2(data[2:])
    return data.decode("ascii" if alphabet == "ascii" else "latin-1", "replace")


def alphabet_of(coding: int) -> Alphabet:
    """The alphabet of a data_coding; ``Unreadable`` where there is none."""
    found = ALPHABETS.get(coding)
    if found is None:
        raise Unreadable(f"data_coding {coding}")
    return found


# The language code ``fa``: two septets packed in two octets.
_TAG = bytes(((ord("f") | ord("a") << 7) & 0xFF, ord("a") >> 1))
