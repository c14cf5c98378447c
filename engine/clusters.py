"""Grapheme clusters: what people take for one letter (UAX #29, its extended clusters as far as the standard
library's tables tell them)."""

from __future__ import annotations

from unicodedata import category

ZWJ = "\u200d"


def clusters(text: str) -> list[str]:
    """The text in clusters: a letter with its marks, an emoji sequence, a flag, a Hangul syllable, CR LF.
    Joined they are the text."""
    found: list[str] = []
    for character in text:
        if found and _goes_with(found[-1], character):
            found[-1] += character
        else:
            found.append(character)
    return found


def _goes_with(cluster: str, character: str) -> bool:
    """Whether ``character`` belongs to the cluster before it."""
    last = cluster[-1]
    if last == "\r":
        return character == "\n"
    if last == "\n":
        return False
    return (
        _extends(character)
        or last == ZWJ
        or _prepends(last)
        or (_is_flag_half(character) and _is_flag_half(last) and len(cluster) % 2 == 1)
        or _is_jamo_pair(last, character)
    )


def _extends(character: str) -> bool:
    """Marks, joiners, variation selectors, skin tones and the tag characters of flags."""
    return (
        category(character) in ("Mn", "Mc", "Me")
        or character in (ZWJ, "\u200c")
        or "\U0001f3fb" <= character <= "\U0001f3ff"
        or "\U000e0020" <= character <= "\U000e007f"
    )


def _prepends(character: str) -> bool:
    """Signs that stand over or under the number that follows them."""
    return "\u0600" <= character <= "\u0605" or character in ("\u06dd", "\u070f", "\u08e2")


def _is_flag_half(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _is_jamo_pair(last: str, character: str) -> bool:
    """Hangul written in parts (GB6 to GB8): leading consonants, vowels, trailing consonants."""
    if "\u1100" <= last <= "\u115f":
        return "\u1100" <= character <= "\u11a7" or "\uac00" <= character <= "\ud7a3"
    if "\u1160" <= last <= "\u11a7" or "\uac00" <= last <= "\ud7a3":
        return "\u1160" <= character <= "\u11ff"
    return "\u11a8" <= last <= "\u11ff" and "\u11a8" <= character <= "\u11ff"
