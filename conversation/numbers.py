"""Telephone numbers as gateways and providers write them, in E.164."""

from __future__ import annotations

import re

import phonenumbers

# Nearly every request: a mobile number of Iran, national or international, with or without the plus.
# A plus that nobody percent-encoded arrives from a form as a space.
_IRANIAN = re.compile(r"(?:[+ ]?98|0098|0)?(9[0-9]{9})")
_DIGITS = re.compile(r"([+ ]?)([0-9]{4,18})")


def e164(text: str) -> str | None:
    """The number as ``+989121234567``, or None when it cannot be one. A number without plus and leading
    zero is taken as international, as gateways send it."""
    if match := _IRANIAN.fullmatch(text):
        return "+98" + match[1]
    if not (match := _DIGITS.fullmatch(text)):
        return None
    plus, digits = match.groups()
    if not plus and digits.startswith("00"):
        digits = digits[2:]
    elif not plus and digits.startswith("0"):
        return _possible(digits, "IR")
    return _possible("+" + digits, None)


def _possible(text: str, region: str | None) -> str | None:
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    # Iran has numbers of four digits, so there nearly everything is possible: it must be valid there.
    fits = phonenumbers.is_valid_number if number.country_code == 98 else phonenumbers.is_possible_number
    if not fits(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
