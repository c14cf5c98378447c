"""One turn: an input moves a session along its flow until it waits again or ends.

``advance`` is a generator. It yields each ``Need`` and is sent what ``Met`` it; what it returns is the
``Turn``. The session that it is given is changed: on any exception throw that object away.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from datetime import datetime

from engine import limits
from engine.answering import NUMBER, answer, listen, note, receive, time_out
from engine.checks import MOBILE_NUMBER as MOBILE
from engine.faults import NotHandedOver
from engine.files import NOTHING, attached
from engine.flow import Ask, End, Flow, Menu, State, Waiting
from engine.fold import fold
from engine.going import RESUME, on
from engine.layout import Layout
from engine.library import Library
from engine.session import Session
from engine.turn import Input, Language, Met, Need, Option, Screen, Turn
from engine.walk import MAIN, Walk
from engine.words import SEND_FILE, SHARE_NUMBER, UNKNOWN_CODE

HANDED_OVER = "handover"


def advance(
    library: Library,
    session: Session,
    input: Input,
    now: datetime,
    languages: Mapping[str, Language],
    layout: Layout,
) -> Generator[Need, Met, Turn]:
    """Takes one input. Raises a ``Fault`` when the turn cannot be taken."""
    walk = Walk(library, session, now, languages, layout)
    session.sequence += 1
    session.due = None
    came = NOTHING
    if input.files or input.refused:
        came = yield from attached(input, walk.language)
    if input.kind == "start":
        start(walk, input)
        note(walk, came)
    elif session.handed:
        yield from listen(walk, input, came)
    elif input.kind == "text":
        if came is NOTHING and not input.contact:
            answer(walk, input.text)
        else:
            receive(walk, input, came)
    elif input.kind == "timeout":
        time_out(walk)
    else:
        raise NotHandedOver(input.text)
    yield from on(walk)
    return turn(walk)


def start(walk: Walk, input: Input) -> None:
    """Opens the flow that a code or a word names."""
    session = walk.session
    answers = input.answers
    opened: Flow | None = None
    if input.contact:
        opened, answers = walk.library.find(NUMBER), (input.contact,)
    elif input.text.startswith("*"):
        dialled = walk.library.dialled(fold(input.text), walk.layout.channel)
        if dialled is not None:
            opened, answers = dialled[0], dialled[1] + answers
        elif not walk.layout.again:
            walk.finish(UNKNOWN_CODE, "unknown_code")
            return
    else:
        opened = walk.library.named(fold(input.text), walk.layout.channel)
    if opened is None:
        opened = walk.library.live(MAIN)
    session.opened = opened.name
    walk.answers = answers[: limits.DIALLED_ANSWERS]
    if session.parked and not walk.answers and walk.library.find(RESUME):
        walk.open(walk.library.live(RESUME))
    else:
        session.parked = []
        walk.open(opened)


def turn(walk: Walk) -> Turn:
    """The screen of where the session stands now."""
    session = walk.session
    if walk.last is not None:
        session.finished = True
        return Turn(Screen(walk.last, walk.last), False, tuple(walk.trail), walk.outcome, walk.secret)
    if walk.aside is not None:
        session.due = walk.now.timestamp() + limits.HANDED_OVER
        return Turn(Screen(walk.aside, walk.aside), True, tuple(walk.trail))
    pages = walk.pages()
    session.page = min(session.page, len(pages) - 1)
    page = pages[session.page]
    ways = page.ways if walk.layout.buttons else ()
    state = walk.state
    asks = asked(state, walk.language) if walk.layout.buttons else None
    screen = Screen(page.text, page.body, page.options, session.page, len(pages), ways, asks)
    if isinstance(state, Waiting):
        expires = state.after or walk.flow.expires or walk.layout.expires or limits.EXPIRES
        walk.session.due = walk.now.timestamp() + expires
        return Turn(screen, True, tuple(walk.trail), "", walk.secret)
    if session.page + 1 < len(pages) or session.handed:
        session.due = walk.now.timestamp() + (limits.HANDED_OVER if session.handed else limits.EXPIRES)
        return Turn(screen, True, tuple(walk.trail), "", walk.secret)
    session.finished = True
    outcome = state.outcome if isinstance(state, End) else HANDED_OVER
    return Turn(screen, False, tuple(walk.trail), outcome, walk.secret)


def asked(state: State, language: Language) -> Option | None:
    """What else than words and options a state takes (``Screen.asks``)."""
    if isinstance(state, Menu | Ask) and state.files:
        return Option("file", language.translate(SEND_FILE))
    if isinstance(state, Ask) and state.check is not None and state.check.kind == MOBILE:
        return Option("contact", language.translate(SHARE_NUMBER))
    return None
