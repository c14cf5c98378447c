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
from engine.alphabet import is_gsm7, septets, units
from engine.clusters import clusters
from engine.layout import Layout
from engine.turn import Option

RLM = "\u200f"
ZWNJ = "\u200c"

_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
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
    """``text`` is the whole page; ``body`` and ``options`` are its words and its options in parts."""

    text: str
    body: str
    options: tuple[Option, ...]


def paginate(
    body: str, options: Sequence[Option], layout: Layout, navigation: Navigation
) -> tuple[Page, ...]:
    """The pages of a screen, at least one, each within ``layout.septets`` or ``layout.units``. Raises
    ``DoesNotFit``. Remembered: the same screen again costs about a microsecond."""
    return _paginate(
        body, tuple(options), layout.septets, layout.units, layout.strip_zwnj, layout.rlm,
        (layout.back, layout.home, layout.more), navigation,
    )  # fmt: skip


class _Cost(NamedTuple):
    """What a piece of a page costs: septets and units, whether it is GSM-7, whether it has right-to-left
    letters, and its lines."""

    septets: int
    units: int
    gsm7: bool
    rtl: bool
    lines: int


def _cost(text: str, lines: int) -> _Cost:
    """The cost of a text of so many lines; the line feeds before the lines are counted in it by the caller."""
    if is_gsm7(text):
        return _Cost(septets(text), units(text), True, False, lines)
    return _Cost(0, units(text), False, _RIGHT_TO_LEFT.search(text) is not None, lines)


class _Atom(NamedTuple):
    """What is not broken: ``before`` parts it from the atom in front of it on a page ("\\n", " " or nothing).
    ``option`` is set on the first atom of an option. ``kind``: body, label, or piece (of a torn word)."""

    text: str
    before: str
    kind: str
    option: Option | None
    cost: _Cost


def _atom(text: str, before: str, kind: str, option: Option | None = None) -> _Atom:
    return _Atom(text, before, kind, option, _cost(text, 0))


class _Room:
    """The space of a page: grows with what is put on it."""

    __slots__ = ("gsm7", "lines", "rlm", "rtl", "septets", "septets_most", "units", "units_most")

    def __init__(self, septets_most: float, units_most: float, rlm: bool, navigation: _Cost) -> None:
        self.septets_most = septets_most
        self.units_most = units_most
        self.rlm = rlm
        self.septets, self.units, self.gsm7, self.rtl, self.lines = navigation

    def take(self, cost: _Cost, before: str) -> bool:
        """Puts a piece on the page if it has room for it. ``before`` is what parts it from the one before."""
        gap = len(before)
        lines = self.lines + cost.lines + (before == "\n")
        total_septets = self.septets + cost.septets + gap
        total_units = self.units + cost.units + gap
        gsm7 = self.gsm7 and cost.gsm7
        rtl = self.rtl or cost.rtl
        if gsm7:
            if total_septets > self.septets_most:
                return False
        elif total_units + (lines if rtl and self.rlm else 0) > self.units_most:
            return False
        self.septets, self.units, self.gsm7, self.rtl, self.lines = (
            total_septets,
            total_units,
            gsm7,
            rtl,
            lines,
        )
        return True


class _Foot(NamedTuple):
    """Navigation as it is shown: its lines, joined, and what they cost with the line feeds before them."""

    text: str
    cost: _Cost


def _foot(lines: Iterable[str]) -> _Foot:
    shown = tuple(lines)
    text = "\n".join(shown)
    cost = _cost(text, len(shown))
    gap = 1 if shown else 0
    return _Foot(text, cost._replace(septets=cost.septets + gap, units=cost.units + gap))


