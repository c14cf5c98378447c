"""What a request means to the session that it finds: a new step, a repetition, or too late.

Pure: from the session's last turn and the request, one of the answers below.
"""

from __future__ import annotations

from datetime import timedelta

import msgspec

from conversation.request import Request
from conversation.seen import was_seen
from engine.session import Session
from records.sessions import TurnRecord

# A gateway repeats a request within seconds; a session id that returns after this long is a new dialog.
REPETITION = 5 * 60 * 1_000_000  # Microseconds.

# How long after its last turn a session that was cut off can be gone on with.
RESUMABLE = timedelta(minutes=10)


class Step(msgspec.Struct, frozen=True):
    """Something new was typed: ``text`` alone, ``cursor`` is all that was typed so far."""

    text: str
    cursor: str


class Repeated(msgspec.Struct, frozen=True):
    """The last request again: show its screen again."""


class Earlier(msgspec.Struct, frozen=True):
    """An older request again, or one out of order: show what it got then, else the present screen."""


class Over(msgspec.Struct, frozen=True):
    """The session has ended; nothing can follow."""


class Anew(msgspec.Struct, frozen=True):
    """The gateway uses the same session id for a new dialog."""


class Late(msgspec.Struct, frozen=True):
    """A press on a screen that is not the present one any more: nothing follows from it."""


def read_request(last: TurnRecord, request: Request) -> Step | Repeated | Earlier | Over | Anew:
    """What the request is, given the session's last turn."""
    incoming, session = request.incoming, last.session
    age = request.at - last.answered
    if request.input_key is not None and request.input_key == last.key and age < REPETITION:
        return Repeated()
    copy = incoming.raw == last.raw and age < REPETITION
    if copy and incoming.doubtful:
        return Repeated()
    if incoming.begins:
        return Repeated() if copy and session.sequence == 1 else Anew()
    if request.input_key is None and copy and (session.finished or _marks_nothing(request, session)):
        # Nobody answers a last screen, and nobody answers the first one with the code that was dialled.
        return Repeated()
    ended = session.finished or overdue(session, request)
    if not incoming.cumulative:
        return Over() if ended else Step(incoming.text, session.cursor)
    if ended and incoming.begins is None and age >= REPETITION and not incoming.text:
        return Anew()
    prefix = f"{session.cursor}*" if session.cursor else ""
    if incoming.text == session.cursor or not incoming.text.startswith(prefix):
        return Earlier()
    return Over() if ended else Step(incoming.text[len(prefix) :], incoming.text)


def read_chat(last: TurnRecord, request: Request) -> Step | Repeated | Earlier | Anew | Late:
    """The same on a chat, whose dialogs follow one another under one key and without a mark."""
    incoming, session = request.incoming, last.session
    if request.input_key is not None and request.input_key == last.key:
        return Repeated()
    if was_seen(session.seen, request):
        return Earlier()
    if incoming.answers is not None and not answers_last(incoming.answers, session):
        return Late()
    if incoming.begins or session.finished or overdue(session, request):
        return Anew()
    return Step(incoming.text, session.cursor)


def overdue(session: Session, request: Request) -> bool:
    """Whether the session's time was over before the request came, though nobody has fired it yet. A minute
    is the sweeper's."""
    return session.due is not None and request.at > (session.due + 60) * 1_000_000


def answers_last(answers: tuple[bytes, int], session: Session) -> bool:
    """Whether the screen that was answered is that of the session's last turn."""
    tail, sequence = answers
    return sequence == session.sequence and session.id.endswith(tail)


def _marks_nothing(request: Request, session: Session) -> bool:
    """Whether this may be the opening request again, of a gateway that does not mark it (Comviva)."""
    return request.incoming.begins is None and not request.incoming.cumulative and session.sequence == 1
