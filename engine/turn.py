"""What goes into one turn of the engine and what comes out of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol

import msgspec

from engine.session import Value


class Input(msgspec.Struct, frozen=True):
    """What arrived. ``start``: ``text`` is a dialled code (``*733*2*1#``) or a word, or is empty;
    ``text``: an answer; ``timeout``: the time of the present state is over; ``event``: something happened to
    the thread that a session in a handover stands in, and ``text`` is its name (``closed``, ``late``): the
    outcome that the handover goes on by. A session that stands elsewhere takes no event.

    ``answers`` (with ``start``) are answers that came together with the code; they are given one by one to
    the screens that the flow shows, until they are used up or one does not fit.

    ``key`` is the same for a repetition of one ``text`` and for no other, ``files`` are the ids of files that
    came with it: both are handed on to who talks with the person in a handover. ``refused`` says why a file
    that came was not kept (``engine.files``). ``contact`` is the number (E.164) that the person shared as
    their own; ``text`` is the same.
    """

    kind: Literal["start", "text", "timeout", "event"]
    text: str = ""
    answers: tuple[str, ...] = ()
    key: str = ""
    files: tuple[str, ...] = ()
    refused: str = ""
    contact: str = ""


class Need(msgspec.Struct, frozen=True):
    """What a flow asks the outside for, with its arguments filled in."""

    name: str
    arguments: Mapping[str, Value]


class Met(msgspec.Struct, frozen=True):
    """How a need was met: the outcome that the flow goes on by, and the values it may read from then on.

    The value ``language`` changes the session's language as well.
    """

    outcome: str
    values: Mapping[str, Value] = msgspec.field(default_factory=dict)


class Option(msgspec.Struct, frozen=True, array_like=True, cache_hash=True):
    """One choice as shown: ``key`` is what to type, ``label`` what it says."""

    key: str
    label: str


class Screen(msgspec.Struct, frozen=True, array_like=True):
    """What the person sees. ``text`` is complete for a channel of bare text: the page's part of the words,
    its numbered options and its navigation. ``body``, ``options`` and ``ways`` (the navigation) are the same
    in parts, for channels that have buttons; ``ways`` is empty on others. ``asks`` is what else than words
    and options is an answer, with what a button for it says: ``contact``, the person's own number, or
    ``file``."""

    text: str
    body: str
    options: tuple[Option, ...] = ()
    page: int = 0
    pages: int = 1
    ways: tuple[Option, ...] = ()
    asks: Option | None = None


class Turn(msgspec.Struct, frozen=True):
    """One input and what it caused. ``replies``: whether an answer is expected, else the session is over.
    ``trail``: the states entered, ``flow:state``. ``outcome``: how the session ended, "" while it goes on.
    ``secret``: the input answered a question whose answers are nobody's to read later."""

    screen: Screen
    replies: bool
    trail: tuple[str, ...]
    outcome: str = ""
    secret: bool = False


class Language(Protocol):
    """A language as the engine needs it; ``languages.py`` makes them from the catalogues."""

    @property
    def code(self) -> str:
        """``fa``, ``en``, …"""

    def translate(self, text: str) -> str:
        """The text of a flow (Persian) in this language."""

    def format(self, value: Value, kind: str) -> str:
        """A value as people read it here. ``kind``: "" (plain), date, time, number, digits, toman, phone."""
