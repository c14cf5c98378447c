"""The screen of the state that a session stands in."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from engine import template
from engine.flow import Choice, Menu
from engine.layout import Layout
from engine.library import Library
from engine.pages import Navigation, Page, paginate
from engine.returning import told
from engine.session import Session, Value
from engine.turn import Language, Option
from engine.words import BACK, HOME, MORE


def built_in(session: Session, name: str) -> Value:
    """A variable that every flow may read and none may write; None when ``name`` is not one of them."""
    match name:
        case "caller":
            return session.caller
        case "verified":
            return session.verified
        case "channel":
            return session.channel
        case "language":
            return session.language
        case "code":
            return session.code
        case "attempts":
            return session.attempts
    return None


BUILT_IN = ("caller", "verified", "channel", "language", "code", "attempts")


def look_up(session: Session, name: str) -> Value:
    """The value of a variable as the flow that speaks now sees it."""
    variables = session.frames[-1].variables
    return variables[name] if name in variables else built_in(session, name)


def render(session: Session, text: str, language: Language, library: Library, layout: Layout) -> str:
    """A text of the flow in the person's language, its placeholders filled."""
    parsed = template.parse(language.translate(text))
    if parsed.plain is not None:
        return parsed.plain
    values: Mapping[str, Value] = {
        name: told(name, session, language, library, layout)
        if kind in template.RETURNING
        else look_up(session, name)
        for name, kind in parsed.names
    }
    return parsed.render(values, language)


def visible(session: Session, menu: Menu) -> tuple[Choice, ...]:
    """The choices that are offered now; their numbers are their places in this tuple, from 1."""
    if not menu.conditional:
        return menu.choices
    known = partial(look_up, session)
    # Of a list: a tuple made by a generator takes twice the time.
    return tuple([each for each in menu.choices if each.condition is None or each.condition(known)])


def joined(lead: str, text: str) -> str:
    """Two texts as lines of one screen; either may be empty."""
    return f"{lead}\n{text}" if lead and text else lead or text


def pages_of(
    session: Session,
    text: str,
    menu: Menu | None,
    language: Language,
    library: Library,
    layout: Layout,
    *,
    home: bool,
) -> tuple[Page, ...]:
    """All pages of the present screen: what was said on the way, the text, its options, navigation."""
    options = _options(session, menu, language, library, layout) if menu is not None else ()
    navigation = Navigation(
        back=language.translate(BACK) if session.history else None,
        home=language.translate(HOME) if home else None,
        more=language.translate(MORE),
    )
    shown = joined(session.lead, render(session, text, language, library, layout))
    return paginate(shown, options, layout, navigation)


def _options(
    session: Session, menu: Menu, language: Language, library: Library, layout: Layout
) -> tuple[Option, ...]:
    """What a menu offers now."""
    choices = visible(session, menu)
    key = (language.code, *map(id, choices))
    shown = menu.shown.get(key)
    if shown is None:
        shown = tuple(
            Option(str(number), render(session, choice.label, language, library, layout))
            for number, choice in enumerate(choices, 1)
        )
        if not any("{" in choice.label for choice in choices):
            menu.shown[key] = shown
    return shown
