"""The mobile network's alphabets, GSM 7-bit (3GPP TS 23.038 §6.2.1) and UCS-2, and a text's cost in them."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

# The default alphabet, in the order of its codes 0x00 to 0x7F; 0x1B is the escape to the extension table.
BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ"
    " !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)

# Characters of the extension table: each is the escape and one more septet.
EXTENSION = {
    0x0A: "\f",
    0x14: "^",
    0x28: "{",
    0x29: "}",
    0x2F: "\\",
    0x3C: "[",
    0x3D: "~",
    0x3E: "]",
    0x40: "|",
    0x65: "€",
}

# What of a short message its text may take: alone, and as a part beside the header that joins it to the
# others (3GPP TS 23.040 §9.2.3.24.1).
ALONE = {"gsm7": 160, "ucs2": 70}
PART = {"gsm7": 153, "ucs2": 67}

_extension = re.escape("".join(EXTENSION.values()))
_GSM7 = re.compile(f"[{re.escape(BASIC.replace(chr(0x1B), ''))}{_extension}]*")
_EXTENSION = re.compile(f"[{_extension}]")


class Size(NamedTuple):
    """What a text costs: ``cost`` septets in ``gsm7``, or UTF-16 code units in ``ucs2``."""

    alphabet: Literal["gsm7", "ucs2"]
    cost: int


def is_gsm7(text: str) -> bool:
    """Whether every character is in the default alphabet or its extension table. One that is not makes the
    whole text UCS-2."""
    return _GSM7.fullmatch(text) is not None


def septets(text: str) -> int:
    """The septets of a GSM-7 text; a character of the extension table is two."""
    return len(text) + len(_EXTENSION.findall(text))


def units(text: str) -> int:
    """The UTF-16 code units of a text: a character beyond the basic plane (an emoji) is two."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def size(text: str) -> Size:
    """The text's alphabet and what it costs there."""
    return Size("gsm7", septets(text)) if is_gsm7(text) else Size("ucs2", units(text))


def fits(text: str, most_septets: int | None, most_units: int | None) -> bool:
    """Whether the text is within the bound of its alphabet; None is no bound."""
    most = most_septets if is_gsm7(text) else most_units
    return most is None or size(text).cost <= most


def parts(text: str) -> int:
    """How many short messages the text is, at least one. A character that costs two is never cut, so that a
    part may stay one short of full."""
    alphabet, cost = size(text)
    if cost <= ALONE[alphabet]:
        return 1
    most, count, used = PART[alphabet], 1, 0
    for character in text:
        each = septets(character) if alphabet == "gsm7" else units(character)
        if used + each > most:
            count, used = count + 1, 0
        used += each
    return count
