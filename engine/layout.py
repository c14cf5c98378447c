"""How much of a screen a route can show at once, and how: data, one object per route."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Layout:
    """``septets`` and ``units`` bound one page: a page of pure GSM-7 is counted in septets (an extension
    character is two), any other in UTF-16 code units (3GPP TS 23.038: 160 octets are 182 septets or 80
    units). ``None`` means one page of any length.

    ``back``, ``home`` and ``more`` are what a person types; their words come from the catalogues.
    ``strip_zwnj`` and ``rlm`` (a right-to-left mark before each line) change only what is sent.
    """

    channel: str
    septets: int | None = 182
    units: int | None = 80
    strip_zwnj: bool = False
    rlm: bool = False
    back: str = "0"
    home: str = "00"
    more: str = "98"


USSD = Layout(channel="ussd")
