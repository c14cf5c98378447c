"""Which option of a menu an answer means."""

from __future__ import annotations

from engine.flow import Choice, Menu
from engine.fold import key
from engine.session import Session
from engine.show import visible
from engine.turn import Language


def chosen(session: Session, menu: Menu, answer: str, language: Language) -> Choice | None:
    """The choice by its number, label or keyword; None when the (folded) answer means none of them."""
    choices = visible(session, menu)
    # "01" is no option: a leading zero belongs to the navigation.
    if answer.isascii() and answer.isdecimal() and len(answer) <= 2 and not answer.startswith("0"):
        number = int(answer)
        if number <= len(choices):
            return choices[number - 1]
    word = key(answer)
    if not word:
        return None
    words = menu.words.get(language.code)
    if words is None:
        words = menu.words[language.code] = _words(menu, language)
    choice = words.get(word)
    return choice if choice in choices else None


def _words(menu: Menu, language: Language) -> dict[str, Choice]:
    """All words that choose an option, in this language and in the source's."""
    words: dict[str, Choice] = {}
    for choice in menu.choices:
        for word in (*choice.keywords, key(choice.label), key(language.translate(choice.label))):
            words.setdefault(word, choice)
    return words