class _Splitter:
    """One screen on one layout."""

    def __init__(
        self,
        septets_most: int | None,
        units_most: int | None,
        rlm: bool,
        keys: tuple[str, str, str],
        navigation: Navigation,
    ) -> None:
        self.septets_most = inf if septets_most is None else septets_most
        self.units_most = inf if units_most is None else units_most
        self.rlm = rlm
        back, home, more = (
            f"{key} {word}" if word is not None else None
            for key, word in zip(keys, (navigation.back, navigation.home, navigation.more), strict=True)
        )
        # By (is there a next page, is home shown); "more" stands next to the list that it goes on with.
        self.feet = {
            (goes_on, at_home): _foot(
                line
                for line in (more if goes_on else None, back, home if at_home else None)
                if line is not None
            )
            for goes_on in (False, True)
            for at_home in (False, True)
        }
        self.home = home is not None

    def room(self, foot: _Foot) -> _Room:
        """An empty page with its navigation; the first line of its content is counted."""
        room = _Room(self.septets_most, self.units_most, self.rlm, foot.cost)
        room.lines += 1
        return room

    def whole(self, body: str, lines: Sequence[str], options: tuple[Option, ...]) -> Page | None:
        """All on one page, if it fits."""
        content = "\n".join([body, *lines] if body else lines)
        for at_home in (True, False) if self.home else (False,):
            foot = self.feet[False, at_home]
            text = f"{content}\n{foot.text}" if content and foot.text else content or foot.text
            text = self.marked(text)
            gsm7 = is_gsm7(text)
            if (septets(text) if gsm7 else units(text)) <= (self.septets_most if gsm7 else self.units_most):
                return Page(text, body, options)
        return None

    def marked(self, text: str) -> str:
        """The text with a mark before each line, where the route wants it and the page has right-to-left
        letters: then every line is to be set right to left, the Latin ones too."""
        if self.rlm and _RIGHT_TO_LEFT.search(text):
            return RLM + text.replace("\n", "\n" + RLM)
        return text

    def alone(self, atom: _Atom, last: bool) -> bool:
        """Whether a page holds this atom and its navigation."""
        return self.room(self.feet[not last, False]).take(atom.cost, "")

    def atoms(self, body: str, lines: Sequence[str], options: tuple[Option, ...]) -> list[_Atom]:
        """All content in pieces that each fit a page."""
        wanted = list(_words(body, "body"))
        whole = [_atom(line, "\n", "label", option) for line, option in zip(lines, options, strict=True)]
        for place, atom in enumerate(whole, 1):
            wanted += [atom] if self.alone(atom, place == len(whole)) else _label_words(atom)
        atoms: list[_Atom] = []
        for place, atom in enumerate(wanted, 1):
            atoms += [atom] if self.alone(atom, place == len(wanted)) else self.torn(atom)
        return atoms

    def torn(self, atom: _Atom) -> Iterator[_Atom]:
        """A word that exceeds a page, in grapheme clusters, and a cluster that does so in characters."""
        pieces = clusters(atom.text)
        if atom.option is not None:  # What is typed for an option stays with the first letter of its label.
            head = len(atom.option.key)
            rest = clusters(atom.text[head:].lstrip(" ."))
            lead = atom.text[: len(atom.text) - sum(map(len, rest))]
            pieces = [lead + rest[0], *rest[1:]] if rest else [lead]
        before, option = atom.before, atom.option
        for piece in pieces:
            parts = [piece] if self.alone(_atom(piece, "", "piece"), False) else list(piece)
            for part in parts:
                yield _atom(part, before, "piece" if atom.kind == "body" else "label piece", option)
                before, option = "", None

    def split(self, atoms: list[_Atom]) -> list[list[_Atom]]:
        """The atoms of each page."""
        pages: list[list[_Atom]] = []
        start = 0
        while start < len(atoms):
            if len(pages) == limits.PAGES:
                raise DoesNotFit(f"more than {limits.PAGES} pages")
            end = self.filled(atoms, start, self.feet[False, False])
            if end < len(atoms):
                # A page that goes on leaves something for the next, whatever "more" costs or saves.
                end = min(self.filled(atoms, start, self.feet[True, False]), len(atoms) - 1)
            if end == start:
                raise DoesNotFit("the navigation leaves no room for a letter")
            pages.append(atoms[start:end])
            start = end
        return pages

    def filled(self, atoms: list[_Atom], start: int, foot: _Foot) -> int:
        """The place after the last atom that a page beginning with ``start`` holds."""
        room = self.room(foot)
        for place in range(start, len(atoms)):
            atom = atoms[place]
            if not room.take(atom.cost, atom.before if place > start else ""):
                return place
        return len(atoms)

    def shown(self, atoms: list[_Atom], goes_on: bool) -> Page:
        """The page of these atoms."""
        at_home = self.home and self.filled(atoms, 0, self.feet[goes_on, True]) == len(atoms)
        foot = self.feet[goes_on, at_home].text
        content = _joined(atoms)
        return Page(
            self.marked(f"{content}\n{foot}" if foot else content),
            _joined([atom for atom in atoms if atom.kind in ("body", "piece")]),
            tuple(atom.option for atom in atoms if atom.option is not None),
        )


