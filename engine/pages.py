"""Splits a screen into pages that a route can show.

A page is its part of the words, then its options, a line each (``1 label``: a line that begins with the bare
digit reads well right to left, and costs least), then its navigation. Navigation is reserved first. Pages
break between options or words; only what alone exceeds a page is broken inside.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from math import inf
from typing import NamedTuple

from engine import limits
from engine.clusters import clusters
from engine.layout import Layout, Shape
from engine.room import RIGHT_TO_LEFT, Atom, Cost, Room, cost, word_cost
from engine.turn import Option

RLM = "\u200f"
ZWNJ = "\u200c"

# Where a line may break; the non-breaking spaces are not among it.
_SPACES = re.compile(r"[ \t\r\x0b\x0c\u1680\u2000-\u2006\u2008-\u200a\u205f\u3000]+")


class DoesNotFit(ValueError):
    """The layout is too small for its own navigation and one letter, or needs more than ``limits.PAGES``."""


class Navigation(NamedTuple):
    """The words of the ways out, already translated; None: not offered. What to type for each is the
    layout's. ``more`` is shown only where a next page is."""

    back: str | None
    home: str | None
    more: str


class Page(NamedTuple):
    """``text`` is the whole page; ``body``, ``options`` and ``ways`` are its words, its options and its
    navigation in parts."""

    text: str
    body: str
    options: tuple[Option, ...]
    ways: tuple[Option, ...]


def paginate(
    body: str, options: Sequence[Option], layout: Layout, navigation: Navigation
) -> tuple[Page, ...]:
    """The pages of a screen, at least one, each within ``layout.septets`` or ``layout.units``. Raises
    ``DoesNotFit``. Remembered: the same screen again costs about a microsecond."""
    return _paginate(body, tuple(options), layout.shape, navigation)


@lru_cache(maxsize=2048)
def _paginate(
    body: str, options: tuple[Option, ...], shape: Shape, navigation: Navigation
) -> tuple[Page, ...]:
    splitter = _splitter(shape, navigation)
    body = splitter.without_zwnj(body.strip())
    options = tuple(
        Option(option.key, splitter.without_zwnj(" ".join(option.label.split("\n")))) for option in options
    )
    # "1 10 days" would read as one number.
    point = "." if any(option.label[:1].isdigit() for option in options) else ""
    lines = [f"{option.key}{point} {option.label}".rstrip() for option in options]
    page = splitter.whole(body, lines, options)
    if page is not None:
        return (page,)
    atoms = splitter.atoms(body, lines, options)
    if not atoms:
        raise DoesNotFit("the navigation alone exceeds a page")
    pages = splitter.split(atoms)
    return tuple(splitter.page(page_atoms, place < len(pages)) for place, page_atoms in enumerate(pages, 1))


class _Foot(NamedTuple):
    """The navigation of a page and what it costs, the line feed in front of it included."""

    text: str
    cost: Cost
    ways: tuple[Option, ...]


def _foot(ways: Iterable[Option]) -> _Foot:
    ways = tuple(ways)
    text = "".join([f"\n{way.key} {way.label}" for way in ways])
    return _Foot(text, cost(text), ways)


