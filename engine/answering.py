"""What a person does, or time, to the state that waits."""

from __future__ import annotations

import msgspec

from engine import handing, history, limits
from engine.checks import MOBILE_NUMBER as MOBILE
from engine.choosing import chosen
from engine.files import KEPT, NOTHING, TOO_MANY, WANTED, Attached, together
from engine.flow import ANSWERED, ELSE, GAVE_UP, TIMED_OUT, Ask, End, Handover, Menu, State, Waiting
from engine.fold import fold
from engine.session import Value
from engine.show import joined
from engine.turn import Input
from engine.walk import MAIN, Asking, Walk
from engine.words import GIVEN_UP, NOT_SAID, TIME_IS_OVER, TOO_LONG, WRONG_ANSWER, WRONG_CHOICE

NUMBER = "number"  # The flow that links a number which somebody shares.
EXPIRED = "expired"


def time_out(walk: Walk) -> None:
    state = walk.state
    if isinstance(state, Waiting) and state.after is not None:
        walk.session.lead = ""
        walk.take(TIMED_OUT)
    else:
        walk.finish("" if walk.layout.silent else TIME_IS_OVER, EXPIRED)


def receive(walk: Walk, input: Input, came: Attached) -> None:
    """Takes what is more than words: files, a number of the person's own."""
    state = walk.state
    if came.files and isinstance(state, Menu | Ask) and state.files:
        answer_files(walk, state, came)
    elif input.contact:
        shared(walk, state, input.contact)
    elif not isinstance(state, Waiting):
        answer(walk, input.text)
    else:
        walk.session.page = 0
        walk.session.lead = ""
        if input.text and not came.said:
            answer(walk, input.text)
        note(walk, came)


def note(walk: Walk, came: Attached) -> None:
    """Says what became of files that nothing asked for."""
    if came is not NOTHING:
        said = came.said or walk.language.translate(KEPT)
        walk.session.lead = joined(said, walk.session.lead)


def answer_files(walk: Walk, state: Menu | Ask, came: Attached) -> None:
    """Files in a state that takes some. One that does not fit is no failed answer: it is kept, and the
    person is told what is wanted."""
    session = walk.session
    value = together(session.frames[-1].variables.get(state.save), came.files)
    if not set(came.kinds) <= state.files:
        session.lead = walk.language.translate(WANTED[state.files])
    elif value is None:
        session.lead = walk.language.translate(TOO_MANY)
    else:
        accept(walk, state.save, value, ANSWERED)


def shared(walk: Walk, state: State, number: str) -> None:
    """A number of the person's own: an answer where one is asked for, and else they want it linked."""
    opened = walk.library.find(NUMBER)
    wanted = isinstance(state, Ask) and state.check is not None and state.check.kind == MOBILE
    if opened is None or wanted or not isinstance(state, Waiting):
        answer(walk, number)
        return
    history.remember(walk.session, 0)
    walk.session.lead = ""
    walk.session.frames = []
    walk.push(opened, {})
    walk.answers = (number,)


def answer(walk: Walk, text: str) -> None:
    """Gives one answer to the state that waits."""
    session, state = walk.session, walk.state
    answer = fold(text) if len(text) <= 4 * limits.ANSWER_LENGTH else text
    if isinstance(state, End | Handover):
        session.page += 1  # The last words have several pages: whatever is typed shows the next.
        return
    if isinstance(state, Menu):
        choice = chosen(session, state, answer, walk.language)
        if choice is not None:
            # Where files are taken they are what is kept, and an option only leads on.
            accept(walk, "" if state.files else state.save, choice.value, choice.outcome)
            return
    turning = walk.layout.turning(answer)
    if turning == "more" and session.page + 1 < len(walk.pages()):
        session.page += 1
    elif turning == "back":
        back(walk)
    elif turning == "home" and (main := walk.library.find(MAIN)) is not None:
        session.lead = ""
        walk.open(main)
    elif isinstance(state, Ask):
        walk.secret = walk.secret or state.secret
        answer_ask(walk, state, answer)
    elif (named := walk.library.named(answer, walk.layout.channel)) is not None:
        history.remember(session, 0)
        session.lead = ""
        session.frames = []
        walk.push(named, {})
    else:
        refuse(walk, state, WRONG_CHOICE)


def listen(walk: Walk, input: Input, came: Attached) -> Asking:
    """Takes an input while an operator talks with the person."""
    session, state = walk.session, walk.state
    assert isinstance(state, Handover)
    if came.said and not input.text:
        walk.aside = came.said
        return
    if came is not NOTHING:
        input = msgspec.structs.replace(input, files=came.files)
    outcome = yield from handing.listen(state, input)
    if outcome in (handing.STAYS, handing.UNSAID):
        walk.aside = walk.language.translate(NOT_SAID) if outcome else came.said
        return
    session.handed = False
    session.lead = ""
    if outcome in state.outcomes or ELSE in state.outcomes:
        walk.take(outcome if outcome in state.outcomes else ELSE)
    else:
        walk.finish("", outcome)


def answer_ask(walk: Walk, state: Ask, answer: str) -> None:
    if len(answer) > limits.ANSWER_LENGTH:
        refuse(walk, state, TOO_LONG)
        return
    value: Value = answer or None
    if value is not None and state.check is not None:
        value = state.check.apply(answer, walk.now)
    if value is None:
        refuse(walk, state, WRONG_ANSWER)
    else:
        accept(walk, state.save, value, ANSWERED)


def accept(walk: Walk, save: str, value: Value, outcome: str) -> None:
    """A fitting answer: what was before it is kept for "back", then the flow goes on."""
    session = walk.session
    history.remember(session, len(session.frames) - 1)
    if save:
        session.frames[-1].variables[save] = value
    session.lead = ""
    walk.take(outcome)


def refuse(walk: Walk, state: State, reason: str) -> None:
    """An answer that does not fit: say why and ask again, but not for ever."""
    assert isinstance(state, Waiting)
    session = walk.session
    walk.answers = ()
    session.attempts += 1
    session.page = 0
    if session.attempts >= (state.most or limits.ATTEMPTS):
        session.lead = ""
        if state.most is None:
            walk.finish(GIVEN_UP, GAVE_UP)
        else:
            walk.take(GAVE_UP)
        return
    if state.invalid:
        session.lead = walk.render(state.invalid)
    elif isinstance(state, Ask) and state.check is not None and reason is WRONG_ANSWER:
        session.lead = state.check.explain(walk.language)
    else:
        session.lead = walk.language.translate(reason)


def back(walk: Walk) -> None:
    """Undoes the last answer; on the first screen it shows that screen again."""
    walk.session.lead = ""
    history.undo(walk.session)
    walk.entered()
