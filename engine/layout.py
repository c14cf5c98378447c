"""How much of a screen a route can show at once, and how: data, one object per route.

Those that come with the product are in ``engine.channels``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from engine.fold import key
from engine.limits import KEYWORD_LENGTH

Turning = Literal["back", "home", "more"]
Shape = tuple[int | None, int | None, bool, bool, str, str, str]


@dataclass(frozen=True, slots=True)
class Layout:
    """``septets`` and ``units`` bound one page: a page of pure GSM-7 is counted in septets (an extension
    character is two), any other in UTF-16 code units (3GPP TS 23.038: 160 octets are 182 septets or 80
    units). ``None`` means one page of any length.

    ``back``, ``home`` and ``more`` are what a person types; their words come from the catalogues. The
    ``…_words`` are typed for the same. ``strip_zwnj`` and ``rlm`` (a right-to-left mark before each line)
    change only what is sent. ``buttons``: options and navigation are shown as buttons beside the words.

    ``again`` is the word that brings a person back, on channels where people write; empty where they dial.
    ``live``: a person can be talked to by an operator here, while a session stands in a handover; elsewhere
    that becomes a call-back. ``expires``: seconds without an answer after which a session ends, where its
    flow says nothing; None for the engine's own. ``silent``: it then ends without a word. ``files``: people
    can send files here.
    """

    channel: str
    septets: int | None = 182
    units: int | None = 80
    strip_zwnj: bool = False
    rlm: bool = False
    back: str = "0"
    home: str = "00"
    more: str = "98"
    back_words: tuple[str, ...] = ()
    home_words: tuple[str, ...] = ()
    more_words: tuple[str, ...] = ()
    buttons: bool = False
    again: str = ""
    live: bool = False
    expires: float | None = None
    silent: bool = False
    files: bool = False
    # What is typed for navigation, the words as ``engine.fold.key`` spells them.
    keys: Mapping[str, Turning] = field(init=False, compare=False, repr=False)
    words: Mapping[str, Turning] = field(init=False, compare=False, repr=False)
    # All that pages depend on, as one value to remember them by.
    shape: Shape = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        words: dict[str, Turning] = {key(word): "more" for word in self.more_words}
        words |= {key(word): "home" for word in self.home_words}
        words |= {key(word): "back" for word in self.back_words}
        object.__setattr__(self, "keys", {self.more: "more", self.home: "home", self.back: "back"})
        object.__setattr__(self, "words", words)
        shape = (self.septets, self.units, self.strip_zwnj, self.rlm, self.back, self.home, self.more)
        object.__setattr__(self, "shape", shape)

    def turning(self, answer: str) -> Turning | None:
        """What a folded answer means as navigation, if it does."""
        turning = self.keys.get(answer)
        if turning is None and self.words and len(answer) <= KEYWORD_LENGTH:
            turning = self.words.get(key(answer))
        return turning


USSD = Layout(channel="ussd")
