"""The mobile network's alphabets, GSM 7-bit (3GPP TS 23.038 §6.2.1) and UCS-2, and a text's cost in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple
from unicodedata import category

Alphabet = Literal["gsm7", "ucs2"]

ESCAPE = "\x1b"

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
_GSM7 = re.compile(f"[{re.escape(BASIC.replace(ESCAPE, ''))}{_extension}]*")
_EXTENSION = re.compile(f"[{_extension}]")


class Size(NamedTuple):
    """What a text costs: ``cost`` septets in ``gsm7``, or UTF-16 code units in ``ucs2``."""

    alphabet: Alphabet
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
    """How many short messages the text is, at least one."""
    alphabet, cost = size(text)
    return 1 if cost <= ALONE[alphabet] else sum(1 for _piece in _pieces(text, alphabet))


def split(text: str, alphabet: Alphabet | None = None) -> list[str]:
    """The text as the short messages that carry it, as few as there can be; joined they are the text.

    None is cut inside a character: neither the escape of the extension table nor half of a surrogate pair
    stands at the end of a part, and a mark stays with the letter that it is over or under. ``alphabet``:
    the one to send it in, where that is not to be the text's own. A letter with more marks than a part has
    room for is cut between them.
    """
    own, _cost = size(text)
    used = alphabet or own
    cost = septets(text) if used == "gsm7" else units(text)
    return [text] if cost <= ALONE[used] else list(_pieces(text, used))


def _pieces(text: str, alphabet: Alphabet) -> Iterator[str]:
    return _septet_pieces(text) if alphabet == "gsm7" else _unit_pieces(text)


def _septet_pieces(text: str) -> Iterator[str]:
    escaped = _EXTENSION.sub(lambda match: ESCAPE + match[0], text)
    start = 0
    while start < len(escaped):
        end = min(start + PART["gsm7"], len(escaped))
        if escaped[end - 1] == ESCAPE:
            end -= 1
        yield escaped[start:end].replace(ESCAPE, "")
        start = end


def _unit_pieces(text: str) -> Iterator[str]:
    wide = text.encode("utf-16-be", "surrogatepass")
    most, start = 2 * PART["ucs2"], 0
    while start < len(wide):
        end = start + most
        if end < len(wide):
            end = _whole_letters(wide, start, end)
        yield wide[start:end].decode("utf-16-be", "surrogatepass")
        start = end


def _whole_letters(wide: bytes, start: int, end: int) -> int:
    """The last place up to ``end`` where UTF-16 can be cut in front of a letter, else of a mark."""
    latest = 0
    for place in range(end, start, -2):
        if 0xDC <= wide[place] < 0xE0 and 0xD8 <= wide[place - 2] < 0xDC:
            continue  # The second half of a pair.
        if not _is_mark(wide, place):
            return place
        latest = latest or place
    return latest


def _is_mark(wide: bytes, place: int) -> bool:
    length = 4 if 0xD8 <= wide[place] < 0xDC else 2
    character = wide[place : place + length].decode("utf-16-be", "surrogatepass")
    return category(character[0]).startswith("M")
