"""Whether the state that a session stands in would take an answer as a valid one. Nothing is moved."""

from __future__ import annotations

from datetime import datetime

from engine import limits
from engine.choosing import chosen
from engine.flow import Ask, Menu, State
from engine.fold import fold
from engine.session import Session
from engine.turn import Language


def accepts(session: Session, state: State, text: str, language: Language, now: datetime) -> bool:
    """True for an option of the menu, and for what passes the check of the question. A question without a
    check takes everything; the navigation is nobody's answer."""
    answer = fold(text)
    if isinstance(state, Menu):
        return chosen(session, state, answer, language) is not None
    if not isinstance(state, Ask) or not 0 < len(answer) <= limits.ANSWER_LENGTH:
        return False
    return state.check is None or state.check.apply(answer, now) is not None
