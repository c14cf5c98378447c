"""The room on one page, and what a piece of text takes of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from engine.alphabet import is_gsm7, septets, units
from engine.turn import Option

RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")


class Cost(NamedTuple):
    """``septets`` count only with ``gsm7``. ``rtl``: it has right-to-left letters. ``breaks``: line feeds."""

    septets: int
    units: int
    gsm7: bool
    rtl: bool
    breaks: int


def cost(text: str) -> Cost:
    """What a text takes."""
    if is_gsm7(text):
        return Cost(septets(text), units(text), True, False, text.count("\n"))
    return Cost(0, units(text), False, RIGHT_TO_LEFT.search(text) is not None, text.count("\n"))


# The same words and labels come again and again.
word_cost = lru_cache(maxsize=8192)(cost)


class Atom(NamedTuple):
    """What is not broken. ``before`` parts it from the atom in front of it on the same page: a line feed, a
    space, or nothing inside a torn word. ``in_body``: of the words, else of an option. ``option`` is set on
    the first atom of an option."""

    text: str
    before: str
    in_body: bool
    option: Option | None
    cost: Cost


class Room(NamedTuple):
    """A page is full at ``septets`` while it is pure GSM-7, else at ``units``. ``marks``: a page with
    right-to-left letters takes one unit more for each line."""

    septets: float
    units: float
    marks: bool

    def holds(self, content: Cost, foot: Cost) -> bool:
        """Whether a page has room for a content over a foot that begins with its own line feed."""
        if content.gsm7 and foot.gsm7:
            return content.septets + foot.septets <= self.septets
        marks = content.breaks + foot.breaks + 1 if self.marks and (content.rtl or foot.rtl) else 0
        return content.units + foot.units + marks <= self.units

    def filled(self, atoms: Sequence[Atom], start: int, foot: Cost) -> int:
        """The place after the last atom that a page with this foot holds when it begins with ``start``."""
        most_septets, most_units, marks = self
        septets, units, gsm7, rtl, breaks = foot
        gap = 0  # Nothing stands before the first atom of a page.
        for place in range(start, len(atoms)):
            _text, before, _in_body, _option, taken = atoms[place]
            septets += taken.septets + gap * len(before)
            units += taken.units + gap * len(before)
            gsm7 = gsm7 and taken.gsm7
            rtl = rtl or taken.rtl
            breaks += taken.breaks + (gap if before == "\n" else 0)
            if septets > most_septets if gsm7 else units + (breaks + 1 if rtl and marks else 0) > most_units:
                return place
            gap = 1
        return len(atoms)

    def safe(self, foot: Cost) -> float:
        """So many units of one line fit a page with this foot, whatever they are: in GSM-7 a unit is at most
        two septets."""
        marks = foot.breaks + 1 if self.marks else 0
        return min((self.septets - foot.septets) // 2, self.units - foot.units - marks)
