"""What a person sees when a turn cannot be taken: said in their language, with what to do next."""

from __future__ import annotations

from collections.abc import Mapping

from conversation.incoming import Reply
from engine.turn import Language, Screen


def _(text: str) -> str:
    """Marks a text for the catalogues."""
    return text


BUSY = _("الان سرمان شلوغ است. یک دقیقه دیگر دوباره تماس بگیرید.")
LATER = _("پاسخ آماده نشد. چند دقیقه دیگر دوباره تماس بگیرید.")
OVER = _("این گفتگو تمام شده است. برای شروع، کد را دوباره بگیرید.")
SORRY = _("کار انجام نشد و چیزی ثبت نشد. لطفاً دوباره تماس بگیرید.")


def fallback(text: str, languages: Mapping[str, Language], language: str = "fa") -> Reply:
    """One of the texts above as the last screen of a dialog."""
    spoken = languages.get(language) or languages["fa"]
    words = spoken.translate(text)
    return Reply(Screen(words, words), replies=False, language=spoken.code)