def _joined(atoms: Sequence[_Atom]) -> str:
    return "".join([atom.before + atom.text if place else atom.text for place, atom in enumerate(atoms)])


def _words(text: str, kind: str) -> Iterator[_Atom]:
    for line in text.split("\n"):
        before = "\n"
        for word in _SPACES.split(line):
            if word:
                yield _atom(word, before, kind)
                before = " "


def _label_words(line: _Atom) -> Iterator[_Atom]:
    """The words of an option's line; its number stays with the first."""
    assert line.option is not None
    number, _space, label = line.text.partition(" ")
    words = [word for word in _SPACES.split(label.replace("\n", " ")) if word]
    yield _atom(" ".join([number, *words[:1]]), "\n", "label", line.option)
    for word in words[1:]:
        yield _atom(word, " ", "label")


def _without_lone_word(pages: list[list[_Atom]], splitter: _Splitter) -> list[list[_Atom]]:
    """A last page of one word gets a companion from the page before, where that costs no further page."""
    if len(pages) < 2 or len(pages[-1]) != 1 or pages[-1][0].kind != "body":
        return pages
    *before, last = pages[-2]
    if len(before) < 2 or last.kind != "body":
        return pages
    ending = [last, *pages[-1]]
    if splitter.filled(ending, 0, splitter.feet[False, False]) < len(ending):
        return pages
    if splitter.filled(before, 0, splitter.feet[True, False]) < len(before):
        return pages
    return [*pages[:-2], before, ending]


@lru_cache(maxsize=2048)
def _paginate(
    body: str,
    options: tuple[Option, ...],
    septets_most: int | None,
    units_most: int | None,
    strip_zwnj: bool,
    rlm: bool,
    keys: tuple[str, str, str],
    navigation: Navigation,
) -> tuple[Page, ...]:
    body = body.strip()
    if strip_zwnj:
        body = body.replace(ZWNJ, "")
        options = tuple(Option(option.key, option.label.replace(ZWNJ, "")) for option in options)
        navigation = Navigation(
            *(word.replace(ZWNJ, "") if word is not None else None for word in navigation)  # type: ignore[arg-type]
        )
    splitter = _splitter(septets_most, units_most, rlm, keys, navigation)
    # "1 10 days" would read as one number.
    point = "." if any(option.label[:1].isdigit() for option in options) else ""
    lines = [f"{option.key}{point} {option.label}" for option in options]
    page = splitter.whole(body, lines, options)
    if page is not None:
        return (page,)
    atoms = splitter.atoms(body, lines, options)
    if not atoms:
        raise DoesNotFit("the navigation alone exceeds a page")
    pages = _without_lone_word(splitter.split(atoms), splitter)
    return tuple(splitter.shown(page_atoms, place < len(pages)) for place, page_atoms in enumerate(pages, 1))


_splitter = lru_cache(maxsize=64)(_Splitter)
