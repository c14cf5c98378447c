"""What a need is given, and how it reads its arguments."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime

import msgspec

from engine.needs import NeedSpec
from engine.session import Session, Value
from engine.turn import Met
from records.unit import Unit
from services import Services
from services.subscribers import Person


class NeedContext(msgspec.Struct, frozen=True):
    """One turn as a need sees it. ``address`` is the caller's (an msisdn in E.164, or the channel's own id),
    ``party`` its blind index. Writes go into ``unit`` and are committed with the turn, or not at all; reads
    see what is committed and what already waits in ``unit``. ``route`` is the gateway, bot or line that the
    session is held over, ``raw`` the request of this turn as it came (nothing in a time-out). ``fresh`` is
    that of the ``Person``."""

    now: datetime
    session: Session
    address: str
    party: bytes
    channel: str
    code: str
    language: str
    unit: Unit
    services: Services
    route: str = ""
    raw: bytes = b""
    fresh: bool = True

    @property
    def person(self) -> Person:
        """Who speaks. The conversation knows every caller as a subscriber before it meets a need."""
        subscriber = self.session.subscriber
        if subscriber is None:
            raise LookupError("the session has no subscriber")
        return Person(
            subscriber, self.address, self.party, self.language, self.channel, self.session.id, self.fresh
        )


Handler = Callable[[NeedContext, Mapping[str, Value]], Awaitable[Met]]

# A subject's file ends with its needs: each with the signature that lint checks calls against and the
# handler that meets it.
Needs = tuple[tuple[NeedSpec, Handler], ...]


def text_of(arguments: Mapping[str, Value], name: str) -> str:
    """A required argument as text; ``ValueError`` when it is missing or empty."""
    value = arguments.get(name)
    if value is None or value == "":
        raise ValueError(f"the argument {name} is empty")
    return str(value)


def optional_text_of(arguments: Mapping[str, Value], name: str) -> str | None:
    """An argument that may be left out; None when it is missing or empty."""
    value = arguments.get(name)
    return None if value is None or value == "" else str(value)
