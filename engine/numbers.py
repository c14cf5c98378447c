"""Numbers that people type: mobile numbers, national IDs, and numbers of ours with a check digit."""

from __future__ import annotations

import re

from engine.fold import fold

# The ranges of libphonenumber's metadata for IR (2026-07). Numbers are portable: a range names no operator.
_MOBILE = re.compile(
    r"(?:\+98|0098|98)?0?"
    r"(9(?:(?:0[0-5]|[13][0-9]|2[0-3])[0-9]{2}"
    r"|9(?:[0-46][0-9]{2}|5(?:10|5[0-9])|8(?:[12][0-9]|3[0-2]|88)|9(?:[0-359][0-9]|69|77|8[7-9])))"
    r"[0-9]{5})"
)
_BETWEEN = re.compile(r"[\s().\-‐‑–−]")

_NATIONAL_ID = re.compile(r"[0-9]{8,10}")

# Damm, H. M., "Total anti-symmetrische Quasigruppen" (2004): a totally anti-symmetric quasigroup of order 10.
_DAMM = (
    (0, 3, 1, 7, 5, 9, 8, 6, 4, 2),
    (7, 0, 9, 2, 1, 5, 4, 8, 6, 3),
    (4, 2, 0, 6, 8, 7, 1, 3, 5, 9),
    (1, 7, 5, 0, 9, 8, 3, 4, 2, 6),
    (6, 1, 2, 3, 0, 4, 5, 9, 7, 8),
    (3, 6, 7, 4, 2, 0, 9, 5, 8, 1),
    (5, 8, 6, 9, 7, 2, 0, 1, 3, 4),
    (8, 9, 4, 5, 3, 6, 2, 0, 1, 7),
    (9, 4, 3, 8, 6, 1, 7, 2, 0, 5),
    (2, 5, 8, 1, 4, 3, 6, 7, 9, 0),
)


def mobile(text: str) -> str | None:
    """An Iranian mobile number in E.164 (``+989123456789``), or None. Accepts ``09…``, ``9…``, ``+98…``,
    ``0098…`` and ``98…``, with Persian or Arabic digits, spaces, dashes and brackets."""
    match = _MOBILE.fullmatch(_BETWEEN.sub("", fold(text)))
    return "+98" + match.group(1) if match else None


def national_id(text: str) -> str | None:
    """An Iranian national ID (کد ملی) as ten digits, or None. Leading zeros may be missing, two at most; ten
    equal digits pass the sum and are refused all the same."""
    given = _BETWEEN.sub("", fold(text))
    if not _NATIONAL_ID.fullmatch(given):
        return None
    number = given.zfill(10)
    if number == number[0] * 10:
        return None
    rest = sum(int(digit) * (10 - place) for place, digit in enumerate(number[:9])) % 11
    return number if int(number[9]) == (rest if rest < 2 else 11 - rest) else None


def with_check_digit(digits: str) -> str:
    """The digits (0-9, at least one) and their Damm check digit. It catches every wrong digit and every
    swap of two neighbours. ``ValueError`` for anything but digits."""
    if not (digits.isascii() and digits.isdecimal()):
        raise ValueError("a check digit needs digits 0 to 9")
    return digits + str(_damm(digits))


def has_check_digit(digits: str) -> bool:
    """Whether the last digit is the check digit of those before it; False for anything but digits 0-9."""
    return len(digits) > 1 and digits.isascii() and digits.isdecimal() and _damm(digits) == 0


def _damm(digits: str) -> int:
    interim = 0
    for digit in digits:
        interim = _DAMM[interim][ord(digit) - 48]
    return interim


def grouped(number: str) -> str:
    """A number in groups of three or four, to be read aloud: ``48219036`` → ``4821-9036``.

    Inside a right-to-left line a dash lets the groups change places (UAX #9, W2 and W4): there the number is
    shown without groups, or isolated.
    """
    count = -(-len(number) // 4)
    if len(number) < 6:
        return number
    short, longer = divmod(len(number), count)
    groups = []
    start = 0
    for place in range(count):
        end = start + short + (place >= count - longer)
        groups.append(number[start:end])
        start = end
    return "-".join(groups)
