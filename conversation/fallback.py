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

# Where people write and do not dial. There no dialog is ever over.
ON_CHAT = {
    BUSY: _("الان سرمان شلوغ است. یک دقیقه دیگر دوباره بفرستید."),
    LATER: _("پاسخ آماده نشد. چند دقیقه دیگر دوباره بفرستید."),
    SORRY: _("کار انجام نشد و چیزی ثبت نشد. لطفاً دوباره بفرستید."),
}


def fallback(
    text: str, languages: Mapping[str, Language], language: str = "fa", *, chat: bool = False
) -> Reply:
    """One of the texts above as the last screen of a dialog. ``taken`` tells of a turn that was taken, as far
    as it goes: what is at fault would be so again."""
    spoken = languages.get(language) or languages["fa"]
    words = spoken.translate(ON_CHAT[text] if chat else text)
    taken = text not in (BUSY, LATER)
    return Reply(Screen(words, words), replies=False, language=spoken.code, taken=taken)