class _Splitter:
    """Splits for one layout and one navigation."""

    def __init__(self, shape: Shape, navigation: Navigation) -> None:
        septets, units, self.strip_zwnj, self.rlm, *keys = shape
        self.room = Room(inf if septets is None else septets, inf if units is None else units, self.rlm)
        back, home, more = (
            None if word is None else Option(key, self.without_zwnj(word))
            for key, word in zip(keys, navigation, strict=True)
        )
        # By (is there a next page, is home shown); "more" stands next to the list that it goes on with.
        self.feet = {
            (goes_on, at_home): _foot(
                way for way in (more if goes_on else None, back, home if at_home else None) if way is not None
            )
            for goes_on in (False, True)
            for at_home in (False, True)
        }
        self.has_home = home is not None
        self.safe = min(self.room.safe(self.feet[goes_on, False].cost) for goes_on in (False, True))

    def without_zwnj(self, text: str) -> str:
        return text.replace(ZWNJ, "") if self.strip_zwnj else text

    def marked(self, text: str) -> str:
        """The text with a mark before each line, where the route wants it and the page has right-to-left
        letters: then every line is to be set right to left, the Latin ones too."""
        if self.rlm and RIGHT_TO_LEFT.search(text):
            return RLM + text.replace("\n", "\n" + RLM)
        return text

    def whole(self, body: str, lines: Sequence[str], options: tuple[Option, ...]) -> Page | None:
        """All on one page, if it fits."""
        content = "\n".join([body, *lines] if body else lines)
        content_cost = cost(content)
        for at_home in (True, False) if self.has_home else (False,):
            foot = self.feet[False, at_home]
            if self.room.holds(content_cost, foot.cost):
                return Page(self.marked((content + foot.text).lstrip("\n")), body, options, foot.ways)
        return None

    def atoms(self, body: str, lines: Sequence[str], options: tuple[Option, ...]) -> list[Atom]:
        """All content in pieces that each fit a page."""
        wanted = list(_words(body))
        for place, (line, option) in enumerate(zip(lines, options, strict=True), 1):
            atom = Atom(line, "\n", False, option, word_cost(line))
            wanted += [atom] if self.alone(atom, place == len(lines)) else _label_words(line, option)
        atoms: list[Atom] = []
        for place, atom in enumerate(wanted, 1):
            atoms += [atom] if self.alone(atom, place == len(wanted)) else self.torn(atom)
        return atoms

    def alone(self, atom: Atom, last: bool) -> bool:
        """Whether a page holds this atom and its navigation."""
        return atom.cost.units <= self.safe or self.room.holds(atom.cost, self.feet[not last, False].cost)

    def torn(self, atom: Atom) -> Iterator[Atom]:
        """A word that exceeds a page, in grapheme clusters; a cluster that does so (somebody heaps up marks)
        in characters. What is typed for an option stays with the first letter of its label."""
        number, space, word = atom.text.partition(" ") if atom.option is not None else ("", "", atom.text)
        head = number + space
        before, option = atom.before, atom.option
        for cluster in clusters(word) or [""]:
            whole = head + cluster
            fits = self.room.holds(cost(whole), self.feet[True, False].cost)
            for piece in [whole] if fits else [head + cluster[:1], *cluster[1:]]:
                yield Atom(piece, before, atom.in_body, option, word_cost(piece))
                before, option = "", None
            head = ""

    def split(self, atoms: list[Atom]) -> list[list[Atom]]:
        """The atoms of each page."""
        pages: list[list[Atom]] = []
        start = 0
        while start < len(atoms):
            if len(pages) == limits.PAGES:
                raise DoesNotFit(f"more than {limits.PAGES} pages")
            end = self.room.filled(atoms, start, self.feet[False, False].cost)
            if end < len(atoms):
                # A page that goes on leaves something for the next, whatever "more" costs or saves.
                end = min(self.room.filled(atoms, start, self.feet[True, False].cost), len(atoms) - 1)
            if end == start:
                raise DoesNotFit("the navigation leaves no room for a letter")
            pages.append(atoms[start:end])
            start = end
        return self.without_lone_word(pages)

    def without_lone_word(self, pages: list[list[Atom]]) -> list[list[Atom]]:
        """A last page of one word gets a companion from the page before, if both pages then still fit."""
        if len(pages) < 2 or len(pages[-1]) != 1 or not pages[-1][0].in_body or len(pages[-2]) < 3:
            return pages
        *before, companion = pages[-2]
        last = [companion, *pages[-1]]
        if self.room.filled(before, 0, self.feet[True, False].cost) < len(before):
            return pages
        if self.room.filled(last, 0, self.feet[False, False].cost) < len(last):
            return pages
        return [*pages[:-2], before, last]

    def page(self, atoms: list[Atom], goes_on: bool) -> Page:
        """The page of these atoms."""
        at_home = self.has_home and self.room.filled(atoms, 0, self.feet[goes_on, True].cost) == len(atoms)
        foot = self.feet[goes_on, at_home]
        return Page(
            self.marked(_joined(atoms) + foot.text),
            _joined([atom for atom in atoms if atom.in_body]),
            tuple(atom.option for atom in atoms if atom.option is not None),
            foot.ways,
        )


_splitter = lru_cache(maxsize=64)(_Splitter)


def _joined(atoms: Sequence[Atom]) -> str:
    return "".join([atom.before + atom.text if place else atom.text for place, atom in enumerate(atoms)])


def _words(body: str) -> Iterator[Atom]:
    for line in body.split("\n"):
        before = "\n"
        for word in _SPACES.split(line):
            if word:
                yield Atom(word, before, True, None, word_cost(word))
                before = " "


def _label_words(line: str, option: Option) -> Iterator[Atom]:
    """The words of an option's line; its number stays with the first."""
    number, *words = [word for word in _SPACES.split(line) if word]
    first = " ".join([number, *words[:1]])
    yield Atom(first, "\n", False, option, cost(first))
    for word in words[1:]:
        yield Atom(word, " ", False, None, word_cost(word))
