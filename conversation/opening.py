"""What a new session begins with."""

from __future__ import annotations

from conversation.continuing import RESUMABLE
from conversation.incoming import Incoming
from conversation.request import Request
from engine.session import Frame
from records.ids import new_id
from records.sessions import TurnRecord
from records.tables import addresses, moment, subscribers
from records.unit import Unit
from records.vault import Vault


def welcome(request: Request, unit: Unit, vault: Vault) -> bytes:
    """Adds a new subscriber with the address that they come from; the subscriber's id."""
    caller, now = request.incoming.caller, request.received
    subscriber = new_id(now)
    unit.insert(subscribers, {"id": subscriber, "language": request.language, "created_at": now})
    unit.insert(
        addresses,
        {
            "kind": request.kind,
            "index": request.party,
            "sealed": vault.seal(caller.address.encode(), b"address:" + request.party),
            "subscriber": subscriber,
            "verified_at": now if caller.verified else None,
            "verified_by": "network" if caller.verified else None,
            "created_at": now,
        },
    )
    return subscriber


def dialled(incoming: Incoming) -> str:
    """The whole dialled string, or the word that opens a chat."""
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
