"""Folding: the one spelling that inputs are matched and checked in. What was received is stored beside it."""

from __future__ import annotations

from unicodedata import normalize

_PERSIAN_DIGITS = "۰۱۲۳۴۵۶۷۸۹"
_ARABIC_DIGITS = "٠١٢٣٤٥٦٧٨٩"
_LETTERS = {"ي": "ی", "ى": "ی", "ك": "ک"}

# Dropped: control characters, the tatweel, and what draws nothing (Unicode's default ignorables that people's
# keyboards and copied texts bring along, bidirectional controls among them), and halves of surrogate pairs,
# which no encoding can store.
_DROPPED = (
    (0x00, 0x08), (0x0E, 0x1B), (0x7F, 0x84), (0x86, 0x9F), (0xAD, 0xAD), (0x034F, 0x034F),
    (0x061C, 0x061C), (0x0640, 0x0640), (0x115F, 0x1160), (0x180B, 0x180E), (0x200B, 0x200B),
    (0x200D, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164), (0xD800, 0xDFFF),
    (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFFB), (0xE0000, 0xE007F),
)  # fmt: skip

# Arabic letters by their shape, which some gateways and old handsets send in place of the letters.
_SHAPES = ((0xFB50, 0xFDFB), (0xFE70, 0xFEFC))

# What ``key`` overlooks beside spaces: vowel signs and the other marks above and below letters, and the
# spellings of one letter that people use for one another.
_MARKS = ((0x0610, 0x061A), (0x064B, 0x065F), (0x0670, 0x0670), (0x06D6, 0x06DC), (0xFE00, 0xFE0F))
_ALIKE = {"آ": "ا", "أ": "ا", "إ": "ا", "ٱ": "ا", "ؤ": "و", "ئ": "ی", "ة": "ه", "ۀ": "ه", "ە": "ه"}


def _table() -> dict[int, str | None]:
    table: dict[int, str | None] = {}
    for digits in (_PERSIAN_DIGITS, _ARABIC_DIGITS):
        table |= {ord(digit): str(value) for value, digit in enumerate(digits)}
    table |= {ord(letter): to for letter, to in _LETTERS.items()}
    for first, last in _SHAPES:
        for code in range(first, last + 1):
            letters = normalize("NFKC", chr(code))
            if letters != chr(code):
                table[code] = "".join(_LETTERS.get(letter, letter) for letter in letters if letter != "ـ")
    for first, last in _DROPPED:
        table |= dict.fromkeys(range(first, last + 1))
    table[0x200C] = " "  # The zero-width non-joiner parts two pieces of a word, as a space does.
    return table


_FOLD = _table()
_KEY: dict[int, str | None] = (
    {ord(letter): to for letter, to in _ALIKE.items()}
    | {code: None for first, last in _MARKS for code in range(first, last + 1)}
    | {ord(" "): None}
)


def fold(text: str) -> str:
    """The text with digits 0-9, Persian ی and ک, nothing invisible, and single spaces; composed (NFC).

    The zero-width non-joiner becomes a space. Case is kept.
    """
    if text.isascii() and text.isprintable() and "  " not in text:
        return text.strip()
    return normalize("NFC", " ".join(normalize("NFC", text).translate(_FOLD).split()))


def key(text: str) -> str:
    """What two spellings of one word have in common: folded, in lower case, without spaces and marks. For
    comparing labels and keywords only: «پی‌گیری», «پی گیری» and «پیگیری» are the same."""
    folded = fold(text)
    if folded.isascii():
        return folded.lower().replace(" ", "")
    return normalize("NFC", folded.casefold()).translate(_KEY)


def digits(text: str) -> str:
    """Only the digits of a text, as 0-9: «۴۸۲۱-۹۰۳۶» → ``48219036``."""
    return "".join(character for character in fold(text) if "0" <= character <= "9")
