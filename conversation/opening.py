"""What a new session begins with."""

from __future__ import annotations

from conversation.continuing import RESUMABLE
from conversation.incoming import Incoming
from conversation.request import Request
from engine.session import Frame
from records.sessions import TurnRecord
from records.tables import moment


def dialled(incoming: Incoming) -> str:
    """The whole dialled string, or the word that opens a chat."""
    if incoming.begins is None and not incoming.cumulative:
        # The gateway marks no beginning (Comviva): ``code`` and ``text`` are two readings of one string.
        return incoming.code or incoming.text
    if not incoming.code:
        return incoming.text
    if not incoming.text:
        return incoming.code
    return f"{incoming.code.rstrip('#')}*{incoming.text}#"


def resumable(parked: TurnRecord, request: Request) -> list[Frame]:
    """Where an unfinished session of this caller stands, if it is worth offering to go on with."""
    session = parked.session
    recent = request.received - moment(parked.answered) < RESUMABLE
    if session.finished or not recent or session.code != request.incoming.code:
        return []
    # One that never got past the offer hands on what it was offered; one that only just opened has nothing
    # that opening again would not show.
    return session.parked or (session.frames if session.sequence > 1 or session.history else [])
