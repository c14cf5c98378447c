"""Files that come with an answer: what they are, whether a state takes them, and what is said of them.

The files themselves are kept by the outside; the engine knows their ids and their kinds.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import NamedTuple

from engine import template
from engine.needs import TAKE
from engine.turn import Input, Language, Met, Need

KINDS = ("image", "audio", "document")
MOST = 10  # That one answer may have, sent one after another.


def _(text: str) -> str:
    """Marks a text for the catalogues."""
    return text


KEPT = _("فایل شما رسید و با این گفتگو نگه داشته شد.")
NOT_KEPT = _("فایل نرسید؛ مشکل از ماست. دوباره بفرستید.")
TOO_MANY = _("بیش از این نمی‌شود فایل فرستاد. ادامه دهید.")

# What is asked for, by the kinds that a state takes.
WANTED: Mapping[frozenset[str], str] = {
    frozenset(KINDS): _("یک عکس، صدا یا فایل PDF بفرستید."),
    frozenset(("image",)): _("یک عکس بفرستید."),
    frozenset(("audio",)): _("یک پیام صوتی بفرستید."),
    frozenset(("document",)): _("یک فایل PDF بفرستید."),
    frozenset(("image", "audio")): _("یک عکس یا صدا بفرستید."),
    frozenset(("image", "document")): _("یک عکس یا فایل PDF بفرستید."),
    frozenset(("audio", "document")): _("یک صدا یا فایل PDF بفرستید."),
}

# Why a file was refused, by the reason that the outside gives; ``most`` is its bound.
REFUSALS: Mapping[str, str] = {
    "too_big": _("این فایل بزرگ است و نگه داشته نشد. تا {most:number} مگابایت پذیرفته است."),
    "too_much": _("امروز بیش از {most:number} مگابایت فایل فرستاده‌اید. فردا دوباره بفرستید."),
    "type": _("این نوع فایل پذیرفته نیست. عکس، صدا یا PDF بفرستید."),
    "archive": _("فایل فشرده پذیرفته نیست. عکس، صدا یا PDF بفرستید."),
    "lies": _("این فایل آن نوعی نیست که نامش می‌گوید و نگه داشته نشد."),
    "pixels": _("این عکس بیش از {most:number} مگاپیکسل است. کوچک‌ترش را بفرستید."),
    "broken": _("این عکس خوانده نمی‌شود. آن را دوباره بفرستید."),
    "empty": _("این فایل خالی است."),
}


class Attached(NamedTuple):
    """The files of an input that are the person's, and their kinds, in the same order; ``said`` is what the
    person is told where something is wrong, "" where nothing is."""

    files: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    said: str = ""


NOTHING = Attached()


def explain(refused: str, language: Language) -> str:
    """A refusal, ``reason:bound``, in words."""
    reason, _colon, most = refused.partition(":")
    text = template.parse(language.translate(REFUSALS.get(reason, NOT_KEPT)))
    return text.render({"most": int(most) if most.isascii() and most.isdecimal() else 0}, language)


def attached(input: Input, language: Language) -> Generator[Need, Met, Attached]:
    """What came with an input besides words."""
    if input.refused:
        return Attached(said=explain(input.refused, language))
    if not input.files:
        return Attached()
    met = yield Need(TAKE, {"files": " ".join(input.files)})
    ids, kinds = (tuple(str(met.values.get(name) or "").split()) for name in ("files", "kinds"))
    if not ids or len(ids) != len(kinds):
        return Attached(said=language.translate(NOT_KEPT))
    return Attached(ids, kinds)


def together(before: object, ids: tuple[str, ...]) -> str | None:
    """An answer of files with what was answered before, in a state that comes again; None where it would be
    too many."""
    known = before.split() if isinstance(before, str) else []
    every = [*known, *(id for id in ids if id not in known)]
    return " ".join(every) if len(every) <= MOST else None
